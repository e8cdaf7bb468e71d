"""Customer-service dialogue: understand a question, answer it with the article it rests on, or say that one cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from verticals import Command, Dataset, Endpoints, EventKind, Index, Page, TaskHead, hookimpl


@hookimpl
def register_settings() -> str:
    """Shop name, greeting, support address and thresholds."""
    return "verticals_customer_service.settings:Settings"


@hookimpl
def register_datasets() -> Iterator[Dataset]:
    """What customers write, with the intent behind it."""
    yield Dataset(
        name="utterances",
        row="verticals_customer_service.data:Utterance",
        load="verticals_customer_service.data:utterances",
        description="What customers write, each with its intent",
    )


@hookimpl
def register_heads() -> Iterator[TaskHead]:
    """The intent of a message."""
    yield TaskHead(
        name="intent",
        dataset="utterances",
        objective="classify",
        inputs=("text",),
        target="intent",
        description="What the customer wants",
        example="where is my parcel?",
    )


@hookimpl
def register_indexes() -> Iterator[Index]:
    """The articles that answers rest on."""
    yield Index(
        name="knowledge",
        documents="verticals_customer_service.data:articles",
        description="Help articles; every answer cites one",
    )


@hookimpl
def register_events() -> Iterator[EventKind]:
    """A session is its events; nothing else is stored."""
    module = "verticals_customer_service.events"
    yield EventKind("session-started", f"{module}:SessionStarted", "A conversation began")
    yield EventKind("message", f"{module}:Message", "One turn of a conversation, of the customer or the assistant")
    yield EventKind("feedback", f"{module}:Feedback", "A thumb up or down for one answer")
    yield EventKind("dialogue", "verticals_customer_service.dialogues.records:Dialogue", "A past dialogue was imported")
    module = "verticals_customer_service.proposals"
    yield EventKind("dialogues-mined", f"{module}:DialoguesMined", "Past dialogues were searched for questions")
    yield EventKind("proposal-made", f"{module}:ProposalMade", "A group of questions was found in past dialogues")
    yield EventKind("proposal-grown", f"{module}:ProposalGrown", "More questions of a proposal were found")
    yield EventKind("proposal-reviewed", f"{module}:ProposalReviewed", "A person decided about a proposal")


@hookimpl
def register_endpoints() -> Iterator[Endpoints]:
    """Sessions, messages and feedback; proposals."""
    yield Endpoints(router="verticals_customer_service.api:router")
    yield Endpoints(router="verticals_customer_service.review_api:router")


@hookimpl
def register_pages() -> Iterator[Page]:
    """The chat, and the review of what past dialogues suggest."""
    yield Page(title="Chat", render="verticals_customer_service.pages:chat", icon="forum")
    yield Page(title="Learned", render="verticals_customer_service.review_page:review", path="/learned", icon="school")


@hookimpl
def register_commands() -> Iterator[Command]:
    """Learning from past dialogues."""
    for name, told in (
        ("learn", "Read past dialogues and propose what the assistant should know"),
        ("proposals", "List what was proposed, or show one proposal"),
        ("accept", "Teach the assistant a proposal"),
        ("merge", "Make a proposal part of another"),
        ("rename", "Give a proposal another name"),
        ("reject", "Leave a proposal aside"),
        ("originals", "Show or forget the personal data of a past dialogue"),
    ):
        yield Command(name=name, command=f"verticals_customer_service.commands:{name}", help=told)


@hookimpl
def lifespan(vertical: Any) -> AbstractAsyncContextManager[None]:
    """Reads the answer templates before the first customer comes."""
    from .conversation import ready

    return ready(vertical)
