"""Customer-service dialogue: understand a question, answer it with the article it rests on, or say that one cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from verticals import Command, Dataset, Endpoints, EventKind, Index, Notice, Page, Recipe, TaskHead, hookimpl

_OF_SESSIONS = ("suggestions", "confirm", "dismiss", "gaps", "undo")


@hookimpl
def register_settings() -> str:
    """Shop name, greeting, support address and thresholds."""
    return "verticals_customer_service.settings:Settings"


@hookimpl
def register_datasets() -> Iterator[Dataset]:
    """What customers write, with the intent, the feeling and the details in it, and with what answers it."""
    yield Dataset(
        name="utterances",
        row="verticals_customer_service.data:Utterance",
        load="verticals_customer_service.data:utterances",
        description="What customers write, each with its intent",
    )
    yield Dataset(
        name="phrases",
        row="verticals_customer_service.data:Utterance",
        load="verticals_customer_service.data:phrases",
        description="What customers write in languages that the encoder does not read, each with its intent",
    )
    yield Dataset(
        name="emotions",
        row="verticals_customer_service.data:Felt",
        load="verticals_customer_service.data:emotions",
        description="What customers write, each with how they feel",
    )
    yield Dataset(
        name="slots",
        row="verticals_customer_service.marked:Marked",
        load="verticals_customer_service.marked:starter",
        description="What customers write, with the details in it marked",
    )
    yield Dataset(
        name="answers",
        row="verticals_customer_service.data:Answered",
        load="verticals_customer_service.pairing:starter",
        description="What customers ask, each with the passage that answers it",
        split_by="question",
    )
    yield Dataset(
        name="unanswerable",
        row="verticals_customer_service.data:Unanswerable",
        load="verticals_customer_service.data:unanswerable",
        description="What customers write that no document answers; measured on, never learned from",
    )


@hookimpl
def register_heads() -> Iterator[TaskHead]:
    """The intent of a message, how the customer feels, the details, and how well a passage answers a question."""
    yield TaskHead(
        name="intent",
        dataset="utterances",
        objective="classify",
        inputs=("text",),
        target="intent",
        description="What the customer wants",
        example="where is my parcel?",
    )
    yield TaskHead(
        name="emotion",
        dataset="emotions",
        objective="classify",
        inputs=("text",),
        target="emotion",
        labels=("neutral", "satisfied", "confused", "frustrated", "angry"),
        recipe=Recipe(epochs=5),
        description="How the customer feels",
        example="this is the third time I ask!",
    )
    yield TaskHead(
        name="slots",
        dataset="slots",
        objective="tag",
        inputs=("text",),
        target="spans",
        labels=("order_number", "email", "date", "amount", "product"),
        recipe=Recipe(method="head", casing=True),
        description="The details in a message",
        example="the blue teapot of order LL-204518 came broken",
    )
    yield TaskHead(
        name="answer",
        dataset="answers",
        objective="rank",
        inputs=("question",),
        target="answer",
        prepare="verticals_customer_service.pairing:examples",
        recipe=Recipe(method="head"),
        description="How well a passage answers a question",
        optional=True,
        example={"query": "where is my parcel?", "candidates": {"a": "The link is in our dispatch e-mail."}},
    )


@hookimpl
def register_indexes() -> Iterator[Index]:
    """The articles and the FAQ that answers rest on."""
    yield Index(
        name="knowledge",
        documents="verticals_customer_service.data:documents",
        description="Help articles and frequent questions; every answer cites one",
        reranker="answer",
        # Set on the development questions about the FAQ: words such as "how do I" are in many questions, and say
        # little, but those of other wordings say something.
        weights=(0.8, 0.2),
    )


@hookimpl
def register_events() -> Iterator[EventKind]:
    """A session is its events; nothing else is stored."""
    module = "verticals_customer_service.events"
    yield EventKind("session-started", f"{module}:SessionStarted", "A conversation began")
    yield EventKind(
        "message", f"{module}:Message", "One turn of a conversation, of the customer, the assistant or an agent"
    )
    yield EventKind("handover", f"{module}:Handover", "A person is asked to go on")
    yield EventKind("taken-over", f"{module}:TakenOver", "An agent has the session; the assistant is silent")
    yield EventKind("returned", f"{module}:Returned", "The agent gave the session back to the assistant")
    yield EventKind("resolved", f"{module}:Resolved", "The matter is settled")
    yield EventKind("reopened", f"{module}:Reopened", "A settled matter came up again")
    yield EventKind("reply-failed", f"{module}:ReplyFailed", "A message could not be answered")
    yield EventKind("webhook-configured", f"{module}:WebhookConfigured", "A webhook was configured")
    yield EventKind("delivery-begun", f"{module}:DeliveryBegun", "An attempt to deliver an event to a webhook")
    yield EventKind("delivery-ended", f"{module}:DeliveryEnded", "What became of that attempt")
    yield EventKind("feedback", f"{module}:Feedback", "A thumb up or down for one answer")
    yield EventKind(
        "answers-calibrated",
        "verticals_customer_service.trust:AnswersCalibrated",
        "It was measured which answers are right",
    )
    module = "verticals_customer_service.suggestions"
    yield EventKind("turn-corrected", f"{module}:TurnCorrected", "A person said what a message was really about")
    yield EventKind("suggestion-reviewed", f"{module}:SuggestionReviewed", "A person decided about a suggestion")
    yield EventKind("dialogue", "verticals_customer_service.dialogues.records:Dialogue", "A past dialogue was imported")
    module = "verticals_customer_service.proposals"
    yield EventKind("dialogues-mined", f"{module}:DialoguesMined", "Past dialogues were searched for questions")
    yield EventKind("proposal-made", f"{module}:ProposalMade", "A group of questions was found")
    yield EventKind("proposal-grown", f"{module}:ProposalGrown", "More questions of a proposal were found")
    yield EventKind("proposal-reviewed", f"{module}:ProposalReviewed", "A person decided about a proposal")


@hookimpl
def register_endpoints() -> Iterator[Endpoints]:
    """Sessions, messages and feedback; the agents' desk; traces; doors for existing clients; proposals."""
    yield Endpoints(router="verticals_customer_service.api:router", tenants=True, public=True)
    yield Endpoints(router="verticals_customer_service.stream_api:router", tenants=True, public=True)
    yield Endpoints(router="verticals_customer_service.desk_api:router", tenants=True)
    yield Endpoints(router="verticals_customer_service.traces_api:router", tenants=True)
    for door in ("rasa", "openai"):
        yield Endpoints(router=f"verticals_customer_service.doors.{door}:router", tenants=True)
    yield Endpoints(
        router="verticals_customer_service.doors.chatwoot:router", tenants=True, public=True
    )  # it has secrets of its own
    yield Endpoints(router="verticals_customer_service.review_api:router", tenants=True)
    yield Endpoints(router="verticals_customer_service.suggestions_api:router", tenants=True)
    yield Endpoints(router="verticals_customer_service.results_api:router", tenants=True)
    yield Endpoints(router="verticals_customer_service.widget_api:router", tenants=True, public=True)


