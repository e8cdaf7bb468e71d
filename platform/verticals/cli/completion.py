"""``platform completion``."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from verticals.contract import BadInput

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print a completion script for your shell (bash, zsh or fish; the one in use by default).

    \b
    Examples:
      platform completion bash >> ~/.bashrc
      platform completion zsh >> ~/.zshrc
      platform completion fish > ~/.config/fish/completions/platform.fish
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    script = get_completion_class(name) if name in SHELLS else None
    if script is None:
        raise BadInput(f"There is no completion for the shell {name or 'in use'!r}.", f"Name one: {', '.join(SHELLS)}.")
    click.echo(script(context.find_root().command, {}, "platform", "_PLATFORM_COMPLETE").source())
