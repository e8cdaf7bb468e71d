"""Names on the command line: ``vertical/name``, and ``vertical/head@v3`` where a version is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click
from click.shell_completion import CompletionItem

from verticals.contract import BadInput, NotFound

from .output import note
from .session import Session
from .vertical import nouns

if TYPE_CHECKING:
    from verticals.host import Host, Vertical

Kind = Literal["head", "dataset", "index"]
_NOUNS: dict[Kind, tuple[str, str, str]] = {
    "head": ("heads", "head", "heads"),
    "dataset": ("datasets", "data set", "data sets"),
    "index": ("indexes", "index", "indexes"),
}


class Target(NamedTuple):
    """A vertical and the name of one of its nouns; ``version`` as it was written after ``@``, else empty."""

    vertical: Vertical
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.vertical.name}/{self.name}"


def find(host: Host, written: str, kind: Kind, *, versioned: bool = False) -> Target:
    """What ``written`` means; with a vertical's name alone its only head, data set or index, which is then said.

    Raises:
        NotFound: no such vertical or no such name; the nearest is suggested.
        BadInput: the name is not complete, or carries a version where none belongs.
    """
    path, at, version = written.partition("@")
    if at and not (versioned and version):
        raise BadInput(f"{written!r} cannot be used here.", f"Write it without a version: {path!r}.")
    vertical_name, slash, name = path.partition("/")
    vertical = host[vertical_name]
    attribute, one, many = _NOUNS[kind]
    known = [noun.name for noun in nouns(getattr(vertical, attribute))]
    if slash and name not in known:
        raise NotFound.named(one, name, known, of=vertical_name)
    if not slash:
        if len(known) != 1:
            raise BadInput(
                f"{vertical_name} has {len(known) or 'no'} {many}.",
                f"Write one of: {', '.join(f'{vertical_name}/{known_name}' for known_name in known)}." if known else "",
            )
        name = known[0]
        note(f"Taken: {vertical_name}/{name}, its only {one}.")
    return Target(vertical, name, version)


class TargetType(click.ParamType[str]):
    """A click type for ``vertical/name`` that completes names in the shell."""

    name = "name"

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Every name of the kind that begins so."""
        host = ctx.ensure_object(Session).host()
        names = [
            f"{vertical.name}/{noun.name}"
            for vertical in host.verticals
            for noun in nouns(getattr(vertical, _NOUNS[self.kind][0]))
        ]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class VerticalType(click.ParamType[str]):
    """A click type for the name of a vertical, completed in the shell."""

    name = "vertical"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Every loaded vertical that begins so."""
        host = ctx.ensure_object(Session).host()
        return [CompletionItem(vertical.name) for vertical in host.verticals if vertical.name.startswith(incomplete)]


def target_argument(kind: Kind, **more: Any) -> Any:
    """The argument TARGET of a command."""
    return click.argument("target", metavar="VERTICAL/NAME", type=TargetType(kind), **more)


def targets_argument(kind: Kind) -> Any:
    """The argument TARGETS of a command that takes one or several, or none."""
    return click.argument("targets", metavar="VERTICAL/NAME…", type=TargetType(kind), nargs=-1)
