"""What if: other thresholds or another version of the head, and beside the answer that was given the one they give."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from nicegui import html, ui
from nicegui.events import GenericEventArguments

from verticals import PlatformError, ServedVertical
from verticals.web import ui as blocks

from .answering import Answering
from .data import readable
from .traces import Replay, TracedTurn

_PIECE = re.compile(r"\S+|\s+")
_TOLD = "(event) => { event.target.previousElementSibling.textContent = event.target.value; }"
_ALIKE = 0.6  # texts that share less are shown whole, one after the other
_THEN = ""  # of the versions: what was read at the time


async def panel(vertical: ServedVertical, turn: TracedTurn, versions: Sequence[str]) -> None:
    """Sliders for the thresholds, the head's versions, and the answer that they would give.

    Args:
        vertical: that answers.
        turn: that is answered anew.
        versions: of the intent head, newest first.
    """
    await _WhatIf(vertical, turn, versions).build()


class _WhatIf:
    def __init__(self, vertical: ServedVertical, turn: TracedTurn, versions: Sequence[str]) -> None:
        self._answering, self._turn, self._versions = Answering(vertical), turn, versions

    async def build(self) -> None:
        with blocks.section("What if?", "Nothing is written; articles are as they are now"), blocks.panel():
            self._form = html.div().classes("cs-form")
            self._result = html.div(role="status", **{"aria-live": "polite"}).classes("cs-replay")
        await self._as_it_was()

    async def _as_it_was(self) -> None:
        """Sliders and versions as they were when the message was answered."""
        self._thresholds = self._turn.trace.thresholds
        self._form.clear()
        with self._form:
            self._slider("Least confidence in an intent", "confidence", 1, 0.05)
            self._slider("Least similarity of an article", "similarity", 1, 0.05)
            self._slider("Failed answers before a handover", "failures", 6, 1)
            then = self._turn.trace.version.rpartition("@")[2]
            options = {_THEN: f"As read then ({then})" if then else "As read then"}
            options |= {version: f"Read anew by {version}" for version in self._versions}
            self._version = ui.select(options, value=_THEN, label="Intent head").props("outlined dense")
            self._version.on_value_change(self._again)
            reset = html.button("As it was", type="button").classes("p-quiet-link cs-reset")
            reset.on("click", self._as_it_was)
        await self._again()

    def _slider(self, name: str, field: str, most: float, step: float) -> None:
        value = getattr(self._thresholds, field)

        async def change(event: GenericEventArguments) -> None:
            given = int(event.args) if field == "failures" else float(event.args)
            slider.props(f"value={given}")  # else it goes back when the page is drawn again
            self._thresholds = self._thresholds.model_copy(update={field: given})
            await self._again()

        with html.label().classes("cs-slider"):
            html.span(name)
            html.span(f"{value:g}").classes("p-number")
            slider = ui.element("input")
            least = step if field == "failures" else 0
            slider.props(f"type=range min={least} max={most} step={step} value={value}")
        slider.on("input", js_handler=_TOLD).on("change", change, js_handler="(event) => emit(event.target.value)")

    async def _again(self) -> None:
        """Answer anew with what is chosen now."""
        try:
            replay = await self._answering.replay(self._turn.trace_id, self._thresholds, self._version.value or None)
        except PlatformError as error:
            self._result.clear()
            with self._result:
                blocks.notice(error.message, "warning")
            return
        self._result.clear()
        with self._result:
            self._show(replay)

    def _show(self, replay: Replay) -> None:
        answer, said = replay.answer, self._turn.answer
        with html.div().classes("p-inline"):
            if replay.changed:
                blocks.badge("another answer", "info")
            else:
                blocks.badge("the same answer")
            intent = f", {readable(answer.intent).lower()} {answer.confidence:.0%}" if answer.intent else ""
            html.span(f"{answer.action}{intent}").classes("p-muted cs-small")
        if replay.changed:
            with html.p().classes("cs-diff"):
                for kind, text in difference(said.text, answer.text):
                    {"same": html.span, "gone": html.del_, "new": html.ins}[kind](text)
        else:
            html.p(answer.text).classes("cs-diff p-muted")
        if replay.missing:
            html.p(f"No longer in the index: {', '.join(replay.missing)}.").classes("p-muted cs-small")


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """Pieces of two texts: ``same``, ``gone`` (only before) or ``new`` (only after), in reading order."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return [("gone", before), ("new", f"\n\n{after}")]
    pieces: list[tuple[str, str]] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(old[a:b])))
            continue
        pieces += [("gone", "".join(old[a:b]))] if a < b else []
        pieces += [("new", "".join(new[c:d]))] if c < d else []
    return pieces
