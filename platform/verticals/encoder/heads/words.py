"""Words of a text: where they are, how they are written, and how a long text is read in windows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

# Scripts that put no spaces between words: each character is a word of its own.
_UNSPACED = (
    "\u0e00-\u0e3a\u0e40-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029"
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_KINDS = ("lower", "title", "upper", "mixed", "digit", "other")
_NEIGHBOURS = (-1, 0, 1)

#: Columns of `casing`.
CASING = len(_KINDS) * len(_NEIGHBOURS) + 1


def split_words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text are, as ``(start, end)``, in order.

    A word is a run of letters and digits with the marks on them; a web address, a mention or a hashtag; a single
    character of a script that is written without spaces; or a single mark of punctuation, symbol or joined emoji.
    Every character that is no white space belongs to exactly one word.
    """
    return [match.span() for match in _pattern().finditer(text)]


def words_of(text: str) -> tuple[str, ...]:
    """The words themselves."""
    return tuple(match[0] for match in _pattern().finditer(text))


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    # The standard library knows no class of combining marks, without which Hindi falls into pieces.
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
    marks = f"[{re.escape(marks)}\u200c\u200d\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff]*"
    letter = rf"(?:(?![{_UNSPACED}])\w)"
    return re.compile(
        rf"https?://\S+|www\.\S+|[@#](?:{letter}{marks})+"  # addresses, mentions, hashtags
        rf"|(?:{letter}{marks})+"
        rf"|[{_UNSPACED}]{marks}"
        rf"|[^\w\s]{marks}(?:(?<=\u200d)[^\w\s]{marks})*"  # emoji joined by zero-width joiners are one
    )


def casing(words: Sequence[str]) -> np.ndarray:
    """How words are written, for encoders that do not see it: float32 [words, `CASING`].

    For each word and its two neighbours one column of lower, title, upper, mixed, digit and other is 1; the last
    column is the share of the text's cased words that begin with a capital, for in a text of capitals one means little.
    """
    kinds = [_kind(word) for word in words]
    columns = np.zeros((len(words), CASING), dtype=np.float32)
    for place, shift in enumerate(_NEIGHBOURS):
        for at in range(len(words)):
            if 0 <= at + shift < len(words):
                columns[at, place * len(_KINDS) + kinds[at + shift]] = 1.0
    cased = [kind for kind in kinds if kind < _KINDS.index("digit")]
    columns[:, -1] = sum(kind > 0 for kind in cased) / len(cased) if cased else 0.0
    return columns


def _kind(word: str) -> int:
    letters = word.lstrip("@#")
    if any(letter.isdigit() for letter in letters):
        return _KINDS.index("digit")
    if not any(letter.isupper() or letter.islower() for letter in letters):
        return _KINDS.index("other")
    if letters.islower():
        return _KINDS.index("lower")
    if letters[:1].isupper() and (len(letters) == 1 or letters[1:].islower()):
        return _KINDS.index("title")
    return _KINDS.index("upper" if letters.isupper() else "mixed")


def windows(count: int, size: int) -> list[tuple[int, int]]:
    """Parts ``(start, end)`` in which a text of ``count`` words is read, each of at most ``size`` words.

    Neighbouring parts share half of their words, so each word is read with words on both sides.
    """
    if count <= size:
        return [(0, count)]
    step = max(1, size // 2)
    starts = [*range(0, count - size, step), count - size]
    return [(start, start + size) for start in starts]


def best_windows(count: int, size: int, read: Sequence[Sequence[bool]] | None = None) -> list[int]:
    """For each word the window in which it has the most words on its poorer side; a text's own ends are no edges.

    Args:
        count, size: as for `windows`.
        read: for each window, which of its words the encoder has read; another window's word is taken for one it
            has not, for words of many pieces fill a window early.
    """
    parts = windows(count, size)

    def room(word: int, at: int) -> int:
        start, end = parts[at]
        if not start <= word < end:
            return -2
        if read is not None and not read[at][word - start]:
            return -1
        return min(word - start if start else count, end - 1 - word if end < count else count)

    return [max(range(len(parts)), key=lambda at: room(word, at)) for word in range(count)]
