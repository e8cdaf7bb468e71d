"""How the command line speaks: plain aligned tables, one voice, JSON for scripts, colour only on a terminal."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from verticals.contract import Notice

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Add ``--json``, for scripts: the parameter is called ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def print_json(value: Any) -> None:
    """Write ``value`` as JSON to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=plain))


def json_line(value: Any) -> str:
    """``value`` as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, default=plain)


def plain(value: Any) -> Any:
    """What JSON has no word for: dataclasses, times, paths, mappings, NumPy scalars and arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def note(text: str) -> None:
    """Say something beside the result: to standard error, so that a pipe stays clean."""
    click.echo(text, err=True)


def tell_notices(notices: Iterable[Notice]) -> None:
    """Say what a vertical has its operator know: to standard error, as `note` does."""
    for notice in notices:
        note(f"\n{click.style('Warning:', fg='yellow')} {notice}")


def heading(text: str) -> None:
    """A title line."""
    click.secho(text, bold=True)


def next_steps(*commands: str) -> None:
    """What one would type next."""
    click.secho("\nNext:", bold=True)
    for command in commands:
        click.echo(f"  {command}")


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], indent: str = "") -> None:
    """An aligned table: numbers to the right; on a terminal the widest column yields to the width."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - len(indent) - 2 * (len(widths) - 1)
        widest = max(range(len(widths)), key=widths.__getitem__)
        widths[widest] = max(min(widths[widest], room - sum(widths) + widths[widest]), 12)
    columns = list(zip(*cells, strict=True)) or [()] * len(widths)
    right = [bool(column) and all(map(_is_number, column)) for column in columns]
    if any(headings):
        click.secho(indent + _line(headings, widths, right), dim=True)
    for row in cells:
        click.echo(indent + _line(row, widths, right))


def facts(pairs: Iterable[tuple[str, Any]], indent: str = "") -> None:
    """Names and values, one pair a line, aligned; pairs without a value are left out."""
    shown = [(name, value) for name, value in pairs if value not in (None, "", (), {})]
    width = max((_width(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{indent}{click.style(name.ljust(width), dim=True)}  {value}")


def count(number: int, one: str, many: str = "") -> str:
    """``1 row``, ``10,003 rows``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(number: float) -> str:
    """Bytes, for a person."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def when(moment: datetime | str) -> str:
    """A time, to the minute, in the local zone."""
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def figure(value: Any) -> str:
    """A metric: four significant digits at most."""
    return f"{value:.4f}" if isinstance(value, float) and abs(value) < 100 else f"{value:,}"


def shown_path(path: Path | str) -> str:
    """A path, relative to here where that is shorter."""
    path = Path(path)
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return "  ".join(map(_pad, cells, widths, right)).rstrip()


def _pad(cell: str, width: int, right: bool) -> str:
    cell = " ".join(cell.split())
    if _width(cell) > width:
        cell = click.unstyle(cell)
        while _width(cell) > width - 1:
            cell = cell[:-1]
        cell += "…"
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space


def _width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in click.unstyle(text))


def _is_number(cell: str) -> bool:
    digits = click.unstyle(cell).strip("+-%").replace(",", "").replace(".", "", 1)
    return digits.isdigit() or cell in ("", "–")
