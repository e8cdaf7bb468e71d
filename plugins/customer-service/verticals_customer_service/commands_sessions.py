"""``platform customer-service suggestions``, ``gaps`` and the like: learning from live sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from verticals import Conflict

from .suggestions import Source, State

if TYPE_CHECKING:
    from verticals import ServedVertical, Vertical

T = TypeVar("T")
_EXAMPLE = 64  # columns of a question in a table
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def done(vertical: Vertical, work: Callable[[ServedVertical], Coroutine[Any, Any, T]]) -> T:
    """Do what the API does, in this process.

    Raises:
        Conflict: the index is written by another process, such as one that serves.
    """
    try:
        return asyncio.run(work(vertical.served()))
    except Conflict as error:
        if "is written by" not in error.message:
            raise
        raise Conflict(
            "The index customer-service/knowledge is written by another process.",
            "Do it on the pages or over the API of what serves, or stop that first.",
        ) from error


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
    """A table that is as wide as the terminal; the column ``right`` has figures."""
    from rich.console import Console
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in columns:
        made.add_column(heading, justify="right" if heading == right else "left", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        console.print(made)
        return
    wide = Console(highlight=False, markup=False, width=160)
    with wide.capture() as shown:
        wide.print(made)
    click.echo("\n".join(line.rstrip() for line in shown.get().splitlines()))


def shortened(text: str) -> str:
    """A text in one line of a table; of a longer one as many whole words as fit, and a sign that it goes on."""
    from rich.cells import cell_len, chop_cells

    text = " ".join(text.split())
    if cell_len(text) <= _EXAMPLE:
        return text
    start = chop_cells(text, _EXAMPLE - 2)[0]
    words = start.rpartition(" ")[0]
    return f"{words if cell_len(words) > _EXAMPLE // 2 else start} …"


@click.command()
@click.option("--state", type=click.Choice([*get_args(State), "all"]), default="open", show_default=True)
@click.option("--source", type=click.Choice(get_args(Source)), help="Only those that this speaks for.")
@_json
@click.pass_obj
def suggestions(vertical: Vertical, state: str, source: Source | None, as_json: bool) -> None:
    """List what thumbs, agents' replies and corrections in live sessions suggest to learn.

    \b
    Example:
      platform customer-service suggestions --source agent
    """
    from .confirming import Confirming

    wanted: Any = None if state == "all" else state
    found = done(vertical, lambda served: Confirming(served).listed(wanted, source))
    if as_json:
        click.echo(json.dumps([one.model_dump(mode="json") for one in found], indent=2, ensure_ascii=False))
    elif found:
        rows = [
            (one.id, one.signals[0].source, one.intent or "?", one.state, shortened(one.text), "yes" * bool(one.answer))
            for one in found
        ]
        table(("id", "from", "intent", "state", "question", "answer"), rows)
        if state == "open":
            click.secho("\nNext:", bold=True)
            click.echo(f"  platform customer-service confirm {found[0].id}")
    else:
        click.echo("There are none. They come from thumbs, agents' replies and corrections in sessions.")


@click.command()
@click.argument("suggestion")
@click.option("--intent", help="What the question is about, instead of the proposed intent.")
@click.option("--answer", help="Instead of the agent's.")
@click.option("--article/--no-article", default=None, help="Make the answer a document.  [default: where there is one]")
@click.pass_obj
def confirm(vertical: Vertical, suggestion: str, intent: str | None, answer: str | None, article: bool | None) -> None:
    """Learn from a SUGGESTION: its question as an utterance, its answer as a document.

    \b
    Example:
      platform customer-service confirm k3Jm0xQ2vT8Zr1aB:4 --intent gift_wrapping
    """
    from .bars import opening
    from .confirming import Confirming

    if article or answer:
        opening(vertical)
    told = done(
        vertical,
        lambda served: Confirming(served).accept(suggestion, intent=intent, answer=answer, article=article),
    )
    document = f" and the document {told.document}" if told.document else ""
    click.echo(f"Accepted as {told.intent}: its question{document}.")
    click.secho("\nNext:", bold=True)
    click.echo("  platform customer-service improve")


@click.command()
@click.argument("suggestion")
@click.pass_obj
def dismiss(vertical: Vertical, suggestion: str) -> None:
    """Leave a SUGGESTION aside."""
    from .confirming import Confirming

    told = done(vertical, lambda served: Confirming(served).reject(suggestion))
    click.echo(f"Rejected {told.id}.")


@click.command()
@click.option("--draft", metavar="GAP", help="Make a proposal of the questions of this one.")
@_json
@click.pass_obj
def gaps(vertical: Vertical, draft: str | None, as_json: bool) -> None:
    """List questions that the assistant could not answer, grouped, or draft a proposal for one group.

    \b
    Examples:
      platform customer-service gaps
      platform customer-service gaps --draft g41c0a77
    """
    from . import gaps as module

    if draft:
        made = done(vertical, lambda served: module.draft(served, draft))
        click.echo(f"{made.id} is the proposal {made.name}.\n\nAnswer: {made.answer or '(to be written)'}")
        click.secho("\nNext:", bold=True)
        click.echo(f"  platform customer-service accept {made.id} --article")
        return
    found = done(vertical, module.gaps)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    elif found.gaps:
        rows = [(one.id, f"{one.times:,}", one.name, f"{one.latest:%Y-%m-%d}", shortened(one.questions[0].text))
                for one in found.gaps]  # fmt: skip
        table(("id", "asked", "suggested name", "latest", "for example"), rows, right="asked")
        click.secho("\nNext:", bold=True)
        click.echo(f"  platform customer-service gaps --draft {found.gaps[0].id}")
    else:
        click.echo("There are none: no question of a session was left without an answer that helped.")


@click.command()
@click.argument("decided")
@click.pass_obj
def undo(vertical: Vertical, decided: str) -> None:
    """Take back that a proposal or a suggestion was accepted or rejected: DECIDED is its id, or a proposal's name.

    What it has taught is gone, and it can be decided anew.
    """
    from .confirming import Confirming
    from .review import Review

    if ":" in decided:
        told = done(vertical, lambda served: Confirming(served).undo(decided)).id
    else:
        told = done(vertical, lambda served: Review(served).undo(decided)).id
    click.echo(f"{told} is open again.")
