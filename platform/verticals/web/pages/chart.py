"""Line charts as SVG: drawn here, coloured by the page's own properties, so that they need no script and follow the
theme; each point says its value to who rests on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 10, 28
_TICKS = 4
_DOTS = 40  # a curve of more points is a line alone
SERIES = 8

Line = tuple[str, Sequence[tuple[float, float]]]


def chart(title: str, unit: str, lines: Sequence[Line], places: Sequence[int]) -> str:
    """A chart as SVG.

    Args:
        title: what is drawn, for screen readers.
        unit: what the horizontal axis counts.
        lines: a name and its points each, at least one point in all.
        places: of each line, its colour, from 0.
    """
    points = [point for _, line in lines for point in line]
    left, right = _whole_range([x for x, _ in points])
    ticks = _ticks(min(y for _, y in points), max(y for _, y in points))
    low, high = ticks[0], ticks[-1]

    def across(x: float) -> float:
        return _LEFT + (x - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)

    def up(y: float) -> float:
        return _HEIGHT - _BOTTOM - (y - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(_told(title, lines))}">']
    for tick in ticks:
        y = up(tick)
        parts.append(f'<line class="p-chart-grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    for x, anchor in ((left, "start"), (right, "end")):
        parts.append(f'<text x="{across(x):.1f}" y="{_HEIGHT - 9}" text-anchor="{anchor}">{_short(x)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 9}" text-anchor="middle">{escape(unit)}</text>')
    for (name, line), place in zip(lines, places, strict=True):
        parts.append(f'<g class="p-series p-series-{place % SERIES + 1}">')
        path = " ".join(f"{'M' if at == 0 else 'L'}{across(x):.1f} {up(y):.1f}" for at, (x, y) in enumerate(line))
        parts.append(f'<path d="{path}"><title>{escape(name)}</title></path>')
        dots = line if len(line) <= _DOTS else line[-1:]
        for x, y in dots:
            said = f"{escape(name)}: {_exact(y)} at {_short(x)} {escape(unit)}"
            parts.append(f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"><title>{said}</title></circle>')
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


def _told(title: str, lines: Sequence[Line]) -> str:
    ends = "; ".join(f"{name} from {_exact(line[0][1])} to {_exact(line[-1][1])}" for name, line in lines if line)
    return f"{title}: {ends}"


def _whole_range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from below ``low`` to above ``high``."""
    if high - low < 1e-12:
        low, high = low - max(abs(low) * 0.1, 1e-6), high + max(abs(high) * 0.1, 1e-6)
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [at * step for at in range(first, last + 1)]


def _short(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:.6g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.0e}"


def _exact(value: float) -> str:
    return f"{value:,.4f}" if 1e-3 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
