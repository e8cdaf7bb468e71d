"""The page of one turn: why it was answered so, what would have been said otherwise, and what it was really about."""

from __future__ import annotations

from pathlib import Path

from nicegui import html, ui

from verticals import PlatformError, ServedVertical
from verticals.web import ui as blocks

from . import whatif
from .answering import Answering
from .bubbles import FACES
from .confirming import Confirming
from .data import readable
from .fields import intent_field
from .policy import STRANGE
from .traces import TracedTurn

_STYLE = (Path(__file__).parent / "static" / "trace.css").read_text(encoding="utf-8")
_RANKED = 6  # intents shown
_PASSAGES = 5
RULES: dict[str, str] = {
    "detail": "The message gave the detail that had just been asked for, so the question before it was answered.",
    "completed": "The message was a detail and no more; the answer before it could use it.",
    "intent": "What the customer wants counted as known, so its template was said.",
    "passage": "What the customer wants was not sure, but an article was near enough: its passage was quoted.",
    "nothing": "Neither was it sure what the customer wants nor was an article near enough, so it said so.",
    "asked": "The customer asked for a person.",
    "failures": "Answers had failed several times in a row, so a person was asked to go on.",
    "anger": "The customer stayed angry, so a person was asked to go on.",
    "waiting": "The customer asked again for a person who had been asked for already.",
    "manual": "An agent had the conversation.",
    "": "No rule was noted.",
}


async def trace(vertical: ServedVertical) -> None:
    """Why the answer with the trace id of the address was given."""
    ui.add_css(_STYLE)
    request = ui.context.client.request
    turn = await Answering(vertical).traced(request.path_params["trace_id"] if request else "")
    versions = [one.version for one in await vertical.head("intent").versions()]
    blocks.heading("Why this answer?")
    with html.div().classes("cs-trace"):
        with html.div().classes("cs-trace-facts"):
            _said(turn, vertical.name)
            _decided(turn)
            _wanted(turn)
            _found(turn, vertical.name)
            await _before(vertical, turn)
        with html.aside(**{"aria-label": "What if"}).classes("cs-trace-tools"):
            await whatif.panel(vertical, turn, versions)
            _correction(vertical, turn)


def _said(turn: TracedTurn, name: str) -> None:
    """The question and the answer."""
    with html.section(**{"aria-label": "The turn"}).classes("cs-trace-turn"):
        html.p(turn.trace.text).classes("cs-trace-asked")
        html.p(turn.answer.text or "(silent)").classes("cs-trace-said")
        with html.p().classes("p-muted cs-small"):
            html.a("The conversation", href=f"/{name}/inbox?session={turn.session}").classes("p-quiet-link")
            html.span(f" · offset {turn.offset} · {turn.trace.version or 'no version'}")


def _decided(turn: TracedTurn) -> None:
    trace, answer = turn.trace, turn.answer
    with blocks.section("What decided"), blocks.panel():
        with html.p():
            blocks.badge(answer.action, "success" if answer.action in ("answer", "ask", "search") else "warning")
        html.p(RULES[trace.rule])
        facts = [
            ("Template", trace.template_id or "none"),
            ("Confidence", _against(trace.confidence, trace.thresholds.confidence)),
            ("Nearest article", _against(_nearest(turn), trace.thresholds.similarity)),
            ("Answers that did not help", f"{trace.failures} in a row; {trace.thresholds.failures} hand over"),
        ]
        with html.dl().classes("cs-facts"):
            for name, value in facts:
                html.dt(name)
                html.dd(value)


def _wanted(turn: TracedTurn) -> None:
    """The ranking, with the threshold drawn in; and whether the message is like anything that was learned."""
    trace = turn.trace
    told = "Calibrated probabilities; the line is the threshold"
    with blocks.section("What the customer wants", told), blocks.panel():
        with html.ol().classes("cs-bars"):
            for one in trace.ranking[:_RANKED]:
                _bar(readable(one.label), one.probability, trace.thresholds.confidence)
        if trace.familiarity is not None:
            strange = " It counts as strange." if trace.abstained else ""
            html.h3("How familiar the message is")
            with html.ol().classes("cs-bars"):
                _bar("Like what was learned", trace.familiarity, None)
            html.p(
                f"1 is like the training rows, 0 like none of them. Together with the nearest article it must reach "
                f"{STRANGE:.1f} where the head is not very sure.{strange}"
            ).classes("p-muted cs-small")


