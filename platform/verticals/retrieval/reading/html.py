"""HTML: what a reader of the page sees, by headings, paragraphs, list items and rows of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from verticals.contract import BadInput
from verticals.data.encodings import check_text

from .blocks import Block, Headings, TableRows, Told, Unreadable
from .encodings import decoded

_LEFT_OUT = {
    "script", "style", "noscript", "template", "head", "nav", "iframe", "object", "embed", "canvas", "audio", "video",
    "svg", "math", "map", "button", "select", "option", "textarea", "input", "datalist",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "legend", "li", "main", "ol", "p", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul",
}  # fmt: skip
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)


def read(path: Path, encoding: str | None, told: Told) -> Iterator[Block]:
    """The blocks of a web page; of its ``main`` part alone where it has one.

    Raises:
        BadInput: it is no text.
    """
    root = _tree(decoded(path, encoding or _declared(path), told))
    if root is None:
        return
    main = [each for each in root.iter("main") if _flat(each)]
    body = main[0] if len(main) == 1 else root
    first = next((_flat(each) for each in body.iter("h1")), "")
    titled = next((_flat(each) for each in root.iter("title")), "")
    yield from _Walk(Headings(first or titled or path.stem)).blocks(body)


def blocks_of(markup: str, headings: Headings) -> Iterator[Block]:
    """The blocks of a piece of HTML that stands below ``headings``."""
    root = _tree(markup)
    if root is not None:
        yield from _Walk(headings).blocks(root)


def _declared(path: Path) -> str | None:
    """The encoding that a page says it has, unless it is UTF-8 in truth or not what it says."""
    with path.open("rb") as file:
        found = _CHARSET.search(file.read(4096))
    # What the web calls Latin 1 is cp1252, by the standard of encodings.
    name = found[1].decode("ascii").lower() if found else "utf-8"
    declared = "cp1252" if name in ("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii", "windows-1252") else name
    for each in ("utf-8", declared):
        try:
            check_text(path, each)
        except BadInput:
            continue
        return None if each == "utf-8" else each
    return None


def _tree(markup: str) -> Any:
    from lxml import etree

    # As bytes, because lxml refuses strings that declare an encoding of their own.
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True, no_network=True)
    root = etree.fromstring(markup.encode("utf-8", "replace"), parser) if markup.strip() else None
    # Small faults are mended; after a fatal one the rest of the page is missing.
    if fatal := [each for each in parser.error_log if each.level_name == "FATAL"]:
        raise Unreadable(f"line {fatal[0].line}: {fatal[0].message.partition(',')[0]}")
    return root


def _walk(element: Any) -> Iterator[tuple[str, Any]]:
    """Start and end of each element within, without what nobody sees; the text behind one belongs to its end."""
    from lxml import etree

    events = etree.iterwalk(element, events=("start", "end"))
    for event, each in events:
        if event == "start" and _unseen(each):
            events.skip_subtree()
            yield "unseen", each
        elif event == "start" or not _unseen(each):
            yield event, each


def _unseen(element: Any) -> bool:
    return (
        element.tag in _LEFT_OUT
        or element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or "display:none" in element.get("style", "").replace(" ", "")
    )


def _flat(element: Any) -> str:
    """All that is seen of an element, as one line."""
    parts: list[str] = []
    for event, each in _walk(element):
        if event == "start":
            parts += [" " if each.tag in _BLOCKS or each.tag == "br" else "", each.text or ""]
        elif each is not element:
            parts += [" " if each.tag in _BLOCKS else "", each.tail or ""]
    return " ".join("".join(parts).split())


class _Walk:
    """Collects running text and gives it out wherever a block begins or ends."""

    def __init__(self, headings: Headings) -> None:
        self._headings = headings
        self._parts: list[str] = []
        self._lists: list[int | None] = []
        self._tables = [TableRows(headings)]  # a row without a table is one too
        self._mark = ""
        self._in_list = False  # the block before is of this list

    def blocks(self, root: Any) -> Iterator[Block]:
        """The blocks of an element and all within."""
        within: Any = None  # a heading, a row or preformatted text, which is taken as a whole
        for event, element in _walk(root):
            tag = element.tag
            if within is not None:
                if element is within and event == "end":
                    within = None
                    self._add(element.tail)
                continue
            if tag in _BLOCKS:
                yield from self._flush()
            if event == "start":
                if tag in _HEADINGS:
                    within = element
                    if text := _flat(element):
                        yield self._headings.heading(int(tag[1]), text)
                elif tag == "tr" and not _is_layout(element):
                    within = element
                    cells = [_flat(cell) for cell in element.iterchildren("td", "th")]
                    is_header = all(cell.tag == "th" for cell in element.iterchildren("td", "th"))
                    yield from self._tables[-1].row(cells, is_header=is_header)
                elif tag == "pre":
                    within = element
                    if text := "".join(element.itertext()).strip():
                        yield self._headings.block(text)
                else:
                    self._enter(element)
                    self._add(element.text)
            else:
                if event == "end" and tag in ("ul", "ol"):
                    self._lists.pop()
                    self._mark = ""
                elif event == "end" and tag == "table":
                    yield from self._tables.pop().end()
                if element is not root:
                    self._add(element.tail)
        yield from self._flush()

    def _enter(self, element: Any) -> None:
        match element.tag:
            case "br":
                self._parts.append("\n")
            case "img":
                self._add(f" {element.get('alt', '')} ")
            case "table":
                self._tables.append(TableRows(self._headings))
            case "ul":
                self._lists.append(None)
            case "ol":
                start = element.get("start", "1")
                self._lists.append(int(start) if start.isascii() and start.isdigit() else 1)
            case "li" if self._lists:
                number = self._lists[-1]
                self._mark = "- " if number is None else f"{number}. "
                self._lists[-1] = None if number is None else number + 1

    def _add(self, text: str | None) -> None:
        if text:
            self._parts.append(re.sub(r"\s+", " ", text))

    def _flush(self) -> Iterator[Block]:
        lines = (" ".join(line.split()) for line in "".join(self._parts).split("\n"))
        text = "\n".join(line for line in lines if line)
        self._parts.clear()
        if text:
            follows = self._mark and self._in_list
            before = "\n" + "  " * (len(self._lists) - 1) if follows else "\n\n"
            self._in_list = bool(self._lists)
            yield self._headings.block(self._mark + text, before)
            self._mark = ""


def _is_layout(row: Any) -> bool:
    """Whether a row arranges parts of a page instead of holding data."""
    return next(row.iter("table", *_HEADINGS), None) is not None
