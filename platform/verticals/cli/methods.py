"""``platform methods``."""

from __future__ import annotations

import click

from .output import json_option, print_json, table


@click.command()
@json_option
def methods(as_json: bool) -> None:
    """List the ways to train a head, and the objectives a head may have.

    \b
    Examples:
      platform methods
      platform train customer-service/intent --method full
    """
    from verticals.tuning import METHODS, OBJECTIVES

    ways = {name: method.summary for name, method in METHODS.items()}
    goals = {
        name: " ".join((objective.__doc__ or "").split("\n\n")[0].split()) for name, objective in OBJECTIVES.items()
    }
    if as_json:
        print_json({"methods": ways, "objectives": goals})
        return
    table(["method", "what is trained"], list(ways.items()))
    click.echo()
    table(["objective", "what a head learns"], list(goals.items()))
