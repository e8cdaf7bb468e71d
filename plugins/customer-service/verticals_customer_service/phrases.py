"""Languages that the encoder does not read: the words decide what is meant there, not the intent head.

Of each such language the data set `phrases` has messages with their intents. An intent is as probable as its phrases
make the words of a message (naive Bayes over the presence of words; Chinese words are its characters and pairs of
them), and a question of the FAQ is as near as the words that it shares with the message are rare (the cosine of words
weighted by how few intents have them).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from verticals import Prediction

from .languages import UNSPACED, detect

SOURCE = "phrases"  # in the place of a version of the intent head
# Set on the development questions of tests/chinese.csv, as is the smoothing: of 36 messages 32 are above, all rightly;
# of four messages that are no business of the shop, one.
LEAST = 0.7  # below this probability no intent is taken as met
_SMOOTHING = 0.5
_WORD = re.compile(r"[^\W\d_]{2,}")
_RUN = re.compile(f"(?:{UNSPACED})+")


class Phrases:
    """The phrases of one language.

    Args:
        rows: each a text with its intent.
    """

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        self._count: Counter[str] = Counter()
        self._having: dict[str, Counter[str]] = {}
        for text, intent in rows:
            self._count[intent] += 1
            self._having.setdefault(intent, Counter()).update(words(text))
        among = Counter(word for having in self._having.values() for word in having)
        self._rarity = {word: math.log(1 + len(self._having) / count) for word, count in among.items()}
        self._rarest = math.log(1 + len(self._having))

    def predict(self, text: str) -> Prediction:
        """The intent of ``text``, with the probability of each; abstained where none is probable."""
        known = words(text) & self._rarity.keys()
        sums = {intent: self._log_likelihood(known, intent) for intent in self._having}
        highest = max(sums.values(), default=0.0)
        weights = {intent: math.exp(value - highest) for intent, value in sums.items()}
        total = sum(weights.values()) or 1.0
        ranking = sorted(((intent, weight / total) for intent, weight in weights.items()), key=lambda one: -one[1])
        if not ranking:
            return Prediction(None, 0.0, abstained=True, version=SOURCE)
        label, confidence = ranking[0]
        abstained = confidence < LEAST or not known
        return Prediction(label, confidence, tuple(ranking), abstained, version=SOURCE)

    def likeness(self, text: str, other: str) -> float:
        """How much two texts share, 0 to 1."""
        one, two = words(text), words(other)
        both = self._weight(one) * self._weight(two)
        return self._weight(one & two) / math.sqrt(both) if both else 0.0

    def _log_likelihood(self, known: Iterable[str], intent: str) -> float:
        having, count = self._having[intent], self._count[intent]
        return sum(math.log((having[word] + _SMOOTHING) / (count + 2 * _SMOOTHING)) for word in known)

    def _weight(self, some: Iterable[str]) -> float:
        return sum(self._rarity.get(word, self._rarest) ** 2 for word in some)


def by_language(rows: Iterable[Mapping[str, str]], among: Iterable[str]) -> dict[str, Phrases]:
    """The phrases of each language among those that a shop answers in."""
    languages = list(among)
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        if language := detect(row["text"], languages):
            found.setdefault(language, []).append((row["text"], row["intent"]))
    return {language: Phrases(some) for language, some in found.items()}


def words(text: str) -> set[str]:
    """The words of ``text``; of a script without spaces its characters and the pairs of neighbours."""
    text = text.lower()
    found = set(_WORD.findall(_RUN.sub(" ", text)))
    for run in _RUN.findall(text):
        found |= {*run, *(run[at : at + 2] for at in range(len(run) - 1))}
    return found
