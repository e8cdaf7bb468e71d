"""What the address of an index's page asks for, and the ways to search that it means."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import urlencode

from pydantic import ValidationError

from verticals.contract import BadInput
from verticals.web.api.indexes import Mode, SearchOrder

MODES: dict[str, tuple[str, str]] = {
    "hybrid": ("Hybrid", "meaning and words, fused"),
    "dense": ("Dense", "by meaning alone"),
    "lexical": ("Lexical", "by words alone"),
}
FUSIONS = {"": "Scores", "ranks": "Ranks"}
_HITS = 10
_MOST_ON_A_PAGE = 100
# What can be set of each of two ways to search besides the mode, and how the order of a search calls it.
SETTINGS = {
    "fusion": "fusion", "weight": "weights", "diversity": "diversity", "least": "minimum_similarity", "rerank": "rerank"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """One way to search.

    Args:
        mode: hybrid, dense or lexical.
        settings: as they were typed, by the names of `SETTINGS`; those left empty are as ever.
    """

    mode: str
    settings: Mapping[str, str]

    @property
    def title(self) -> str:
        """The mode, and what of it is not as ever."""
        told = {
            "fusion": "fused by {}", "weight": "meaning {}", "diversity": "diversity {}", "least": "similarity ≥ {}",
            "rerank": "re-ranked",
        }  # fmt: skip
        title = MODES[self.mode][0] if self.mode in MODES else self.mode
        return ", ".join([title, *(told[name].format(value) for name, value in self.settings.items())])

    @property
    def options(self) -> str:
        """The same for the command line."""
        mode = f" --mode {self.mode}" if self.mode in MODES and self.mode != "hybrid" else ""
        return mode + "".join(
            " --rerank" if name == "rerank" else f" --{name} {shlex.quote(value)}"
            for name, value in self.settings.items()
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a page asks for.

    Args:
        text: of the search; empty: the documents are listed.
        mode, fusion, weight, diversity, least, rerank: how to search.
        against: how else beside it, by its mode; its settings follow.
        where: the filter as it was typed.
        k, page: how many hits on a page, and which page of them.
        document: id of the one to show whole, ``span`` the passage in it.
        after: list the documents behind this id.
    """

    text: str = ""
    mode: str = "hybrid"
    fusion: str = ""
    weight: str = ""
    diversity: str = ""
    least: str = ""
    rerank: str = ""
    against: str = ""
    against_fusion: str = ""
    against_weight: str = ""
    against_diversity: str = ""
    against_least: str = ""
    against_rerank: str = ""
    where: str = ""
    k: str = str(_HITS)
    page: str = "1"
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

    @property
    def way(self) -> Way:
        """How to search."""
        return self._way(self.mode, "")

    @property
    def ways(self) -> list[Way]:
        """One way to search, or two that differ."""
        other = self._way(self.against, "against_")
        return [self.way] if not self.against or other == self.way else [self.way, other]

    def _way(self, mode: str, prefix: str) -> Way:
        typed = {name: getattr(self, prefix + name).strip() for name in SETTINGS}
        if mode != "hybrid":
            typed["fusion"] = typed["weight"] = ""
        return Way(mode, {name: value for name, value in typed.items() if value})

    def orders(self) -> list[SearchOrder]:
        """What the form says, as the API takes it, for each of the ways.

        Raises:
            BadInput: the filter is no JSON object, or a value does not fit.
        """
        where = _filter(self.where)
        k, page = _whole("k", self.k, _MOST_ON_A_PAGE), _whole("page", self.page, 10_000)
        return [self._order(way, where, k, (page - 1) * k) for way in self.ways]

    def _order(self, way: Way, where: Any, k: int, offset: int) -> SearchOrder:
        if way.mode not in get_args(Mode):
            raise BadInput(f"There is no search mode {way.mode!r}.", f"Choose one of {', '.join(MODES)}.")
        given: dict[str, Any] = {SETTINGS[name]: value for name, value in way.settings.items()}
        if "weights" in given:
            meaning = _share("weight", given["weights"])
            given["weights"] = (meaning, round(1 - meaning, 6))
        given |= {"text": self.text, "mode": way.mode, "k": k, "where": where} | ({"offset": offset} if offset else {})
        try:
            return SearchOrder.model_validate(given)
        except ValidationError as error:
            (first, *_) = error.errors()
            raise BadInput(f"{first['loc'][0]}: {first['msg']}.") from None


def _filter(typed: str) -> Any:
    if not typed.strip():
        return None
    remedy = 'Write it as in {"topic": "returns"}, in double quotes.'
    try:
        where = json.loads(typed)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The filter is not JSON: {error}.", remedy) from None
    if not isinstance(where, dict):
        raise BadInput("The filter is not a JSON object.", remedy)
    return where


def _whole(name: str, typed: str, most: int) -> int:
    if typed.isdecimal() and len(typed) < 9 and 1 <= int(typed) <= most:
        return int(typed)
    raise BadInput(f"{name}: {typed!r} is not a whole number from 1 to {most:,}.")


def _share(name: str, typed: str) -> float:
    try:
        number = float(typed)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise BadInput(f"{name}: {typed!r} is not a number from 0 to 1.")
    return number
