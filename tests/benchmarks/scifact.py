"""Passages and questions on disk in the format of BEIR, SciFact's judgements, and the figure that counts on them."""

import json
import math
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.commands import DATA

from verticals import Document


def lines(path: str) -> list[dict[str, Any]]:
    with (DATA / path).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def documents(path: str) -> list[Document]:
    return [Document(id=line["_id"], title=line["title"], text=line["text"]) for line in lines(path)]


def judgements(split: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with (DATA / f"scifact/qrels/{split}.tsv").open(encoding="utf-8") as file:
        for line in list(file)[1:]:
            query, document, score = line.split("\t")
            found.setdefault(query, {})[document] = int(score)
    return found


def ndcg_at_10(found: Sequence[str], wanted: dict[str, int]) -> float:
    gain = sum(wanted.get(name, 0) / math.log2(place + 2) for place, name in enumerate(found[:10]))
    best = sum(score / math.log2(place + 2) for place, score in enumerate(sorted(wanted.values())[:-11:-1]))
    return gain / best
