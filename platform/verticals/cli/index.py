"""``platform index``."""

from __future__ import annotations

import time
from typing import Any

import click

from verticals.contract import Hit

from . import index_documents, index_tenants
from .conditions import conditions
from .index_import import import_
from .index_kinds import probe, tune
from .index_models import reembed, show
from .numbers import Whole
from .output import count, duration, json_option, next_steps, note, print_json, table
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import target_argument
from .tenants import choose, tenant_option

_LONGEST_PASSAGE = 100  # characters shown


@click.group()
def index() -> None:
    """Build, search, list, change, export and load an index of documents."""


for _command in (import_, probe, reembed, show, tune, *index_tenants.COMMANDS, *index_documents.COMMANDS):
    index.add_command(_command)


@index.command()
@target_argument("index")
@tenant_option
@json_option
@pass_session
def build(session: Session, target: str, tenant: str, as_json: bool) -> None:
    """Bring an index up to date and write its snapshot: starter documents are loaded the first time.

    Where a version of its head has gone live since, it takes over, as by 'platform index reembed'.

    \b
    Example:
      platform index build customer-service/knowledge
    """
    chosen = choose(session, target, tenant, new=True)
    started = time.monotonic()
    number = chosen.handle.count()
    if chosen.handle.noun.head:
        with ProgressDisplay() as display:
            done = chosen.handle.reembed(progress=display)
        if done is not None and not done.switched:
            note(f"It stays with {done.before}, for {done.after} answers worse: platform index show {chosen}")
    chosen.handle.snapshot()
    seconds = time.monotonic() - started
    if as_json:
        print_json({"index": chosen.name, "documents": number, "seconds": round(seconds, 3)})
        return
    click.echo(f"{chosen.handle} holds {count(number, 'document')}; built in {duration(seconds)}.")
    next_steps(f'platform index search {chosen} "…"')


@index.command()
@target_argument("index")
@click.argument("text")
@click.option("--k", type=Whole(1), default=10, show_default=True, help="How many hits.")
@click.option("--offset", type=Whole(0), default=0, help="How many of the best to pass over.")
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
@click.option("--least", type=float, help="Leave out hits whose similarity is lower.")
@click.option("--fusion", type=click.Choice(["scores", "ranks"]), default="scores", help="What a hybrid search joins.")
@click.option(
    "--weight",
    type=click.FloatRange(0, 1),
    help="How much meaning counts in a hybrid search, 0 to 1; else as the index declares.",
)
@click.option("--diversity", type=click.FloatRange(0, 1), default=0.0, help="How much hits are to differ, 0 to 1.")
@click.option("--fold", is_flag=True, help="Show only the best of documents with the same title and text.")
@click.option("--rerank", is_flag=True, help="Let the index's head order the best hits anew.")
@click.option("--rerank-weight", type=click.FloatRange(0, 1), default=1.0, help="How much that head counts, 0 to 1.")
@click.option("--rerank-depth", type=Whole(1), default=50, show_default=True, help="How many hits that head sees.")
@click.option("--explain", is_flag=True, help="Show each hit's place in both rankings and its scores.")
@tenant_option
@json_option
@pass_session
def search(
    session: Session, /, target: str, text: str, where: tuple[str, ...], least: float | None, explain: bool,
    tenant: str, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Search an index for TEXT.

    \b
    Examples:
      platform index search customer-service/knowledge "how long do refunds take"
      platform index search customer-service "sharpen" --where topic=products --mode lexical --json
      platform index search shop/articles "refund" --where "year>=2025" --where topic=returns --where topic=payment
    """
    weight = options.pop("weight")
    options["weights"] = None if weight is None else (weight, 1 - weight)
    documents = choose(session, target, tenant).handle
    hits = documents.search(text, where=conditions(where, "--where"), minimum_similarity=least, **options)
    if as_json:
        print_json(hits)
        return
    if not hits:
        note("Nothing was found.")
        return
    headings, rows = ["#", "document", "title", "passage"], []
    for place, hit in enumerate(hits, options["offset"] + 1):
        rows.append([place, hit.document.id, hit.document.title, _passage(hit), _shown(hit.similarity)])
        if explain:
            rows[-1] += [hit.dense_rank, hit.lexical_rank, f"{hit.score:.4f}", _shown(hit.relevance)]
    table([*headings, "similarity", *(("by meaning", "by words", "fused", "relevance") if explain else ())], rows)


def _passage(hit: Hit) -> str:
    """The passage that answers best, on one line."""
    start, end = hit.span or (0, _LONGEST_PASSAGE)
    passage = " ".join(hit.document.text[start:end].split())
    return passage if len(passage) <= _LONGEST_PASSAGE else f"{passage[:_LONGEST_PASSAGE]}…"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
