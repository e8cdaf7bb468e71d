"""Rows trained in a second on BANKING77, interleaved with the textbook loop and with transformers' Trainer."""

import csv
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tests.benchmarks.commands import DATA, needs

from verticals.contract import Recipe
from verticals.encoder import Encoder, locate
from verticals.tuning.body import full_body, lora_body
from verticals.tuning.loop import train
from verticals.tuning.objectives import Classify
from verticals.tuning.work import Work

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), needs("banking77")]
ROUNDS = 3
Texts, Labels = list[str], list[str]


@pytest.fixture(scope="module")
def rows() -> tuple[Texts, Labels]:
    with (DATA / "banking77/train.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    torch.manual_seed(0)
    chosen = [read[at] for at in torch.randperm(len(read))[:1600].tolist()]
    return [row["text"] for row in chosen], [row["category"] for row in chosen]


def textbook(texts: Texts, labels: Labels) -> float:
    """Padded to 128 tokens, batches of 16, fp32, AdamW that is not fused; rows per second."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    known = sorted(set(labels))
    folder = locate().path
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(known)).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=False)
    tokens = tokenizer(texts, padding="max_length", truncation=True, max_length=128, return_tensors="pt")
    targets = torch.tensor([known.index(label) for label in labels])
    count = 240
    started = time.perf_counter()
    for start in range(0, count, 16):
        batch = {name: values[start : start + 16] for name, values in tokens.items()}
        model(**batch, labels=targets[start : start + 16]).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return count / (time.perf_counter() - started)


def trainer(texts: Texts, labels: Labels, folder: Path) -> float:
    """transformers' Trainer as it comes, padded to the longest of a batch of 32; rows per second."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    known = sorted(set(labels))
    tokenizer = AutoTokenizer.from_pretrained(locate().path)
    model = AutoModelForSequenceClassification.from_pretrained(locate().path, num_labels=len(known))
    tokens = tokenizer(texts[:960], truncation=True)
    data = [
        {"input_ids": ids, "attention_mask": mask, "labels": known.index(label)}
        for ids, mask, label in zip(tokens["input_ids"], tokens["attention_mask"], labels, strict=False)
    ]
    arguments = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=32, num_train_epochs=1, report_to=[], disable_tqdm=True
    )
    running = Trainer(model, arguments, train_dataset=data, data_collator=DataCollatorWithPadding(tokenizer))
    started = time.perf_counter()
    running.train()
    return len(data) / (time.perf_counter() - started)


def ours(texts: Texts, labels: Labels, encoder: Encoder, folder: Path, recipe: Recipe) -> float:
    """The platform's loop: frozen layers, held-out figures and checkpoints included; rows per second."""
    examples = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    objective = Classify(("text",), "label")
    objective.learn(examples, ())
    data = objective.prepare(examples, "train", encoder, recipe.extent)
    held = objective.prepare(examples[:64], "train", encoder, recipe.extent)
    body = (lora_body if recipe.method == "lora" else full_body)(encoder, recipe)
    started = time.perf_counter()
    work = Work(body, objective.head(encoder.dimension, recipe), objective, data, held, recipe)
    train(work, recipe, folder / f"{recipe.method}.pt")
    return len(data) * recipe.passes(len(data)) / (time.perf_counter() - started)


def test_training_is_faster_than_the_textbook_loop_and_the_trainer(
    rows: tuple[Texts, Labels], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = Encoder.open(locate())
    recipes = {
        "full": Recipe(method="full", epochs=1, patience=0),
        "lora": Recipe(method="lora", epochs=1, patience=0),
        "lora, 3 layers frozen": Recipe(method="lora", epochs=5, patience=0, frozen_layers=3),
    }

    def runners() -> Iterator[tuple[str, Callable[[], float]]]:
        yield "textbook", lambda: textbook(*rows)
        yield "Trainer", lambda: trainer(*rows, tmp_path / "trainer")
        for name, recipe in recipes.items():
            yield name, lambda recipe=recipe: ours(*rows, encoder, tmp_path, recipe)

    speeds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, run in runners():
            speeds.setdefault(name, []).append(run())
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    with capsys.disabled():
        print()
        for name, speed in middle.items():
            print(f"{name}: {speed:.1f} rows/s, {speed / middle['textbook']:.1f} x the textbook loop, "
                  f"{speed / middle['Trainer']:.1f} x the Trainer")  # fmt: skip
    best = middle["lora, 3 layers frozen"]
    assert best >= 15 * middle["textbook"]
    assert best >= 5 * middle["Trainer"]
