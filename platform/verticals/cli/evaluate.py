"""``platform evaluate``."""

from __future__ import annotations

import click

from verticals.contract import SPLITS

from .output import count, figure, json_option, print_json, table
from .session import Session, pass_session
from .targets import find, target_argument

_WORST = 10


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
        print_json({"reference": record.reference, "split": split, "evaluation": evaluation})
        return
    click.echo(f"{record.reference} on {count(evaluation.rows, f'{split} row')}:\n")
    table(["metric", "value"], [[name, figure(value)] for name, value in evaluation.metrics.items()])
    worst = sorted(evaluation.per_class.items(), key=lambda item: item[1].get("f1", 0.0))[:_WORST]
    if worst:
        click.echo(f"\nThe hardest of {count(len(evaluation.per_class), 'label')}:")
        columns = list(worst[0][1])
        table(["label", *columns], [[label, *(figure(scores[name]) for name in columns)] for label, scores in worst])
