"""Two models on one index: the same questions asked of both, before one takes the other's place."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from verticals.contract import Weights

from .dense import Dense
from .embedding import Embedder, embedded_text
from .replica import State
from .search import Search
from .truth import Reading

_K = 10
_MOST = 500
# On fewer questions a single one decides too much.
_FEWEST = 10
_TITLES, _CHARACTERS = 100, 200


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody may ask, and the texts that answer it; a document answers it that has one of these texts."""

    text: str
    passages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """How well one model finds what answers.

    Args:
        recall: share of the answering documents that are among the first ten, mean over the questions.
        mrr: one over the place of the first of them, 0 behind the tenth, mean over the questions.
    """

    recall: float
    mrr: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models' answers to the same questions, by hybrid search.

    Args:
        before, after: names of the embeddings.
        questions: how many were asked.
        same: share of the ten best hits that both give.
        old, new: what each of them finds; `None` where it is not known which documents answer the questions.
        at: when, in UTC.
    """

    before: str
    after: str
    questions: int
    same: float
    old: Figures | None
    new: Figures | None
    at: str

    @property
    def worse(self) -> bool:
        """Whether what answers stands further back than before, on average: MRR@10 is lower."""
        return self.old is not None and self.new is not None and self.new.mrr < self.old.mrr - 1e-9

    def told(self) -> str:
        """``recall@10 0.81 before and 0.87 after, … on 120 questions; 63% of the ten best hits are the same``."""
        asked = "1 question" if self.questions == 1 else f"{self.questions:,} questions"
        same = f"{self.same:.0%} of the ten best hits are the same"
        if self.old is None or self.new is None:
            return f"{same}, of {asked}"
        old, new = self.old, self.new
        return (
            f"recall@10 {old.recall:.3f} before and {new.recall:.3f} after, MRR@10 {old.mrr:.3f} before and "
            f"{new.mrr:.3f} after, on {asked}; {same}"
        )

    def json(self) -> str:
        """What `read` understands."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Compared | None:
        """What `json` wrote; `None` for an empty text."""
        if not text:
            return None
        found: dict[str, Any] = json.loads(text)
        figures = {name: Figures(**found[name]) if found[name] else None for name in ("old", "new")}
        return cls(**{**found, **figures})


def compare(
    questions: Sequence[Question],
    state: State,
    models: tuple[Embedder, Embedder],
    coming: Dense,
    each: Callable[[int, int], None],
    weights: Weights | None = None,
) -> Compared | None:
    """Ask the same of the present vectors and of those to come.

    Where ten questions or more have a document that answers them, these are asked, and places are compared. Else it
    is only told how far the hits differ: on the questions, or on the index's own titles where there are none.

    Args:
        questions: to ask; of more than 500, some.
        state: of the index.
        models: the present one and the one to come.
        coming: its vectors, with the same changes in it or fewer.
        each: told, after each question, how many were asked and are to be.
        weights: of the searches; see `Search`.

    Returns:
        `None` where there is nothing to ask.
    """
    there = state.reading.with_coming()
    since, change = coming.change, state.reading.change
    coming = coming.advanced(change, state.reading.removed_after(since), *there.vectors_after(since))
    sides = (state, state._replace(reading=there, dense=coming))
    answers = _answers(questions, state.reading)
    judged = len(answers) >= _FEWEST
    asked = list(answers) if judged else [one.text for one in questions] or _titles(state.reading)
    if len(asked) > _MOST:
        asked = random.Random(0).sample(asked, _MOST)
    shares, places = [], []
    for number, text in enumerate(asked, 1):
        old, new = (_rows(text, *side, weights) for side in zip(sides, models, strict=True))
        if old or new:
            shares.append(len({*old} & {*new}) / max(len(old), len(new)))
        if judged:
            places.append((_figures(old, answers[text]), _figures(new, answers[text])))
        each(number, len(asked))
    if not shares:
        return None
    before, after = (_mean([pair[at] for pair in places]) if judged else None for at in (0, 1))
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    names = models[0].name, models[1].name
    return Compared(*names, len(asked), statistics.fmean(shares), before, after, moment)


def _answers(questions: Sequence[Question], reading: Reading) -> dict[str, set[int]]:
    """Per question the rows of the documents that answer it; without those that none does."""
    wanted: dict[str, set[str]] = {}
    for one in questions:
        for passage in one.passages:
            wanted.setdefault(passage.strip(), set()).add(one.text)
    found: dict[str, set[int]] = {}
    for row, title, text in reading.texts() if wanted else ():
        for written in {text.strip(), embedded_text(title, text).strip()}:
            for question in wanted.get(written, ()):
                found.setdefault(question, set()).add(row)
    return {one.text: found[one.text] for one in questions if one.text in found}


def _titles(reading: Reading) -> list[str]:
    """What some of the documents begin with."""

    def beginnings() -> Iterator[str]:
        for _, title, text in reading.texts():
            if begins := (title or text)[:_CHARACTERS].strip():
                yield begins

    generator = random.Random(0)
    kept: list[str] = []
    for number, text in enumerate(beginnings()):  # a sample of unknown many (Vitter's algorithm R)
        if number < _TITLES:
            kept.append(text)
        elif (place := generator.randrange(number + 1)) < _TITLES:
            kept[place] = text
    return kept


def _rows(text: str, state: State, model: Embedder, weights: Weights | None) -> list[int]:
    search = Search(text=text, k=_K, weights=weights)
    return search.rows(state, model) if text.strip() else []


def _figures(rows: Sequence[int], right: set[int]) -> Figures:
    places = [place for place, row in enumerate(rows, 1) if row in right]
    return Figures(len(places) / min(len(right), _K), 1 / places[0] if places else 0.0)


def _mean(figures: Sequence[Figures]) -> Figures:
    return Figures(statistics.fmean(one.recall for one in figures), statistics.fmean(one.mrr for one in figures))
