"""Pictures of an evaluation as SVG: sharp at any size, light and dark by themselves, no library to draw them.

Each function gives a whole document that stands alone as a file or inside a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from .record import CalibrationBin, Slice

_STYLE = """
.vp { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; color-scheme: light dark;
  --ink: #1d2530; --mute: #64707d; --line: #d8dee5; --right: #21806c; --wrong: #d4601f; --on: #ffffff; }
@media (prefers-color-scheme: dark) { .vp {
  --ink: #e6eaef; --mute: #98a3af; --line: #38424d; --right: #4fc1a6; --wrong: #f08a4b; --on: #10161c; } }
.vp text { fill: var(--ink); } .vp .mute { fill: var(--mute); } .vp .on { fill: var(--on); }
.vp .line { stroke: var(--line); } .vp .right { fill: var(--right); } .vp .wrong { fill: var(--wrong); }
.vp .faint { fill: var(--line); }
.vp .middle { text-anchor: middle; } .vp .end { text-anchor: end; }
"""
_SORTED_ABOVE = 20  # with more labels than this, those that are confused are placed near each other
_LETTER = 0.56  # mean width of a letter, in font sizes
_LONGEST = 30


def confusion_picture(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """True labels down, answered labels across; a cell is the darker, the larger its share of its true label's rows.

    Right answers and errors have a colour of their own, and a rare error is drawn stronger than its share, so that it
    can be found among thousands of rows. With many labels, those that are confused stand near each other.
    """
    counts = np.array(matrix, dtype=float)
    order = _near_each_other(counts) if len(labels) > _SORTED_ABOVE else list(range(len(labels)))
    names = [_shortened(labels[at]) for at in order]
    counts = counts[np.ix_(order, order)]
    cell, font, inner = (46, 13, 13) if len(names) <= 10 else (28, 12, 10) if len(names) <= 25 else (17, 11, 8)
    left = top = int(max(map(len, names), default=0) * font * _LETTER) + 18
    top, side = top + 24, cell * len(names)
    parts = [
        _text(left + side / 2, 15, "answered", "mute middle", 12),
        f'<g transform="translate(12 {top + side / 2:.0f}) rotate(-90)">{_text(0, 0, "true", "mute middle", 12)}</g>',
    ]
    left += 14
    for at, name in enumerate(names):
        middle = at * cell + cell / 2
        parts.append(_text(left - 6, top + middle + font * 0.35, name, "end", font))
        turned = _text(0, 0, name, "", font)
        parts.append(f'<g transform="translate({left + middle + font * 0.35:.1f} {top - 6}) rotate(-90)">{turned}</g>')
    every = 1 if len(names) <= 25 else 5
    for at in [*range(0, len(names), every), len(names)]:
        parts.append(_line(left, top + at * cell, left + side, top + at * cell))
        parts.append(_line(left + at * cell, top, left + at * cell, top + side))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        share, hit = float(shares[row, column]), row == column
        strength = 0.1 + 0.9 * (share if hit else share**0.5)
        x, y = left + column * cell, top + row * cell
        told = f"{labels[order[row]]} → {labels[order[column]]}: {counts[row, column]:.0f} ({share:.0%})"
        parts.append(
            f'<g><title>{escape(told)}</title><rect class="{"right" if hit else "wrong"}" x="{x + 0.5}" '
            f'y="{y + 0.5}" width="{cell - 1}" height="{cell - 1}" rx="2" fill-opacity="{strength:.2f}"/>'
            + _text(x + cell / 2, y + cell / 2 + inner * 0.36, f"{counts[row, column]:.0f}",
                    "middle on" if strength > 0.55 else "middle", inner)
            + "</g>"
        )  # fmt: skip
    return _document(left + side + 12, top + side + 12, parts, "Confusion matrix")


def calibration_picture(bins: Sequence[CalibrationBin], error: float) -> str:
    """Confidence across, accuracy up, and below how many rows have which confidence; the dashed line is perfect."""
    left, top, side, tall = 52, 34, 320, 56
    base, low = top + side, top + side + 34

    def x(value: float) -> float:
        return left + value * side

    def y(value: float) -> float:
        return base - value * side

    parts = [_text(left, 20, f"calibration error {error:.3f}", "", 14)]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [_line(left, y(tick), left + side, y(tick)), _line(x(tick), top, x(tick), base)]
        parts += [_text(left - 8, y(tick) + 4, f"{tick:.0%}", "mute end", 11)]
        parts += [_text(x(tick), low + tall + 16, f"{tick:.0%}", "mute middle", 11)]
    most = max((each.rows for each in bins), default=1)
    for each in bins:
        width = (each.high - each.low) * side - 3
        upper, lower = max(each.accuracy, each.confidence), min(each.accuracy, each.confidence)
        told = f"{each.rows} rows: confidence {each.confidence:.1%}, right {each.accuracy:.1%}"
        tall_here = max(1.0, each.rows / most * tall)
        parts.append(
            f"<g><title>{escape(told)}</title>"
            + _bar(x(each.low) + 1.5, y(lower), width, base - y(lower), "right", 0.55)
            + _bar(x(each.low) + 1.5, y(upper), width, y(lower) - y(upper), "wrong", 0.55)
            + _bar(x(each.low) + 1.5, y(each.accuracy) - 1.5, width, 3, "right", 1)
            + _bar(x(each.low) + 1.5, low + tall - tall_here, width, tall_here, "right", 0.45)
            + "</g>"
        )
    parts.append(
        f'<line x1="{left}" y1="{base}" x2="{left + side}" y2="{top}" style="stroke: var(--mute)" '
        'stroke-width="1.5" stroke-dasharray="5 5"/>'
    )
    parts.append(_text(left + side / 2, low + tall + 34, "confidence; its rows above", "mute middle", 12))
    turned = _text(0, 0, "accuracy", "mute middle", 12)
    parts.append(f'<g transform="translate(12 {top + side / 2}) rotate(-90)">{turned}</g>')
    return _document(left + side + 24, low + tall + 46, parts, "Calibration")


def slice_picture(one: Slice) -> str:
    """Each group's figure as a point with its interval; groups too small to count are grey."""
    names = [_shortened(group.name) for group in one.groups]
    left = int(max(map(len, names), default=0) * 12 * _LETTER) + 80
    top, step, width = 36, 24, 360
    ends = [value for group in one.groups for value in (*(group.interval or ()), group.figure) if value is not None]
    low, high = float(min([0.0, *ends])), float(max([1.0, *ends]))

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * width

    base = top + step * len(names)
    parts = [_text(0, 18, f"{one.metric} by {one.column}", "", 14)]
    for tick in np.linspace(low, high, 5):
        parts.append(_line(x(float(tick)), top - 4, x(float(tick)), base))
        parts.append(_text(x(float(tick)), base + 16, f"{tick:.2f}", "mute middle", 11))
    for at, (group, name) in enumerate(zip(one.groups, names, strict=True)):
        y, tone = top + at * step + step / 2, "right" if group.counts else "faint"
        parts.append(_text(left - 70, y + 4, name, "end" if group.counts else "mute end", 12))
        parts.append(_text(left - 12, y + 4, f"{group.rows:,}", "mute end", 11))
        if group.interval is not None:
            start, end = group.interval
            parts.append(_bar(x(start), y - 2, max(1.0, x(end) - x(start)), 4, tone, 0.55))
        if group.figure is not None:
            parts.append(f'<circle class="{tone}" cx="{x(group.figure):.1f}" cy="{y}" r="5"/>')
    return _document(left + width + 24, base + 26, parts, f"{one.metric} by {one.column}")


def _near_each_other(counts: np.ndarray) -> list[int]:
    """An order in which labels that are confused stand close: that of the graph's Fiedler vector.

    Source: Barnard, Pothen and Simon, A spectral algorithm for envelope reduction, 1995.
    """
    likeness = counts + counts.T
    np.fill_diagonal(likeness, 0)
    likeness += 1e-3 * max(1.0, likeness.max()) / len(counts)  # joins labels that were never confused
    laplacian = np.diag(likeness.sum(axis=1)) - likeness
    _, vectors = np.linalg.eigh(laplacian)
    return [int(at) for at in np.argsort(vectors[:, 1], kind="stable")]


def _document(width: float, height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="vp" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}"><style>{_STYLE}</style>'
        f"{''.join(parts)}</svg>\n"
    )


def _text(x: float, y: float, text: str, tone: str, size: float) -> str:
    return f'<text class="{tone}" x="{x:.1f}" y="{y:.1f}" font-size="{size}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="line" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _bar(x: float, y: float, width: float, height: float, tone: str, opacity: float) -> str:
    return (
        f'<rect class="{tone}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="2" fill-opacity="{opacity}"/>'
    )


def _shortened(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
