"""``platform index show`` and ``platform index reembed``: what makes an index's vectors, and what would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import count, duration, facts, json_option, next_steps, note, print_json, table
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import target_argument
from .tenants import choose, tenant_option

if TYPE_CHECKING:
    from verticals.retrieval import Compared, Reembedding


@click.command()
@target_argument("index")
@tenant_option
@json_option
@pass_session
def show(session: Session, target: str, tenant: str, as_json: bool) -> None:
    """Show what an index holds, what makes its vectors, and how far new ones are.

    \b
    Example:
      platform index show customer-service/knowledge
    """
    chosen = choose(session, target, tenant)
    found = chosen.handle.facts()
    if as_json:
        print_json(found)
        return
    facts(
        [
            ("documents", f"{found.documents:,}"),
            ("change", f"{found.change:,}"),
            ("vectors by", found.embedding),
            ("numbers each", found.dimension),
            ("taken over", found.compared.told() if found.compared else ""),
            ("to come", _coming(found.reembedding) if found.reembedding else ""),
        ]
    )
    if not found.writable:
        note("Another process writes to it; here it is only read.")
    if found.reembedding is not None and found.writable:
        next_steps(f"platform index reembed {chosen}{' --force' if found.reembedding.held_back else ''}")


def _coming(anew: Reembedding) -> str:
    if anew.held_back is not None:
        return f"{anew.embedding} is held back, for it answers worse: {anew.held_back.told()}"
    return f"{anew.embedding}, {anew.done:,} of {count(anew.total, 'document')} embedded"


@click.command()
@target_argument("index")
@tenant_option
@click.option("--dry-run", is_flag=True, help="Compute and compare, but let nothing take over.")
@click.option("--force", is_flag=True, help="Let the new vectors take over even if they answer worse.")
@json_option
@pass_session
def reembed(session: Session, target: str, tenant: str, dry_run: bool, force: bool, as_json: bool) -> None:
    """Compute an index's vectors by the live version of its head, compare, and let them take over.

    The present and the new vectors are asked what the version was validated on. The new ones take over unless the right
    documents then stand further back (MRR@10 is lower). Stopped half-way, the same command goes on.

    \b
    Examples:
      platform index reembed library/articles --dry-run
      platform index reembed library/articles
    """
    if dry_run and force:
        raise click.UsageError("--dry-run lets nothing take over, so --force has no meaning with it.")
    chosen = choose(session, target, tenant)
    handle = chosen.handle
    with ProgressDisplay() as display:
        done = handle.reembed(force=force, switch=not dry_run, progress=display)
    if as_json:
        print_json({"index": chosen.name, "reembedded": done})
        return
    if done is None:
        note(f"{handle} holds the vectors of {handle.facts().embedding} already.")
        return
    click.echo(f"{handle}: {count(done.documents, 'document')} embedded in {duration(done.seconds)}.")
    if done.compared is not None:
        _show(done.compared)
    if done.switched:
        click.echo(f"It is searched by {done.after} now.")
    elif dry_run:
        click.echo(f"It is searched by {done.before} as before.")
        next_steps(f"platform index reembed {chosen}")
    else:
        click.echo(f"It stays with {done.before}, for {done.after} answers worse.")
        next_steps(f"platform index reembed {chosen} --force")


def _show(compared: Compared) -> None:
    if compared.old is not None and compared.new is not None:
        rows = [
            [name, f"{one.recall:.3f}", f"{one.mrr:.3f}"]
            for name, one in ((compared.before, compared.old), (compared.after, compared.new))
        ]
        table(["vectors by", "recall@10", "MRR@10"], rows)
    else:
        note("Which documents answer which question is not known here: only the change is told, not the quality.")
    click.echo(f"{compared.same:.0%} of the ten best hits are the same, of {count(compared.questions, 'question')}.")
