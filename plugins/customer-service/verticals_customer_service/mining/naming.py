"""A name for a group of questions, from the words that tell it from the others.

Class-based tf-idf, as in BERTopic: a word counts by how many of the group's pairs have it, and by how few other groups
do. Two words that stand side by side in many pairs of the group make a better name than two that don't.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verticals_customer_service.redaction import PLACEHOLDER

from .pairs import Pair
from .phrases import is_unspaced

_WORD = re.compile(r"[a-zà-ɏ][a-zà-ɏ'’]{2,}", re.IGNORECASE)
_HAN = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]+")
_STOP_WORDS = """
about after again all already also always and another any anybody anyone anything are asked back because been before
being both but call came can can't cannot come could day days did didn't does doesn't doing don't done each either
else even ever every exactly few find first for from get gets give goes going gone good got had has have haven't
hello help her here hers him his how i'd i'll i'm i've into isn't it's its just know last let like little look lot
made make many may maybe more most much must need never new next not nothing now off one only open order orders
other our out over own page perhaps please possible press put quite really right said same say says see send sent
she should show shows since some somebody someone something soon still such sure take tell than thank thanks that
that's the their them then there they they're thing things this those three through till time times today told
tomorrow too took two under until use used using very want was wasn't way week weeks well were what what's when
where whether which while who whole why will with within won't work working would write unless without including
anyway yes yesterday yet you you'd you'll you're you've your account choose day add five four six ten
"""
_STOP = frozenset(_STOP_WORDS.split())
_ASKED, _SAID = 5, 2  # the weight of a term in a question, and in an answer alone
_COMMON_SIGNS = frozenset("的了吗呢吧啊呀我你您他她是在有和就都也还把被请问好这那个么什怎可以能要不没里点")


@dataclass(frozen=True, slots=True)
class Name:
    """What a group is called, and its telling words."""

    name: str
    terms: tuple[str, ...]


def names(groups: Sequence[Sequence[Pair]]) -> list[Name]:
    """A name of its own for each group."""
    counts = [_counts(group) for group in groups]
    spread = Counter(term for count in counts for term in count)
    found: list[Name] = []
    taken: Counter[str] = Counter()
    for group, count in zip(groups, counts, strict=True):
        score = {
            term: times * math.log(1 + len(groups) / spread[term]) * (1.6 if " " in term or _HAN.fullmatch(term) else 1)
            for term, times in count.items()
            if times > _ASKED or len(group) == 1
        }
        score = score or dict(count)
        terms = tuple(sorted(score, key=lambda term: (-score[term], term))[:8])
        name = _joined(terms, count, len(group)) or "question"
        taken[name] += 1
        found.append(Name(name if taken[name] == 1 else f"{name}_{taken[name]}", terms))
    return found


def _joined(terms: Sequence[str], count: Mapping[str, int], pairs: int) -> str:
    phrases = [term for term in terms if " " in term and count.get(term, 0) * 5 >= pairs * _ASKED * 2]
    words = max(phrases, key=lambda term: count[term]).split() if phrases else [t for t in terms if " " not in t][:2]
    if count.get(" ".join(reversed(words)), 0) > count.get(" ".join(words), 0):
        words.reverse()
    if words and _HAN.fullmatch(words[0]):
        words = words[:1]
    return re.sub(r"[^\w]+", "", "_".join(words).lower().replace("’", "").replace("'", "")).strip("_")[:48]


def _counts(group: Sequence[Pair]) -> Mapping[str, int]:
    """How often each term stands in the pairs of the group; in a question it counts more than in an answer."""
    count: Counter[str] = Counter()
    for pair in group:
        asked = _terms(pair.question)
        count.update(dict.fromkeys(asked, _ASKED))
        count.update(dict.fromkeys(_terms(pair.answer) - asked, _SAID))
    return {term: times for term, times in count.items() if not _part_of_longer(term, times, count)}


def _part_of_longer(term: str, times: int, count: Mapping[str, int]) -> bool:
    """Whether two Chinese signs stand in a longer term each time."""
    return len(term) == 2 and any(
        count.get(f"{term}{sign}") == times or count.get(f"{sign}{term}") == times
        for sign in {other[-1] for other in count if len(other) == 3} | {other[0] for other in count if len(other) == 3}
        if _HAN.fullmatch(term)
    )


def _terms(text: str) -> set[str]:
    text = PLACEHOLDER.sub(" . ", text)
    if is_unspaced(text):
        runs = _HAN.findall(text)
        return {
            run[at : at + size]
            for run in runs
            for size in (2, 3)
            for at in range(len(run) - size + 1)
            if not set(run[at : at + size]) & _COMMON_SIGNS
        }
    terms: set[str] = set()
    for clause in re.split(r"[^\w'’ \-]+", text.lower()):
        before = ""
        for word in clause.replace("-", " ").split():
            word = word.removesuffix("'s").removesuffix("’s")
            useful = bool(_WORD.fullmatch(word)) and word not in _STOP
            if useful:
                word = _singular(word)
                terms.add(word)
                if before:
                    terms.add(f"{before} {word}")
            before = word if useful else ""
    return terms


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if re.search(r"(?:sh|ch|x|ss|z)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word
