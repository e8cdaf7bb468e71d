"""``platform index``: the documents of an index, one by one or as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from verticals.contract import NotFound

from .numbers import Whole
from .output import count as counted
from .output import duration, facts, heading, json_line, json_option, next_steps, note, print_json, shown_path, table
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import target_argument
from .tenants import choose, tenant_option

if TYPE_CHECKING:
    from verticals.host.indexes import IndexHandle

_EXCERPT = 160


@click.command("list")
@target_argument("index")
@click.option("--after", default="", metavar="ID", help="Only documents behind this id.")
@click.option("--limit", type=Whole(1), default=20, show_default=True, help="How many documents.")
@tenant_option
@json_option
@pass_session
def list_(session: Session, target: str, tenant: str, after: str, limit: int, as_json: bool) -> None:
    """List the documents of an index, in the order of their ids.

    \b
    Examples:
      platform index list customer-service/knowledge
      platform index list customer-service/knowledge --after cancel-order --limit 50 --json
    """
    chosen = choose(session, target, tenant)
    handle = chosen.handle
    documents = handle.documents(after, limit + 1)
    more, documents = len(documents) > limit, documents[:limit]
    if as_json:
        print_json(documents)
        return
    if not documents:
        note(f"{chosen} has no document{f' behind {after!r}' if after else ''}.")
        return
    rows = [[one.id, one.title, one.source, " ".join(one.text[:_EXCERPT].split())] for one in documents]
    table(["id", "title", "source", "text"], rows)
    if more:
        next_steps(f"platform index list {chosen} --limit {limit} --after {_quoted(documents[-1].id)}")


@click.command()
@target_argument("index")
@click.argument("id")
@tenant_option
@json_option
@pass_session
def get(session: Session, target: str, tenant: str, id: str, as_json: bool) -> None:  # noqa: A002 - what the command line calls it
    """Show the document that has this ID, whole.

    \b
    Example:
      platform index get customer-service/knowledge cancel-order
    """
    handle = choose(session, target, tenant).handle
    document = handle.get(id)
    if as_json:
        print_json(document)
        return
    heading(document.title or document.id)
    said = {name: one if isinstance(one, str) else json_line(one) for name, one in document.metadata.items()}
    facts([("id", document.id), ("source", document.source), *said.items()])
    click.echo(f"\n{document.text}")


@click.command()
@target_argument("index")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@tenant_option
@json_option
@pass_session
def delete(session: Session, target: str, tenant: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Remove the documents that have these IDs; those that are not there are named.

    \b
    Example:
      platform index delete customer-service/knowledge old-returns old-prices
    """
    chosen = choose(session, target, tenant)
    handle = chosen.handle
    wanted = list(dict.fromkeys(ids))
    missing = [one for one in wanted if not _there(handle, one)]
    if len(missing) == len(wanted):
        raise NotFound(
            f"{chosen} has no document {', '.join(map(repr, missing))}.", f"Look with 'platform index list {chosen}'."
        )
    deleted = handle.delete(wanted)
    if as_json:
        print_json({"index": chosen.name, "deleted": deleted, "missing": missing})
        return
    if missing:
        note(f"Note: not there: {', '.join(missing)}.")
    click.echo(f"Removed {counted(deleted, 'document')} from {chosen}.")


@click.command()
@target_argument("index")
@tenant_option
@json_option
@pass_session
def count(session: Session, target: str, tenant: str, as_json: bool) -> None:
    """Say how many documents an index holds.

    \b
    Example:
      platform index count customer-service/knowledge
    """
    chosen = choose(session, target, tenant)
    handle = chosen.handle
    number = handle.count()
    if as_json:
        print_json({"index": chosen.name, "documents": number})
    else:
        click.echo(number)


@click.command()
@target_argument("index")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@tenant_option
@pass_session
def export(session: Session, target: str, tenant: str, file: Path) -> None:
    """Write all documents of an index to FILE (.jsonl or .parquet), or as JSON lines to - (standard output).

    The file appears whole or not at all; 'platform index load' reads it.

    \b
    Examples:
      platform index export customer-service/knowledge knowledge.parquet
      platform index export customer-service/knowledge - | wc -l
    """
    chosen = choose(session, target, tenant)
    handle = chosen.handle
    if str(file) == "-":
        from verticals.retrieval import json_line as line_of

        for document in handle.every():
            click.echo(line_of(document), nl=False)
        return
    number = handle.export(file)
    click.echo(f"Wrote {counted(number, 'document')} of {chosen} to {shown_path(file)}.")


@click.command()
@target_argument("index")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--encoding", help="Encoding of a .jsonl file.  [default: UTF-8]")
@tenant_option
@json_option
@pass_session
def load(session: Session, target: str, tenant: str, file: Path, encoding: str | None, as_json: bool) -> None:
    """Add or replace documents by those of FILE (.jsonl or .parquet), as 'platform index export' writes them.

    Each row has an id and a text, and may have a title, a source and metadata (a JSON object). All bad rows are
    reported together, and then nothing is loaded. Of several rows with one id the last counts. The same command goes on
    where it was stopped, however that was: what is there already is unchanged, and not embedded again.

    \b
    Examples:
      platform index load customer-service/knowledge knowledge.parquet
      platform index load customer-service/knowledge articles.jsonl --json
    """
    import time

    chosen = choose(session, target, tenant, new=True)
    handle = chosen.handle
    started = time.monotonic()
    try:
        with ProgressDisplay() as display:
            loaded = handle.load(file, encoding=encoding, progress=display)
    except KeyboardInterrupt:
        note("Stopped. The same command goes on from here.")
        raise
    seconds = time.monotonic() - started
    if as_json:
        said = {name: getattr(loaded, name) for name in ("rows", "added", "updated", "unchanged", "repeated")}
        print_json({"index": chosen.name, **said, "seconds": round(seconds, 3)})
        return
    if loaded.repeated:
        note(f"Note: {counted(loaded.repeated, 'row')} with an id that comes again; the last of them counts.")
    click.echo(
        f"Loaded {counted(loaded.rows, 'row')} of {shown_path(file)} into {chosen}: {loaded.added:,} added, "
        f"{loaded.updated:,} updated, {loaded.unchanged:,} unchanged ({duration(seconds)})."
    )
    next_steps(f'platform index search {chosen} "…"')


COMMANDS = (list_, get, delete, count, export, load)


def _there(handle: IndexHandle, id: str) -> bool:  # noqa: A002 - the field's own name
    try:
        handle.get(id)
    except NotFound:
        return False
    return True


def _quoted(id: str) -> str:  # noqa: A002 - the field's own name
    import shlex

    return shlex.quote(id)
