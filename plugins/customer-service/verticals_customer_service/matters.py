"""The matters of a message: a customer may bring up several at once, and each is to be answered.

A message is cut into clauses where another matter may begin. The intent head reads the whole message and its clauses in
one batch; a message of one clause costs nothing more. What the head then says decides: a clause is a matter of its own
only if its intent is known well, and the better the less the clause asks for something by itself. All else, such as how
it came about or a word of thanks, belongs to the matter beside it. Where less than two intents remain, the message
stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from verticals import Hit, Prediction

Place = tuple[int, int]  # of characters: the first, and the one behind the last

MOST = 8  # clauses that are read by themselves; what a longer message has more belongs to the last
SHORTEST = 2  # words of a clause
# Least confidence in the intent of a clause for it to be a matter of its own; chosen on the tests' `matters.csv`.
ASKS = 0.6  # it asks or wishes for something: "how do I return it"
TELLS = 0.8  # it tells something, which may be but how the next clause came about: "I ordered a lamp"
LEANS = 0.9  # it is short and says "it" or "that": of what, is in the clause before
SHORT = 8  # words of a clause that may lean on the one before

_ASKING = (  # how a question, a wish or a report begins
    r"(?:where|when|what|which|who|whose|why|how|can|could|may|might|shall|should|will|would|do|does|did|is|are|was|were"
    r"|am|have|has|if|please|kindly|let|tell|send|stop|cancel|change|delete|take|refund|give|swap|exchange|replace"
    r"|return|add|check|update|remove|close|unsubscribe|i(?:['’](?:d|m|ve))?|my|the|you|your|nobody|one|two|no)"
)
_FURTHER = (  # what says that something else follows
    r"(?:also|another\s+(?:thing|question|matter|point)|one\s+more\s+(?:thing|question)|on\s+another\s+note|anyway"
    r"|besides(?:\s+that)?|additionally|furthermore|moreover|in\s+addition|(?:apart|aside)\s+from\s+that"
    r"|on\s+top\s+of\s+that|separately|by\s+the\s+way|btw|second(?:ly)?|third(?:ly)?|next|plus|oh|then|after\s+that"
    r"|while\s+(?:i\s+have\s+you|i['’]?m\s+(?:here|at\s+it)|you['’]?re\s+at\s+it)|in\s+the\s+meantime|p\.?\s?s\.?)"
)
_HAN_FURTHER = r"(?:另外|还有|顺便)"
_CUT = re.compile(
    rf"(?<=[.!?;:])\s+(?=\S)"
    rf"|(?<=[。！？；])\s*(?=\S)"
    rf"|\s+(?=\d[.)]\s)"
    rf"|[,–—-]?\s+(?=(?:and|but|or|plus)\s+(?:{_FURTHER}|{_ASKING})\b)"
    rf"|(?:,|\s[–—-])\s+(?=(?:{_FURTHER}|{_ASKING})\b)"
    rf"|\s+(?=(?:also|plus)\s+(?:where|when|what|which|who|why|how|can|could|do|does|is|are|please|i|my)\b)"
    rf"|[，,]?\s*(?={_HAN_FURTHER})",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_JOINING = re.compile(
    rf"^(?:\W|\d[.)]\s|(?:and|but|or|first(?:ly|\s+of\s+all)?|{_FURTHER})(?=\W|$)|{_HAN_FURTHER})+", re.IGNORECASE
)


_ASKS = re.compile(
    r"^(?:(?:hi|hello|hey|please|kindly|so|now|then|,)\s*)*(?:where|when|what|which|who|whose|why|how|can|could|may|might"
    r"|shall|should|will|would|do|does|did|is|are|am|have|has|if|let|tell|send|stop|cancel|change|delete|take|refund|give"
    r"|swap|exchange|replace|return|add|check|update|remove|close|unsubscribe"
    r"|i(?:['’]d|\s+would|\s+also)*\s+(?:like|love|want|need|wish))\b|[?？]\W*$",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"^(?:many\s+)?thank|[:：]$", re.IGNORECASE)  # "thanks for the lid", "two questions:"
_LEANS = re.compile(r"\b(?:it|that|this|them|those|one|so)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Matter:
    """One thing that the customer wants.

    Args:
        span: where the message speaks of it.
        prediction: what the intent head says of that part.
        hits: the articles that the index finds for it, best first.
        faq: the questions of the FAQ that it finds.
    """

    span: Place
    prediction: Prediction
    hits: Sequence[Hit] = ()
    faq: Sequence[Hit] = ()


def clauses(text: str) -> list[Place]:
    """Where parts of ``text`` stand that may be matters of their own, in order; one part: there is nothing to cut."""
    parts: list[Place] = []
    start = 0
    for end in [*(match.end() for match in _CUT.finditer(text)), len(text)]:
        if _words(read(text[start:end])) >= SHORTEST:
            parts.append((start, end))
            start = end
    parts[MOST - 1 :] = [(parts[MOST - 1][0], parts[-1][1])] if len(parts) > MOST else parts[MOST - 1 :]
    return [*parts[:-1], (parts[-1][0], len(text))] if parts else [(0, len(text))]


def read(clause: str) -> str:
    """What the head is given of a clause: without the words that only join it to the one before."""
    return _JOINING.sub("", clause).strip()


def _words(text: str) -> int:
    """How many there are; of scripts without spaces about two characters make one."""
    return len(text.split()) + len(_HAN.findall(text)) // 2


def several(
    clauses: Sequence[str], places: Sequence[Place], predictions: Sequence[Prediction], none: Collection[str] = ()
) -> list[Matter]:
    """The matters of a message, in order, each with its place up to the next; empty where there is no more than one.

    Args:
        clauses: as they were given to the head.
        places: where they stand in the message.
        predictions: what the head says of each.
        none: intents that are no matter, such as a greeting.
    """
    found: dict[str, Matter] = {}
    for clause, place, prediction in zip(clauses, places, predictions, strict=True):
        label = prediction.label
        if label is None or prediction.abstained or label in none or label in found:
            continue
        if prediction.confidence >= _needed(clause):
            found[label] = Matter(place, prediction)
    if len(found) < 2:
        return []
    matters = list(found.values())
    starts = [places[0][0], *(matter.span[0] for matter in matters[1:]), places[-1][1]]
    return [Matter((starts[at], starts[at + 1]), matter.prediction) for at, matter in enumerate(matters)]


def _needed(clause: str) -> float:
    """The least confidence in the intent of a clause for it to be a matter of its own; above 1: it never is."""
    if _BESIDE.search(clause):
        return 2.0
    if not _ASKS.search(clause):
        return TELLS
    return LEANS if len(clause.split()) <= SHORT and _LEANS.search(clause) else ASKS
