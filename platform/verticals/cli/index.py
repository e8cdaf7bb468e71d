"""``platform index``."""

from __future__ import annotations

import time

import click

from .conditions import conditions
from .numbers import Whole
from .output import count, duration, json_option, next_steps, note, print_json, table
from .session import Session, pass_session
from .targets import find, target_argument


@click.group()
def index() -> None:
    """Build and search an index of documents."""


@index.command()
@target_argument("index")
@json_option
@pass_session
def build(session: Session, target: str, as_json: bool) -> None:
    """Bring an index up to date and write its snapshot: starter documents are loaded the first time.

    \b
    Example:
      platform index build customer-service/knowledge
    """
    chosen = find(session.host(), target, "index")
    started = time.monotonic()
    documents = chosen.vertical.index(chosen.name)
    number = documents.count()
    documents.snapshot()
    seconds = time.monotonic() - started
    if as_json:
        print_json({"index": str(chosen), "documents": number, "seconds": round(seconds, 3)})
        return
    click.echo(f"{chosen} holds {count(number, 'document')}; built in {duration(seconds)}.")
    next_steps(f'platform index search {chosen} "…"')


@index.command()
@target_argument("index")
@click.argument("text")
@click.option("--k", type=Whole(1), default=10, show_default=True, help="How many hits.")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "lexical"]),
    default="hybrid",
    show_default=True,
    help="Meaning, words, or both.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only documents with this metadata; also != < <= > >=. Repeatable.",
)
@json_option
@pass_session
def search(session: Session, target: str, text: str, k: int, mode: str, where: tuple[str, ...], as_json: bool) -> None:
    """Search an index for TEXT.

    \b
    Examples:
      platform index search customer-service/knowledge "how long do refunds take"
      platform index search customer-service "sharpen" --where topic=products --mode lexical --json
      platform index search shop/articles "refund" --where "year>=2025" --where topic=returns --where topic=payment
    """
    chosen = find(session.host(), target, "index")
    hits = chosen.vertical.index(chosen.name).search(text, k=k, mode=mode, where=conditions(where, "--where"))
    if as_json:
        print_json(hits)
        return
    if not hits:
        note("Nothing was found.")
        return
    rows = [
        [place, hit.document.id, hit.document.title, "–" if hit.similarity is None else f"{hit.similarity:.3f}"]
        for place, hit in enumerate(hits, 1)
    ]
    table(["#", "document", "title", "similarity"], rows)
