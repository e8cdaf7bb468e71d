"""What a shop sets in ``[plugins.customer-service]`` of ``platform.toml``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Settings of the plugin."""

    model_config = ConfigDict(extra="forbid")

    shop_name: str = Field("Larkspur & Lane", description="Fills {shop_name} in the answer templates")
    greeting: str = Field(
        "Hello, and welcome to {shop_name}! Ask me about orders, delivery, returns, payment or our products.",
        description="The assistant's first words",
    )
    support_email: str = Field(
        "support@larkspur-and-lane.example", description="Where a person answers; fills {support_email}"
    )
    confidence_threshold: float = Field(
        0.5, ge=0, le=1, description="Least confidence in an intent to answer from its template"
    )
    similarity_threshold: float = Field(
        0.35, ge=0, le=1, description="Least similarity of an article to be quoted when the intent is not clear"
    )
    suggestions: list[str] = Field(
        [
            "Where is my parcel?",
            "How do I send something back?",
            "Something arrived broken",
            "Which pan works on induction?",
            "Do you deliver to Ireland?",
        ],
        description="Questions that the chat page offers to begin with",
    )
    handover: bool = Field(True, description="Whether there are agents whom the assistant may hand over to")
    handover_after: int = Field(
        3, ge=1, description="Answers in a row that do not help before a person is asked to go on; one less when upset"
    )
    burst: int = Field(12, ge=1, description="Messages that one session may send within ten seconds")
    templates: Path | None = Field(None, description="A file of answer templates to use instead of the starter's")
