"""``platform explain``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from .output import count, json_option, note, print_json, table
from .predict import from_arguments
from .session import Session, pass_session
from .targets import find, target_argument

if TYPE_CHECKING:
    from verticals.tuning import Explanation

_SHOWN = 10
_FOR, _AGAINST = (31, 143, 106), (201, 84, 42)
_FAINT = 0.12  # words of less weight than this share of the heaviest keep the terminal's own colour


@click.command()
@target_argument("head")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT…")
@click.option("--label", default="", help="Explain this label.  [default: the one that is answered]")
@json_option
@pass_session
def explain(session: Session, target: str, texts: tuple[str, ...], label: str, as_json: bool) -> None:
    """Show which words of TEXT an answer of a head (its live version unless @version is given) rests on.

    Green words speak for the label, red ones against it. A head that reads two texts takes two.

    \b
    Examples:
      platform explain customer-service/intent "where is my parcel?"
      platform explain customer-service/intent@v3 "where is my parcel?" --label cancel_order --json
    """
    chosen = find(session.host(), target, "head", versioned=True)
    head = chosen.vertical.head(chosen.name)
    inputs = from_arguments(texts, head.noun)
    if len(inputs) != 1:
        raise click.UsageError("One input at a time is explained; put it into quotes.")
    found = head.explain(inputs[0], label, chosen.version or "live")
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _show(found)


def _show(found: Explanation) -> None:
    title = f"{found.label}: {found.measure}" if found.label else found.measure
    click.echo(f"{click.style(title, bold=True)} {found.value:+.3f}; {found.baseline:+.3f} without a word\n")
    for part, text in enumerate(found.texts):
        click.echo(f"  {_coloured(text, part, found)}")
    heaviest = sorted(found.words, key=lambda one: -abs(one.weight))[:_SHOWN]
    click.echo()
    rows = [[one.word, f"{one.weight:+.3f}", f"{one.start}–{one.end}"] for one in heaviest]
    table(["word", "adds", "characters"], rows)
    sure = f"The words add up to the answer within {found.error:.2g}"
    note(f"\n{sure} (integrated gradients, {count(found.steps, 'step')}). Answered by {found.version}.")
    if found.tokens_cut:
        note(f"Note: the text was too long for the head; {count(found.tokens_cut, 'token')} at its end were not read.")


def _coloured(text: str, part: int, found: Explanation) -> str:
    """The text with each word on a ground that is the stronger, the more the word weighs."""
    largest = max((abs(one.weight) for one in found.words), default=0.0) or 1.0
    shown, last = "", 0
    for one in found.words:
        share = abs(one.weight) / largest
        if one.part != part or share < _FAINT:
            continue
        colour = _FOR if one.weight > 0 else _AGAINST
        strong = share > 0.5
        ground = colour if strong else None
        word = click.style(text[one.start : one.end], fg=(255, 255, 255) if strong else colour, bg=ground, bold=strong)
        shown += text[last : one.start] + word
        last = one.end
    return shown + text[last:]
