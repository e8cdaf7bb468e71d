"""How well each way of recommending finds a user's next item among the whole catalogue.

Every user's last new item is held out (the one before it for the split ``validation``). Each way ranks all items that
the user had not met before, and is judged by the place of the held-out one: hit rate (is it among the first ten?) and
NDCG (1 / log2(place + 1) within the first ten, else 0).
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .catalogue import Catalogue
from .data import Behaviour, Item
from .examples import Step, steps
from .ranking import POOL, diversified
from .text import HISTORY_ITEMS, history_text

if TYPE_CHECKING:
    from verticals import Vertical

FIRST = 10
_TOKENS = 128
Split = Literal["validation", "test"]
Ranking = Sequence[str]  # item ids, best first


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one way of recommending, each with its standard error over the users."""

    way: str
    ndcg: float
    ndcg_error: float
    hit_rate: float
    hit_rate_error: float
    users: int


def measure(vertical: Vertical, split: Split = "test", version: str = "live") -> list[Measured]:
    """Popularity, the untrained encoder and the trained head on the same users and the same candidates.

    Raises:
        Unavailable: no version of the head is live.
    """
    catalogue = Catalogue(Item.model_validate(row) for row in vertical.dataset("items").current().read())
    behaviours = [Behaviour.model_validate(row) for row in vertical.dataset("behaviours").current().read()]
    asked = [step for step in steps(behaviours, catalogue.items) if step.split == split]
    if not asked:
        return []
    trained = _by_head(vertical, version, catalogue, asked)
    diversity = vertical.settings.diversity
    varied = [_varied(ranking, catalogue, diversity) for ranking in trained]
    ways: dict[str, list[Ranking]] = {
        "popularity": _by_popularity(catalogue, asked),
        "untrained encoder, history as one text": _by_encoder(vertical, catalogue, asked, together=True),
        "untrained encoder, mean of the items": _by_encoder(vertical, catalogue, asked, together=False),
        "head interest": [[item_id for item_id, _ in ranking] for ranking in trained],
        f"head interest, diversity {diversity:g} (as served)": varied,
    }
    return [figures(way, rankings, [step.item_id for step in asked]) for way, rankings in ways.items()]


def figures(way: str, rankings: Sequence[Ranking], wanted: Sequence[str]) -> Measured:
    """NDCG and hit rate at 10 of rankings, each with the one item that should stand high in it."""
    places = [_place(ranking, item_id) for ranking, item_id in zip(rankings, wanted, strict=True)]
    gains = [1 / math.log2(place + 1) if place <= FIRST else 0.0 for place in places]
    hits = [float(place <= FIRST) for place in places]
    return Measured(way, *_mean(gains), *_mean(hits), len(places))


def _place(ranking: Ranking, item_id: str) -> float:
    try:
        return ranking.index(item_id) + 1
    except ValueError:
        return math.inf


def _mean(values: Sequence[float]) -> tuple[float, float]:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return statistics.fmean(values), error


def _open(catalogue: Catalogue, step: Step) -> dict[str, str]:
    """Ids and texts of the items that the user had not met before."""
    met = set(step.before)
    return {item_id: text for item_id, text in catalogue.texts.items() if item_id not in met}


def _by_popularity(catalogue: Catalogue, asked: Sequence[Step]) -> list[Ranking]:
    """By how many users had met an item before their held-out one."""
    counts = Counter(item_id for step in asked for item_id in step.before)
    return [sorted(_open(catalogue, step), key=lambda item_id: (-counts[item_id], item_id)) for step in asked]


def _by_head(
    vertical: Vertical, version: str, catalogue: Catalogue, asked: Sequence[Step]
) -> list[Sequence[tuple[str, float]]]:
    inputs = [{"query": _history(catalogue, step), "candidates": _open(catalogue, step)} for step in asked]
    return [answer.ranking for answer in vertical.head("interest").predict(inputs, version=version)]


def _by_encoder(vertical: Vertical, catalogue: Catalogue, asked: Sequence[Step], *, together: bool) -> list[Ranking]:
    """By the cosine with the bare encoder's vector of the history: of its text, or the mean of its items' vectors."""
    embed = vertical.host.encoder.embed
    vectors = embed(list(catalogue.texts.values()), _TOKENS)
    row = {item_id: at for at, item_id in enumerate(catalogue.texts)}
    if together:
        queries = embed([_history(catalogue, step) for step in asked], _TOKENS)
    else:
        queries = np.stack([vectors[[row[item_id] for item_id in step.before]].mean(axis=0) for step in asked])
    scores = queries @ vectors.T
    return [
        sorted(_open(catalogue, step), key=lambda item_id: (-own[row[item_id]], item_id))
        for step, own in zip(asked, scores, strict=True)
    ]


def _varied(ranking: Sequence[tuple[str, float]], catalogue: Catalogue, diversity: float) -> Ranking:
    """The first ten as `service.recommend` would list them."""
    pool = [(catalogue.items[item_id], score) for item_id, score in ranking[: POOL * FIRST]]
    return [item.item_id for item, _ in diversified(pool, FIRST, diversity)]


def _history(catalogue: Catalogue, step: Step) -> str:
    return history_text([catalogue.items[item_id] for item_id in step.before[-HISTORY_ITEMS:]])
