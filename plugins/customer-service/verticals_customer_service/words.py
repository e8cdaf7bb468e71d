"""What the assistant says of itself, per language: that it has no answer, that a person goes on, what to do next."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from typing import Any

from verticals import SettingsError

from .data import STARTER


def words_of(language: str, own: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The words of a language; English ones where nobody wrote them.

    Args:
        language: ISO 639-1 code.
        own: the shop's, which take the place of those.

    Raises:
        SettingsError: one of the shop's is called as none that is ever said, or is no text.
    """
    known = _starter()["en"]
    for name, said in (own or {}).items():
        if name not in known:
            raise SettingsError(f"[words] has {name!r}, which is never said.", f"There are {', '.join(known)}.")
        if not isinstance(said, type(known[name])):
            raise SettingsError(f"[words] has {name} = {said!r}.", "Give text; a list of texts for suggestions.")
    return {**known, **_starter().get(language, {}), **(own or {})}


@functools.cache
def _starter() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((STARTER / "words.toml").read_text(encoding="utf-8"))
