"""The plugin under test: found by name or path, opened in a temporary home on a tiny encoder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, NotFound, PluginError

if TYPE_CHECKING:
    from verticals.host import Host, Vertical
    from verticals.host.loading import PluginState

_SECONDS = 600


@contextlib.contextmanager
def open_host(home: Path, encoder: Path, plugins_dir: Path | None = None) -> Iterator[Host]:
    """A host that touches nothing outside ``home``, whatever the caller's own settings say."""
    from verticals.host import Host

    settings = {
        "database": f"sqlite:///{(home / 'platform.db').absolute()}",
        "encoder": str(encoder),
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
        "blocked": [],
    }
    with Host.open(home, plugins_dir=plugins_dir, settings=settings) as host:
        yield host


class Subject:
    """A plugin under test; a context manager.

    Args:
        target: name of an installed plugin or of one in ``plugins_dir``, the path of a one-file plugin, or the folder
            of an installed distribution.
        plugins_dir: folder of one-file plugins; by default the one that the settings name.
    """

    def __init__(self, target: str, plugins_dir: Path | None = None) -> None:
        self.target = target
        self._plugins_dir = plugins_dir
        self.name, self._file = _identify(target)

    def __enter__(self) -> Subject:
        self._stack = contextlib.ExitStack()
        with self._stack as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
            if self._file is not None:
                self._plugins_dir = self.folder / "plugins"
                self._plugins_dir.mkdir()
                shutil.copy(self._file, self._plugins_dir)
            self._encoder = self.folder / "encoder"
            self._host: Host | None = None
            self._served: dict[str, Any] | None = None
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def home(self) -> Path:
        """The temporary home."""
        return self.folder / "home"

    def make_encoder(self) -> None:
        """Make the tiny encoder, which the host and the fresh processes look for in their settings."""
        if not self._encoder.exists():
            from verticals.encoder.tiny import create

            create(self._encoder)

    @property
    def host(self) -> Host:
        """The host, opened on first use; it does not touch the encoder before it needs it."""
        if self._host is None:
            self._host = self._stack.enter_context(open_host(self.home, self._encoder, self._plugins_dir))
        return self._host

    @property
    def state(self) -> PluginState:
        """What became of the plugin when it was loaded.

        Raises:
            NotFound: it is not installed.
        """
        if self.name not in self.host.plugins:
            if Path(self.target).is_dir():
                raise NotFound(
                    f"The plugin {self.name!r} of {self.target} is not installed.",
                    f"Install it: pip install -e {self.target}",
                )
            raise NotFound.named("plugin", self.name, self.host.plugins)
        return self.host.plugins[self.name]

    @property
    def place(self) -> str:
        """Where it comes from: the file that was given, or its distribution and version."""
        return self.target if self._file is not None else f"{self.state.distribution} {self.state.version}".strip()

    @property
    def vertical(self) -> Vertical:
        """The vertical.

        Raises:
            PluginError: the plugin did not load.
        """
        return self.host[self.name]

    def served(self) -> dict[str, Any]:
        """What its endpoints and pages answered when it was served, which is done once."""
        if self._served is None:
            self.make_encoder()
            self._served = dict(self.in_fresh_process("serve"))
        return self._served

    def in_fresh_process(self, task: str, **arguments: Any) -> Any:
        """Run a task of `verticals.testing.worker` in a new interpreter; what it returns.

        Raises:
            PluginError: the process died; the end of what it said is in the message.
        """
        answer = self.folder / f"{task}.json"
        plugins_dir = self.host.settings.plugins_dir
        answer.unlink(missing_ok=True)
        given = {
            "name": self.name,
            "home": str(self.home),
            "encoder": str(self._encoder),
            "plugins_dir": str(plugins_dir) if plugins_dir else None,
            **arguments,
        }
        command = [sys.executable, "-m", "verticals.testing.worker", task, str(answer), json.dumps(given)]
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        if not answer.exists():
            said = done.stderr.strip().splitlines()
            raise PluginError(
                f"The process for {task!r} ended with {done.returncode}: {said[-1] if said else 'silence'}"
            )
        return json.loads(answer.read_text(encoding="utf-8"))


def _identify(target: str) -> tuple[str, Path | None]:
    """The plugin's name, and its file where it is a single one."""
    path = Path(target)
    if path.suffix == ".py":
        if not path.is_file():
            raise NotFound(f"There is no file {target}.", "Check the path.")
        return path.stem.replace("_", "-"), path.resolve()
    if path.is_dir() and (path / "pyproject.toml").is_file():
        with (path / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file).get("project", {})
        names = list(project.get("entry-points", {}).get("verticals", {}))
        if len(names) != 1:
            raise BadInput(
                f"{path / 'pyproject.toml'} declares {len(names) or 'no'} plugins.",
                "Declare one under [project.entry-points.verticals], or check it by name.",
            )
        return names[0], None
    if os.sep in target:
        raise NotFound(
            f"{target} is neither a plugin's file nor its folder.", "Give a .py file, or a pyproject.toml's folder."
        )
    return target, None
