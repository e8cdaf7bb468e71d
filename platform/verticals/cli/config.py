"""``platform config``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from .output import heading, json_option, print_json, table
from .session import Session, pass_session

_TELLING = ("password", "secret", "token", "api_key", "apikey", "credential")


@click.group()
def config() -> None:
    """Show the settings in force."""


@config.command()
@json_option
@pass_session
def show(session: Session, as_json: bool) -> None:
    """Show the settings in force, secrets masked, and where each was given.

    Flags win over PLATFORM_… variables, those over platform.toml (here, or in the home folder), that over defaults.

    \b
    Examples:
      platform config show
      PLATFORM_PRECISION=fp32 platform config show --json
    """
    host = session.host()
    own = host.settings.shown()
    of_plugins = {
        vertical.name: masked(vertical.settings.model_dump(mode="json"))
        for vertical in host.verticals
        if vertical.settings is not None
    }
    if as_json:
        values = {name: {"value": value, "from": place} for name, (value, place) in own.items()}
        print_json({**values, "plugins": of_plugins})
        return
    table(["setting", "value", "from"], [[name, _shown(value), place] for name, (value, place) in own.items()])
    for name, values in of_plugins.items():
        click.echo()
        heading(f"[plugins.{name}]")
        table(["setting", "value"], [[key, _shown(value)] for key, value in values.items()])


def masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without what a name gives away as a secret, should an author have forgotten ``SecretStr``."""
    return {
        name: masked(value)
        if isinstance(value, Mapping)
        else "**********"
        if value and isinstance(value, str) and any(word in name.lower() for word in _TELLING)
        else value
        for name, value in values.items()
    }


def _shown(value: Any) -> str:
    if value is None or value in ("None", [], ""):
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
