"""Plain text from what a chat window sent: markup, entities, odd spaces and invisible characters taken out."""

from __future__ import annotations

import html
import re
import unicodedata
from html.parser import HTMLParser

_BLOCKS = frozenset(
    [
        "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figure", "footer", "form",
        "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table",
        "tr", "ul",
    ]
)  # fmt: skip
_TAGS = _BLOCKS | {
    "a", "abbr", "b", "big", "body", "center", "code", "em", "font", "head", "html", "i", "img", "input", "label",
    "link", "meta", "nav", "q", "s", "script", "small", "span", "strike", "strong", "style", "sub", "sup", "tbody",
    "td", "tfoot", "th", "thead", "title", "u",
}  # fmt: skip
_UNSEEN = frozenset({"head", "script", "style", "title"})
# Only these are markup: "<3", "a < b" and "<ann@mail.example>" are what somebody wrote.
_MARKUP = re.compile(
    rf"</?(?:{'|'.join(sorted(_TAGS))})\b[^<>]*>|&(?:#\d+|#x[0-9a-f]+|[a-z]{{2,8}}\d?);", re.IGNORECASE
)
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb]|[^\S\n]*\r")
_WIDE = str.maketrans("０１２３４５６７８９＠＋", "0123456789@+")


def plain(text: str) -> str:
    """The text that a reader sees: one space between words, one line end between blocks; emoji stay."""
    if _MARKUP.search(text):
        text = _without_markup(text)
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).translate(_WIDE)
    text = "".join(" " if unicodedata.category(sign) in ("Cc", "Zs") and sign != "\n" else sign for sign in text)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


class _Text(HTMLParser):
    """Collects what is seen of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.parts.append(self.get_starttag_text() or "")
            return
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n")
        elif tag == "img":
            self.parts.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)


def _without_markup(text: str) -> str:
    reader = _Text()
    try:
        # Line ends of the source are spaces to a browser; where there is no tag, they are the writer's own.
        reader.feed(text if not re.search(r"<(?:p|br|div|li|td)\b", text, re.IGNORECASE) else text.replace("\n", " "))
        reader.close()
    except AssertionError:  # the parser gives up on broken declarations such as "<![endif"
        return html.unescape(_MARKUP.sub(" ", text))
    return "".join(reader.parts)