def _found(turn: TracedTurn, name: str) -> None:
    """The passages, with their ranks in both searches and the threshold drawn in."""
    trace = turn.trace
    with blocks.section("What the search found", "By meaning and by words; both ranks make the score"):
        if not trace.passages:
            with blocks.panel():
                html.p("No article.").classes("p-muted")
            return
        columns = ["Article", "Similarity", "By meaning", "By words", "Score"]
        with blocks.data_table(columns, caption="Passages", figures={2, 3, 4}):
            for passage in trace.passages[:_PASSAGES]:
                with html.tr():
                    with html.td():
                        html.a(
                            passage.title or passage.id, href=f"/indexes/{name}/knowledge?document={passage.id}"
                        ).classes("p-quiet-link")
                    with html.td():
                        _meter(passage.similarity or 0.0, trace.thresholds.similarity)
                        html.span(f"{passage.similarity or 0:.2f}").classes("p-number")
                    html.td(_rank(passage.dense_rank)).classes("p-number")
                    html.td(_rank(passage.lexical_rank)).classes("p-number")
                    html.td(f"{passage.score:.3f}").classes("p-number")


async def _before(vertical: ServedVertical, turn: TracedTurn) -> None:
    """What was said before, and how the customer felt message by message."""
    trace = turn.trace
    with blocks.section("What came before"), blocks.panel():
        if trace.course:
            with html.p().classes("cs-feelings"):
                html.span("Feelings, message by message: ")
                for feeling in trace.course:
                    ui.icon(FACES[feeling]).props(f'role=img title="{feeling}" aria-label="{feeling}"')
                if trace.emotion:
                    told = f"now {trace.emotion.label}, {trace.emotion.confidence:.0%}"
                    html.span(told).classes("p-muted")
        if trace.waiting:
            html.p("A person had been asked to go on already.")
        if trace.previous is None:
            html.p("It was the first answer of the conversation.").classes("p-muted")
            return
        previous = await Answering(vertical).answer_at(trace.previous)
        if previous:
            html.p("The answer before:").classes("p-muted cs-small")
            html.p(previous.text).classes("cs-answer")
            if previous.trace_id:
                html.a("Why that one?", href=f"/{vertical.name}/trace/{previous.trace_id}").classes("p-quiet-link")


def _correction(vertical: ServedVertical, turn: TracedTurn) -> None:
    """Says what the message was really about; a suggestion until it is accepted."""
    labels = [one.label for one in turn.trace.ranking]

    async def note() -> None:
        with place:
            try:
                await Confirming(vertical).correct(
                    turn.trace_id, str(intent.value or ""), str(answer.value or ""), str(by.value or "")
                )
            except PlatformError as error:
                ui.notify(f"{error.message} {error.remedy}".strip(), type="warning")
                return
            done.clear()
            with done:
                blocks.notice("Noted. It waits to be accepted.", "success")
                html.a("Suggestions", href=f"/{vertical.name}/knowledge?tab=suggestions").classes("p-quiet-link")

    with blocks.section("What was it really about?"), blocks.panel() as place:
        done = html.div().classes("cs-form")
        with done:
            intent = intent_field(labels)
            answer = ui.textarea("What should have been said").props("outlined autogrow maxlength=10000")
            by = ui.input("You are").props("outlined dense maxlength=100")
            with html.button(type="button").classes("p-button") as button:
                html.span("Correct it")
            button.on("click", note)


def _bar(name: str, value: float, threshold: float | None) -> None:
    with html.li():
        html.span(name)
        html.span(f"{value:.0%}").classes("p-number")
        _meter(value, threshold)


def _meter(value: float, threshold: float | None) -> None:
    """A bar from 0 to 1; a line stands at the threshold."""
    line = "" if threshold is None else f"--line-at: {threshold:.3f}"
    reached = "cs-meter" if threshold is None or value >= threshold else "cs-meter cs-below"
    style = f"--share: {min(max(value, 0.0), 1.0):.3f}; {line}"
    with html.span(style=style, **{"aria-hidden": "true"}).classes(reached):
        html.i()
        if threshold is not None:
            html.b()


def _nearest(turn: TracedTurn) -> float:
    return (turn.trace.passages[0].similarity or 0.0) if turn.trace.passages else 0.0


def _against(value: float, threshold: float) -> str:
    return f"{value:.2f}, {'reaches' if value >= threshold else 'below'} {threshold:.2f}"


def _rank(rank: int | None) -> str:
    return "–" if rank is None else str(rank)
