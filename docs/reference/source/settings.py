"""The page of the settings: the platform's own and those of the first-party plugins."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from verticals.contract import resolve
from verticals.host import Host, Settings

from . import docstrings
from .markdown import page, table


def settings(host: Host, plugins: Sequence[str]) -> str:
    """The platform's settings and those of the first-party plugins."""
    told = docstrings.arguments(Settings)
    flags = {"home": "--home", "plugins_dir": "--plugins-dir", "host": "run --host", "port": "run --port"}
    rows = [
        (f"`{one.name}`", f"`PLATFORM_{one.name.upper()}`", f"`{flags[one.name]}`" if one.name in flags else "",
         _plain_default(one), told[one.name])
        for one in dataclasses.fields(Settings) if one.name not in ("plugins", "places")
    ]  # fmt: skip
    parts = [table(["in platform.toml", "variable", "flag", "default", "meaning"], rows)]
    for name in plugins:
        model = resolve(host[name].plugin.nouns.settings)
        if model is None:
            continue
        prefix = f"PLATFORM_PLUGINS__{name.replace('-', '_').upper()}__"
        rows = [
            (f"`{field}`", f"`{prefix}{field.upper()}`", _field_default(of), docstrings.inline(of.description or ""))
            for field, of in model.model_fields.items()
        ]
        parts.append(f"## [plugins.{name}]\n\n{table(['setting', 'variable', 'default', 'meaning'], rows)}")
    introduction = (
        "A flag wins over a variable, a variable over `platform.toml` in the current folder, that over `platform.toml` "
        "in the home folder, that over the default. `platform config show` tells each value and where it was given. "
        "How to write them: [configure](../how-to/configure.md)."
    )
    return page("Settings", introduction, parts)


def _field_default(field: Any) -> str:
    return "" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"


def _plain_default(one: dataclasses.Field[Any]) -> str:
    value = one.default
    if value is None or value == ():
        return ""
    return f"`{', '.join(value) if isinstance(value, tuple) else value}`"
