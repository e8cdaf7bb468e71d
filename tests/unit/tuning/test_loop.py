"""The training loop: rates, early stopping, and an interrupted run that ends as if nothing had happened."""

import dataclasses

import numpy as np
import pytest
import torch

from verticals.contract import Recipe
from verticals.tuning import fit
from verticals.tuning.body import full_body, lora_body
from verticals.tuning.loop import train as train_work
from verticals.tuning.objectives import Classify
from verticals.tuning.optimiser import rate
from verticals.tuning.work import Work


class Killed(BaseException):
    """Ends training where it is raised, as kill -9 would."""


@pytest.fixture
def parts(encoder, utterances):
    """What `train` takes, made anew each time."""

    def make(method):
        objective = Classify(("text",), "label")
        rows, held_out = utterances(90), utterances(30, seed=1)
        objective.learn(rows, ())
        data, held = (objective.prepare(part, "train", encoder, 24) for part in (rows, held_out))
        head = objective.head(encoder.dimension, Recipe(dropout=0.3))
        body = (lora_body if method == "lora" else full_body)(encoder, Recipe(lora_rank=4, lora_alpha=8.0))
        return body, head, objective, data, held

    return make


def state_of(made):
    body, head, *_ = made
    trained = body.adapter if body.adapter is not None else body.encoder.model
    return {**{f"body.{name}": tensor.clone() for name, tensor in trained.state_dict().items()},
            **{f"head.{name}": tensor.clone() for name, tensor in head.state_dict().items()}}  # fmt: skip


def train(body, head, objective, data, held_out, recipe, checkpoint, **more):
    return train_work(Work(body, head, objective, data, held_out, recipe), recipe, checkpoint, **more)


def of_an_epoch(progress):
    return "accuracy" in progress.metrics


RECIPE = Recipe(
    epochs=3, learning_rate=1e-2, head_learning_rate=1e-2, batch_size=16, dropout=0.3, patience=0, averaging=0.9
)
STEPS = 6  # in an epoch of 90 rows


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("stop_after", [1, STEPS - 1, STEPS, 2 * STEPS + 2])
def test_an_interrupted_run_that_is_resumed_ends_bit_for_bit_the_same(parts, tmp_path, method, stop_after):
    import threading

    whole = parts(method)
    expected, outcome = train(*whole, RECIPE, tmp_path / "whole.pt")
    assert outcome == "done"

    stop, steps = threading.Event(), []

    def report(progress):
        if of_an_epoch(progress):
            return
        steps.append(progress)
        if len(steps) == stop_after:
            stop.set()

    torch.rand(5)  # the state of the random generator before must not matter
    first = parts(method)
    _, outcome = train(*first, RECIPE, tmp_path / "run.pt", stop=stop, report=report)
    assert (outcome, len(steps)) == ("interrupted", stop_after)
    torch.rand(7)
    second = parts(method)
    resumed, outcome = train(*second, RECIPE, tmp_path / "run.pt", resume=True)
    assert outcome == "done"
    assert resumed.history == expected.history
    ended, wanted = state_of(second), state_of(whole)
    assert all(torch.equal(ended[name], wanted[name]) for name in wanted)
    assert any(not torch.equal(wanted[name], tensor) for name, tensor in state_of(parts(method)).items())


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_killed_between_checkpoints_ends_bit_for_bit_the_same(parts, tmp_path, monkeypatch, method):
    whole = parts(method)
    train(*whole, RECIPE, tmp_path / "whole.pt")
    steps = []

    def report(progress):
        if of_an_epoch(progress):
            return
        steps.append(progress)
        if len(steps) == STEPS + 4:
            raise Killed

    with pytest.raises(Killed):
        train(*parts(method), RECIPE, tmp_path / "run.pt", report=report)
    again = []
    second = parts(method)
    train(
        *second,
        RECIPE,
        tmp_path / "run.pt",
        resume=True,
        report=lambda progress: of_an_epoch(progress) or again.append(progress),
    )
    assert len(again) == 2 * STEPS, "it goes on from the last epoch's end"
    ended, wanted = state_of(second), state_of(whole)
    assert all(torch.equal(ended[name], wanted[name]) for name in wanted)


def test_long_epochs_are_saved_in_their_middle(parts, tmp_path, monkeypatch):
    monkeypatch.setattr("verticals.tuning.loop._SAVE_EVERY_SECONDS", 0.0)
    steps = []

    def report(progress):
        if of_an_epoch(progress):
            return
        steps.append(progress)
        if len(steps) == 4:
            raise Killed

    with pytest.raises(Killed):
        train(*parts("lora"), RECIPE, tmp_path / "run.pt", report=report)
    again = []
    train(
        *parts("lora"),
        RECIPE,
        tmp_path / "run.pt",
        resume=True,
        report=lambda progress: of_an_epoch(progress) or again.append(progress),
    )
    assert len(again) == 3 * STEPS - 3


class Judged(Classify):
    """Its held-out figures are given."""

    figures: tuple[float, ...] = ()

    def metrics(self, head, features, targets):
        self.seen = getattr(self, "seen", -1) + 1
        return {"accuracy": self.figures[self.seen]}


def judged(made, *figures):
    body, head, objective, data, held = made
    judge = Judged(objective.inputs, objective.target)
    judge.adopt(head)
    judge.figures = figures
    return body, head, judge, data, held


