"""``platform customer-service …``: learning from past dialogues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verticals import BadInput

from .bars import bar, opening
from .commands_sessions import done, shortened, table
from .improving import HEADS

if TYPE_CHECKING:
    from verticals import Vertical

    from .dialogues import ImportSummary
    from .proposals import Proposal

_SHOWN_PROBLEMS = 20
_SHOWN_PROPOSALS = 10
_SHOWN_CHANGED = 5
_EXAMPLE = 64  # columns of an example in a table
_KIND_NAMES = {
    "EMAIL": "e-mail address", "PHONE": "phone number", "CARD": "card number", "IBAN": "IBAN", "ORDER": "order number",
    "NAME": "name", "ADDRESS": "postal address",
}  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


@click.command()
@click.argument("logfile", required=False, type=click.Path(path_type=Path))
@click.option("--example", is_flag=True, help="Read the starter log of an invented shop instead.")
@click.option("--encoding", help="Encoding of the file.  [default: UTF-8]")
@_json
@click.pass_obj
def learn(vertical: Vertical, logfile: Path | None, example: bool, encoding: str | None, as_json: bool) -> None:
    """Read past dialogues from LOGFILE and propose what the assistant should know.

    LOGFILE is .jsonl, .json, .csv or .tsv, or an export of Chatwoot or Zendesk. Personal data is replaced before
    anything is stored. The same file again changes nothing.

    \b
    Examples:
      platform customer-service learn chats.jsonl
      platform customer-service learn --example
    """
    from . import learning
    from .data import STARTER
    from .dialogues import import_log

    if (logfile is None) is not example:
        raise click.UsageError("Give either a LOGFILE or --example.")
    logfile = logfile or STARTER / "dialogues.jsonl"
    size = logfile.stat().st_size if logfile.is_file() else 0
    with bar(size, "Reading", as_json) as told:
        summary = import_log(vertical, logfile, encoding, lambda at: told(at, size))
    if summary.left_out == summary.read:
        _tell_problems(summary)
        raise BadInput(
            f"{logfile}: no dialogue could be read, {_count(summary.read, 'row')} left out.",
            "Correct what is told above; the form is in docs/how-to/learn-from-dialogues.md.",
        )
    with bar(1, "Encoding", as_json) as told:
        mined = learning.mine(vertical, told)
    found = learning.load(vertical).listed("open")
    if as_json:
        click.echo(json.dumps({"import": _plain(summary), "mining": _plain(mined), "open": _rows(found)}, indent=2))
        return
    _tell_import(summary, logfile)
    if mined.dialogues:
        click.echo(
            f"{_count(mined.pairs, 'question')} with an answer in {_count(mined.dialogues, 'dialogue')}: "
            f"{_count(mined.made, 'new proposal')}, {mined.grown:,} of earlier proposals, {mined.alone:,} asked once."
        )
    if found:
        click.echo()
        _table(found[:_SHOWN_PROPOSALS])
        if len(found) > _SHOWN_PROPOSALS:
            click.echo(f"… and {len(found) - _SHOWN_PROPOSALS:,} more: platform customer-service proposals")
        click.secho("\nNext:", bold=True)
        click.echo(f"  platform customer-service proposals {found[0].id}")
        click.echo(f"  platform customer-service accept {found[0].id}")


@click.command()
@click.argument("proposal", required=False)
@click.option("--state", type=click.Choice(["open", "accepted", "rejected", "all"]), default="open", show_default=True)
@_json
@click.pass_obj
def proposals(vertical: Vertical, proposal: str | None, state: Any, as_json: bool) -> None:
    """List what past dialogues suggest, or show one PROPOSAL with its questions and answers."""
    from .learning import load

    known = load(vertical)
    if proposal:
        _show(known.get(proposal), as_json)
        return
    found = known.listed(None if state == "all" else state)
    if as_json:
        click.echo(json.dumps(_rows(found), indent=2, ensure_ascii=False))
    elif found:
        _table(found)
    else:
        click.echo("There are none. Past dialogues are read by: platform customer-service learn LOGFILE")


@click.command()
@click.argument("proposal")
@click.option("--name", help="Of the intent, instead of the proposed one.")
@click.option("--answer", help="Instead of the proposed one.")
@click.option("--article/--no-article", default=None, help="Make the answer a document.  [default: for a new intent]")
@click.option("--without", multiple=True, metavar="EXAMPLE", help="A question that is not to be learned (repeatable).")
@click.pass_obj
def accept(
    vertical: Vertical,
    proposal: str,
    name: str | None,
    answer: str | None,
    article: bool | None,
    without: tuple[str, ...],
) -> None:
    """Teach the assistant a PROPOSAL: its questions as utterances, its answer as a document.

    \b
    Example:
      platform customer-service accept gift_list --answer "Make a list under Account > Gift lists."
    """
    from .learning import load
    from .review import Review

    found = load(vertical).get(proposal)
    if not found.known if article is None else article:
        opening(vertical)
    told = done(vertical, lambda served: Review(served).accept(proposal, name, answer, article, without))
    document = f" and the document {told.document}" if told.document else ""
    texts = told.taught.texts if told.taught else []
    click.echo(f"Accepted {told.name}: {_count(len(texts), 'new utterance')}{document}.")
    click.secho("\nNext:", bold=True)
    click.echo("  platform customer-service improve")


@click.command()
@click.argument("proposal")
@click.argument("into")
@click.pass_obj
def merge(vertical: Vertical, proposal: str, into: str) -> None:
    """Make a PROPOSAL part of the proposal INTO."""
    from .review import Review

    target = done(vertical, lambda served: Review(served).merge(proposal, into))
    click.echo(f"{target.name} ({target.id}) now has {_count(target.times, 'question')}.")


@click.command()
@click.argument("proposal")
@click.argument("name")
@click.pass_obj
def rename(vertical: Vertical, proposal: str, name: str) -> None:
    """Give a PROPOSAL another NAME, in snake_case."""
    from .review import Review

    told = done(vertical, lambda served: Review(served).edit(proposal, name, None))
    click.echo(f"{told.id} is now called {told.name}.")


@click.command()
@click.argument("proposal")
@click.pass_obj
def reject(vertical: Vertical, proposal: str) -> None:
    """Leave a PROPOSAL aside; questions like its own are not proposed again."""
    from .review import Review

    told = done(vertical, lambda served: Review(served).reject(proposal))
    click.echo(f"Rejected {told.id}.")


@click.command()
@click.argument("dialogue")
@click.option("--forget", is_flag=True, help="Delete the words instead of showing them.")
@click.pass_obj
def originals(vertical: Vertical, dialogue: str, forget: bool) -> None:
    """Show a past DIALOGUE with the personal data that was redacted, or forget that data.

    It is there only where the setting keep_originals names a file, and for keep_originals_days at most.
    """
    from .dialogues import Dialogue
    from .originals import Originals

    settings = vertical.settings
    if settings.keep_originals is None:
        raise BadInput(
            "Nothing is kept of what was redacted.",
            "Name a file for it before you read a log: keep_originals in [plugins.customer-service] of platform.toml.",
        )
    with Originals(settings.keep_originals, settings.keep_originals_days) as kept:
        if forget:
            click.echo(f"{_count(kept.forget(dialogue), 'word')} of {dialogue} deleted.")
            return
        events = vertical.events.read(kinds=["dialogue"], where={"dialogue": dialogue})
        if not events:
            raise BadInput(
                f"No dialogue {dialogue[:60]!r} was imported.",
                "Ids are shown by: platform events tail customer-service --kind dialogue",
            )
        for number, turn in enumerate(Dialogue.model_validate(events[-1].payload).turns):
            click.echo(f"{turn.role:8}  {kept.restore(dialogue, number, turn.text)}")


def _tell_problems(summary: ImportSummary) -> None:
    for problem in summary.problems[:_SHOWN_PROBLEMS]:
        click.echo(f"  {problem}", err=True)
    if summary.problem_count > _SHOWN_PROBLEMS:
        click.echo(f"  … and {summary.problem_count - _SHOWN_PROBLEMS:,} more", err=True)


def _tell_import(summary: ImportSummary, logfile: Path) -> None:
    _tell_problems(summary)
    parts = [f"{summary.added:,} new", f"{summary.known:,} known"]
    parts += [f"{summary.left_out:,} left out"] if summary.left_out else []
    click.echo(f"{_count(summary.read, 'dialogue')} of {logfile.name}: {', '.join(parts)}.")
    replaced = [_count(number, _KIND_NAMES[kind]) for kind, number in summary.redacted.items() if number]
    if replaced:
        click.echo(f"Personal data replaced: {', '.join(replaced)}.")


def _table(found: Sequence[Proposal]) -> None:
    rows = []
    for one in found:
        state = ("known" if one.known else "new") if one.state == "open" else one.state
        rows.append((one.id, f"{one.times:,}", one.name, state, shortened(one.examples[0].question)))
    table(("id", "asked", "intent", "state", "for example"), rows, right="asked")


def _show(found: Proposal, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False))
        return
    click.secho(f"{found.name}  {found.id}, {found.state}, asked {_count(found.times, 'time')}", bold=True)
    click.echo(f"\nAnswer: {found.answer}\n\nQuestions:")
    for example in found.examples:
        click.echo(f"  {click.style(example.id, dim=True)}  {' '.join(example.question.split())}")
        click.secho(f"    {' '.join(example.answer.split())}", dim=True)


def _rows(found: Sequence[Proposal]) -> list[dict[str, Any]]:
    return [one.model_dump(mode="json", exclude={"examples"}) for one in found]


def _plain(value: Any) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(value)


def _count(number: int, one: str) -> str:
    many = f"{one}es" if one.endswith("ss") else f"{one}s"
    return f"{number:,} {one if number == 1 else many}"


@click.command()
@click.option("--head", "heads", multiple=True, type=click.Choice(HEADS), help="Only this one.  [default: all]")
@click.option("--again", is_flag=True, help="Train even where no row has changed since.")
@_json
@click.pass_obj
def improve(vertical: Vertical, heads: tuple[str, ...], again: bool, as_json: bool) -> None:
    """Train on what was learned since, and go live with what is not worse.

    The new version is compared with the live one on the same held-out rows, and shown is what got better and what got
    worse. A version that is worse stays a candidate.

    \b
    Examples:
      platform customer-service improve
      platform customer-service improve --head intent --again
    """
    from .calibrating import calibrate
    from .improving import improve as improved
    from .precision import unkept

    found = []
    for name in heads or HEADS:
        with bar(1, f"Training {name}", as_json) as told:
            found.append(improved(vertical, name, again=again, progress=lambda now: told(now.done, now.total or 1)))
    precision = vertical.settings.answer_precision
    anew = calibrate(vertical) if precision and any(one.promoted for one in found) else None
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], indent=2, ensure_ascii=False, default=str))
        return
    if anew:
        notice = unkept(anew, precision, anew.versions)
        click.echo(f"Calibrated anew: {notice or f'answer_precision = {precision} is kept.'}")
    for one in found:
        click.echo(one.told)
        if one.comparison is None:
            continue
        for title, lost in (("Better:", False), ("Worse:", True)):
            rows = [row for row in one.comparison.changed if (row.first == row.target) is lost][:_SHOWN_CHANGED]
            if rows:
                click.secho(f"  {title}", bold=True)
            for row in rows:
                text = " | ".join(map(str, row.inputs.values()))
                click.echo(f"    {text[:_EXAMPLE]}  is {row.target}, was {row.first}, is now {row.second}")
