"""Word documents (.docx): headings, paragraphs, list items and rows of tables."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from verticals.contract import BadInput

from .blocks import Block, Headings, TableRows, Told

_LARGEST_UNPACKED = 500 << 20
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARAGRAPH, _TABLE, _ROW, _CELL = f"{_WORD}p", f"{_WORD}tbl", f"{_WORD}tr", f"{_WORD}tc"
_TEXT = {f"{_WORD}tab": "\t", f"{_WORD}br": "\n", f"{_WORD}cr": "\n", f"{_WORD}noBreakHyphen": "-"}
# Word writes a text box twice, the second time for old programs.
_AGAIN = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def read(path: Path, encoding: str | None, told: Told) -> Iterator[Block]:
    """The blocks of a Word document, tracked insertions among them; headers, footers and notes are left out.

    Raises:
        BadInput: it is damaged, needs a password, is no Word document, or is far larger unpacked than it seems.
    """
    document = _opened(path)
    styles = {style.style_id: _named(style) for style in document.styles}
    paragraphs = [(each, _style(each, styles)) for each in document.element.body.iter(_PARAGRAPH)]
    by_style = {style: _text(each) for each, style in reversed(paragraphs) if style in ("Title", "Heading 1")}
    title = by_style.get("Title") or document.core_properties.title or by_style.get("Heading 1") or path.stem
    yield from _Walk(Headings(str(title).strip()), styles).blocks(document.element.body)


def _opened(path: Path) -> Any:
    """The document as python-docx has it."""
    import docx

    with path.open("rb") as file:
        if file.read(4) == b"\xd0\xcf\x11\xe0":
            raise BadInput(
                f"{path} is encrypted with a password, or an old Word document (.doc).",
                "Save a copy as .docx without password, and import that.",
            )
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST_UNPACKED:
            raise BadInput(
                f"{path} unpacks to {size >> 20:,} MiB, and at most {_LARGEST_UNPACKED >> 20} are read.",
                "Leave it out unless you know where it comes from; otherwise divide it, or take its pictures out.",
            )
        return docx.Document(str(path))
    except BadInput:
        raise
    except Exception as error:  # a damaged archive or document makes the libraries raise anything
        said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise BadInput(
            f"{path} is damaged or no Word document: {said}.", "Open it in a word processor and save it again."
        ) from error


class _Walk:
    def __init__(self, headings: Headings, styles: dict[str, str]) -> None:
        self._headings = headings
        self._styles = styles
        self._in_list = False

    def blocks(self, parent: Any) -> Iterator[Block]:
        """The paragraphs and tables in an element, also those within content controls and the like."""
        for child in parent.iterchildren():
            if child.tag == _PARAGRAPH:
                yield from self._paragraph(child)
            elif child.tag == _TABLE:
                yield from self._table(child)
            elif isinstance(child.tag, str) and child.tag != _AGAIN:
                yield from self.blocks(child)

    def _paragraph(self, element: Any) -> Iterator[Block]:
        text, style = _text(element), _style(element, self._styles)
        if not text:
            return
        name, _, level = style.rpartition(" ")
        is_item = style.startswith("List") or element.find(f"{_WORD}pPr/{_WORD}numPr") is not None
        if name == "Heading" and level.isdigit():
            yield self._headings.heading(int(level), " ".join(text.split()))
        elif style == "Title":
            yield self._headings.heading(0, " ".join(text.split()))
        else:
            before = "\n" if is_item and self._in_list else "\n\n"
            yield self._headings.block(f"- {text}" if is_item else text, before)
        self._in_list = is_item

    def _table(self, element: Any) -> Iterator[Block]:
        table = TableRows(self._headings)
        for row in _own(element, _ROW):
            cells = [" ".join(_text(cell).split()) for cell in _own(row, _CELL)]
            is_header = row.find(f"{_WORD}trPr/{_WORD}tblHeader") is not None
            yield from table.row(cells, is_header=is_header)
        yield from table.end()
        self._in_list = False


def _named(style: Any) -> str:
    """The name of a style, or of the heading or list that it is based on."""
    each = style
    for _ in range(20):  # a damaged document can have a circle
        if each is None:
            break
        if (each.name or "").startswith(("Heading ", "Title", "List")):
            return str(each.name)
        each = getattr(each, "base_style", None)
    return str(style.name or "")


def _own(element: Any, tag: str) -> Iterator[Any]:
    """The rows of a table or the cells of a row, without those of tables within."""
    return (each for each in element.iter(tag) if next(each.iterancestors(element.tag)) is element)


def _style(paragraph: Any, styles: dict[str, str]) -> str:
    """The name of a paragraph's style, which is English for those that Word brings, whatever its language."""
    found = paragraph.find(f"{_WORD}pPr/{_WORD}pStyle")
    return styles.get(found.get(f"{_WORD}val"), "") if found is not None else ""


def _text(element: Any) -> str:
    """All text within, insertions too; what was deleted has another tag."""
    parts: list[str] = []
    for each in element.iter():
        if next(each.iterancestors(_AGAIN), None) is not None:
            continue
        if each.tag == f"{_WORD}t":
            parts.append(each.text or "")
        elif each.tag in _TEXT:
            parts.append(_TEXT[each.tag])
        elif each.tag == _PARAGRAPH and parts:
            parts.append("\n")
    return "".join(parts).strip()