def test_training_stops_early_and_keeps_the_best_weights(parts, tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=9, patience=2)
    best = judged(parts("lora"), 0.5, 0.7)
    train(*best, dataclasses.replace(recipe, epochs=2, schedule="constant", warmup=0.0), tmp_path / "a.pt")
    made = judged(parts("lora"), 0.5, 0.7, 0.6, 0.7, 0.9)
    state, outcome = train(*made, dataclasses.replace(recipe, schedule="constant", warmup=0.0), tmp_path / "b.pt")
    assert (outcome, len(state.history), state.best_epoch, state.best_figure) == ("early", 4, 1, 0.7)
    ended, wanted = state_of(made), state_of(best)
    assert {name for name in wanted if not torch.equal(ended[name], wanted[name])} == set()
    # Killed before its version was saved, it has nothing left to learn.
    again = judged(parts("lora"))
    resumed, outcome = train(*again, recipe, tmp_path / "b.pt", resume=True)
    assert (outcome, len(resumed.history)) == ("early", 4)
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in state_of(again).items())


def test_the_mean_of_the_weights_is_measured_and_kept(parts, tmp_path):
    seen = []

    def after(step):
        seen.append({name: tensor.clone() for name, tensor in state_of(made).items()})

    made = parts("lora")
    made[0].after_step = after
    train(*made, dataclasses.replace(RECIPE, epochs=1), tmp_path / "a.pt")
    first = state_of(parts("lora"))
    learned = {name for name, tensor in first.items() if tensor.is_floating_point()}
    for name in learned:
        kept, mean = state_of(made)[name], first[name]
        for step, weights in enumerate(seen):
            share = min(0.9, (1 + step) / (10 + step))
            mean = share * mean + (1 - share) * weights[name]
        torch.testing.assert_close(kept, mean, rtol=1e-4, atol=1e-6)
    assert any(not torch.allclose(seen[-1][name], kept) for name, kept in state_of(made).items())


def test_patience_of_zero_never_stops_early(parts, tmp_path):
    made = judged(parts("lora"), 0.9, 0.5, 0.4)
    state, outcome = train(*made, RECIPE, tmp_path / "a.pt")
    assert (outcome, len(state.history), state.best_epoch) == ("done", 3, 0)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_whole_training_with_layers_computed_again_gives_the_same_weights(parts, tmp_path, method):
    plain, again = parts(method), parts(method)
    state, _ = train(*plain, RECIPE, tmp_path / "plain.pt")
    other, _ = train(*again, dataclasses.replace(RECIPE, checkpointing=True), tmp_path / "again.pt")
    assert other.history == state.history
    ended, wanted = state_of(again), state_of(plain)
    assert all(torch.equal(ended[name], wanted[name]) for name in wanted)
    assert not again[0].encoder.model.checkpointing, "only while it trains"


def test_layers_computed_again_are_not_kept(parts):
    """Bytes that one step keeps for the way back."""
    kept = {}
    for checkpointing in (False, True):
        body, head, objective, data, held = parts("full")
        work = Work(body, head, objective, data, held, dataclasses.replace(RECIPE, checkpointing=checkpointing))
        work.begin()
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.nbytes) or t, lambda t: t):  # noqa: B023
            work.loss(np.arange(32))
        kept[checkpointing] = sum(sizes)
    assert kept[True] < 0.5 * kept[False]


def test_the_word_vectors_stay_as_they_are(parts, tmp_path, encoder):
    made = parts("full")
    before = encoder.state()
    train(*made, RECIPE, tmp_path / "a.pt")
    after = made[0].encoder.state()
    words = "embeddings.word_embeddings.weight"
    assert torch.equal(before[words], after[words])
    assert not torch.equal(before["encoder.layer.0.output.dense.weight"], after["encoder.layer.0.output.dense.weight"])
    assert all(torch.equal(tensor, encoder.state()[name]) for name, tensor in before.items())


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
def test_the_rate_rises_then_decays(schedule, warmup):
    shares = [rate(step, 100, Recipe(schedule=schedule, warmup=warmup)) for step in range(100)]
    assert all(0 < share <= 1 for share in shares)
    top = shares.index(max(shares))
    assert shares[top] == 1
    assert top == max(0, round(100 * warmup) - 1)
    assert shares[: top + 1] == sorted(shares[: top + 1])
    assert shares[top:] == sorted(shares[top:], reverse=True)
    assert rate(0, 1, Recipe(schedule=schedule, warmup=warmup)) == 1


@pytest.mark.parametrize("stage", ["encoding", "training"])
def test_a_stopped_run_saves_no_version_and_goes_on(workshop, job, stage):
    given = job(method="lora", epochs=2, learning_rate=1e-2, head_learning_rate=1e-2)
    whole = fit(dataclasses.replace(given, run="whole"), workshop)

    def stop(progress):
        if progress.stage == stage:
            workshop.stop.set()

    report = fit(dataclasses.replace(given, progress=stop), workshop)
    assert (report.stopped, report.version) == ("interrupted", "")
    assert (workshop.runs / "run-1" / "checkpoint.pt").exists() == (stage == "training")
    assert [record.version for record in workshop.registry.list()] == ["v1"]
    workshop.stop.clear()
    resumed = fit(dataclasses.replace(given, resume=True), workshop)
    assert resumed.version == "v2"
    assert resumed.metrics == whole.metrics
    assert resumed.history == whole.history
