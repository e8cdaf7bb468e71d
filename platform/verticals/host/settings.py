"""The platform's own settings: flags over ``PLATFORM_…`` variables over ``platform.toml`` over defaults.

They are read without pydantic-settings: importing that takes longer than `platform plugins` may take altogether.
A plugin's own settings are a pydantic model; `plugin_settings` checks them when the vertical is first asked for.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from verticals.contract import SettingsError, suggest

if TYPE_CHECKING:
    from pydantic import SecretStr

FILE = "platform.toml"
PREFIX = "PLATFORM_"
_PLUGINS = PREFIX + "PLUGINS__"
_TRACKERS = ("tensorboard", "wandb", "mlflow")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was given: a label for messages, and the folder its relative paths count from."""

    label: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can choose.

    Args:
        home: the folder that holds all state.
        database: URL of the database; SQLite in the home folder when not given.
        encoder: the shared base encoder, a model id or a folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<number>``.
        precision: ``auto``, ``fp32`` or ``bf16``.
        threads: cores one computation may use; 0 takes those that are free.
        first_tokens: how many tokens a head may be trained on when a vertical starts to serve without a live version
            of it; 0 trains the head alone, in seconds.
        loaded_memory: megabytes that versions in memory may take beside the shared encoder; the longest unused go
            first.
        cached_texts: texts whose encodings are kept, so that a repeated text is not computed again; a text that is read
            word by word counts as many; 0 keeps none.
        patience: seconds after which a request that had to wait is given up, unless its client says otherwise.
        open_tenants: tenants' indexes that stay open for their next search, besides those of the default tenant.
        trackers: where the curves of runs are sent besides the database: ``tensorboard``, ``wandb`` and ``mlflow``,
            any of them, or ``none``.
        plugins_dir: folder of one-file plugins.
        blocked: plugins (or distributions) that are not loaded.
        allowed_origins: pages elsewhere that may call the API, by origin, as ``https://shop.example``; ``*``: all.
        host: address to serve on.
        port: port to serve on.
        plugins: per plugin, its table ``[plugins.<name>]`` as it was given.
        places: dotted name of a setting to the place it was given at; defaults are not in it.
    """

    home: Path = Path(".platform")
    database: SecretStr | None = None
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    first_tokens: int = 100_000
    loaded_memory: int = 1024
    cached_texts: int = 20_000
    patience: int = 60
    open_tenants: int = 32
    trackers: tuple[str, ...] = ("tensorboard",)
    plugins_dir: Path | None = None
    blocked: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls,
        flags: Mapping[str, Any] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Settings:
        """Read all settings.

        Args:
            flags: what the caller chose; a value of ``None`` means not chosen.
            environment: the process's own when not given.
            folder: where ``platform.toml`` is looked for beside the home; the current one when not given.

        Raises:
            SettingsError: an unknown setting (with the nearest suggested), a value that cannot be used, or a
                ``platform.toml`` that cannot be read (with the line).
        """
        folder = (folder or Path.cwd()).resolve()
        above = [
            *_from_file(folder / FILE),
            *_from_environment(os.environ if environment is None else environment, folder),
            *_from_flags(flags or {}, folder),
        ]
        home = cls._of(above).home
        if (folder / home).resolve() == folder:
            return cls._of(above)
        below = list(_from_file(folder / home / FILE))
        if any(given.name == "home" for given in below):
            raise SettingsError(
                f"{folder / home / FILE} sets 'home', but lies in it.", "Set it in ./platform.toml or with --home."
            )
        return cls._of([*below, *above])

    @classmethod
    def _of(cls, given: list[_Given]) -> Settings:
        """The settings that ``given`` makes; what comes later wins."""
        values: dict[str, Any] = {}
        plugins: dict[str, dict[str, Any]] = {}
        places: dict[str, Place] = {}
        for one in given:
            if one.plugin:
                plugins.setdefault(one.plugin, {})[one.name] = one.value
            else:
                values[one.name] = _READERS[one.name](one)
            places[f"plugins.{one.plugin}.{one.name}" if one.plugin else one.name] = one.place
        frozen = {plugin: MappingProxyType(table) for plugin, table in plugins.items()}
        return cls(**values, plugins=MappingProxyType(frozen), places=MappingProxyType(places))

    def shown(self) -> dict[str, tuple[Any, str]]:
        """Every setting but the plugins' own, as ``(value, where it was given)``; secrets are masked."""
        names = [f.name for f in dataclasses.fields(self) if f.name not in ("plugins", "places")]
        return {
            name: (_plain(getattr(self, name)), self.places[name].label if name in self.places else "default")
            for name in names
        }


@dataclass(frozen=True, slots=True)
class _Given:
    """One setting as it was given; ``plugin`` is empty for the platform's own."""

    name: str
    value: Any
    place: Place
    plugin: str = ""


def read_secret(value: Any, name: str, place: Place) -> SecretStr:
    """A secret given literally, by ``{ env = "NAME" }`` or by ``{ file = "path" }``.

    Raises:
        SettingsError: the variable is not set, the file cannot be read, or the form is another one. The secret
            itself is never part of the message.
    """
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return value
    if isinstance(value, str):
        return SecretStr(value)
    match value:
        case {"env": str(variable)} if len(value) == 1:
            if variable not in os.environ:
                raise SettingsError(
                    f"{place.label}: {name} is to come from the variable {variable}, which is not set.",
                    f"Set {variable}, or change the setting.",
                )
            return SecretStr(os.environ[variable])
        case {"file": str(path)} if len(value) == 1:
            source = place.folder / Path(path).expanduser()
            try:
                return SecretStr(source.read_text(encoding="utf-8").rstrip("\r\n"))
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise SettingsError(
                    f"{place.label}: {name} is to come from the file {source}, which cannot be read: {reason}.",
                    "Check the path and its permissions.",
                ) from None
    raise SettingsError(
        f"{place.label}: {name} is not a secret.",
        'Give a text, { env = "NAME" } or { file = "path" }.',
    )


