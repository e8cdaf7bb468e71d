"""The pages of the indexes: all of them, and one of them with its search, its documents and each document whole."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_args
from urllib.parse import quote, urlencode

from nicegui import html, ui
from pydantic import ValidationError

from verticals.contract import BadInput, Document, Hit
from verticals.web.api.indexes import (
    IndexReembedding,
    IndexSummary,
    Mode,
    SearchOrder,
    found,
    list_indexes,
    summarise,
)
from verticals.web.site import Site
from verticals.web.ui import badge, command, data_table, empty, grid, heading, notice, panel, section, stats

from .hits import Ranking, ranked

MODES: dict[str, tuple[str, str]] = {
    "hybrid": ("Hybrid", "meaning and words, fused"),
    "dense": ("Dense", "by meaning alone"),
    "lexical": ("Lexical", "by words alone"),
}
_LISTED = 25
_HITS = 10
_EXCERPT = 140


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a page asks for.

    Args:
        text: of the search; empty: the documents are listed.
        mode, against: how to search, and how else beside it.
        where: the filter as it was typed.
        k: how many hits.
        document: id of the one to show whole, ``span`` the passage in it.
        after: list the documents behind this id.
    """

    text: str = ""
    mode: str = "hybrid"
    against: str = ""
    where: str = ""
    k: str = str(_HITS)
    document: str = ""
    span: str = ""
    after: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Asked:
        """What the parameters of an address say; what they do not say is as ever."""
        names = {"q": "text"} | {name: name for name in cls.__dataclass_fields__ if name != "text"}
        return cls(**{names[name]: value for name, value in parameters.items() if name in names})

    def address(self, path: str, **changes: str) -> str:
        """The address of the page that asks for this, but for the changes."""
        wanted = replace(self, **changes)
        values = {name: getattr(wanted, name) for name in self.__dataclass_fields__}
        changed = {name: value for name, value in values.items() if value != getattr(Asked(), name)}
        query = urlencode({"q" if name == "text" else name: value for name, value in changed.items()})
        return f"{path}?{query}" if query else path


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
    _form(place, asked)
    if asked.text.strip():
        await _searched(place, asked)
    else:
        _figures(facts)
        await _listed(place, asked)
    with section("In a terminal"):
        text = shlex.quote(" ".join(asked.text.split()) or "…")
        mode = f" --mode {asked.mode}" if asked.mode in MODES and asked.mode != "hybrid" else ""
        command(f"platform index search {vertical}/{index} {text}{mode}")
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


def _form(place: _Place, asked: Asked) -> None:
    with panel(), html.form(action=place.path, method="get", role="search").classes("p-form"):
        with html.div().classes("p-search"):
            _search_box(asked.text, "What are you looking for?")
            with html.button(type="submit").classes("p-button"):
                html.span("Search")
        with html.div().classes("p-fields"):
            _choice("mode", "Search", asked.mode, {name: title for name, (title, _) in MODES.items()})
            others = {name: title for name, (title, _) in MODES.items() if name != asked.mode}
            _choice("against", "Compare with", asked.against, {"": "Nothing"} | others)
            _input("k", "Hits", asked.k, "number", min=1, max=100)
            _input(
                "where", "Filter (JSON)", asked.where, "text", placeholder='{"topic": "returns"}', spellcheck="false"
            )


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
        modes = [_mode(mode) for mode in dict.fromkeys((asked.mode, asked.against)) if mode]
        order = _order(asked, modes[0])
        rankings = [await _ranking(place, order.model_copy(update={"mode": mode})) for mode in modes]
    except BadInput as error:
        notice(str(error), "error", title="This search cannot be made.")
        return

    def whole(hit: Hit) -> str:
        span = "-".join(map(str, hit.span)) if hit.span else ""
        return asked.address(place.path, document=hit.document.id, span=span) + ("#passage" if span else "")

    ranked(rankings, whole)


async def _ranking(place: _Place, order: SearchOrder) -> Ranking:
    started = time.perf_counter()
    hits = await found(place.site, place.vertical, place.index, order)
    title, description = MODES[order.mode]
    return Ranking(order.mode, title, description, hits, time.perf_counter() - started)


def _mode(written: str) -> Mode:
    if written not in get_args(Mode):
        raise BadInput(f"There is no search mode {written!r}.", f"Choose one of {', '.join(MODES)}.")
    return cast(Mode, written)


def _order(asked: Asked, mode: Mode) -> SearchOrder:
    """What the form says, as the API takes it.

    Raises:
        BadInput: the filter is no JSON object, or a value does not fit.
    """
    where: Any = None
    if asked.where.strip():
        remedy = 'Write it as in {"topic": "returns"}, in double quotes.'
        try:
            where = json.loads(asked.where)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"The filter is not JSON: {error}.", remedy) from None
        if not isinstance(where, dict):
            raise BadInput("The filter is not a JSON object.", remedy)
    try:
        return SearchOrder.model_validate({"text": asked.text, "mode": mode, "k": asked.k, "where": where})
    except ValidationError as error:
        (first, *_) = error.errors()
        raise BadInput(f"{first['loc'][0]}: {first['msg']}.") from None


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
