"""What is found out about a message while it is written down: how the customer feels, and what an answer needs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

from verticals import Unavailable

from .answering import Answering
from .emotions import Emotion
from .session import State
from .situation import Situation

T = TypeVar("T")


class Hearing:
    """One message that is heard. All that reads it is asked for at once, so that it comes into one batch.

    Args:
        answering: reads it.
        text: the message.
    """

    def __init__(self, answering: Answering, text: str) -> None:
        self._answering, self._text = answering, text
        self._language: str | None = None
        self._feeling: asyncio.Task[Emotion | None] | None = None
        self.reading: asyncio.Task[Situation] | None = None

    def begin(self, state: State) -> None:
        """Find out what is needed in this state of the session; of what was begun in another one all that still holds.

        Where an agent will answer, that is the emotion alone.
        """
        self._feeling = self._feeling or _begun(self._felt())
        language = None if state.mode == "manual" else self._answering.language_of(state, self._text)
        if language == self._language:
            return
        if self.reading is not None:
            self.reading.cancel()
        self._language, self.reading = language, None
        if language is not None:
            work = self._answering.read(self._text, language=language)
            # A context of its own: what was heard is answered even if the client goes.
            self.reading = _begun(work, Context())

    async def emotion(self) -> Emotion | None:
        """How the customer feels; `None` where that cannot be known."""
        return await self._feeling if self._feeling else None

    def give_up(self) -> None:
        """Find out nothing more."""
        for task in (self._feeling, self.reading):
            if task is not None:
                task.cancel()

    async def _felt(self) -> Emotion | None:
        try:
            return await self._answering.emotion(self._text)
        except Unavailable:  # a message is never refused because its emotion is not known
            return None


def _begun(work: Coroutine[Any, Any, T], context: Context | None = None) -> asyncio.Task[T]:
    task = asyncio.create_task(work, context=context)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to who waits, if anyone does
    return task
