"""``platform evaluate``."""

from __future__ import annotations

import click

from verticals.contract import SPLITS

from .output import count, duration, figure, json_option, print_json, table
from .session import Session, pass_session
from .targets import find, target_argument

_SHOWN = 5
_FIELDS = ("split", "rows", "metric", "metrics", "per_label", "confusions", "seconds")


@click.command()
@target_argument("head")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Which rows.")
@json_option
@pass_session
def evaluate(session: Session, target: str, split: str, as_json: bool) -> None:
    """Measure a version (the live one unless @version is given) on held-out rows.

    \b
    Examples:
      platform evaluate customer-service/intent
      platform evaluate customer-service/intent@v3 --split validation --json
    """
    host = session.host()
    chosen = find(host, target, "head", versioned=True)
    record = host.registry.get(chosen.vertical.name, chosen.name, chosen.version or "live")
    evaluation = chosen.vertical.head(chosen.name).evaluate(record.version, split=split)
    if as_json:
        print_json({"reference": record.reference, **{name: getattr(evaluation, name) for name in _FIELDS}})
        return
    rows = count(evaluation.rows, f"{split} row")
    click.echo(f"{record.reference} on {rows}, in {duration(evaluation.seconds)}:\n")
    table(["metric", "value"], [[name, figure(value)] for name, value in evaluation.metrics.items()])
    worst = sorted((one for one in evaluation.per_label if one[4]), key=lambda one: one[3])[:_SHOWN]
    if worst:
        click.echo(f"\nThe hardest of {count(len(evaluation.per_label), 'label')}:")
        table(
            ["label", "precision", "recall", "F1", "rows"],
            [[label, *map(figure, scores), f"{support:,}"] for label, *scores, support in worst],
        )
    if evaluation.confusions:
        click.echo("\nThe most frequent errors:")
        table(["is", "was taken for", "times"], evaluation.confusions[:_SHOWN])
