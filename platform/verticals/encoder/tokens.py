"""Texts to token ids, in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from verticals.contract import BadInput, Damaged, Extent

from .source import EncoderSource

Text = str | tuple[str, str]
Prompt = tuple[str, str, str]  # what stands before a text, the text, and what stands after it
MASK = "[MASK]"  # how templates write the mask token, whatever the encoder's own is
_CHARACTERS = 100_000  # of a text that are tokenised at least, however few tokens are wanted
_NO_WORDS = np.empty(0, dtype=np.int64)
_OFFSET = {"roberta", "xlm-roberta", "camembert", "mpnet"}


@dataclass(slots=True)
class TokenRows:
    """Tokenised texts.

    Args:
        ids: one int64 array per text, special tokens included; a long text's windows stand one after the other.
        second: per text, where the second segment of a pair begins; the length where there is none.
        cut: per text, how many tokens at its end were left out.
        words: per text, where the first piece of each of its words is, -1 for a word left out; `None` where no text
            was given as words.
        windows: of the texts read in several windows, where each window begins in ``ids``.
    """

    ids: list[np.ndarray]
    second: np.ndarray
    cut: np.ndarray
    words: list[np.ndarray] | None = None
    windows: Mapping[int, np.ndarray] = field(default_factory=dict)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per text, int64 [n]."""
        return np.fromiter((len(row) for row in self.ids), dtype=np.int64, count=len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, which: np.ndarray) -> TokenRows:
        """Only the rows ``which``."""
        words = None if self.words is None else [self.words[at] for at in which]
        windows = {place: self.windows[at] for place, at in enumerate(which.tolist()) if at in self.windows}
        return TokenRows([self.ids[at] for at in which], self.second[which], self.cut[which], words, windows)

    @classmethod
    def joined(cls, parts: Sequence[TokenRows]) -> TokenRows:
        """The rows of several, one after the other."""
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        words = [row for part in parts for row in part.words or [_NO_WORDS] * len(part)]
        return cls(
            [row for part in parts for row in part.ids],
            np.concatenate([part.second for part in parts]),
            np.concatenate([part.cut for part in parts]),
            words if any(part.words for part in parts) else None,
            {start + at: own for start, part in zip(starts, parts, strict=False) for at, own in part.windows.items()},
        )

    def pieces(self, at: int) -> list[np.ndarray]:
        """The windows of the text ``at``; of most there is one."""
        return np.split(self.ids[at], self.windows[at][1:]) if at in self.windows else [self.ids[at]]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text and its pieces.

    Args:
        part: 0, or 1 in the second text of a pair.
        start, end: its place in that text, in characters.
        tokens: places of its pieces among the tokens.
    """

    part: int
    start: int
    end: int
    tokens: tuple[int, ...]


class Tokenizer:
    """The encoder's own tokenizer, read from its file: importing the transformers library would take seconds.

    Args:
        source: the encoder it belongs to.
    """

    def __init__(self, source: EncoderSource) -> None:
        from tokenizers import Tokenizer as FastTokenizer

        path = source.path / "tokenizer.json"
        try:
            self._fast = FastTokenizer.from_file(str(path))
        except Exception as error:
            raise Damaged(f"The tokenizer {path} cannot be read: {error}.", "Fetch the encoder again.") from error
        self._fast.no_padding()
        self._fast.no_truncation()
        self.pad_id = int(source.config.get("pad_token_id") or 0)
        mask = next((token for token in ("[MASK]", "<mask>") if self._fast.token_to_id(token) is not None), "")
        self.mask, self.mask_id = mask, (self._fast.token_to_id(mask) or 0) if mask else -1
        self.limit = _limit(source.config)
        self._truncating: dict[int, FastTokenizer] = {}

    @property
    def vocabulary_size(self) -> int:
        """How many token ids there are."""
        return int(self._fast.get_vocab_size())

    @property
    def vocabulary(self) -> dict[str, int]:
        """Every piece and its id."""
        return dict(self._fast.get_vocab())

    @property
    def specials(self) -> tuple[int, int]:
        """How many special tokens stand before and after a single text."""
        before, after = self._special
        return len(before), len(after)

    def encode(self, texts: Sequence[Text], extent: Extent) -> TokenRows:
        """Tokenise texts or pairs of texts.

        Args:
            texts: each a text or two texts.
            extent: how much of a text is read; pairs are read in one window, the longer text is cut first.
        """
        limit = min(extent.max_tokens, self.limit)
        if _all_single(texts):
            # What is cut off anyway is not tokenised: a text of megabytes would keep all others waiting.
            most = self._most_characters(extent)
            kept = [text[:most] for text in texts]
            return self._singles(
                self._fast.encode_batch_fast(kept, add_special_tokens=False),
                limit,
                extent.windows,
                np.array([max(0, len(text) - most) // 4 for text in texts], dtype=np.int64),
            )
        rows = [self._pair(text, limit) for text in texts]
        return TokenRows(
            [row[0] for row in rows],
            np.array([row[1] for row in rows], dtype=np.int64),
            np.array([row[2] for row in rows], dtype=np.int64),
        )

    def _most_characters(self, extent: Extent) -> int:
        return max(_CHARACTERS, 64 * min(extent.max_tokens, self.limit) * extent.windows)

    def encode_words(self, texts: Sequence[Sequence[str]], max_tokens: int) -> TokenRows:
        """Tokenise texts that come as words; each word's pieces are known to belong to it.

        Args:
            texts: the words of each.
            max_tokens: words whose first piece lies beyond are left out; never above what the encoder takes.
        """
        limit = min(max_tokens, self.limit)
        first, last = self._special
        room = limit - len(first) - len(last)
        ids, words, cut = [], [], []
        whole = self._fast.encode_batch([list(text) for text in texts], is_pretokenized=True, add_special_tokens=False)
        for text, item in zip(texts, whole, strict=True):
            ids.append(np.array([*first, *item.ids[:room], *last], dtype=np.int64))
            starts = np.full(len(text), -1, dtype=np.int64)
            for at, word in reversed(list(enumerate(item.word_ids[:room]))):
                starts[word] = at + len(first)
            words.append(starts)
            cut.append(max(0, len(item.ids) - room))
        return TokenRows(ids, np.array([len(row) for row in ids], dtype=np.int64), np.array(cut, dtype=np.int64), words)

    def encode_prompts(self, texts: Sequence[Prompt], max_tokens: int) -> TokenRows:
        """Tokenise texts within templates; of a prompt that is too long the text is cut, never the template.

        Args:
            texts: template and text of each; the template holds one `MASK`.
            max_tokens: longer prompts are cut; never above what the encoder takes.

        Raises:
            BadInput: the encoder has no mask token, a template does not hold it once, or leaves no room for a text.
        """
        if not self.mask:
            raise BadInput("The encoder's tokenizer has no mask token.", "Choose one that was trained by masking.")
        limit = min(max_tokens, self.limit)
        first, last = self._special
        ids, cut = [], []
        for before, text, after in texts:
            parts = [self._ids(part.replace(MASK, self.mask)) for part in (before, after)]
            room = limit - len(first) - len(last) - sum(map(len, parts))
            if sum(part.count(self.mask_id) for part in parts) != 1 or room < 1:
                raise BadInput(
                    f"The template {before + '{text}' + after!r} does not fit {limit} tokens with one {MASK}.",
                    f"Write {MASK} once, and make the template shorter or max_tokens larger.",
                )
            # A mask token that a text brings along would be taken for the template's.
            inner = [piece for piece in self._ids(text) if piece != self.mask_id]
            ids.append(np.array([*first, *parts[0], *inner[:room], *parts[1], *last], dtype=np.int64))
            cut.append(max(0, len(inner) - room))
        return TokenRows(ids, np.array([len(row) for row in ids], dtype=np.int64), np.array(cut, dtype=np.int64))

    def word(self, text: str) -> list[int]:
        """The pieces of a word as it stands within a sentence."""
        whole, space = self._ids(f"a {text}"), self._ids("a")
        return whole[len(space) :]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._fast.encode(text, add_special_tokens=False).ids
        return ids

    def _singles(self, encoded: Sequence[Any], limit: int, most: int, beyond: np.ndarray) -> TokenRows:
        """Rows of texts, each in up to ``most`` windows; ``beyond``: tokens, about, left out of each before."""
        first, last = self._special
        room = limit - len(first) - len(last)
        ids, cut, windows = [], [], {}
        for at, item in enumerate(encoded):
            parts = _windows(item.ids, room, most)
            ids.append(np.array([token for part in parts for token in (*first, *part, *last)], dtype=np.int64))
            cut.append(max(0, len(item.ids) - room * most))
            if len(parts) > 1:
                lengths = [len(first) + len(part) + len(last) for part in parts]
                windows[at] = np.cumsum([0, *lengths[:-1]])
        second = np.array([len(row) for row in ids], dtype=np.int64)
        return TokenRows(ids, second, np.array(cut, dtype=np.int64) + beyond, None, windows)

    @cached_property
    def _special(self) -> tuple[list[int], list[int]]:
        """The special tokens before and after a single text."""
        probe = self._fast.encode("a", add_special_tokens=True)
        inner = [at for at, special in enumerate(probe.special_tokens_mask) if not special]
        return probe.ids[: inner[0]], probe.ids[inner[-1] + 1 :]

    def _pair(self, text: Text, limit: int) -> tuple[np.ndarray, int, int]:
        first, second = (text, None) if isinstance(text, str) else text
        whole = self._fast.encode(first, second, add_special_tokens=True)
        over = len(whole.ids) - limit
        if over > 0:
            whole = self._cutting(limit).encode(first, second, add_special_tokens=True)
        ids = np.array(whole.ids, dtype=np.int64)
        begins = whole.type_ids.index(1) if 1 in whole.type_ids else len(ids)
        return ids, begins, max(0, over)

    def words(self, text: Text, extent: Extent) -> tuple[TokenRows, list[Word]]:
        """Tokenise one text or pair as `encode` does, and tell which tokens are which word, in reading order."""
        rows = self.encode([text], extent)
        first, second = (text, None) if isinstance(text, str) else text
        # Where each of the tokenizer's own tokens lies among those that are read.
        places: Iterable[int]
        if second is None:
            whole = self._fast.encode(first[: self._most_characters(extent)], add_special_tokens=False)
            before, after = self.specials
            ends = [*rows.windows[0][1:], len(rows.ids[0])] if 0 in rows.windows else [len(rows.ids[0])]
            places = (at for start, end in pairwise([0, *ends]) for at in range(start + before, end - after))
        else:
            whole = self._fast.encode(first, second, add_special_tokens=True)
            if len(whole.ids) > len(rows.ids[0]):
                whole = self._cutting(len(rows.ids[0])).encode(first, second, add_special_tokens=True)
            places = range(len(whole.ids))
        pieces: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for place, at in zip(places, range(len(whole.ids)), strict=False):
            part, word = whole.sequence_ids[at], whole.word_ids[at]
            if part is not None and word is not None:
                pieces.setdefault((part, word), []).append((place, at))
        words = []
        for (part, _), tokens in pieces.items():
            own = first if part == 0 or second is None else second
            start, end = (edge(whole.offsets[at][side] for _, at in tokens) for side, edge in ((0, min), (1, max)))
            start += len(own[start:end]) - len(own[start:end].lstrip())  # some tokenizers count the space before
            words.append(Word(part, start, end, tuple(place for place, _ in tokens)))
        return rows, words

    @property
    def blank_id(self) -> int:
        """The token that stands for no word in particular: the mask, or the padding where there is none."""
        for name in ("[MASK]", "<mask>"):
            if (found := self._fast.token_to_id(name)) is not None:
                return int(found)
        return self.pad_id

    def _cutting(self, limit: int) -> Any:
        """A copy that cuts, for the settings of the one that does not are shared by all threads."""
        if limit not in self._truncating:
            copy = type(self._fast).from_str(self._fast.to_str())
            copy.enable_truncation(limit, strategy="longest_first")
            self._truncating[limit] = copy
        return self._truncating[limit]


def _limit(config: Mapping[str, Any]) -> int:
    """Tokens that the encoder takes: some kinds count positions from behind the padding token's."""
    positions = int(config.get("max_position_embeddings", 512))
    return positions - int(config.get("pad_token_id") or 0) - 1 if config.get("model_type") in _OFFSET else positions


def _windows(ids: list[int], room: int, most: int) -> list[list[int]]:
    """A text's tokens in as few windows as hold them, all of about one length; what is behind ``most`` is left out."""
    count = min(most, -(-len(ids) // room))
    if count <= 1:
        return [ids[:room]]
    kept = len(ids[: room * count])
    edges = [kept * at // count for at in range(count + 1)]
    return [ids[start:end] for start, end in pairwise(edges)]


def _all_single(texts: Sequence[Text]) -> bool:
    return all(isinstance(text, str) for text in texts)
