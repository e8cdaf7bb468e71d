"""The pages of the indexes: all of them, and one of them with its search, its documents and each document whole."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from nicegui import html, ui

from verticals.contract import BadInput, Document, Hit
from verticals.web.api.indexes import (
    MOST_OFFSET,
    IndexReembedding,
    IndexSummary,
    SearchOrder,
    found,
    list_indexes,
    summarise,
)
from verticals.web.site import Site
from verticals.web.ui import badge, command, data_table, empty, grid, heading, notice, panel, section, stats

from .adding import adding
from .asked import FUSIONS, MODES, Asked, Way
from .hits import Ranking, ranked

_LISTED = 25
_EXCERPT = 140


@dataclass(frozen=True, slots=True)
class _Place:
    """One index and where its page is."""

    site: Site
    vertical: str
    index: str
    path: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"/indexes/{quote(self.vertical)}/{quote(self.index)}")


async def render_all(site: Site) -> None:
    """Build the page that lists all indexes."""
    indexes = await list_indexes(site)
    heading("Indexes", "Documents that are found by meaning and by words.")
    if not indexes:
        empty("No index is declared.", "The verticals that are served here search nothing.", icon="manage_search")
        return
    with grid():
        for one in indexes:
            _card(one)


def _card(one: IndexSummary) -> None:
    path = f"/indexes/{quote(one.vertical)}/{quote(one.index)}"
    with html.article().classes("p-card"):
        with html.header():
            with html.h3():
                html.a(one.index, href=path).classes("p-plain-link")
            if not one.writable:
                badge("read only", "warning")
            if one.reembedding is not None:
                badge(_anew(one.reembedding), "warning" if one.reembedding.held_back else "neutral")
        html.p(one.description or f"Documents of {one.vertical}.")
        html.p(f"{one.vertical} · {_count(one.documents)} · {one.language} · {_vectors(one)}").classes("p-muted")
        with html.form(action=path, method="get").classes("p-search"):
            _search_box("", f"Search {one.index}")
            with html.button(type="submit").classes("p-button"):
                html.span("Search")


async def render(site: Site, vertical: str, index: str, asked: Asked) -> None:
    """Build the page of one index.

    Raises:
        NotFound: no such vertical or index, or no such document.
    """
    place = _Place(site, vertical, index)
    facts = await summarise(site, vertical, index)
    with html.nav(**{"aria-label": "Where you are"}).classes("p-crumbs"):
        html.a("Indexes", href="/indexes")
        if asked.document:
            html.a(index, href=asked.address(place.path, document="", span=""))
    if asked.document:
        _whole(await site.running(vertical).index(index).get(asked.document), _span(asked.span))
        return
    heading(f"{vertical}/{index}", facts.description)
    if not facts.writable:
        notice("Another process writes to this index; here it can only be read.", "warning")
    _vectors_to_come(place, facts)
    _form(place, asked, reranks=bool(site.vertical(vertical).indexes[index].reranker))
    if asked.text.strip():
        await _searched(place, asked)
    else:
        _figures(facts)
        await _listed(place, asked)
        adding(site.running(vertical).index(index), place.path)
    with section("In a terminal"):
        text = shlex.quote(" ".join(asked.text.split()) or "…")
        command(f"platform index search {vertical}/{index} {text}{asked.way.options}")
        command(f"platform index import {vertical}/{index} FOLDER")
        command(f"platform index export {vertical}/{index} {index}.jsonl")


def _vectors_to_come(place: _Place, facts: IndexSummary) -> None:
    anew = facts.reembedding
    if anew is None:
        return
    if anew.held_back is None:
        told = f"{anew.done:,} of {_count(anew.total)} embedded; until then searches go by {facts.embedding}."
        notice(told, "info", title=f"{anew.embedding} is about to take over.")
    else:
        path = f"/v1/platform/indexes/{place.vertical}/{place.index}/reembed"
        told = f'{anew.held_back.told}. To let it take over all the same: POST {path} with {{"force": true}}.'
        notice(told, "warning", title=f"{anew.embedding} is held back, for it answers worse.")


def _anew(anew: IndexReembedding) -> str:
    if anew.held_back is not None:
        return "new vectors held back"
    return f"new vectors {anew.done / max(1, anew.total):.0%}"


def _figures(facts: IndexSummary) -> None:
    made = "a version of a head" if facts.embedding_kind == "head" else "the shared encoder"
    stats(
        [
            ("Documents", facts.documents, "searchable"),
            ("Change", facts.change, "the last one committed"),
            ("Vectors", facts.dimension, f"numbers each, by {made}"),
            ("Language", facts.language, "of the words' stems"),
        ]
    )
    if facts.compared is not None:
        html.p(f"When these vectors took over: {facts.compared.told}.").classes("p-muted")


def _form(place: _Place, asked: Asked, *, reranks: bool) -> None:
    with panel(), html.form(action=place.path, method="get", role="search").classes("p-form"):
        with html.div().classes("p-search"):
            _search_box(asked.text, "What are you looking for?")
            with html.button(type="submit").classes("p-button"):
                html.span("Search")
        titles = {name: title for name, (title, _) in MODES.items()}
        with html.div().classes("p-fields"):
            _choice("mode", "Search", asked.mode, titles)
            _choice("against", "Compare with", asked.against, {"": "Nothing"} | titles)
            _input("k", "Hits", asked.k, "number", min=1, max=100)
            _input(
                "where", "Filter (JSON)", asked.where, "text", placeholder='{"topic": "returns"}', spellcheck="false"
            )
        opened = {"open": ""} if any(way.settings for way in asked.ways) else {}
        with html.details(**opened).classes("p-more"):
            html.summary("More settings")
            _settings("Search", asked, "", reranks=reranks)
            _settings("Compare with", asked, "against_", reranks=reranks)


def _settings(legend: str, asked: Asked, prefix: str, *, reranks: bool) -> None:
    """How a way to search can be set besides its mode."""

    def typed(name: str) -> str:
        return str(getattr(asked, prefix + name))

    with html.fieldset().classes("p-fieldset"):
        html.legend(legend)
        with html.div().classes("p-fields"):
            _choice(f"{prefix}fusion", "Fused by", typed("fusion"), FUSIONS)
            share: dict[str, Any] = {"min": 0, "max": 1, "step": 0.05}
            _input(f"{prefix}weight", "Weight of meaning", typed("weight"), "number", placeholder="as usual", **share)
            _input(f"{prefix}diversity", "Diversity", typed("diversity"), "number", placeholder="0", **share)
            share["min"] = -1
            _input(f"{prefix}least", "Least similarity", typed("least"), "number", placeholder="any", **share)
            if reranks:
                _choice(f"{prefix}rerank", "Re-rank", typed("rerank"), {"": "No", "true": "By the index's head"})


def _search_box(value: str, label: str) -> None:
    attributes = {"aria-label": label, "placeholder": label, "autocomplete": "off"}
    box = ui.element("input").props("type=search name=q").classes("p-input p-input-search")
    box._props.update(attributes | {"value": value})  # noqa: SLF001 - `props` would split a text with quotes


def _input(name: str, label: str, value: str, kind: str, **more: Any) -> None:
    with html.label().classes(f"p-field p-field-{name}"):
        html.span(label)
        box = ui.element("input").classes("p-input")
        box._props.update({"type": kind, "name": name, "value": value, **more})  # noqa: SLF001 - see _search_box


def _choice(name: str, label: str, value: str, choices: Mapping[str, str]) -> None:
    with html.label().classes("p-field"):
        html.span(label)
        with html.select(name=name).classes("p-input"):
            for one, title in choices.items():
                option = html.option(title, value=one)
                if one == value:
                    option.props("selected")


async def _searched(place: _Place, asked: Asked) -> None:
    try:
        orders = asked.orders()
        same = len({order.mode for order in orders}) < len(orders)
        names = ["on the left", "on the right"] if same else [f"by {order.mode}" for order in orders]
        searches = zip(asked.ways, orders, names, strict=True)
        rankings = [await _ranking(place, way, order, name) for way, order, name in searches]
    except BadInput as error:
        notice(str(error), "error", title="This search cannot be made.")
        return

    def whole(hit: Hit) -> str:
        span = "-".join(map(str, hit.span)) if hit.span else ""
        return asked.address(place.path, document=hit.document.id, span=span) + ("#passage" if span else "")

    ranked(rankings, whole, orders[0].offset)
    _pages(place, asked, orders[0], more=any(len(ranking.hits) == orders[0].k for ranking in rankings))


async def _ranking(place: _Place, way: Way, order: SearchOrder, name: str) -> Ranking:
    started = time.perf_counter()
    hits = await found(place.site, place.vertical, place.index, order)
    return Ranking(order.mode, way.title, name, MODES[order.mode][1], hits, time.perf_counter() - started)


def _pages(place: _Place, asked: Asked, order: SearchOrder, *, more: bool) -> None:
    page = order.offset // order.k + 1
    more = more and order.offset + order.k <= MOST_OFFSET
    if page == 1 and not more:
        return
    with html.nav(**{"aria-label": "Pages of hits"}).classes("p-bar"):
        if page > 1:
            html.a("Previous hits", href=asked.address(place.path, page=str(page - 1))).classes("p-quiet-link")
        html.span(f"Hits {order.offset + 1:,} to {order.offset + order.k:,}").classes("p-muted p-number")
        if more:
            html.a("Next hits", href=asked.address(place.path, page=str(page + 1))).classes("p-quiet-link")


async def _listed(place: _Place, asked: Asked) -> None:
    documents = await place.site.running(place.vertical).index(place.index).documents(asked.after, _LISTED + 1)
    with section("Documents", "In the order of their ids."):
        if not documents:
            load = f"platform index load {place.vertical}/{place.index} documents.jsonl"
            told = "None behind this id." if asked.after else "There are no documents yet."
            empty(told, "" if asked.after else "Load some:", commands=[] if asked.after else [load], icon="description")
        else:
            with data_table(("Document", "Title", "Source", "Text"), caption="Documents"):
                for document in documents[:_LISTED]:
                    _row(place, asked, document)
        with html.div().classes("p-bar"):
            if asked.after:
                html.a("From the start", href=asked.address(place.path, after="")).classes("p-quiet-link")
            if len(documents) > _LISTED:
                more = asked.address(place.path, after=documents[_LISTED - 1].id)
                html.a("Next page", href=more).classes("p-quiet-link")


def _row(place: _Place, asked: Asked, document: Document) -> None:
    with html.tr():
        with html.th(scope="row").classes("p-mono p-figures"):
            html.a(document.id, href=asked.address(place.path, document=document.id))
        html.td(document.title or "–").classes("p-figures")
        html.td(document.source or "–").classes("p-figures p-muted")
        html.td(" ".join(document.text[:_EXCERPT].split())).classes("p-figures p-muted")


def _whole(document: Document, span: tuple[int, int] | None) -> None:
    heading(document.title or document.id)
    facts = {"id": document.id, "source": document.source} | dict(document.metadata)
    with html.dl().classes("p-facts"):
        for name, value in facts.items():
            if value not in (None, "", [], {}):
                with html.div():
                    html.dt(name)
                    html.dd(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    start, end = span or (0, 0)
    with html.article().classes("p-panel p-document"), html.p():
        html.span(document.text[:start])
        if document.text[start:end]:
            html.mark(document.text[start:end], id="passage")
        html.span(document.text[end:] if end > start else document.text[start:])
    if not document.text:
        empty("This document has no text.", icon="description")


def _span(written: str) -> tuple[int, int] | None:
    start, _, end = written.partition("-")
    return (int(start), int(end)) if start.isdecimal() and end.isdecimal() and int(start) < int(end) else None


def _count(documents: int) -> str:
    return "1 document" if documents == 1 else f"{documents:,} documents"


def _vectors(one: IndexSummary) -> str:
    return one.embedding.partition(" on ")[0] if one.embedding_kind == "head" else "shared encoder"
