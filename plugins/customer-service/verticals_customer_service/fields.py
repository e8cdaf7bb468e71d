"""Fields that several pages have."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui


def intent_field(intents: Sequence[str], chosen: str | None = None, *, label: str = "Intent") -> ui.input:
    """A field for the name of an intent: one that there is, completed as one types, or a new one.

    Args:
        intents: that there are, the likeliest first.
        chosen: at first.
        label: of the field.
    """
    field = ui.input(label, value=chosen or "", autocomplete=list(intents))
    field.props("outlined dense maxlength=64 spellcheck=false")
    return field
