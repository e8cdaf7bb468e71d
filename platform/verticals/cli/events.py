"""``platform events``."""

from __future__ import annotations

import time
from collections.abc import Iterable

import click

from verticals.contract import Event

from .numbers import Whole
from .output import json_line
from .session import Session, pass_session
from .targets import VerticalType

_POLL_SECONDS = 0.5
_PAGE = 500


@click.group()
def events() -> None:
    """Read a vertical's event log."""


@events.command()
@click.argument("vertical", type=VerticalType())
@click.option("--last", type=Whole(0), default=20, show_default=True, help="How many to begin with.")
@click.option("--after", type=Whole(0), help="Begin after this offset instead.")
@click.option("--kind", "kinds", multiple=True, help="Only events of this kind (repeatable).")
@click.option("--follow", "-f", is_flag=True, help="Keep waiting for new events until Ctrl-C.")
@click.option("--tenant", default="default", show_default=True, help="Whose events.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for scripts.")
@pass_session
def tail(
    session: Session,
    vertical: str,
    last: int,
    after: int | None,
    kinds: tuple[str, ...],
    follow: bool,
    tenant: str,
    as_json: bool,
) -> None:
    """Print the newest events of a VERTICAL, oldest first.

    \b
    Examples:
      platform events tail customer-service --last 50
      platform events tail customer-service --follow --kind message --json
    """
    host = session.host()
    log = host.store.events
    name = host[vertical].name
    if after is None:
        end = log.last_offset(name, tenant=tenant)
        # Offsets have no gaps, so counting back is exact unless kinds are chosen; then the whole log is looked through.
        begin = max(0, end - last) if not kinds else 0
    else:
        end, begin = 0, after
    position = begin
    found: list[Event] = []
    while page := log.read(name, after=position, limit=_PAGE, kinds=kinds or None, tenant=tenant):
        position = page[-1].offset
        found += page
        if after is None:
            found = found[-last:] if last else []
    _print(found, as_json)
    position = max(position, end)
    while follow:
        time.sleep(_POLL_SECONDS)
        page = log.read(name, after=position, limit=_PAGE, kinds=kinds or None, tenant=tenant)
        _print(page, as_json)
        position = page[-1].offset if page else position


def _print(found: Iterable[Event], as_json: bool) -> None:
    for event in found:
        if as_json:
            names = ("offset", "at", "kind", "key", "payload")
            click.echo(json_line({name: getattr(event, name) for name in names}))
        else:
            moment = event.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            payload = json_line(dict(event.payload))
            offset, kind = click.style(f"{event.offset:>6}", dim=True), click.style(event.kind, fg="cyan")
            click.echo(f"{offset}  {moment}  {kind}  {payload}")
