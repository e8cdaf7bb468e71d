"""Markdown: its headings, paragraphs, list items, rows of tables and code, without the marks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .blocks import Block, Headings, TableRows, Told
from .encodings import decoded

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---[^\S\n]*\n(?=[\w-]+[^\S\n]*:).*?\n(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title:[^\S\n]*(.+)$", re.MULTILINE)
# Markup within longer ones is left as it stands: some of it takes the parser time that grows with the square.
_LONGEST_PARSED = 20_000
_NESTING = 100


def read(path: Path, encoding: str | None, told: Told) -> Iterator[Block]:
    """The blocks of a Markdown file (CommonMark with tables and front matter).

    Raises:
        BadInput: it is no text.
    """
    yield from _Document(decoded(path, encoding, told), path.stem).blocks()


class _Document:
    def __init__(self, text: str, name: str) -> None:
        from markdown_it import MarkdownIt

        front = _FRONT_MATTER.match(text)
        self._inline = MarkdownIt("commonmark", {"maxNesting": _NESTING}).enable("strikethrough")
        self._env: dict[str, Any] = {}
        parser = MarkdownIt("commonmark", {"maxNesting": _NESTING}).enable("table").disable("inline")
        self._tokens = parser.parse(text[front.end() :] if front else text, self._env)
        self._headings = Headings(_title_of(front) or self._first_heading() or name)

    def blocks(self) -> Iterator[Block]:
        """All blocks in their order."""
        level = 0
        lists = _Lists()
        cells: list[str] = []
        table: TableRows | None = None
        is_header = False
        for token in self._tokens:
            match token.type:
                case "heading_open":
                    level = int(token.tag[1:])
                case "heading_close":
                    level = 0
                case "bullet_list_open" | "ordered_list_open":
                    lists.begin(token.attrs if token.type == "ordered_list_open" else None)
                case "bullet_list_close" | "ordered_list_close":
                    lists.end()
                case "list_item_open":
                    lists.item()
                case "table_open":
                    table = TableRows(self._headings)
                case "table_close" if table:
                    yield from table.end()
                    table = None
                case "thead_open" | "thead_close":
                    is_header = token.type == "thead_open"
                case "tr_open":
                    cells = []
                case "tr_close" if table:
                    yield from table.row(cells, is_header=is_header)
                case "fence" | "code_block":
                    if text := token.content.strip():
                        yield self._headings.block(text)
                case "html_block":
                    from .html import blocks_of

                    yield from blocks_of(token.content, self._headings)
                case "inline":
                    text = self._plain(token)
                    if table:
                        cells.append(" ".join(text.split()))
                    elif text and level:
                        yield self._headings.heading(level, " ".join(text.split()))
                    elif text:
                        before, mark = lists.lead()
                        yield self._headings.block(mark + text, before)

    def _first_heading(self) -> str:
        for token, content in zip(self._tokens, self._tokens[1:], strict=False):
            if token.type == "heading_open" and token.tag == "h1":
                return " ".join(self._plain(content).split())
        return ""

    def _plain(self, token: Token) -> str:
        """The text of an inline token without its marks; images give what they say they show."""
        if len(token.content) > _LONGEST_PARSED:
            return token.content.strip()
        parts: list[str] = []
        pending = [
            child for each in self._inline.parseInline(token.content, self._env) for child in each.children or ()
        ]
        for child in pending:
            if child.type in ("text", "code_inline", "image"):
                parts.append(child.content)
            elif child.type in ("softbreak", "hardbreak"):
                parts.append(" " if child.type == "softbreak" else "\n")
            elif child.type == "html_inline" and child.content.lower().startswith("<br"):
                parts.append("\n")
        return "".join(parts).strip()


class _Lists:
    """The lists that are open: the next number of each, `None` for bullets."""

    def __init__(self) -> None:
        self._next: list[int | None] = []
        self._mark = ""
        self._first = True

    def begin(self, attributes: Mapping[str, Any] | None) -> None:
        self._first = not self._next
        self._next.append(None if attributes is None else int(attributes.get("start", 1)))

    def end(self) -> None:
        self._next.pop()
        self._mark = ""

    def item(self) -> None:
        number = self._next[-1]
        self._mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._next[-1] = number + 1

    def lead(self) -> tuple[str, str]:
        """What stands before the next paragraph, and its mark if it begins an item."""
        mark, first = self._mark, self._first
        self._mark, self._first = "", False
        if not mark or first:
            return "\n\n", mark
        return "\n" + "  " * (len(self._next) - 1), mark


def _title_of(front: re.Match[str] | None) -> str:
    found = _TITLE.search(front[0]) if front else None
    return found[1].strip().strip("\"'") if found else ""
