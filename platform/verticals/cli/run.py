"""``platform run``."""

from __future__ import annotations

from typing import Any

import click

from verticals.contract import BadInput

from .numbers import Whole
from .output import facts, heading, note
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import VerticalType


@click.command()
@click.argument("names", nargs=-1, metavar="VERTICAL…", type=VerticalType())
@click.option("--host", "address", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=Whole(0, 65535), help="Port to listen on; 0 takes a free one.  [default: 8000]")
@click.option("--no-pages", is_flag=True, help="Serve the API only.")
@click.option(
    "--workers", type=Whole(1), default=1, show_default=True,
    help="Processes that speak HTTP around one that computes; more than one needs --no-pages.",
)  # fmt: skip
@pass_session
def run(
    session: Session, names: tuple[str, ...], address: str | None, port: int | None, no_pages: bool, workers: int
) -> None:
    """Serve verticals: their API under /v1/<vertical> and their pages under /<vertical>.

    All of them share one encoder. A head that has no live version is first trained on the data there is (about a
    minute each; PLATFORM_FIRST_TOKENS=0 makes it seconds, and the answers poorer).
    Ctrl-C stops, after the requests under way are answered.

    \b
    Examples:
      platform run customer-service
      platform run customer-service financial-sentiment --host 0.0.0.0 --port 8080
      platform run customer-service --no-pages --workers 4
    """
    given: dict[str, Any] = {name: value for name, value in (("host", address), ("port", port)) if value is not None}
    host = session.host(given)
    if not names:
        known = ", ".join(vertical.name for vertical in host.verticals)
        raise BadInput("Which vertical?", f"Name one or more: {known}." if known else "No plugin is loaded yet.")
    for name in names:
        host[name]
    if workers > 1 and not no_pages:
        raise BadInput(
            "Pages live in one process; several workers serve the API only.",
            "Add --no-pages, and run the pages beside: platform run NAME --port OTHER.",
        )
    from verticals.web.server import serve
    from verticals.web.workers import serve_by_workers

    served = list(dict.fromkeys(names))
    note(f"Starting {', '.join(served)} …")
    with ProgressDisplay() as display:
        host.on_progress = display.of

        def ready(url: str) -> None:
            display.end()
            reference = "openapi.json" if no_pages else "docs"
            with_pages = [name for name in served if host[name].pages and not no_pages]
            _announce(url, with_pages, reference)
            if with_pages and host.store.keys.list():
                note("The API and the pages need a key: platform key create makes one, platform key list shows all.")

        if workers > 1:
            serve_by_workers(host, served, host.settings.host, host.settings.port, workers, ready=ready)
        else:
            serve(host, served, host.settings.host, host.settings.port, pages=not no_pages, ready=ready)


def _announce(url: str, with_pages: list[str], reference: str) -> None:
    lines = [(name, f"{url}/{name}") for name in with_pages]
    heading("Ready. Ctrl-C stops.")
    facts([*lines, ("API", f"{url}/{reference}")], indent="  ")
