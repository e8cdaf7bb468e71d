"""From prepared examples to a saved version."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from verticals.contract import BadInput, FitJob, FitReport, Progress, Recipe
from verticals.encoder import Encoder, LoraAdapter
from verticals.encoder.heads import Head
from verticals.store import Registry

from .card import card_facts, model_card
from .evaluation import Answers
from .linear import fit_head
from .loop import through, train
from .methods import choose_method
from .objectives import Objective, objective_of
from .prepared import Prepared, features_of, hold_out, prepare

_FAMILIAR_PER_LABEL = 30  # training rows per label that the label means are taken from


@dataclass(slots=True)
class Workshop:
    """What training needs from its surroundings.

    Args:
        encoder: the shared encoder.
        registry: where the version is saved.
        runs: folder that keeps each run's checkpoint.
        provenance: plugin, its version and the host's, for the manifest.
        stop: set it to end training at the next step with a checkpoint.
    """

    encoder: Encoder
    registry: Registry
    runs: Path
    provenance: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)


def fit(job: FitJob, workshop: Workshop) -> FitReport:
    """Train one head as its recipe says, calibrate it, and save it as a new version.

    The head alone is always trained first, on cached features: it is the floor to beat. If the chosen method stays
    below that floor on the held-out rows, the floor is what is saved, and the report says so. The chosen method
    starts from a fresh head: a fitted one leaves it little to learn from (measured: `docs/benchmarks.md`).

    A run that is stopped reports ``interrupted`` and saves no version; its checkpoint, once there is one, holds all
    that is needed to go on exactly.

    Raises:
        BadInput: the examples don't fit the objective, or the recipe does not fit the encoder.
    """
    recipe = job.recipe
    shared = _as_asked(recipe, workshop.encoder)
    objective = objective_of(job.objective)(job.inputs, job.target)
    if not job.examples.get("train"):
        raise BadInput(f"{job.vertical}/{job.head} has no training rows.", "Import some with `platform data import`.")
    objective.learn(job.examples["train"], job.labels)
    say = job.progress or (lambda progress: None)
    started = time.monotonic()
    data, held_out, notes = _splits(job, objective, shared)
    method, epochs, why = choose_method(recipe, len(data), len(objective.labels), int(data.rows.lengths.sum()))
    recipe = dataclasses.replace(recipe, epochs=epochs)
    if method == "lora" and recipe.lora_rank > shared.bank.rank:
        raise BadInput(
            f"recipe: lora_rank is {recipe.lora_rank}; adapters are served up to rank {shared.bank.rank}.",
            "Give a smaller one, or use the method 'full'.",
        )
    notes.append(f"method {method}: {why}")
    head = objective.head(shared.dimension, recipe)
    body: Encoder = shared
    adapter: LoraAdapter | None = None
    with _stopped_by_signals(workshop.stop):
        count = _counter(say, "encoding", len(data.rows) + len(held_out.rows), workshop.stop)
        try:
            features, held_features = (features_of(part, shared, count) for part in (data, held_out))
        except _Stopped:
            return FitReport("", {}, (), time.monotonic() - started, "interrupted", tuple(notes))
        history = fit_head(head, objective, (features, data.targets), (held_features, held_out.targets), recipe)
        floor = max(figures[objective.metric] for figures in history)
        outcome = "done"
        if method != "head":
            alone, head = head, objective.head(shared.dimension, recipe)
            if method == "lora":
                generator = torch.Generator().manual_seed(recipe.seed)
                adapter = LoraAdapter(shared.bank.shapes, recipe.lora_rank, recipe.lora_alpha, generator)
                adapter.to(shared.precision.device)
            else:
                body = shared.private_copy()
            state, outcome = train(
                body, adapter, head, objective, data, held_out, recipe, workshop.runs / job.run / "checkpoint.pt",
                resume=job.resume, stop=workshop.stop, report=say,
            )  # fmt: skip
            if outcome == "interrupted":
                return FitReport("", {}, tuple(state.history), time.monotonic() - started, outcome, tuple(notes))
            history = state.history
            if state.best_figure < floor:
                notes.append(
                    f"{method} reached {state.best_figure:.4f} {objective.metric} on the held-out rows, below the "
                    f"{floor:.4f} of the head alone; the head alone was saved"
                )
                head, method, body, adapter = alone, "head", shared, None
    places = _some_of_each(data.targets, recipe.seed)
    if method == "head":
        some, held = features[places], held_features
    else:
        some, held = through(body, adapter, data.part(places)), through(body, adapter, held_out)
    known = (some, data.targets[places])
    metrics = _calibrate(objective, head, known, (held, held_out.targets), recipe.coverage)
    metrics["floor"] = floor
    seconds = time.monotonic() - started
    report = FitReport("", metrics, tuple(history), seconds, outcome, tuple(notes))
    manifest = _manifest(job, objective, head, method, metrics, shared, workshop.provenance)
    manifest["notes"], manifest["seconds"] = notes, round(seconds, 1)
    manifest["rows"] = {"train": len(data), "held_out": len(held_out)}
    with torch.no_grad():
        outcomes = objective.outcomes(head, held, held_out.targets)
        manifest |= card_facts(job, Answers(objective, head, held, held_out.targets, outcomes))

    def write(folder: Path) -> None:
        head.save(folder)
        if adapter is not None:
            adapter.save(folder, shared.source.name)
        if body is not shared:
            _save_weights(body, folder)
        (folder / "README.md").write_text(model_card(manifest, history), encoding="utf-8")

    say(Progress("saving", 0, 1, "version"))
    record = workshop.registry.save(job.vertical, job.head, manifest, write, run=job.run)
    (workshop.runs / job.run / "checkpoint.pt").unlink(missing_ok=True)
    return dataclasses.replace(report, version=record.version)


def _as_asked(recipe: Recipe, encoder: Encoder) -> Encoder:
    """The platform's encoder, computing in the recipe's precision."""
    if recipe.encoder not in ("", encoder.source.name):
        raise BadInput(
            f"recipe: encoder is {recipe.encoder!r}; this platform runs {encoder.source.name!r}.",
            "Leave it empty, or set PLATFORM_ENCODER and train every head again.",
        )
    return encoder if recipe.precision == "auto" else encoder.computing_in(recipe.precision)


def _splits(job: FitJob, objective: Objective, encoder: Encoder) -> tuple[Prepared, Prepared, list[str]]:
    """Training and held-out rows; where the data set names none for validation, a share of the training rows."""
    recipe, notes = job.recipe, []
    data = prepare(objective, job.examples["train"], encoder, recipe.max_tokens, "train")
    if job.examples.get("validation"):
        held_out = prepare(objective, job.examples["validation"], encoder, recipe.max_tokens, "validation")
    else:
        kept, held = hold_out(data.targets, recipe.validation, recipe.seed)
        if not len(held):
            raise BadInput(
                f"{job.vertical}/{job.head}: a share of {recipe.validation} of {len(data)} training rows leaves none "
                "to hold out.",
                "Give more rows, some in the split 'validation', or a larger share: --set validation=0.1.",
            )
        notes.append(f"{len(held)} of {len(data)} training rows were held out: the data set has no validation rows")
        data, held_out = data.part(kept), data.part(held)
    cut = int((data.rows.cut > 0).sum())
    if cut:
        notes.append(
            f"{cut} of {len(data.rows)} training texts were longer than {recipe.max_tokens} tokens and were cut"
        )
    return data, held_out, notes


def _calibrate(
    objective: Objective,
    head: Head,
    known: tuple[torch.Tensor, torch.Tensor],
    held_out: tuple[torch.Tensor, torch.Tensor],
    coverage: float,
) -> dict[str, float]:
    """Calibrate on the held-out rows, set when to abstain, and measure."""
    with torch.no_grad():
        objective.calibrate(head, *held_out)
        objective.familiarise(head, known, held_out[0], coverage)
        return objective.metrics(head, *held_out)


def _some_of_each(targets: torch.Tensor, seed: int) -> np.ndarray:
    """Places of up to 30 random rows of each label, or of 1000 rows where the targets are no labels."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(targets))
    if targets.is_floating_point():
        return np.sort(order[:1000])
    values = targets.numpy()[order]
    taken = [order[np.flatnonzero(values == value)[:_FAMILIAR_PER_LABEL]] for value in np.unique(values)]
    return np.sort(np.concatenate(taken))


