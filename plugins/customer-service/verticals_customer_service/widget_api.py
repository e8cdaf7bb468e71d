"""``/v1/customer-service/widget``: the chat that a shop puts on its pages with one script tag."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .conversation import Conversations
from .data import LONGEST

router = APIRouter()

Language = Annotated[
    str | None, Query(pattern="^[a-z]{2}$", description="That the visitor prefers, ISO 639-1", examples=["zh"])
]
_STATIC = Path(__file__).parent / "static"


class Widget(BaseModel):
    """What the widget shows before anything was said."""

    title: str = Field(examples=["Larkspur & Lane"])
    greeting: str
    suggestions: list[str] = Field(description="Questions to begin with")
    language: str = Field(description="Of greeting and questions", examples=["en"])
    longest: int = Field(description="Characters that a message may have")


@router.get("/widget")
async def widget(vertical: CurrentVertical, language: Language = None) -> Widget:
    """Title, greeting and first questions."""
    beginning = Conversations(vertical).beginning(language)
    return Widget(title=vertical.settings.shop_name, longest=LONGEST, **beginning.model_dump())


@router.get("/widget.js", response_class=FileResponse, responses={200: {"content": {"text/javascript": {}}}})
async def script() -> FileResponse:
    """The widget itself: a web component in one file."""
    return FileResponse(_STATIC / "widget.js", media_type="text/javascript", headers={"Cache-Control": "max-age=300"})


@router.get("/demo", response_class=HTMLResponse)
async def demo() -> HTMLResponse:
    """A page of a shop with the widget on it."""
    return HTMLResponse((_STATIC / "shop.html").read_text(encoding="utf-8"))
