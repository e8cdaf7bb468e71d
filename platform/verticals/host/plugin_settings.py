"""A plugin's own settings: its table in ``platform.toml`` checked against its pydantic model."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import SettingsError, suggest

from .settings import FILE, Place, Settings, read_secret

if TYPE_CHECKING:
    from pydantic import BaseModel


def plugin_settings(plugin: str, model: type[BaseModel], settings: Settings) -> BaseModel:
    """The settings of ``plugin`` as its ``model``; every problem is reported, and no message shows a value.

    Raises:
        SettingsError: an unknown key (with the nearest suggested), a missing one, or a value that does not fit.
    """
    from pydantic import ValidationError

    name = f"plugins.{plugin}"
    table = {
        key: _with_secrets(value, _annotation(model, key), f"{name}.{key}", _place(settings, f"{name}.{key}"))
        for key, value in settings.plugins.get(plugin, {}).items()
    }
    for key in table:
        _refuse_unknown(model, key, f"{name}.{key}", _place(settings, f"{name}.{key}"))
    problems = []
    try:
        return model.model_validate(table)
    except ValidationError as error:
        # the problems' texts only: pydantic's own message would print the values, secrets included
        problems = [(problem["loc"], problem["msg"]) for problem in error.errors(include_input=False)]
    told = [".".join([name, *map(str, location)]) + f": {message}" for location, message in problems]
    key = ".".join([name, str(problems[0][0][0])]) if problems[0][0] else name
    raise SettingsError(f"{_place(settings, key).label}: {'; '.join(told)}.", f"Correct the table [{name}].")


def _place(settings: Settings, name: str) -> Place:
    return settings.places.get(name, Place(FILE, Path.cwd()))


def _annotation(model: type[BaseModel], key: str) -> Any:
    for field_name, field in model.model_fields.items():
        if key in (field_name, field.alias, field.validation_alias):
            return field.annotation
    return None


def _refuse_unknown(model: type[BaseModel], key: str, name: str, place: Place) -> None:
    if model.model_config.get("extra") == "allow" or _annotation(model, key) is not None:
        return
    raise SettingsError(f"{place.label}: there is no setting {name!r}.", suggest(key, model.model_fields))


def _with_secrets(value: Any, annotation: Any, name: str, place: Place) -> Any:
    """``value`` with every secret in it read; tables of nested models are gone through and checked for unknown keys."""
    from pydantic import BaseModel, SecretStr

    if typing.get_origin(annotation) is dict and isinstance(value, Mapping):
        inner_kind = typing.get_args(annotation)[1]
        return {key: _with_secrets(inner, inner_kind, f"{name}.{key}", place) for key, inner in value.items()}
    kinds = [annotation, *typing.get_args(annotation)]
    if SecretStr in kinds and isinstance(value, str | Mapping):
        return read_secret(value, name, place)
    nested = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    if not nested or not isinstance(value, Mapping):
        return value
    for key in value:
        _refuse_unknown(nested[0], key, f"{name}.{key}", place)
    return {
        key: _with_secrets(inner, _annotation(nested[0], key), f"{name}.{key}", place) for key, inner in value.items()
    }
