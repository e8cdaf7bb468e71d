"""Training of `TagHead`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from verticals.contract import BadInput, Extent, Recipe, suggest
from verticals.encoder import Encoder
from verticals.encoder.heads import TagHead
from verticals.encoder.heads.bio import OUTSIDE, entities, label_of, tags_of
from verticals.encoder.heads.tag import read_words
from verticals.encoder.heads.words import casing
from verticals.tuning.losses import cross_entropy
from verticals.tuning.outcomes import Outcomes, Sums
from verticals.tuning.prepared import Prepared

from .base import Example, Objective, of_each

_PADDING = -100
_LEAST = 1e-12  # probability
_LEANINGS = tuple(step / 4 for step in range(-8, 17))
_ENOUGH = 100


class Tag(Objective):
    """Entities in a text; compared by the F1 of whole entities, counted as the CoNLL scorer and seqeval count them.

    An example has words and as many BIO tags, or a text and the spans in it, each ``{start, end, label}``.
    """

    metric = "f1"
    reads = "words"

    def __init__(self, inputs: Sequence[str], target: str) -> None:
        super().__init__(inputs, target)
        self._places: dict[str, int] = {}
        self._counts: torch.Tensor | None = None  # training words per tag
        self._words_per_row = 1.0
        self._casing = False

    @property
    def convex(self) -> bool:
        """Without casing; with it there is a hidden layer."""
        return not self._casing

    def learn(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        """See `Objective.learn`."""
        if len(self.inputs) != 1:
            raise BadInput(f"A tag head reads one field, not {len(self.inputs)}.", "Declare one: inputs=('text',).")
        tagged = of_each(examples, "train", self._tags)
        found = {label_of(tag) for tags in tagged for tag in tags} - {""}
        if not found:
            raise BadInput(
                f"{self.target}: no training row has an entity.", "Give rows of which some have tags other than 'O'."
            )
        if labels:
            of_each(examples, "train", lambda example: self._check_known(example, labels))
        self._take(tuple(labels) or tuple(sorted(found)))
        self._casing = self.recipe.casing
        counts = Counter(tag for tags in tagged for tag in tags)
        self._counts = torch.tensor([counts[tag] for tag in tags_of(self.labels)])
        self._words_per_row = sum(map(len, tagged)) / len(tagged)

    def adopt(self, head: TagHead) -> None:
        """See `Objective.adopt`."""
        self._take(head.labels)
        self._casing = head.casing

    def _take(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._places = {tag: place for place, tag in enumerate(tags_of(labels))}

    def _check_known(self, example: Example, labels: Sequence[str]) -> None:
        for tag in self._tags(example):
            if (label := label_of(tag)) and label not in labels:
                raise BadInput(f"{self.target}: {label!r} is not a label of this head.", suggest(label, labels))

    def head(self, dimension: int, recipe: Recipe) -> TagHead:
        """See `Objective.head`."""
        return TagHead(
            dimension, self.labels, casing=self._casing, window=max(1, recipe.max_tokens // 2), fields=self.inputs,
            dropout=recipe.dropout,
        )  # fmt: skip

    def texts(self, example: Example) -> list[tuple[str, ...]]:
        """The words."""
        return [read_words(example, self.inputs)[0]]

    def target_of(self, example: Example) -> list[int]:
        """Places of the words' tags; behind all known ones where training never saw the label."""
        unknown = len(self._places)
        return [self._places.get(tag, unknown + (tag[0] == "I")) for tag in self._tags(example)]

    def _tags(self, example: Example) -> list[str]:
        words, places, text = read_words(example, self.inputs)
        given = example[self.target]
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise BadInput(f"{self.target!r} is {_kind(given)}, not a list.", "Give the words' tags, or spans.")
        if any(not isinstance(one, str) for one in given) or (not given and isinstance(example[self.inputs[0]], str)):
            return _tags_of_spans([self._span(one, text) for one in given], places, text)
        if len(given) != len(words):
            raise BadInput(
                f"{self.target!r} has {len(given)} tags for {len(words)} words.",
                "Give each word one tag, 'O' for none.",
            )
        for tag in given:
            label_of(tag)
        return list(given)

    def _span(self, given: Any, text: str) -> tuple[int, int, str]:
        try:
            start, end, label = (
                (given[name] for name in ("start", "end", "label")) if isinstance(given, Mapping) else given
            )
        except (KeyError, TypeError, ValueError):
            raise BadInput(f"{self.target!r} holds {str(given)[:80]!r}, which is no span.", _SPAN_REMEDY) from None
        if not (type(start) is int and type(end) is int and isinstance(label, str) and label.strip()):
            raise BadInput(f"{self.target!r} holds {str(given)[:80]!r}, which is no span.", _SPAN_REMEDY)
        if not 0 <= start < end <= len(text):
            raise BadInput(
                f"{self.target!r}: the span {start} to {end} is not in the text, which has {len(text)} characters.",
                _SPAN_REMEDY,
            )
        return start, end, label

    def prepare(self, examples: Sequence[Example], split: str, encoder: Encoder, extent: Extent) -> Prepared:
        """See `Objective.prepare`."""
        words = [texts[0] for texts in of_each(examples, split, self.texts)]
        tagged = of_each(examples, split, self.target_of)
        rows = encoder.tokenizer.encode_words(words, extent.max_tokens)
        targets = torch.full((len(words), max(map(len, words))), _PADDING)
        for at, tags in enumerate(tagged):
            targets[at, : len(tags)] = torch.tensor(tags)
        # Features of words behind the encoder's limit would be nothing but zeros.
        rows.words = [places[: int(np.flatnonzero(places >= 0).max(initial=-1)) + 1] for places in rows.words or []]
        columns = None
        if self._casing:
            every = [torch.from_numpy(casing(text)) for text in words]
            columns = torch.nn.utils.rnn.pad_sequence(every, batch_first=True)[:, : max(map(len, rows.words))]
        return Prepared(rows, targets, reads="words", columns=columns)

    def flat(self, features: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The words that have a tag, [words, dimension] and [words]."""
        targets = targets[:, : features.shape[1]]
        return features[targets >= 0], targets[targets >= 0]

    def losses(self, head: TagHead, features: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
        """Cross entropy of each row's words, over the mean number of words of a row: each word counts the same."""
        known = targets.masked_fill(~head.read(features) | (targets >= len(head.tags)), _PADDING)
        every = cross_entropy(head(features).flatten(0, -2), known.flatten(), recipe, self._counts).view(known.shape)
        return every if every.ndim == 1 else every.sum(dim=1) / self._words_per_row

    def metrics(self, head: TagHead, features: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Precision, recall and F1 of whole entities (micro average, macro F1 beside), and accuracy of words."""
        sums = self._sums(self._said(head, head.chances(features), targets), targets)
        figures = {name: float(value) for name, value in _figures(sums).items()}
        return {**figures, "entities": float(sums["actual"].sum() + sums["unseen"].sum())}

    def outcomes(self, head: TagHead, features: torch.Tensor, targets: torch.Tensor) -> Outcomes:
        """See `Objective.outcomes`: a row is right when all its tags are; its loss is that of its words together."""
        chances = head.chances(features)
        said = self._said(head, chances, targets)
        read = targets[:, : features.shape[1]]
        known = read < len(head.tags)
        true = chances.gather(2, read.clamp(0, len(head.tags) - 1)[..., None])[..., 0]
        # A tag that training never saw is as wrong as the head was sure of another one.
        unseen = (1 - chances.exp().amax(dim=2)).clamp_min(_LEAST).log()
        loss = -torch.where(known, true.clamp_min(math.log(_LEAST)), unseen).masked_fill(read < 0, 0).sum(dim=1)
        return Outcomes(
            said=[[head.tags[tag] for tag in row if tag >= 0] for row in said.tolist()],
            loss=loss, right=((said == targets) | (targets < 0)).all(dim=1),
            known=(targets < len(head.tags)).all(dim=1), labels=self.labels,
            statistics=self._statistics(said, targets), figures=_figures,
        )  # fmt: skip

    def vectors(self, features: torch.Tensor) -> torch.Tensor:
        """See `Objective.vectors`: the mean of a row's words."""
        read = features.any(dim=-1, keepdim=True)
        return (features * read).sum(dim=1) / read.sum(dim=1).clamp_min(1)

    def _said(self, head: TagHead, chances: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Tags [rows, words]; words that were not read are outside, those that are none stay -100."""
        said = torch.zeros_like(targets)
        said[:, : chances.shape[1]] = head.decide(chances)
        return said.masked_fill(targets < 0, _PADDING)

    def _sums(self, said: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: values.sum(dim=0) for name, values in self._statistics(said, targets).items()}

    def _statistics(self, said: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """Per row the entities of each label, [rows, labels], and the words, [rows, 1]: rightly found, found, there."""
        shape = (len(targets), len(self.labels) + 1)  # one more for labels that training never saw
        hits, found, actual = (torch.zeros(shape, dtype=torch.double) for _ in range(3))
        for row, (of_row, truth) in enumerate(zip(said.tolist(), targets.tolist(), strict=True)):
            these, those = set(entities(of_row)), set(entities(truth))
            for counts, members in ((hits, these & those), (found, these), (actual, those)):
                for _, _, label in members:
                    counts[row, label] += 1
        words = targets >= 0
        return {
            "hits": hits[:, :-1], "said": found[:, :-1], "actual": actual[:, :-1], "unseen": actual[:, -1:],
            "right_words": ((said == targets) & words).sum(dim=1, keepdim=True).double(),
            "words": words.sum(dim=1, keepdim=True).double(),
        }  # fmt: skip

    def calibrate(self, head: TagHead, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Find the temperature of least log loss of the words' tags, then what ``O`` must lose for the best F1."""
        flat, truth = self.flat(features, targets)
        known = head.read(flat) & (truth < len(head.tags))
        if not known.any():
            return
        logits = head(flat[known]).detach()
        candidates = torch.logspace(-1.3, 1.0, 47).tolist()
        head.temperature = min(
            candidates, key=lambda value: float(functional.cross_entropy(logits / value, truth[known]))
        )
        if int((targets % 2 == 1).sum()) >= _ENOUGH:  # entities; with fewer it would follow chance
            chances = head.chances(features)

            def f1(outside: float) -> float:
                head.outside = outside
                return float(_figures(self._sums(self._said(head, chances, targets), targets))["f1"])

            head.outside = max(_LEANINGS, key=lambda value: (f1(value), -abs(value)))


def _figures(sums: Sums) -> dict[str, torch.Tensor]:
    hits, said, actual = (sums[name].sum(dim=-1) for name in ("hits", "said", "actual"))
    unseen = sums["unseen"][..., 0]
    actual = actual + unseen
    occurs = (sums["said"] + sums["actual"]) > 0
    each = 2 * sums["hits"] / (sums["said"] + sums["actual"]).clamp_min(1)
    labels = occurs.sum(dim=-1) + (unseen > 0)
    return {
        "f1": 2 * hits / (said + actual).clamp_min(1), "precision": hits / said.clamp_min(1),
        "recall": hits / actual.clamp_min(1), "macro_f1": each.sum(dim=-1) / labels.clamp_min(1),
        "word_accuracy": (sums["right_words"] / sums["words"].clamp_min(1))[..., 0],
    }  # fmt: skip


_SPAN_REMEDY = "Give {start, end, label}: the first character, the one behind the last, and what it is."


def _tags_of_spans(spans: list[tuple[int, int, str]], places: Sequence[tuple[int, int]], text: str) -> list[str]:
    """A tag for each word; a word belongs to a span that it shares a character with."""
    tags = [OUTSIDE] * len(places)
    for start, end, label in sorted(spans):
        inside = [at for at, (first, last) in enumerate(places) if first < end and start < last]
        if not inside:
            raise BadInput(f"The span {start} to {end} ({text[start:end]!r}) covers no word.", _SPAN_REMEDY)
        if any(tags[at] != OUTSIDE for at in inside):
            raise BadInput(
                f"The span {start} to {end} ({text[start:end]!r}) shares a word with another.",
                "Keep one of them: spans may neither overlap nor lie in each other.",
            )
        for at in inside:
            tags[at] = f"{'B' if at == inside[0] else 'I'}-{label}"
    return tags


def _kind(value: Any) -> str:
    return "empty" if value is None else f"a {type(value).__name__}"
