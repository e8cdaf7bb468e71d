"""The root of the command line: global options, lazy commands, and what becomes of errors."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from verticals import __version__
from verticals.contract import PlatformError, resolve, suggest

from .session import Session
from .table import COMMANDS, SECTIONS

_RARELY = (100_000, 20, 20)  # to import is to make many objects that stay: to look for garbage then costs a tenth
_GLOBAL_VALUES = ("--home", "--plugins-dir")
_EPILOG = (
    "Heads, data sets and indexes are named vertical/name, as in customer-service/intent. Where a vertical has only "
    "one, the vertical's name will do. A vertical may bring commands of its own: platform <vertical> --help."
)


class Root(click.Group):
    """A group that imports a command only when it is invoked, and takes the global options anywhere on the line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move the global options to the front, wherever they stand, then parse as ever."""
        ctx.color = False if os.environ.get("NO_COLOR") else None
        first, rest = split_global(args)
        return super().parse_args(ctx, [*first, *rest])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The built-in commands; verticals' own are found when asked for."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, built-in or a vertical's group of its own."""
        if name in COMMANDS:
            command: click.Command = resolve(COMMANDS[name].reference)
            return command
        if name.startswith("-") or ctx.resilient_parsing:
            return None
        from .vertical import vertical_group

        return vertical_group(ctx.ensure_object(Session), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from .vertical import vertical_names

            known = [*COMMANDS, *vertical_names(ctx.ensure_object(Session))]
            raise click.UsageError(f"There is no command {args[0]!r}. {suggest(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands, by section, without importing any of them."""
        width = max(map(len, COMMANDS))
        for section, entries in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), entry.purpose) for name, entry in entries.items()])

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns is of no concern to the shell."""
        session = ctx.ensure_object(Session)  # before the command is looked up: a vertical's own needs the host
        session.home, session.plugins_dir, session.debug = (ctx.params[key] for key in ("home", "plugins_dir", "debug"))
        super().invoke(ctx)


def split_global(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the global options from the rest; after ``--`` everything is left as it is."""
    first: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(args) and args[position] != "--":
        argument = args[position]
        if argument in _GLOBAL_VALUES:
            first += args[position : position + 2]
            position += 1
        elif argument == "--debug" or argument.startswith(tuple(f"{name}=" for name in _GLOBAL_VALUES)):
            first.append(argument)
        else:
            rest.append(argument)
        position += 1
    return first, [*rest, *args[position:]]


@click.group(
    cls=Root,
    epilog=_EPILOG,
    invoke_without_command=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home", type=click.Path(), help="Folder that holds all state.  [default: PLATFORM_HOME, else .platform]"
)
@click.option("--plugins-dir", type=click.Path(), help="Folder of one-file plugins to load besides the installed ones.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="platform")
def platform(**options: object) -> None:
    """Turn a pretrained model into a working product for one line of business.

    The options below may stand before or after the command.

    \b
    Start here:
      platform plugins                 what is installed
      platform run customer-service    serve a vertical
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 done, 1 an unexpected error or a failed check, 2 wrong usage or input, 130 interrupted; other codes are those
    of the errors in `verticals.contract.errors`.
    """
    gc.set_threshold(*_RARELY)
    session = Session()
    try:
        code = platform.main(arguments, prog_name="platform", standalone_mode=False, obj=session)
    except click.ClickException as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
            return error.exit_code
        _explain_usage(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except PlatformError as error:
        _show_traceback(session)
        _error(error.message, error.remedy)
        return error.exit_code
    except BrokenPipeError:
        _silence_output()
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person reads this, not a traceback
        _show_traceback(session)
        hint = "" if session.debug else "Run again with --debug for the traceback."
        _error(f"Unexpected {type(error).__name__}: {' '.join(str(error).split()) or 'no message'}", hint)
        return 1
    return code if isinstance(code, int) else 0


def _explain_usage(error: click.ClickException) -> None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    remedy = f"See '{context.command_path} --help'." if context is not None else ""
    _error(error.format_message(), remedy)


def _error(message: str, remedy: str) -> None:
    color: Any = False if os.environ.get("NO_COLOR") else None
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {message.rstrip()}", err=True, color=color)
    if remedy:
        click.echo(remedy, err=True, color=color)


def _show_traceback(session: Session) -> None:
    if session.debug:
        import traceback

        traceback.print_exc()


def _silence_output() -> None:
    """Nobody reads any more: keep the interpreter's own flush at exit from complaining about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
