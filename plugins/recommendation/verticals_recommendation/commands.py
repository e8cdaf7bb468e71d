"""``platform recommendation …``."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from verticals import BadInput

if TYPE_CHECKING:
    from verticals import Vertical

    from .measure import Split


@click.command()
@click.option("--version", default="live", show_default=True, help="Of the head, as v3, live or latest.")
@click.option("--split", type=click.Choice(["validation", "test"]), default="test", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def measure(vertical: Vertical, version: str, split: Split, as_json: bool) -> None:
    """Compare the head with popularity and the untrained encoder.

    Each way ranks every item a user had not met, and is judged by where it puts the one that came next.

    \b
    Example:
      platform train recommendation/interest --promote
      platform recommendation measure
    """
    from .measure import measure as measured

    found = measured(vertical, split, version)
    if not found:
        raise BadInput(
            f"No user has an item to hold out for the split {split!r}.", "It takes users with at least four items."
        )
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in found], indent=2))
        return
    width = max(len(one.way) for one in found)
    click.secho(f"{'':{width}}     NDCG@10      hit rate@10", dim=True)
    for one in found:
        ndcg = f"{one.ndcg:.3f} ± {one.ndcg_error:.3f}"
        click.echo(f"{one.way:{width}}  {ndcg}  {one.hit_rate:.3f} ± {one.hit_rate_error:.3f}")
    click.secho(f"{found[0].users:,} users, split {split}; ± is one standard error.", dim=True)
