"""What a search found, and what another way to search found instead, side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nicegui import html

from verticals.contract import Document, Hit
from verticals.web.ui import badge, empty, section

# Characters shown around the passage, and at least in all.
_BEFORE, _BEHIND, _SHOWN = 80, 100, 280


@dataclass(frozen=True, slots=True)
class Ranking:
    """The hits of one way to search.

    Args:
        mode, title, description: of the way.
        name: what it is called beside the other one.
        hits: best first.
        seconds: that the search took.
    """

    mode: str
    title: str
    name: str
    description: str
    hits: Sequence[Hit]
    seconds: float


def ranked(rankings: Sequence[Ranking], whole: Callable[[Hit], str], offset: int = 0) -> None:
    """Show one ranking, or two beside each other with what only one of them has.

    Args:
        rankings: one or two.
        whole: the address at which the document of a hit is shown.
        offset: how many hits came on the pages before.
    """
    with section("Hits", _told(rankings)):
        if len(rankings) == 1:
            _list(rankings[0], None, whole, offset)
            return
        with html.div().classes("p-beside"):
            for ranking, other in zip(rankings, reversed(rankings), strict=True):
                with html.div().classes("p-ranking-column"):
                    with html.div().classes("p-section-head"):
                        html.h3(ranking.title)
                        html.p(f"{ranking.description} · {_seconds(ranking.seconds)}")
                    _list(ranking, other, whole, offset)


def _told(rankings: Sequence[Ranking]) -> str:
    first = rankings[0]
    if len(rankings) == 1:
        return f"{first.title}: {first.description}, in {_seconds(first.seconds)}." if first.hits else ""
    ids = [{hit.document.id for hit in ranking.hits} for ranking in rankings]
    both = len(ids[0] & ids[1])
    only = " and ".join(
        f"{len(mine - its)} {ranking.name} alone"
        for ranking, mine, its in zip(rankings, ids, reversed(ids), strict=True)
    )
    return f"{both} found by both, {only}."


def _list(ranking: Ranking, other: Ranking | None, whole: Callable[[Hit], str], offset: int) -> None:
    if not ranking.hits:
        empty("Nothing was found.", "Other words, or a wider filter, may find more.", icon="search_off")
        return
    places = {hit.document.id: place for place, hit in enumerate(other.hits, offset + 1)} if other else {}
    with html.ol().classes("p-hits"):
        for place, hit in enumerate(ranking.hits, offset + 1):
            with html.li().classes("p-hit"):
                _head(place, hit, whole(hit), ranking.mode)
                _passage(hit)
                with html.div().classes("p-hit-facts"):
                    _facts(hit.document)
                    if other is not None:
                        _elsewhere(places.get(hit.document.id), other.name.removeprefix("by "))


def _head(place: int, hit: Hit, address: str, mode: str) -> None:
    with html.header():
        html.span(str(place)).classes("p-place p-number")
        with html.h4():
            html.a(hit.document.title or hit.document.id, href=address)
        with html.p().classes("p-ranks"):
            if hit.similarity is not None:
                with html.span(title="Cosine of the query's and the document's vectors").classes("p-similarity"):
                    html.meter(value=max(0.0, hit.similarity), min=0, max=1, **{"aria-hidden": "true"})
                    html.span(f"{hit.similarity:.3f}").classes("p-number")
            if mode != "lexical":
                _rank("meaning", hit.dense_rank)
            if mode != "dense":
                _rank("words", hit.lexical_rank)


def _rank(by: str, rank: int | None) -> None:
    shown = f"{by} {rank}" if rank is not None else f"{by} –"
    title = f"Place {rank} by {by}" if rank is not None else f"Not among the best by {by}"
    html.span(shown, title=title).classes("p-rank p-number" + ("" if rank is not None else " p-rank-none"))


def _passage(hit: Hit) -> None:
    before, passage, behind = excerpt(hit.document.text, hit.span)
    with html.p().classes("p-passage"):
        html.span(before)
        if passage:
            with html.mark():
                _with_words(hit)
        html.span(behind)


def _with_words(hit: Hit) -> None:
    """The passage, with the query's words in bold."""
    at, end = hit.span or (0, 0)
    text = hit.document.text
    for first, last in (*hit.marks, (end, end)):
        html.span(_on_one_line(text[at:first]))
        if first < last:
            html.strong(_on_one_line(text[first:last]))
        at = last


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def excerpt(text: str, span: tuple[int, int] | None) -> tuple[str, str, str]:
    """The passage and what stands before and behind it, on one line; without one, the beginning of the text."""
    start, end = span or (0, 0)
    begin = max(0, start - _BEFORE)
    stop = min(len(text), max(end + _BEHIND, begin + _SHOWN))
    before, passage, behind = (_on_one_line(part) for part in (text[begin:start], text[start:end], text[end:stop]))
    if begin:
        before = f"… {before.partition(' ')[2] or before}"
    if stop < len(text):
        behind = f"{behind.rpartition(' ')[0] or behind} …"
    return before, passage, behind


def _facts(document: Document) -> None:
    html.span(document.source or document.id, title=document.id).classes("p-mono")
    for name, value in document.metadata.items():
        with html.span().classes("p-fact"):
            html.span(name)
            html.span(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _elsewhere(place: int | None, title: str) -> None:
    """Where the other way to search has this document."""
    with html.span().classes("p-elsewhere"):
        if place is None:
            badge("only here", "warning")
        else:
            badge(f"{title}: place {place}")


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
