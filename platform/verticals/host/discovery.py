"""Which plugins there are, told without importing any of them."""

from __future__ import annotations

import ast
import importlib.util
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import PlatformError, PluginError, SettingsError, check_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "verticals"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that could be loaded.

    Args:
        name: of the entry point, or of the file with ``_`` as ``-``.
        distribution: the distribution's name, or the path of the file.
        version: of the distribution; empty for a file.
        module: what would be imported.
        requires: gives the range of host versions it declares (``>=0.1``); empty for any.
        load: imports it.
    """

    name: str
    distribution: str
    version: str
    module: str
    requires: Callable[[], str]
    load: Callable[[], Any]

    @property
    def origin(self) -> str:
        """Where it comes from, for messages."""
        return f"{self.distribution} {self.version}".strip()


def discover(plugins_dir: Path | None = None) -> dict[str, list[Candidate]]:
    """All candidates by name, in order of name; two under one name are for the caller to refuse.

    Raises:
        SettingsError: ``plugins_dir`` is no folder.
    """
    found = defaultdict(list)
    for candidate in (*_installed(), *(_in_folder(plugins_dir) if plugins_dir else ())):
        found[candidate.name].append(candidate)
    return dict(sorted(found.items()))


def check_compatible(candidate: Candidate, host_version: str) -> str:
    """Why ``candidate`` does not run on this host; empty when it does.

    Raises:
        PluginError: the range it declares is not one.
    """
    declared = candidate.requires()
    if not declared:
        return ""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        fits = SpecifierSet(declared).contains(host_version, prereleases=True)
    except InvalidSpecifier:
        raise PluginError(
            f"The range of host versions {declared!r} of {candidate.origin} is not one.", "Write it as '>=0.1,<2'."
        ) from None
    return "" if fits else f"{candidate.origin} needs verticals {declared}, and this is {host_version}."


def _installed() -> Iterator[Candidate]:
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        distribution = entry.dist
        yield Candidate(
            name=entry.name,
            distribution=distribution.name if distribution else entry.module,
            version=distribution.version if distribution else "",
            module=entry.module,
            requires=lambda entry=entry: _declared(entry),  # type: ignore[misc]
            load=entry.load,
        )


def _declared(entry: EntryPoint) -> str:
    """The range on `verticals` among what the entry point's distribution requires; extras are left out."""
    from packaging.requirements import InvalidRequirement, Requirement

    ranges = []
    for line in (entry.dist.requires if entry.dist else None) or ():
        if not line.lower().startswith("verticals"):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            raise PluginError(f"The requirement {line!r} cannot be read.", "Build the distribution again.") from None
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if requirement.name.lower() == "verticals" and applies:
            ranges.append(str(requirement.specifier))
    return ",".join(filter(None, ranges))


def _in_folder(folder: Path) -> Iterator[Candidate]:
    if not folder.is_dir():
        raise SettingsError(f"The folder of plugins {folder} does not exist.", "Correct --plugins-dir.")
    for path in sorted(folder.glob("[!._]*.py")):
        # the path is part of the name, so that equal names in two folders are two modules
        module = f"verticals_file_{path.stem}_{zlib.crc32(str(path.resolve()).encode()):08x}"
        yield Candidate(
            name=path.stem.replace("_", "-"),
            distribution=str(path),
            version="",
            module=module,
            requires=lambda path=path: _required_by_file(path),  # type: ignore[misc]
            load=lambda module=module, path=path: _import_file(module, path),  # type: ignore[misc]
        )


def _required_by_file(path: Path) -> str:
    """The text of a module-level ``REQUIRES_HOST = "…"``, read without running the file."""
    source = path.read_bytes()
    if b"REQUIRES_HOST" not in source:
        return ""
    for statement in ast.parse(source, str(path)).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if any(isinstance(target, ast.Name) and target.id == "REQUIRES_HOST" for target in targets):
            value = statement.value  # type: ignore[attr-defined]
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
            raise PluginError(
                f"{path}, line {statement.lineno}: REQUIRES_HOST is not a plain text.", "Write it as '>=0.1'."
            )
    return ""


def _import_file(name: str, path: Path) -> Any:
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise PluginError(f"{path} cannot be imported.", "Give a Python file.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def check_unique(candidates: Iterable[Candidate]) -> Candidate:
    """The only one of ``candidates`` of one name, with a name that is valid.

    Raises:
        PluginError: there are two; the message names both distributions.
    """
    first, *others = candidates
    try:
        check_name(first.name, "plugin name")
    except PlatformError as error:
        raise PluginError(f"{first.origin}: {error.message}", error.remedy) from None
    if others:
        origins = " and ".join(candidate.origin for candidate in (first, *others))
        raise PluginError(
            f"Two plugins are called {first.name!r}: those of {origins}.",
            "Uninstall one of them, or block its distribution.",
        )
    return first
