"""The page of the command line, from click."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import click

from verticals.cli import platform
from verticals.cli.table import SECTIONS

from . import docstrings
from .markdown import page, table


def cli() -> str:
    """Every command with its options, from click."""
    root = click.Context(platform, info_name="platform")
    lines = [
        "\n".join(
            [
                f"## {section}",
                "",
                *(f"- [`platform {name}`](#platform-{name}): {of.purpose}" for name, of in of_it.items()),
            ]
        )
        for section, of_it in SECTIONS.items()
    ]
    options = table(["option", "meaning"], _options(platform, root))
    parts = [f"## Options of every command\n\nThey may stand before or after the command.\n\n{options}"]
    for name in (name for of_it in SECTIONS.values() for name in of_it):
        command = platform.get_command(root, name)
        parts += _command(command, click.Context(command, info_name=name, parent=root))
    introduction = (
        "The command is `platform`; `python -m verticals` is its long form. Heads, data sets and indexes are named "
        "`vertical/name`, a version `vertical/head@v3`; where a vertical has only one, the vertical's name will do. "
        "A vertical may bring commands of its own: `platform <vertical> --help`. "
        "Exit codes are listed under [errors](errors.md)."
    )
    return page("Command line", introduction, [*lines, *parts])


def _command(command: Any, context: click.Context) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    told, examples = _help(command.help or "")
    parts = [f"## {context.command_path}", f"```text\n{context.command_path} {usage}\n```", told]
    parts.append(table(["option", "meaning"], _options(command, context)))
    if examples:
        parts.append(f"```sh\n{examples}\n```")
    yield "\n\n".join(part for part in parts if part)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            yield from _command(inner, click.Context(inner, info_name=name, parent=context))


def _help(written: str) -> tuple[str, str]:
    """A command's text, and its examples, which stand behind a mark that keeps click from wrapping them."""
    told, _, kept = inspect.cleandoc(written).partition("\b\n")
    lines = [line.strip() for line in kept.strip().splitlines()]
    return docstrings.inline(told.strip()), "\n".join(lines[1:])


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts:
            shown = parameter.get_help_record(context)
            if shown:
                yield f"`{shown[0]}`", shown[1]
