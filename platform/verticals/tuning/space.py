"""The space of recipes that a search looks through."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verticals.contract import BadInput, Recipe, suggest

_FIXED = {
    "seed": "a better seed is luck, not a better recipe",
    "validation": "every trial must be measured on the same rows",
    "coverage": "it decides what is declined, not how well the rest is answered",
    "encoder": "every trial runs on the platform's encoder",
    "token_budget": "it only chooses a method and its epochs, which can be searched themselves",
}
_LOGARITHMIC = 10.0  # a range that spans this factor is searched by factors
_USUAL_RATES = {"learning_rate": {"full": 1e-4, "lora": 3e-3}, "head_learning_rate": {}}
_USUAL_RATE = {"learning_rate": 1e-3, "head_learning_rate": 5e-3}


@dataclass(frozen=True, slots=True)
class Span:
    """All numbers from ``low`` to ``high``, both included; whole numbers where both are."""

    low: float
    high: float

    @property
    def whole(self) -> bool:
        """Whether only whole numbers count."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def logarithmic(self) -> bool:
        """Whether factors count rather than differences."""
        return self.low > 0 and self.high >= _LOGARITHMIC * self.low

    def __str__(self) -> str:
        return f"{self.low!r}..{self.high!r}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.values))


Space = dict[str, "Span | Choice"]


def read_space(written: Mapping[str, str], recipe: Recipe) -> Space:
    """What a caller wants searched: ``LOW..HIGH`` or ``a,b,c`` by name of the recipe's value.

    Raises:
        BadInput: an unknown name (the nearest is suggested), one that cannot be searched, a range the wrong way round,
            or a value that no recipe may have.
    """
    return {_name(key, recipe): _read(key, text, recipe) for key, text in written.items()}


def write_space(space: Space) -> dict[str, str]:
    """The same as text, for `read_space`."""
    return {key: str(part) for key, part in space.items()}


def default_space(recipe: Recipe, method: str, epochs: int, rank: int) -> Space:
    """What is searched unless the caller says otherwise.

    Args:
        recipe: of which all else is kept.
        method: by which a head is trained.
        epochs: that the recipe would take.
        rank: the largest that adapters are served with.
    """
    space: Space = {"label_smoothing": Span(0.0, 0.2), "head_learning_rate": Span(1e-3, 2e-2)}
    if method == "head":
        return space | {"weight_decay": Span(1e-4, 0.3)}
    rates = Span(2e-5, 5e-4) if method == "full" else Span(3e-4, 1e-2)
    space |= {
        "learning_rate": rates,
        "dropout": Span(0.0, 0.3),
        "epochs": Span(max(1, epochs // 2), epochs + max(1, epochs // 2)),
    }
    space |= {"batch_size": Choice((16, 32, 64))}
    if "lora" in method:
        ranks = tuple(value for value in (4, 8, 16, 32) if value <= rank)
        space |= {"lora_rank": Choice(ranks)} if ranks else {}
    return space


def usual(space: Space, recipe: Recipe, method: str, epochs: int) -> dict[str, Any]:
    """Where in the space the recipe itself stands, the nearest place where it lies outside."""
    known = recipe.to_dict() | {"epochs": epochs}
    for key, rate in _USUAL_RATE.items():
        known[key] = known[key] or _USUAL_RATES[key].get(method, rate)
    return {key: _nearest(part, known[key]) for key, part in space.items()}


def check_space(space: Space, recipe: Recipe, fixed: Mapping[str, Any]) -> None:
    """See that nothing is both searched and set, and that every recipe in the space is one.

    Raises:
        BadInput: it is not so.
    """
    for key in space:
        if key in {name.replace("-", "_") for name in fixed}:
            raise BadInput(f"{key} is both set and searched.", "Leave out one of --set and --search.")
    if not space:
        raise BadInput("There is nothing to search.", "Name something: --search learning_rate=1e-4..1e-2.")
    for key, part in space.items():
        for value in (part.low, part.high) if isinstance(part, Span) else part.values:
            recipe.changed({key: value})


def _name(key: str, recipe: Recipe) -> str:
    name = key.replace("-", "_")
    known = [one.name for one in dataclasses.fields(recipe) if one.name not in _FIXED]
    if name in _FIXED:
        raise BadInput(f"{name} cannot be searched: {_FIXED[name]}.", "Give it with --set.")
    if name not in known:
        raise BadInput(f"recipe: there is no {key!r}.", suggest(name, known))
    return name


def _read(key: str, text: str, recipe: Recipe) -> Span | Choice:
    name = _name(key, recipe)

    def value(written: str) -> Any:
        return getattr(recipe.changed({name: written.strip()}), name)

    low, dots, high = text.partition("..")
    if dots:
        span = Span(value(low), value(high))
        if not all(isinstance(end, int | float) for end in (span.low, span.high)):
            raise BadInput(f"{name} is no number, so {text!r} is no range.", "Write the choices: --search KEY=a,b,c.")
        if not span.low < span.high:
            raise BadInput(f"{name}: the range {text!r} is empty.", "Write it as LOW..HIGH.")
        return span
    values = tuple(dict.fromkeys(value(one) for one in text.split(",") if one.strip()))
    if len(values) < 2:
        raise BadInput(
            f"{name}: {text!r} leaves nothing to choose.",
            f"Write a range or several values, or give it with --set {name}={text}.",
        )
    return Choice(values)


def _nearest(part: Span | Choice, value: Any) -> Any:
    if isinstance(part, Span):
        return min(max(value, part.low), part.high)
    if value in part.values or not isinstance(value, int | float):
        return value if value in part.values else part.values[0]
    return min(part.values, key=lambda one: abs(one - value))
