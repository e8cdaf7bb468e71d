"""``platform index probe`` and ``platform index tune``: what an index finds and costs, and how to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .numbers import Whole
from .output import count, duration, json_option, next_steps, note, print_json, table
from .session import Session, pass_session
from .targets import target_argument
from .tenants import choose, tenant_option

if TYPE_CHECKING:
    from verticals.retrieval import Probe


@click.command()
@target_argument("index")
@click.option("--queries", type=Whole(1), default=256, show_default=True, help="How many stored vectors to ask for.")
@click.option("--text", "texts", multiple=True, help="Ask this text instead (repeatable).")
@tenant_option
@json_option
@pass_session
def probe(session: Session, target: str, queries: int, texts: tuple[str, ...], tenant: str, as_json: bool) -> None:
    """Compare an index's search by meaning with exact search.

    Tells the share of the ten nearest documents that it finds, how long single searches take, and its memory.

    \b
    Examples:
      platform index probe customer-service/knowledge
      platform index probe customer-service/knowledge --text "late parcel" --text "refund"
    """
    chosen = choose(session, target, tenant)
    answer = chosen.handle.probe(texts, queries=queries)
    if as_json:
        print_json(answer)
        return
    held, asked = count(answer.documents, "document"), count(answer.queries, "query", "queries")
    click.echo(f"{chosen.handle} holds {held}, kept as {_kind(answer)}; asked {asked}.")
    found = answer.found
    rows = [
        ["this index", f"{found.recall:.3f}", f"{found.p50_ms:.2f}", f"{found.p95_ms:.2f}"],
        ["exact search", "1.000", f"{answer.exact_p50_ms:.2f}", f"{answer.exact_p95_ms:.2f}"],
    ]
    table(["", "recall@10", "median ms", "95 % within ms"], rows)
    click.echo(f"Memory: {answer.memory / 1e6:,.1f} MB.")
    if answer.lists:
        next_steps(f"platform index tune {chosen} --recall 0.95")


@click.command()
@target_argument("index")
@click.option(
    "--recall", type=click.FloatRange(0, 1, min_open=True), default=0.95, show_default=True, help="What to reach."
)
@tenant_option
@json_option
@pass_session
def tune(session: Session, target: str, recall: float, tenant: str, as_json: bool) -> None:
    """Find how much of an index a search must look at for a recall@10, and keep to it.

    \b
    Example:
      platform index tune customer-service/knowledge --recall 0.99
    """
    chosen = choose(session, target, tenant)
    answer = chosen.handle.tune(recall)
    if as_json:
        print_json(answer)
        return
    if answer.found is None:
        note(f"{chosen.handle} is exact: it finds everything. The recall is kept for when it grows.")
        return
    found = answer.found
    table(
        ["looked at", "recall@10", "median ms", "95 % within ms"],
        [
            [step.effort, f"{step.recall:.3f}", f"{step.p50_ms:.2f}", f"{step.p95_ms:.2f}"]
            for step in sorted(answer.steps, key=lambda step: step.effort)
        ],
    )
    click.echo(
        f"{chosen.handle} ({answer.kind}) looks at {answer.effort} from now on (before: {answer.before}): recall "
        f"{found.recall:.3f} at {found.p50_ms:.2f} ms; measured in {duration(answer.seconds)}."
    )
    next_steps(f"platform index probe {chosen}")


def _kind(answer: Probe) -> str:
    return f"{answer.kind} with {count(answer.lists, 'list')}" if answer.lists else answer.kind
