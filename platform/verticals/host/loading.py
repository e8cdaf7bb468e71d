"""From candidates to loaded plugins; one plugin's fault stays its own."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pluggy

from verticals.contract import PROJECT, Hooks, PlatformError, PluginError

from .discovery import Candidate, check_compatible, check_unique
from .nouns import Nouns, check_hook_names, collect


@dataclass(frozen=True, slots=True)
class PluginState:
    """What became of one plugin.

    Args:
        name: the vertical's.
        state: ``loaded``, ``blocked``, ``incompatible`` or ``failed``.
        distribution: name of the distribution, or path of the file.
        version: of the distribution; of the file its ``__version__``, or empty.
        module: what is imported.
        summary: first line of its documentation; empty unless loaded.
        cause: why it is not loaded, one line.
        remedy: what to do about that.
        trace: the traceback, where there is one.
        nouns: what it declares.
    """

    name: str
    state: Literal["loaded", "blocked", "incompatible", "failed"]
    distribution: str = ""
    version: str = ""
    module: str = ""
    summary: str = ""
    cause: str = ""
    remedy: str = ""
    trace: str = field(default="", repr=False)
    nouns: Nouns = field(default_factory=Nouns, repr=False)

    def error(self) -> PluginError:
        """Why it cannot be used, to be raised where it was asked for by name; the traceback is a note of it."""
        error = PluginError(f"The plugin {self.name!r} is {self.state}: {self.cause}", self.remedy)
        if self.trace:
            error.add_note(self.trace)
        return error


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    return manager


def load_plugins(
    manager: pluggy.PluginManager,
    discovered: Mapping[str, Sequence[Candidate]],
    blocked: Sequence[str],
    host_version: str,
) -> dict[str, PluginState]:
    """Load what may be loaded into ``manager``, in order of name; tell what became of each.

    Args:
        manager: of one host.
        discovered: candidates by name.
        blocked: names of plugins or distributions that must not even be imported.
        host_version: the version that plugins declare a range of.
    """
    return {
        name: _load_named(manager, name, candidates, blocked, host_version)
        for name, candidates in sorted(discovered.items())
    }


def _load_named(
    manager: pluggy.PluginManager, name: str, candidates: Sequence[Candidate], blocked: Sequence[str], host_version: str
) -> PluginState:
    refused = {_canonical(entry) for entry in blocked}
    allowed = [one for one in candidates if not {_canonical(name), _canonical(one.distribution)} & refused]
    about: dict[str, Any] = {"name": name, "distribution": candidates[0].distribution, "version": candidates[0].version}
    if not allowed:
        return PluginState(state="blocked", cause="the setting 'blocked' names it.", remedy="Remove it there.", **about)
    about |= {"distribution": allowed[0].distribution, "version": allowed[0].version}
    try:
        candidate = check_unique(allowed)
        if cause := check_compatible(candidate, host_version):
            remedy = "Install a version of it that fits, or another version of verticals."
            return PluginState(state="incompatible", cause=cause, remedy=remedy, module=candidate.module, **about)
        return _load(manager, candidate)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does, the others work
        cause, remedy = _explained(error)
        trace = "".join(traceback.format_exception(error))
        return PluginState(state="failed", cause=cause, remedy=remedy, trace=trace, module=allowed[0].module, **about)


def _load(manager: pluggy.PluginManager, candidate: Candidate) -> PluginState:
    plugin = candidate.load()
    check_hook_names(plugin)
    manager.register(plugin, candidate.name)
    others = [other for other in manager.get_plugins() if other is not plugin]
    try:
        nouns = collect(lambda hook: manager.subset_hook_caller(hook, others)())
    except BaseException:
        manager.unregister(plugin)
        raise
    return PluginState(
        name=candidate.name,
        state="loaded",
        distribution=candidate.distribution,
        version=candidate.version or str(getattr(plugin, "__version__", "")),
        module=candidate.module,
        summary=_summary(plugin),
        nouns=nouns,
    )


def _summary(plugin: Any) -> str:
    module = sys.modules.get(getattr(plugin, "__module__", ""))
    text = inspect.getdoc(plugin) or (module and inspect.getdoc(module)) or ""
    return text.strip().partition("\n")[0].strip()


def _explained(error: BaseException) -> tuple[str, str]:
    """One line on what went wrong and where in the plugin, and what to do."""
    if isinstance(error, PlatformError):
        return error.message, error.remedy
    if isinstance(error, pluggy.PluginValidationError):
        return " ".join(str(error).split()), "Correct the hook's arguments."
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {error.msg}.", "Correct the file."
    lines = str(error).strip().splitlines()
    told = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if "importlib" not in frame.filename and not _ours(frame.filename)]
    place = f" ({outside[-1].filename}, line {outside[-1].lineno})" if outside else ""
    remedy = "Install what it needs." if isinstance(error, ImportError) else "Correct the plugin; --debug shows more."
    return f"{told}{place}", remedy


def _ours(filename: str) -> bool:
    return (
        Path(filename).is_relative_to(Path(__file__).parents[1])
        or Path(pluggy.__file__).parent in Path(filename).parents
    )


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
