"""Words of a text as the lexical part sees them: stemmed where scripts have spaces, bigrams where they have none."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from verticals.contract import BadInput

from .libraries import load_tantivy
from .spans import passages

#: Goes into every lexical snapshot: a snapshot of other tokens is of no use. Raise it with every change
#: here or in the fields of the lexical part.
VERSION = 1

STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip

_UNSPACED = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u1100-\u11ff\uac00-\ud7af"  # Hangul: spaced, but a word carries its particles
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31f0-\u31ff"  # kana, Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]+"
)
# Between spaces and ASCII punctuation, which no word contains.
_PIECE = re.compile(r"[^\s!-/:-@\[-`{-~]+")
_SCRIPTS = re.compile(f"{_UNSPACED.pattern}|(?:(?!{_UNSPACED.pattern}).)+", re.DOTALL)
_LONGEST = 128
_LONGEST_REMEMBERED, _LONGEST_REMEMBERED_TEXT = 32, 10_000


def _characters_and_pairs(match: re.Match[str]) -> str:
    run = match[0]
    pairs = (run[at : at + 2] for at in range(len(run) - 1))
    return f" {' '.join(run)} {' '.join(pairs)} "


def prepare(text: str) -> str:
    """Normalise ``text`` (NFKC) and lay the characters and character bigrams of unspaced scripts out as words.

    Single characters are kept beside the bigrams (as Lucene's ``CJKBigramFilter`` can do), so a query of one
    character finds something.
    """
    return _UNSPACED.sub(_characters_and_pairs, unicodedata.normalize("NFKC", text))


class Tokens:
    """The analyser of one language.

    Args:
        language: ISO 639-1 code; a language without a stemmer is lower-cased and folded only.

    Raises:
        BadInput: that is no language code.
    """

    def __init__(self, language: str) -> None:
        if not re.fullmatch("[a-z]{2}", language):
            raise BadInput(f"{language!r} is not a language code.", "Give an ISO 639-1 code such as 'en' or 'zh'.")
        self.language = language
        self.analyzer = _analyzer(language)

    def __call__(self, text: str) -> list[str]:
        """The words of ``text``, in order, repeated as they are repeated."""
        words: list[str] = self.analyzer.analyze(prepare(text))
        return words

    def different(self, text: str) -> set[str]:
        """The different words of ``text``; fast for many short texts, because recurring pieces are remembered."""
        return set(itertools.chain.from_iterable(map(self._of_piece, _PIECE.findall(text))))

    def by_passage(self, text: str) -> Iterable[tuple[int, int, AbstractSet[str]]]:
        """The passages of ``text``, and the different words of each; of shorter texts remembered, for hits recur."""
        if len(text) <= _LONGEST_REMEMBERED_TEXT:
            return _passages_remembered(self.language, text)
        return ((start, end, self.different(text[start:end])) for start, end in passages(text))

    def _of_piece(self, piece: str) -> Sequence[str]:
        return _remembered(self.language, piece) if len(piece) <= _LONGEST_REMEMBERED else self(piece)

    def marks(self, text: str, words: AbstractSet[str], start: int, end: int) -> list[tuple[int, int]]:
        """Where ``words``, as this analyser gives them, stand in ``text[start:end]``: places in ``text``.

        Of unspaced scripts the stretches of characters that two and two are among the words.
        """
        found: list[tuple[int, int]] = []
        for piece in _PIECE.finditer(text, start, end):
            if piece[0].isascii():  # a word of its own: what has no spaces is written otherwise
                if not words.isdisjoint(self._of_piece(piece[0])):
                    found.append(piece.span())
                continue
            for part in _SCRIPTS.finditer(text, *piece.span()):
                if _UNSPACED.match(part[0]):
                    found += _stretches(part[0], part.start(), words)
                elif not words.isdisjoint(self._of_piece(part[0])):
                    found.append(_trimmed(text, *part.span()))
        return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the quotation marks and the like around a word."""
    while unicodedata.category(text[start])[0] in "PS":
        start += 1
    while unicodedata.category(text[end - 1])[0] in "PS":
        end -= 1
    return start, end


def _stretches(run: str, start: int, words: AbstractSet[str]) -> Iterator[tuple[int, int]]:
    marked = [False] * len(run)
    for at in range(len(run)):
        if run[at : at + 2] in words and len(run) > at + 1:
            marked[at] = marked[at + 1] = True
        elif len(run) == 1 and run in words:
            marked[at] = True
    begin = None
    for at, is_marked in enumerate([*marked, False]):
        if is_marked and begin is None:
            begin = at
        elif not is_marked and begin is not None:
            yield start + begin, start + at
            begin = None


@functools.lru_cache(maxsize=16_384)
def _remembered(language: str, piece: str) -> tuple[str, ...]:
    return tuple(_analyzer(language).analyze(prepare(piece)))


@functools.lru_cache(maxsize=1_024)
def _passages_remembered(language: str, text: str) -> tuple[tuple[int, int, frozenset[str]], ...]:
    different = Tokens(language).different
    return tuple((start, end, frozenset(different(text[start:end]))) for start, end in passages(text))


@functools.cache
def _analyzer(language: str) -> Any:
    tantivy = load_tantivy()
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(r"[\p{L}\p{M}\p{N}]+"))
    builder = builder.filter(tantivy.Filter.remove_long(_LONGEST)).filter(tantivy.Filter.lowercase())
    if language in STEMMERS:
        builder = builder.filter(tantivy.Filter.stemmer(STEMMERS[language]))
    return builder.filter(tantivy.Filter.ascii_fold()).build()
