"""``/v1/customer-service/widget``: the chat that a shop puts on its pages with one script tag."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, Field

from verticals import CurrentVertical

from .conversation import Conversations
from .data import LONGEST

router = APIRouter()

_STATIC = Path(__file__).parent / "static"


class Widget(BaseModel):
    """What the widget shows before anything was said."""

    title: str = Field(examples=["Larkspur & Lane"])
    greeting: str
    suggestions: list[str] = Field(description="Questions to begin with")
    longest: int = Field(description="Characters that a message may have")


@router.get("/widget")
async def widget(vertical: CurrentVertical) -> Widget:
    """Title, greeting and first questions."""
    settings = vertical.settings
    greeting = Conversations(vertical).greeting
    return Widget(title=settings.shop_name, greeting=greeting, suggestions=settings.suggestions, longest=LONGEST)


@router.get("/widget.js", response_class=FileResponse, responses={200: {"content": {"text/javascript": {}}}})
async def script() -> FileResponse:
    """The widget itself: a web component in one file."""
    return FileResponse(_STATIC / "widget.js", media_type="text/javascript", headers={"Cache-Control": "max-age=300"})


@router.get("/demo", response_class=HTMLResponse)
async def demo() -> HTMLResponse:
    """A page of a shop with the widget on it."""
    return HTMLResponse((_STATIC / "shop.html").read_text(encoding="utf-8"))
