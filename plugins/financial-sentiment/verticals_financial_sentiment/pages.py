"""The page under ``/financial-sentiment``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verticals.web import ui as blocks

from .page.analyse import AnalyseBox
from .page.monitor import Monitor
from .page.style import add_style

if TYPE_CHECKING:
    from verticals import ServedVertical


async def monitor(vertical: ServedVertical) -> None:
    """The mood of the news per topic over time, the headlines behind it, and a box to try one."""
    add_style()
    blocks.heading("Mood of the news", "How the headlines on each topic feel, how that moves, and what moved it.")
    view = Monitor(vertical)
    AnalyseBox(vertical, added=view.refresh).build()
    await view.build()
