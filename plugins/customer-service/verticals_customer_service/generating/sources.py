"""What writes: a server that speaks the OpenAI protocol, or a head of the platform's objective `generate`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Protocol

import httpx

from verticals import PlatformError, ServedVertical
from verticals_customer_service.settings import Generator

from .prompt import fields, messages

_LARGEST = 256 * 1024  # bytes of an answer that are read
_TOKENS_PER_CHARACTER = 0.5  # more than any tokenizer needs for European languages; what is longer is refused anyway
_WAIT = 0.2  # seconds before the second attempt; twice as long before each further one


class Failed(Exception):
    """Nothing was written; the message says why, and is fit for a trace."""


class Source(Protocol):
    """Something that writes an answer."""

    name: str

    async def write(self, question: str, passages: Sequence[str]) -> str:
        """What it writes.

        Raises:
            Failed: nothing that could be used.
        """


def source(settings: Generator, vertical: ServedVertical) -> Source:
    """What the settings name.

    Raises:
        NotFound: there is no such head.
    """
    return Endpoint(settings) if settings.url else GenerateHead(settings, vertical)


class Endpoint:
    """A server with ``POST …/chat/completions`` as OpenAI has it: vLLM, llama.cpp, Ollama, a hosted one.

    Args:
        settings: where it is, and how long it may take.
    """

    def __init__(self, settings: Generator) -> None:
        self._settings = settings
        self._url = f"{str(settings.url).rstrip('/').removesuffix('/chat/completions')}/chat/completions"
        self.name = settings.model or httpx.URL(self._url).host

    async def write(self, question: str, passages: Sequence[str]) -> str:
        """See `Source.write`."""
        body = {
            "model": self._settings.model,
            "messages": messages(question, passages),
            "temperature": 0,
            "max_tokens": max(64, int(self._settings.longest * _TOKENS_PER_CHARACTER)),
            "stream": False,
        }
        key = self._settings.api_key
        headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        async with httpx.AsyncClient(timeout=self._settings.seconds, follow_redirects=False) as client:
            for attempt in range(self._settings.attempts):
                if attempt:
                    await asyncio.sleep(_WAIT * 2 ** (attempt - 1))
                try:
                    status, answered = await self._post(client, body, headers)
                except httpx.HTTPError as error:
                    failed = Failed(f"the generator could not be reached: {type(error).__name__}")
                    continue
                if status == 200:
                    return _content(answered)
                failed = Failed(f"the generator answered {status}")
                if status != 429 and status < 500:
                    break
        raise failed

    async def _post(self, client: httpx.AsyncClient, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        """The status of the answer and its body, which is not read beyond what an answer can have."""
        async with client.stream("POST", self._url, json=body, headers=headers) as answer:
            got = bytearray()
            async for piece in answer.aiter_bytes():
                got += piece
                if len(got) > _LARGEST:
                    raise Failed(f"the generator answered more than {_LARGEST // 1024} kB")
        return answer.status_code, bytes(got)


class GenerateHead:
    """A head of the objective `generate` with the inputs ``question`` and ``passages``, of any plugin.

    Args:
        settings: which head.
        vertical: that is running.
    """

    def __init__(self, settings: Generator, vertical: ServedVertical) -> None:
        self.name = str(settings.head)
        self._head = vertical.head(self.name)

    async def write(self, question: str, passages: Sequence[str]) -> str:
        """See `Source.write`."""
        try:
            return (await self._head.predict(fields(question, passages))).text or ""
        except PlatformError as error:
            raise Failed(f"the head {self.name} did not answer: {error.message}") from error


def _content(answered: bytes) -> str:
    """What a chat completion says."""
    try:
        choice = json.loads(answered)["choices"][0]
        content, ended = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Failed("the generator's answer is no chat completion") from error
    if ended == "length":
        raise Failed("the generator was cut off")
    if content is not None and not isinstance(content, str):
        raise Failed("the generator's answer is no chat completion")
    return content or ""
