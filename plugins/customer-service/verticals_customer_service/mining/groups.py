"""Pairs become groups of one matter each, with a name and the best of their answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from verticals_customer_service.redaction import PLACEHOLDER

from .clusters import clusters, middle
from .naming import names
from .pairs import Pair
from .phrases import is_unspaced, words
from .vectors import Embed, Vectors, counted, encoded

# Set on the starter log. Half of a vector is the question and half the answer: agents answer one matter in like words.
NEAR = 0.5  # least cosine of two pairs of one matter
NEAR_SIGNS = 0.2  # the same for vectors of counted signs
SAME = 0.82  # groups whose middles agree so much are one
KNOWN = 0.62  # least cosine of a question to an utterance of its intent
_VOTERS = 9
_READ = 240  # characters of a question or an answer; what is said first counts

_PERSONAL = re.compile(  # an answer to one customer only
    r"\bi(?:'ve| have|'m| am| just)\b|\byour (?:parcel|order|refund|replacement) (?:is|was|has|left|leaves|went)\b"
    r"|\byours\b"
    r"|\b(?:went|was sent|left) (?:out )?(?:on|yesterday)\b|\btoday\b|我(?:帮您|已经)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Group:
    """Pairs of one matter.

    Args:
        name: an intent that is known already, or one made of the telling words.
        known: whether it is a known intent.
        terms: the telling words.
        pairs: the most central first.
        answer: the one that fits most of the questions.
    """

    name: str
    known: bool
    terms: tuple[str, ...]
    pairs: tuple[Pair, ...]
    answer: str


def grouped(
    pairs: Sequence[Pair],
    embed: Embed,
    known: Sequence[tuple[str, str]] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[Group]:
    """Groups of at least two pairs, largest first.

    Args:
        pairs: of all dialogues.
        embed: the encoder.
        known: utterances with their intents, which groups may turn out to be about.
        progress: told how many of how many texts are encoded.
    """
    spaced, unspaced = divided(pairs)
    found: list[tuple[list[Pair], str, str]] = []  # members, known intent, best answer
    if spaced:
        total = 2 * len(spaced) + len(known)
        own = vectors(spaced, embed, progress and (lambda done: progress(done, total)))
        asked, said = np.split(own, 2, axis=1)
        utterances = encoded(
            [text for text, _ in known], embed, progress and (lambda done: progress(2 * len(spaced) + done, total))
        )
        intents = _intents(asked * np.float32(np.sqrt(2)), utterances, [intent for _, intent in known])
        for intent in sorted({one for one in intents if intents.count(one) > 1} - {""}):
            places = np.array([place for place, one in enumerate(intents) if one == intent])
            members = [spaced[place] for place in places]
            found.append((members, intent, best_answer(members, said[places])))
        rest = np.array([place for place, one in enumerate(intents) if not one or intents.count(one) == 1], np.intp)
        for inner in clusters(own[rest], NEAR, same=SAME):
            places = rest[inner]
            members = [spaced[place] for place in places]
            found.append((members, "", best_answer(members, said[places])))
    if unspaced:
        own = sign_vectors(unspaced)
        for places in clusters(own, NEAR_SIGNS, same=SAME):
            members = [unspaced[place] for place in places]
            found.append((members, "", best_answer(members, np.split(own[places], 2, axis=1)[1])))
    named = names([members for members, _, _ in found])
    made = [
        Group(intent or name.name, bool(intent), name.terms, tuple(members), answer)
        for (members, intent, answer), name in zip(found, named, strict=True)
    ]
    return sorted(made, key=lambda group: -len(group.pairs))


def divided(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Pairs in scripts with spaces, which the encoder reads, and those without."""
    return [pair for pair in pairs if not is_unspaced(pair.question)], [p for p in pairs if is_unspaced(p.question)]


def vectors(pairs: Sequence[Pair], embed: Embed, progress: Callable[[int], None] | None = None) -> Vectors:
    """Of each pair the question's vector and the answer's, side by side; both together have the length 1."""
    asked = encoded([pair.question[:_READ] for pair in pairs], embed, progress)
    said = encoded(
        [pair.answer[:_READ] for pair in pairs], embed, progress and (lambda done: progress(len(pairs) + done))
    )
    return _beside(asked, said)


def sign_vectors(pairs: Sequence[Pair]) -> Vectors:
    """The same by counted signs."""
    return _beside(counted([pair.question for pair in pairs]), counted([pair.answer for pair in pairs]))


def _beside(asked: Vectors, said: Vectors) -> Vectors:
    both: Vectors = (np.concatenate([asked, said], axis=1) / np.sqrt(2)).astype(np.float32)
    return both


def best_answer(pairs: Sequence[Pair], said: Vectors) -> str:
    """The answer nearest to all others, where several are good the one that suits any customer.

    Args:
        pairs: of one group.
        said: vectors of their answers, [n, dimension].
    """
    central = said @ middle(said) / np.maximum(np.linalg.norm(said, axis=1), 1e-9)
    scores = [
        float(near)
        - 0.3 * bool(PLACEHOLDER.search(pair.answer))
        - 0.15 * len(_PERSONAL.findall(pair.answer))
        - 0.15 * (words(pair.answer) < 8)
        + 0.02 * ((pair.csat or 3.0) - 3.0)
        for pair, near in zip(pairs, central, strict=True)
    ]
    return pairs[int(np.argmax(scores))].answer


def _intents(asked: Vectors, utterances: Vectors, intents: Sequence[str]) -> list[str]:
    """Of each question the intent that most of the nearest utterances have, where they are near; else nothing."""
    if not len(utterances):
        return [""] * len(asked)
    found = []
    for question in asked:
        close = utterances @ question
        nearest = np.argsort(-close)[:_VOTERS]
        ((intent, votes),) = Counter(intents[place] for place in nearest).most_common(1)
        near = max(float(close[place]) for place in nearest if intents[place] == intent)
        found.append(intent if votes * 2 > len(nearest) and near >= KNOWN else "")
    return found