def _from_file(path: Path) -> Iterator[_Given]:
    place = Place(str(path), path.parent)
    for name, value in _parse(path).items():
        if name == "plugins":
            yield from _from_tables(value, place)
        else:
            yield _Given(_known(name, place.label), value, place)


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}, line {line}: not UTF-8 text.", "Save the file as UTF-8.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, _, at = str(error).partition(" (at ")
        line = int(found[1]) if (found := re.match(r"line (\d+)", at)) else text.count("\n") + 1
        raise SettingsError(f"{path}, line {line}: {problem}.", "Correct the line; the file is TOML.") from None


def _from_environment(environment: Mapping[str, str], folder: Path) -> Iterator[_Given]:
    variables = {_variable(name): name for name in _READERS}
    for variable in sorted(environment):
        text, place = environment[variable], Place(variable, folder)
        if variable in variables:
            name = variables[variable]
            yield _Given(name, _decoded(text) if name in ("blocked", "database", "trackers") else text, place)
        elif variable.startswith(_PLUGINS) and variable.count("__") >= 2:
            plugin, _, key = variable.removeprefix(_PLUGINS).lower().partition("__")
            yield _Given(key, _decoded(text), place, plugin.replace("_", "-"))
        elif variable.startswith(PREFIX) and difflib.get_close_matches(variable, variables, cutoff=0.85):
            # other software uses the prefix too, so only what looks like a slip of the pen is refused
            raise SettingsError(f"There is no setting {variable}.", suggest(variable, variables))


def _from_flags(flags: Mapping[str, Any], folder: Path) -> Iterator[_Given]:
    for name, value in flags.items():
        place = Place(f"--{name.replace('_', '-')}", folder)
        if name == "plugins":
            yield from _from_tables(value, place)
        elif value is not None:
            yield _Given(_known(name, "flags"), value, place)


def _from_tables(value: Any, place: Place) -> Iterator[_Given]:
    """The plugins' tables; they are checked later, against the plugins' models."""
    for plugin, table in _table(value, "plugins", place).items():
        for name, inner in _table(table, f"plugins.{plugin}", place).items():
            yield _Given(name, inner, place, plugin)


def _known(name: str, where: str) -> str:
    if name not in _READERS:
        raise SettingsError(f"{where}: there is no setting {name!r}.", suggest(name, [*_READERS, "plugins"]))
    return name


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _decoded(text: str) -> Any:
    """A list or table written as JSON in a variable; any other text stays what it is."""
    if text.lstrip()[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _table(value: Any, name: str, place: Place) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{place.label}: {name} is not a table.", f"Write it as [{name}].")
    return value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value if isinstance(value, int | None) else str(value)


def _wrong(given: _Given, wanted: str) -> SettingsError:
    return SettingsError(f"{given.place.label}: {given.name} is {given.value!r}.", f"It must be {wanted}.")


def _text(given: _Given) -> str:
    if not isinstance(given.value, str) or not given.value.strip():
        raise _wrong(given, "a text")
    return given.value.strip()


def _path(given: _Given) -> Path:
    if not isinstance(given.value, str | Path) or not str(given.value):
        raise _wrong(given, "a path")
    return given.place.folder / Path(given.value).expanduser()


def _names(given: _Given) -> tuple[str, ...]:
    names = [name.strip() for name in given.value.split(",")] if isinstance(given.value, str) else given.value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise _wrong(given, "a list of names")
    return tuple(name for name in names if name)


def _trackers(given: _Given) -> tuple[str, ...]:
    names = _names(given)
    if names == ("none",):
        return ()
    for name in names:
        if name not in _TRACKERS:
            raise SettingsError(
                f"{given.place.label}: trackers names {name!r}.", suggest(name, [*_TRACKERS, "none (alone)"])
            )
    return tuple(dict.fromkeys(names))


def _whole(low: int, high: int) -> Callable[[_Given], int]:
    def read(given: _Given) -> int:
        try:
            number = int(given.value) if isinstance(given.value, str | int) and given.value is not True else -1
        except ValueError:
            number = -1
        if not low <= number <= high:
            raise _wrong(given, f"a whole number from {low} to {high}")
        return number

    return read


def _one_of(*choices: str) -> Callable[[_Given], str]:
    def read(given: _Given) -> str:
        if given.value not in choices:
            raise _wrong(given, f"one of {', '.join(choices)}")
        return str(given.value)

    return read


def _device(given: _Given) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", str(given.value)):
        raise _wrong(given, "auto, cpu, cuda or cuda:<number>")
    return str(given.value)


_READERS: Mapping[str, Callable[[_Given], Any]] = {
    "home": _path,
    "database": lambda given: read_secret(given.value, "database", given.place),
    "encoder": _text,
    "device": _device,
    "precision": _one_of("auto", "fp32", "bf16"),
    "threads": _whole(0, 4096),
    "first_tokens": _whole(0, 10**15),
    "loaded_memory": _whole(1, 10**9),
    "cached_texts": _whole(0, 10**9),
    "patience": _whole(1, 86_400),
    "open_tenants": _whole(1, 10**6),
    "trackers": _trackers,
    "plugins_dir": _path,
    "blocked": _names,
    "allowed_origins": _names,
    "host": _text,
    "port": _whole(0, 65535),
}