@hookimpl
def register_pages() -> Iterator[Page]:
    """The chat, the agents' desk, the figures, and the review of what past dialogues suggest."""
    module = "verticals_customer_service.pages"
    yield Page(title="Chat", render=f"{module}:chat", icon="forum", tenants=True, language=f"{module}:language")
    yield Page("Inbox", "verticals_customer_service.inbox:inbox", "/inbox", icon="inbox", tenants=True)
    yield Page(
        "Knowledge", "verticals_customer_service.knowledge_page:knowledge", "/knowledge", icon="menu_book", tenants=True
    )
    yield Page("Results", "verticals_customer_service.results_page:results", "/results", icon="insights", tenants=True)
    yield Page(
        title="Learned",
        render="verticals_customer_service.review_page:review",
        path="/learned",
        icon="school",
        tenants=True,
    )
    yield Page(
        "Trace", "verticals_customer_service.trace_page:trace", "/trace/{trace_id}", icon="troubleshoot", tenants=True
    )


@hookimpl
def register_commands() -> Iterator[Command]:
    """Learning from past dialogues and live sessions."""
    for name, told in (
        ("learn", "Read past dialogues and propose what the assistant should know"),
        ("proposals", "List what was proposed, or show one proposal"),
        ("accept", "Teach the assistant a proposal"),
        ("merge", "Make a proposal part of another"),
        ("rename", "Give a proposal another name"),
        ("reject", "Leave a proposal aside"),
        ("undo", "Take back that a proposal or a suggestion was accepted or rejected"),
        ("suggestions", "List what live sessions suggest to learn"),
        ("confirm", "Learn from a suggestion"),
        ("dismiss", "Leave a suggestion aside"),
        ("gaps", "List questions that the assistant could not answer, or draft a proposal for some"),
        ("improve", "Train on what was learned since, and go live with what is not worse"),
        ("originals", "Show or forget the personal data of a past dialogue"),
    ):
        module = "commands_sessions" if name in _OF_SESSIONS else "commands"
        yield Command(name=name, command=f"verticals_customer_service.{module}:{name}", help=told)
    yield Command(
        name="calibrate",
        command="verticals_customer_service.calibrate:calibrate",
        help="Measure how often answers are right, so that a precision can be stated",
    )


@hookimpl
def notices(vertical: Any) -> list[Notice]:
    """That a stated precision is not kept, where that is so."""
    from . import precision

    return precision.notices(vertical)


@hookimpl
def lifespan(vertical: Any) -> AbstractAsyncContextManager[None]:
    """Reads the answer templates before the first customer comes, and runs what works beside the requests."""
    from .running import ready

    return ready(vertical)
