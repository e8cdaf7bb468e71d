"""What makes the vectors of an index: the live version of its head, or the bare encoder; and what did so before."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from verticals.contract import Index, PlatformError

if TYPE_CHECKING:
    from verticals.retrieval import Question

    from .vertical import Vertical

Embed = Callable[[Sequence[str]], Any]

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"(?P<vertical>[^/@ ]+)/(?P<head>[^/@ ]+)@(?P<version>v\d+) on (?P<encoder>.+)")


class IndexModels:
    """The models of one index, by the names under which it keeps their vectors.

    Args:
        vertical: that declares it.
        noun: the declaration.
    """

    def __init__(self, vertical: Vertical, noun: Index) -> None:
        self._vertical, self._host, self._noun = vertical, vertical.host, noun

    def wanted(self) -> tuple[Embed, str]:
        """What is to make the vectors now, and its name."""
        live = self._vertical.head(self._noun.head).live if self._noun.head else None
        if live is None:
            return self._host.engine.embed, self._host.encoder_source.identity
        embed = self._of(live.vertical, live.head, live.version)
        return embed, f"{live.reference} on {self._host.encoder_source.identity}"

    def former(self, name: str) -> Embed | None:
        """What made the vectors of this name; `None` where it cannot be loaded any more."""
        identity = self._host.encoder_source.identity
        if name == identity:
            return self._host.engine.embed
        found = _NAME.fullmatch(name)
        if found is None or found["encoder"] != identity:
            return None
        key = found["vertical"], found["head"], found["version"]
        try:
            if self._host.elsewhere is None:
                self._host.engine.load(*key)
            else:
                self._host.registry.get(*key)
        except PlatformError as error:
            _LOG.warning("%s cannot be loaded any more: %s", name, error)
            return None
        return self._of(*key)

    def questions(self) -> list[Question]:
        """The pairs that the live version was validated on: what is asked, and the texts that answer it."""
        from verticals.retrieval import Question

        head = self._vertical.head(self._noun.head) if self._noun.head else None
        if head is None or (live := head.live) is None:
            return []
        try:
            version = self._vertical.dataset(head.noun.dataset).get(live.dataset_version)
            examples = head.examples(version).splits["validation"]
        except PlatformError as error:
            _LOG.warning("The rows that %s was validated on cannot be read: %s", live.reference, error)
            return []
        (text,) = head.noun.inputs
        answers: dict[str, dict[str, None]] = {}
        for example in examples:
            answers.setdefault(str(example[text]), {})[str(example[head.noun.target])] = None
        return [Question(asked, tuple(passages)) for asked, passages in answers.items()]

    def _of(self, vertical: str, head: str, version: str) -> Embed:
        def embed(texts: Sequence[str]) -> Any:
            answers = self._host.engine.predict(vertical, head, version, list(texts))
            return [answer.vector for answer in answers]

        return embed
