"""``platform index import``."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .numbers import Whole
from .output import count, duration, json_option, next_steps, note, print_json
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import target_argument
from .tenants import Chosen, choose, tenant_option

if TYPE_CHECKING:
    from verticals.retrieval.reading import ImportSummary

_SHOWN = 20


@click.command("import")
@target_argument("index")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--name", default="", help="What to call the folder in ids and metadata.  [default: its own name]")
@click.option("--size", type=Whole(100), default=1_000, show_default=True, help="Characters of a passage, at most.")
@click.option("--encoding", help="Encoding of the text files.  [default: UTF-8, else found for each]")
@tenant_option
@json_option
@pass_session
def import_(
    session: Session,
    target: str,
    paths: tuple[Path, ...],
    name: str,
    size: int,
    encoding: str | None,
    tenant: str,
    as_json: bool,
) -> None:
    """Bring an index up to what files and folders hold: Markdown, HTML, PDF, Word, text, questions with answers.

    Imported again, only what changed is written, and passages that are gone are deleted: of the files given, and of
    files that a folder given no longer has. Files that cannot be read are told at the end, and the others imported;
    the exit code is then 2.

    \b
    Examples:
      platform index import customer-service/knowledge help-centre/
      platform index import customer-service/knowledge manual.pdf faq.csv --json
    """
    chosen = choose(session, target, tenant, new=True)
    started = time.monotonic()
    try:
        with ProgressDisplay() as display:
            summary = chosen.handle.import_files(paths, name=name, size=size, encoding=encoding, progress=display)
    except KeyboardInterrupt:
        note("Stopped. What was imported is kept; the same command goes on from here.")
        raise
    seconds = time.monotonic() - started
    if as_json:
        print_json({"index": chosen.name, **_told(summary), "seconds": round(seconds, 3)})
    else:
        _show(chosen, summary, seconds)
    if summary.problems:
        click.get_current_context().exit(2)


def _told(summary: ImportSummary) -> dict[str, object]:
    figures = ("files", "passages", "added", "updated", "unchanged", "deleted", "skipped", "notes", "problems")
    return {figure: getattr(summary, figure) for figure in figures}


def _show(chosen: Chosen, summary: ImportSummary, seconds: float) -> None:
    _list(summary.notes)
    for reason, number in Counter(reason for _, reason in summary.skipped).items():
        first = next(path for path, why in summary.skipped if why == reason)
        more = f" and {number - 1:,} more" if number > 1 else ""
        note(f"Passed over ({reason}): {first}{more}")
    click.echo(
        f"Read {count(summary.files, 'file')} into {chosen.handle} in {duration(seconds)}: "
        f"{count(summary.passages, 'passage')}, {summary.added:,} new, {summary.updated:,} changed, "
        f"{summary.unchanged:,} as before; {summary.deleted:,} deleted."
    )
    if summary.problems:
        note(f"\n{count(len(summary.problems), 'problem')}:")
        _list([str(problem) for problem in summary.problems])
    if summary.files:
        next_steps(f'platform index search {chosen} "…"')


def _list(sentences: list[str]) -> None:
    for sentence in sentences[:_SHOWN]:
        note(f"  {sentence}")
    if len(sentences) > _SHOWN:
        note(f"  … and {len(sentences) - _SHOWN:,} more; --json has them all.")
