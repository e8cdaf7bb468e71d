"""``/v1/customer-service/widget``: the chat that a shop puts on its pages with one script tag."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .conversation import Conversations
from .data import LONGEST
from .page_words import every_word

router = APIRouter()

Language = Annotated[
    str | None, Query(pattern="^[a-z]{2}$", description="That the visitor prefers, ISO 639-1", examples=["zh"])
]
_STATIC = Path(__file__).parent / "static"
_WORDS = "{/* the words of page_words.toml */}"


class Widget(BaseModel):
    """What the widget shows before anything was said."""

    title: str = Field(examples=["Larkspur & Lane"])
    greeting: str
    suggestions: list[str] = Field(description="Questions to begin with")
    language: str = Field(description="Of greeting and questions", examples=["en"])
    longest: int = Field(description="Characters that a message may have")


@functools.cache
def _script() -> str:
    written = (_STATIC / "widget.js").read_text(encoding="utf-8")
    return written.replace(_WORDS, json.dumps(every_word(), ensure_ascii=False))


@router.get("/widget")
async def widget(vertical: CurrentVertical, language: Language = None) -> Widget:
    """Title, greeting and first questions."""
    beginning = Conversations(vertical).beginning(language)
    return Widget(title=vertical.settings.shop_name, longest=LONGEST, **beginning.model_dump())


@router.get("/widget.js", response_class=Response, responses={200: {"content": {"text/javascript": {}}}})
async def script() -> Response:
    """The widget itself: a web component in one file, with its words in every language."""
    return Response(_script(), media_type="text/javascript", headers={"Cache-Control": "max-age=300"})


@router.get("/demo", response_class=HTMLResponse)
async def demo() -> HTMLResponse:
    """A page of a shop with the widget on it."""
    return HTMLResponse((_STATIC / "shop.html").read_text(encoding="utf-8"))