def _manifest(
    job: FitJob,
    objective: Objective,
    head: Head,
    method: str,
    metrics: Mapping[str, float],
    encoder: Encoder,
    provenance: Mapping[str, str],
) -> dict[str, Any]:
    config = head.config()
    return {
        "vertical": job.vertical, "head": job.head, "objective": job.objective, "metric": objective.metric,
        "method": method, "recipe": job.recipe.to_dict(), "labels": config.get("labels", []), "config": config,
        "inputs": list(job.inputs), "target": job.target, "dataset_version": job.dataset_version,
        "seed": job.recipe.seed, "metrics": dict(metrics), "temperature": config.get("temperature"),
        "thresholds": {"familiarity": config.get("threshold")}, "tokenizer_sha256": encoder.source.tokenizer_sha256,
        "encoder": {"name": encoder.source.name, "sha256": encoder.source.sha256, "pooling": encoder.source.pooling},
        **provenance,
    }  # fmt: skip


def _save_weights(body: Encoder, folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(body.state(), folder / "model.safetensors", metadata={"format": "pt"})


class _Stopped(Exception):
    """Training was asked to stop before there was anything to keep."""


def _counter(say: Callable[[Progress], None], stage: str, total: int, stop: threading.Event) -> Callable[[int], None]:
    started, done = time.monotonic(), 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        speed = done / max(time.monotonic() - started, 1e-9)
        say(Progress(stage, done, total, "texts", speed, (total - done) / speed))
        if stop.is_set():
            raise _Stopped

    return count


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks training to stop after its step; a second Ctrl-C ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
