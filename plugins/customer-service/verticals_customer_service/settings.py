"""What a shop sets in ``[plugins.customer-service]`` of ``platform.toml``."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from .redaction import ORDER_PATTERN

SHORTEST_SECRET = 16
DEFAULT = "default"


class Webhook(BaseModel):
    """Another system that is told what happens."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern=r"^https?://", description="Where events are posted")
    secret: SecretStr = Field(description="Signs each request; of the receiver's choice, or `whsec_` and base64")
    events: list[Literal["handover", "resolved", "reopened"]] = Field(
        ["handover", "resolved", "reopened"], min_length=1, description="Which events"
    )

    @field_validator("secret")
    @classmethod
    def _readable(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if len(value) < SHORTEST_SECRET:
            raise ValueError(f"a secret has at least {SHORTEST_SECRET} characters")
        if value.startswith("whsec_"):
            base64.b64decode(value[6:], validate=True)
        return secret


class Chatwoot(BaseModel):
    """A Chatwoot installation whose agent bot this is."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern=r"^https?://", description="Of the installation, such as https://app.chatwoot.com")
    token: SecretStr = Field(description="Access token of the agent bot")
    secret: SecretStr = Field(min_length=SHORTEST_SECRET, description="`?secret=` of the bot's webhook address")


class Tenant(BaseModel):
    """What is told to, and by, the systems of one tenant."""

    model_config = ConfigDict(extra="forbid")

    webhook: Webhook | None = Field(None, description="Told what happens in the tenant's sessions")
    chatwoot: Chatwoot | None = Field(None, description="The tenant's Chatwoot; its secret says whose it is")


class Generator(BaseModel):
    """What phrases answers that are quoted from articles: an endpoint as OpenAI has it, or a head of any plugin."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(
        None, pattern=r"^https?://", description="Of the endpoint, such as http://127.0.0.1:11434/v1"
    )
    model: str = Field("", description="Which of the endpoint's models")
    api_key: SecretStr | None = Field(None, description="Sent to the endpoint as a bearer token")
    head: str | None = Field(
        None,
        pattern=r"^[^/]+/[^/]+$",
        description="Instead of an endpoint: a head of the objective `generate` with the inputs `question` and "
        "`passages`, such as my-words/reply",
    )
    seconds: float = Field(8.0, gt=0, le=60, description="Longest wait for what it writes; then the quote is sent")
    attempts: int = Field(2, ge=1, le=5, description="How often an endpoint that fails is asked, within that time")
    longest: int = Field(900, ge=50, le=5_000, description="Characters of an answer; a longer one is not used")

    @model_validator(mode="after")
    def _one_of_both(self) -> Generator:
        if (self.url is None) == (self.head is None):
            raise ValueError("give either `url`, of an endpoint, or `head`")
        return self


class Settings(BaseModel):
    """Settings of the plugin."""

    model_config = ConfigDict(extra="forbid")

    shop_name: str = Field("Larkspur & Lane", description="Fills {shop_name} in the answer templates")
    language: str = Field(
        "en",
        pattern="^[a-z]{2}$",
        description="The shop's own: of its templates and documents, and of answers where nothing tells another",
    )
    greeting: str | None = Field(None, description="The assistant's first words, in the shop's own language")
    support_email: str = Field(
        "support@larkspur-and-lane.example", description="Where a person answers; fills {support_email}"
    )
    confidence_threshold: float = Field(
        0.5, ge=0, le=1, description="Least confidence in an intent to answer from its template"
    )
    similarity_threshold: float = Field(
        0.35, ge=0, le=1, description="Least similarity of an article to be quoted when the intent is not clear"
    )
    answer_precision: float | None = Field(
        None,
        ge=0.5,
        lt=1,
        description="Share of the answers given that are to be right; less certain ones are not given. It takes what "
        "`platform customer-service calibrate` has measured; none: the thresholds decide alone",
    )
    suggestions: list[str] | None = Field(
        None, description="Questions that the chat offers to begin with, in the shop's own language"
    )
    handover: bool = Field(True, description="Whether there are agents whom the assistant may hand over to")
    handover_after: int = Field(
        3, ge=1, description="Answers in a row that do not help before a person is asked to go on; one less when upset"
    )
    handover_intent: str = Field("speak_to_human", description="The intent of who wants a person")
    burst: int = Field(12, ge=1, description="Messages that one session may send within ten seconds")
    webhook: Webhook | None = Field(None, description="A table of its own: another system that is told what happens")
    chatwoot: Chatwoot | None = Field(None, description="A table of its own: a Chatwoot whose agent bot this is")
    tenants: dict[str, Tenant] = Field(
        {}, description="Tables by the names of tenants, each with a `webhook` and a `chatwoot` of its own"
    )
    generator: Generator | None = Field(
        None,
        description="A table of its own: what phrases answers that are quoted from articles; none: the quote is sent",
    )
    templates: Path | None = Field(
        None,
        description="A file of answer templates to use instead of the starter's; those of other languages stand beside "
        "it, `answers.zh.toml` beside `answers.toml`",
    )
    order_pattern: str = Field(
        ORDER_PATTERN,
        description="How your order numbers look, a regular expression; they are redacted from imported dialogues",
    )
    keep_originals: Path | None = Field(
        None,
        description="A file for the personal data that was redacted from imported dialogues; none: it is not kept",
    )
    keep_originals_days: int = Field(30, ge=1, le=3650, description="Days until what is kept there is deleted")

    @property
    def chatwoots(self) -> dict[str, Chatwoot]:
        """The Chatwoot of each tenant that has one."""
        found = {DEFAULT: self.chatwoot, **{name: tenant.chatwoot for name, tenant in self.tenants.items()}}
        return {name: chatwoot for name, chatwoot in found.items() if chatwoot is not None}

    @model_validator(mode="after")
    def _tenants_can_be_told_apart(self) -> Settings:
        if DEFAULT in self.tenants:
            raise ValueError(f"the tenant {DEFAULT!r} has its tables outside of `tenants`")
        secrets = [chatwoot.secret.get_secret_value() for chatwoot in self.chatwoots.values()]
        if len(set(secrets)) < len(secrets):
            raise ValueError("two tenants' Chatwoots have the same secret; it says whose an event is")
        return self

    @field_validator("order_pattern")
    @classmethod
    def _is_an_expression(cls, pattern: str) -> str:
        try:
            found = re.compile(pattern).search("")
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        if found:
            raise ValueError(f"{pattern!r} fits the empty text; say what an order number must have")
        return pattern
