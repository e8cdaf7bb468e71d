"""The shape of an answer, in events, API and page alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from verticals import Evidence

Action = Literal["answer", "ask", "search", "smalltalk", "abstain"]


class Ranked(BaseModel):
    """One intent and how probable it is."""

    label: str
    probability: float


class Answer(BaseModel):
    """What the assistant says to one message, and why."""

    text: str
    action: Action = Field(
        description="`answer`: from the template of a known intent; `ask`: for a detail it needs; `search`: quoted "
        "from the best article; `smalltalk`: a greeting and the like; `abstain`: it has no answer and says so"
    )
    intent: str | None = Field(None, description="The most probable intent; certain only where the action says so")
    confidence: float = Field(0.0, description="Calibrated probability of the intent, 0 to 1")
    ranking: list[Ranked] = Field([], description="The most probable intents, best first")
    evidence: list[Evidence] = Field([], description="The article that the answer rests on, with the passage's span")
    template: str | None = Field(None, description="Id of the answer template, if one was used")
    topics: list[str] = Field([], description="Intents to offer instead, where there is no answer")
    slots: dict[str, str] = Field({}, description="Details that the customer has given so far")
    version: str = Field("", description="The version of the intent head that read the message")
