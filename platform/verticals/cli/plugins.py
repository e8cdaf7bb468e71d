"""``platform plugins``."""

from __future__ import annotations

import click

from .output import json_option, note, print_json, table
from .session import Session, pass_session

_MARKS = {"loaded": "green", "blocked": "yellow", "incompatible": "yellow", "failed": "red"}


@click.command()
@json_option
@pass_session
def plugins(session: Session, as_json: bool) -> None:
    """List plugins and their state.

    A plugin is loaded, blocked (by a setting), incompatible (with this version of the host) or failed; whatever
    keeps one from loading is shown below the list.

    \b
    Examples:
      platform plugins
      platform plugins --json
      platform plugins --plugins-dir ./my-plugins
    """
    states = session.host().plugins
    if as_json:
        keys = ("name", "state", "version", "distribution", "summary", "cause", "remedy")
        print_json([{key: getattr(state, key) for key in keys} for state in states.values()])
        return
    if not states:
        note("No plugin is installed. Install one, or write one: platform plugin new NAME")
        return
    rows = [
        [one.name, click.style(one.state, fg=_MARKS[one.state]), one.version, one.distribution, one.summary]
        for one in states.values()
    ]
    table(["plugin", "state", "version", "distribution", "what it is"], rows)
    for one in states.values():
        if one.cause:
            note(f"\n{click.style(one.name, bold=True)}: {one.cause}")
            if one.remedy:
                note(one.remedy)
