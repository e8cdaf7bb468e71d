"""``platform <vertical> <command>``: the commands that a plugin brings along.

A plugin's command finds the bound `Vertical` as its context object (``@click.pass_obj``).
"""

from __future__ import annotations

from typing import Any

import click

from verticals.contract import Command, PluginError, resolve, suggest

from .session import Session


class VerticalGroup(click.Group):
    """The commands of one vertical, each resolved only when it is invoked."""

    def __init__(self, session: Session, vertical: str) -> None:
        self._session = session
        self._vertical = session.host()[vertical]
        self._nouns: dict[str, Command] = {command.name: command for command in nouns(self._vertical.commands)}
        known = "" if self._nouns else "\n\nIt brings none."
        super().__init__(vertical, help=f"Commands of the vertical {vertical}: {self._vertical.title}.{known}")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the plugin's order."""
        return list(self._nouns)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The plugin's own click command, with the vertical as its context object."""
        if name not in self._nouns:
            return None
        command = resolve(self._nouns[name].command)
        if not isinstance(command, click.Command):
            raise PluginError(
                f"The command {name!r} of {self.name} is a {type(command).__name__}.",
                "Decorate the function with @click.command().",
            )
        ctx.obj = self._vertical
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the nearest."""
        if args[0] not in self._nouns and not args[0].startswith("-"):
            raise click.UsageError(
                f"{self._vertical.name} has no command {args[0]!r}. {suggest(args[0], self._nouns)}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table from the nouns' own help texts."""
        if self._nouns:
            with formatter.section("Commands"):
                formatter.write_dl([(name, noun.help) for name, noun in self._nouns.items()])


def nouns(declared: Any) -> list[Any]:
    """The nouns of a vertical as a list, whether they are kept in a list or by name."""
    return list(declared.values()) if hasattr(declared, "values") else list(declared)


def vertical_names(session: Session) -> list[str]:
    """Names of all plugins the host knows, loaded or not."""
    return list(session.host().plugins)


def vertical_group(session: Session, name: str) -> click.Group | None:
    """The group of a vertical, or `None` where no plugin has that name."""
    return VerticalGroup(session, name) if name in session.host().plugins else None
