"""The page where a person reviews what past dialogues suggest: the list, and beside it one proposal to decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from nicegui import html, ui

from verticals import NotFound, PlatformError, ServedVertical
from verticals.web import ui as blocks

from .data import readable
from .proposals import Example, Proposal, Proposals, State
from .review import Review

_STYLE = (Path(__file__).parent / "static" / "review.css").read_text(encoding="utf-8")
_STATES: tuple[tuple[State, str], ...] = (("open", "Open"), ("accepted", "Accepted"), ("rejected", "Rejected"))
_TONES: dict[State, blocks.Tone] = {"open": "info", "accepted": "success", "rejected": "neutral", "merged": "neutral"}
_BASIS = {"agents": "Taken from what agents answered."}
_FEW = 6  # examples shown at first


async def review(vertical: ServedVertical) -> None:
    """Accept, merge, rename, edit and reject; ``?proposal=`` in the address opens one."""
    ui.add_css(_STYLE)
    request = ui.context.client.request
    await _Page(vertical).build(request.query_params.get("proposal", "") if request else "")


class _Page:
    """One browser window's review.

    Args:
        vertical: whose proposals.
    """

    def __init__(self, vertical: ServedVertical) -> None:
        self._vertical, self._review = vertical, Review(vertical)
        self._state: State = "open"
        self._chosen = ""

    async def build(self, chosen: str) -> None:
        """The page, with one proposal open."""
        blocks.heading(
            "Learned", "What customers asked and agents answered in past dialogues, for you to accept or reject."
        )
        self._chosen = chosen
        self._all = await self._review.load()
        if chosen:
            try:
                self._state = self._all.get(chosen).state
            except NotFound:
                self._chosen = ""
        self._body = html.div().classes("cs-review-page")
        self._draw()

    def _draw(self) -> None:
        self._body.clear()
        with self._body:
            everything = self._all.listed()
            if not everything:
                blocks.empty(
                    "Nothing was learned yet.",
                    "Past dialogues are read on the command line:",
                    commands=["platform customer-service learn chats.jsonl"],
                    icon="school",
                )
                return
            self._tabs(everything)
            listed = self._all.listed(self._state)
            if not listed:
                blocks.empty(f"No proposal is {self._state}.", icon="task_alt")
                return
            if self._chosen not in {one.id for one in listed}:
                self._chosen = listed[0].id
            with html.div().classes("cs-review"):
                self._list(listed)
                with html.section(**{"aria-label": "Proposal"}).classes("cs-proposal"):
                    one = self._all.get(self._chosen)
                    Detail(one, self._all, self._review, self._decided).build()

    def _tabs(self, everything: list[Proposal]) -> None:
        with html.div(role="group", **{"aria-label": "Which proposals"}).classes("cs-states"):
            for state, title in _STATES:
                number = sum(one.state == state for one in everything)
                pressed = "true" if state == self._state else "false"
                with html.button(type="button", **{"aria-pressed": pressed}) as button:
                    html.span(title)
                    html.span(f"{number:,}").classes("p-number p-muted")
                button.on("click", lambda _, state=state: self._show(state))

    def _list(self, listed: list[Proposal]) -> None:
        most = max(one.times for one in listed)
        with html.nav(**{"aria-label": "Proposals"}).classes("cs-proposals"):
            for one in listed:
                current = {"aria-current": "true"} if one.id == self._chosen else {}
                with html.button(type="button", **current) as button:
                    with html.span().classes("cs-proposal-line"):
                        html.strong(readable(one.name))
                        html.span(f"{one.times:,}", title="Times asked").classes("p-number")
                    html.span(" ".join(one.examples[0].question.split())).classes("cs-proposal-example")
                    html.span(**{"aria-hidden": "true"}).classes("cs-share").style(f"width: {one.times / most:.0%}")
                button.on("click", lambda _, chosen=one.id: self._choose(chosen))

    def _show(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self._draw()

    def _choose(self, chosen: str) -> None:
        if chosen == self._chosen:  # drawn anew it would lose what was typed
            return
        self._chosen = chosen
        ui.navigate.history.replace(f"/{self._vertical.name}/learned?proposal={chosen}")
        self._draw()

    async def _decided(self, chosen: str = "") -> None:
        """Read anew what stands, and go on with the next proposal, or with the chosen one."""
        listed = [one.id for one in self._all.listed(self._state)]
        place = listed.index(self._chosen) if self._chosen in listed else 0
        self._all = await self._review.load()
        left = [one.id for one in self._all.listed(self._state)]
        self._chosen = chosen or (left[min(place, len(left) - 1)] if left else "")
        self._draw()


class Detail:
    """One proposal: its questions, its answer, and what may be done with it."""

    def __init__(
        self, one: Proposal, others: Proposals, review: Review, decided: Callable[[str], Awaitable[None]]
    ) -> None:
        self._one, self._others, self._review, self._decided = one, others, review, decided
        self._without: set[str] = set()

    def build(self) -> None:
        """Put it into the page."""
        one = self._one
        with html.header().classes("cs-proposal-head"):
            html.h2(readable(one.name))
            with html.div().classes("p-inline"):
                blocks.badge("known intent" if one.known else "new intent", "neutral" if one.known else "info")
                if one.state != "open":
                    blocks.badge(one.state, _TONES[one.state])
                if one.source == "sessions":
                    blocks.badge("from live sessions")
                html.span(f"asked {one.times:,} times" if one.times != 1 else "asked once").classes("p-muted")
        if one.terms:
            with html.p().classes("cs-terms"):
                for term in one.terms[:6]:
                    html.span(term)
        if one.state == "open":
            self._form()
        else:
            self._told()
        self._examples()

    def _form(self) -> None:
        one = self._one
        with blocks.panel():
            self._name = ui.input("Name of the intent", value=one.name).props("outlined dense maxlength=64")
            self._answer = ui.textarea("Answer", value=one.answer).props("outlined autogrow maxlength=10000")
            if basis := _BASIS.get(one.basis, f"Taken from the article {one.basis}." if one.basis else ""):
                html.p(f"{basis} Edit it until it suits every customer.").classes("p-muted cs-small")
            self._article = ui.checkbox("The assistant quotes this answer from now on", value=not one.known)
            self._article.props("dense")
            if one.known:
                html.p(
                    "The assistant has an answer for this intent already: its questions alone make it surer of it."
                ).classes("p-muted cs-small")
            with html.div().classes("cs-decide"):
                with html.button(type="button").classes("p-button") as accept:
                    ui.icon("check").props("aria-hidden=true")
                    html.span("Accept")
                accept.on("click", self._accept)
                ui.button("Save", on_click=self._save).props("flat no-caps")
                ui.button("Reject", on_click=self._reject).props("flat no-caps color=negative")
                self._merge_menu()

    def _merge_menu(self) -> None:
        targets = {
            other.id: f"{readable(other.name)} ({other.times:,})"
            for other in self._others.listed("open")
            if other.id != self._one.id
        }
        if not targets:
            return

        async def into(target: str) -> None:
            await self._do(self._review.merge(self._one.id, target), "Merged.", target)

        select = ui.select(targets, label="Merge into …", with_input=True).props("outlined dense options-dense")
        select.classes("cs-merge").on_value_change(lambda event: into(event.value) if event.value else None)

    def _told(self) -> None:
        with blocks.panel():
            html.p(self._one.answer).classes("cs-answer")
            if self._one.document:
                html.a(
                    "The document in the index",
                    href=f"/indexes/customer-service/knowledge?document={self._one.document}",
                ).classes("p-quiet-link")
            if self._one.state != "merged":
                with html.div().classes("cs-decide"):
                    ui.button("Undo", icon="undo", on_click=self._undo).props("flat no-caps")

    def _examples(self) -> None:
        shown = self._one.examples
        with blocks.section("Questions and how they were answered"), html.ol().classes("cs-examples"):
            for number, example in enumerate(shown):
                with html.li() as item:
                    html.p(example.question).classes("cs-asked")
                    if example.answer:
                        html.p(example.answer).classes("cs-said")
                    if self._one.state == "open":
                        self._example_buttons(example, item)
                if number >= _FEW:
                    item.classes("cs-more")
        if len(shown) > _FEW:
            with html.button(f"Show all {len(shown):,}", type="button").classes("p-quiet-link cs-all") as more:
                pass
            more.on("click", js_handler="(event) => event.target.closest('.cs-proposal').classList.add('cs-whole')")

    def _example_buttons(self, example: Example, item: ui.element) -> None:
        def leave_out() -> None:
            self._without ^= {example.id}
            left_out = example.id in self._without
            item.classes(add="cs-left-out") if left_out else item.classes(remove="cs-left-out")
            toggle.set_text("Learn it after all" if left_out else "Leave out")

        with html.div().classes("cs-example-buttons"):
            if example.answer and example.answer != self._one.answer:
                use = ui.button("Use this answer", on_click=lambda: self._answer.set_value(example.answer))
                use.props("flat dense no-caps size=sm")
            toggle = ui.button("Leave out", on_click=leave_out, color=None).props("flat dense no-caps size=sm")
            toggle.classes("p-muted")

    async def _accept(self) -> None:
        await self._do(
            self._review.accept(
                self._one.id,
                str(self._name.value),
                str(self._answer.value),
                article=bool(self._article.value),
                without=self._without,
            ),
            "Accepted. Train the head, and the assistant knows the intent by its name.",
        )

    async def _save(self) -> None:
        await self._do(
            self._review.edit(self._one.id, str(self._name.value), str(self._answer.value)), "Saved.", self._one.id
        )

    async def _undo(self) -> None:
        await self._do(self._review.undo(self._one.id), "Undone: it is to be decided again.")

    async def _reject(self) -> None:
        await self._do(self._review.reject(self._one.id), "Rejected; it is not proposed again.")

    async def _do(self, work: Awaitable[Proposal], told: str, then: str = "") -> None:
        try:
            await work
        except PlatformError as error:
            ui.notify(str(error), type="negative", multi_line=True)
            return
        ui.notify(told, type="positive")
        await self._decided(then)
