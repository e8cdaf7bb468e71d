"""A short document that is written once and comes out as Markdown and as HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2530; --back: #ffffff; --mute: #64707d; --line: #d8dee5; --band: #f5f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaef; --back: #14191f; --mute: #98a3af; --line: #38424d; --band: #1b222a; } }
body { margin: 2rem auto; padding: 0 1.25rem; max-width: 76rem; color: var(--ink); background: var(--back);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--mute); font-weight: 500; } tbody tr:nth-child(even) { background: var(--band); }
td.number { text-align: right; } figure { margin: 1rem 0; overflow-x: auto; }
pre, code { background: var(--band); border-radius: 4px; } code { padding: .1em .3em; } pre { padding: .8rem; }
pre code { padding: 0; }
"""
_CODE = re.compile(r"`([^`]+)`")


@dataclass(slots=True)
class Page:
    """Blocks in order. Texts are Markdown of the simplest kind: only ``code`` is marked."""

    title: str
    _markdown: list[str] = field(default_factory=list)
    _html: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """A section begins."""
        self._markdown.append(f"## {text}")
        self._html.append(f"<h2>{_inline(text)}</h2>")

    def paragraph(self, text: str) -> None:
        """Some sentences."""
        self._markdown.append(text)
        self._html.append(f"<p>{_inline(text)}</p>")

    def commands(self, text: str) -> None:
        """Lines for a shell."""
        self._markdown.append(f"```sh\n{text}\n```")
        self._html.append(f"<pre><code>{escape(text)}</code></pre>")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of texts."""
        self._markdown.append(markdown_table(head, rows))
        cells = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
        body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
        self._html.append(f"<table><thead><tr>{cells[0]}</tr></thead><tbody>{body}</tbody></table>")

    def picture(self, name: str, svg: str, alt: str) -> None:
        """A picture: a link to the file ``name`` in Markdown, the picture itself in HTML."""
        self._markdown.append(f"![{alt}]({name})")
        self._html.append(f"<figure>{svg}</figure>")

    def markdown(self) -> str:
        """The page as Markdown."""
        return "\n\n".join([f"# {self.title}", *self._markdown]) + "\n"

    def html(self) -> str:
        """The page as one HTML file that needs no other."""
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(self.title)}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{_STYLE}</style></head><body>\n<h1>{_inline(self.title)}</h1>\n"
            + "\n".join(self._html)
            + "\n</body></html>\n"
        )


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; line breaks and bars in cells do not break it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in row)} |" for row in lines
    )


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _cell(text: str) -> str:
    digits = text.replace(",", "").replace(".", "", 1).lstrip("-+−").rstrip("%")
    return f'<td class="number">{escape(text)}</td>' if digits.isdigit() else f"<td>{escape(text)}</td>"
