"""The page under ``/recommendation``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from verticals.web import ui as blocks

from .page.style import add_style
from .page.view import View

if TYPE_CHECKING:
    from verticals import ServedVertical


async def recommendations(vertical: ServedVertical) -> None:
    """Pick a history, see what comes next and why; ``?user=`` or ``?history=`` in the address brings one back."""
    add_style()
    blocks.heading("What comes next", "Pick a user or put a history together, and see what is recommended and why.")
    request = ui.context.client.request
    await View(vertical).build(request.query_params if request else {})
