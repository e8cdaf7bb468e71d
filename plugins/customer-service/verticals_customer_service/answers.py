"""The shape of an answer, in events, API and page alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from verticals import Evidence

from .emotions import Emotion

Action = Literal["answer", "ask", "search", "smalltalk", "abstain", "handover", "silent"]
Rule = Literal[
    "detail",
    "completed",
    "intent",
    "faq",
    "passage",
    "nothing",
    "doubt",
    "asked",
    "failures",
    "anger",
    "waiting",
    "manual",
    "",
]


class Ranked(BaseModel):
    """One intent and how probable it is."""

    label: str
    probability: float


class Part(BaseModel):
    """One matter of a message, and how it was answered."""

    intent: str | None
    probability: float = Field(description="Calibrated, of the intent")
    span: tuple[int, int] = Field(description="Where the message speaks of it, in characters")
    action: Action
    template_id: str | None = None
    citations: list[str] = Field([], description="Ids of the citations that this part rests on")
    slots: dict[str, str] = Field({}, description="Details that this part can use")


class Answer(BaseModel):
    """What the assistant says to one message, and why; what it does stands apart from what it says."""

    text: str
    action: Action = Field(
        description="`answer`: from the template of a known intent; `ask`: for a detail it needs; `search`: the FAQ's "
        "answer, or quoted from the best articles; `smalltalk`: a greeting and the like; `abstain`: it has no answer "
        "and says so; "
        "`handover`: a person is asked to go on; `silent`: a person has the conversation, the assistant says nothing"
    )
    intent: str | None = Field(None, description="The most probable intent; certain only where the action says so")
    confidence: float = Field(0.0, description="Calibrated probability of the intent, 0 to 1")
    ranking: list[Ranked] = Field([], description="The most probable intents, best first")
    intents: list[Part] = Field(
        [],
        description="Each matter that was understood, in the order of the message, which `text` answers in turn; "
        "where there are several, the other fields tell of the one whose detail is asked for, else of the first",
    )
    oos_score: float | None = Field(
        None, description="Out of scope: 0 like the training data, 1 like nothing in it; null where not measured"
    )
    certainty: float | None = Field(
        None,
        description="Calibrated probability that the answer is right, 0 to 1, of several parts the least; null where "
        "that was not measured",
    )
    emotion: Emotion | None = Field(None, description="Of the customer's message")
    language: str = Field("", description="In which it is given, ISO 639-1")
    template_id: str | None = Field(None, description="Of the answer template, if one was used")
    citations: list[Evidence] = Field(
        [], description="What the answer rests on, with the passage's span; `[1]` in the text means the first"
    )
    phrased: bool = Field(
        False, description="Whether a generator phrased it, or a part; the citations support each sentence"
    )
    topics: list[str] = Field([], description="Intents to offer instead, where there is no answer")
    offers: list[str] = Field([], description="The same in words for the customer, who may say them")
    slots: dict[str, str] = Field({}, description="Details that the customer has given so far")
    rule: Rule = Field(
        "",
        description="Which rule decided; `doubt`: an answer was found but is not certain enough; of a handover "
        "`asked`, `failures`, `anger`, or `waiting` where it was before",
    )
    version: str = Field("", description="The version of the intent head that read the message")
    trace_id: str = Field("", description="Of the turn's trace: how this answer came about")
