"""The words around every page, in each of their languages, from `static/frame_words.toml`."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).parent.parent / "static" / "frame_words.toml"
_RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")


@dataclass(frozen=True)
class FrameWords:
    """What the frame says; ``language`` is that of the words, ISO 639-1."""

    language: str
    skip: str
    home: str
    main: str
    overview: str
    runs: str
    indexes: str
    api: str
    pages: str
    colours: str
    sign_out: str
    metrics: str

    @property
    def spoken(self) -> dict[str, str]:
        """Attributes of an element in which only these words stand."""
        return {"lang": self.language, "dir": "rtl" if self.language in _RIGHT_TO_LEFT else "ltr"}


@functools.cache
def languages() -> dict[str, FrameWords]:
    """The words of every language that they are written in."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {language: FrameWords(language, **table) for language, table in tables.items()}


def frame_words(language: str) -> FrameWords:
    """The words in a language; English where they are not written in it."""
    return languages().get(language, languages()["en"])
