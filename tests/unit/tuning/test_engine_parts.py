"""What a recipe adds to plain training: frozen layers, micro-batches, weights of rows, attacks, groups."""

import dataclasses

import numpy as np
import pytest
import torch

from verticals.contract import BadInput, Recipe, Unavailable
from verticals.tuning.adversarial import adversary
from verticals.tuning.body import full_body, lora_body
from verticals.tuning.loop import train as train_work
from verticals.tuning.losses import class_weights, cross_entropy
from verticals.tuning.lower import through_lower
from verticals.tuning.objectives import Classify, Score
from verticals.tuning.optimiser import make_optimiser
from verticals.tuning.processes import ALONE
from verticals.tuning.sampling import epoch_order
from verticals.tuning.step import Step
from verticals.tuning.work import Together, Work

PLAIN = Recipe(dropout=0.0, epochs=2, learning_rate=1e-2, batch_size=16, patience=0, lora_rank=4)


@pytest.fixture
def parts(encoder, utterances):
    def make(recipe=PLAIN, method="lora"):
        objective = Classify(("text",), "label")
        rows, held_out = utterances(60), utterances(30, seed=1)
        objective.learn(rows, ())
        data, held = (objective.prepare(part, "train", encoder, 24) for part in (rows, held_out))
        body = (lora_body if method == "lora" else full_body)(encoder, recipe)
        for parameter in body.parameters.values():
            parameter.requires_grad_(True)
        return body, objective.head(encoder.dimension, recipe), objective, data, held

    return make


def train(body, head, objective, data, held_out, recipe, checkpoint):
    return train_work(Work(body, head, objective, data, held_out, recipe), recipe, checkpoint)


def step_of(made, recipe):
    body, head, objective, data, held = made
    parameters = [*body.parameters.values(), *head.parameters()]
    return Step(Work(body, head, objective, data, held, recipe), parameters, recipe, ALONE)


def gradients(made, recipe, which):
    body, head, *_ = made
    loss = step_of(made, recipe)(which)
    named = {**dict(body.parameters), **dict(head.named_parameters())}
    return loss, {name: parameter.grad.clone() for name, parameter in named.items() if parameter.grad is not None}


def stirred(made):
    """The same parts, with an adapter and a head that are not at zero any more."""
    generator = torch.Generator().manual_seed(3)
    body, head, *_ = made
    with torch.no_grad():
        for parameter in (*body.parameters.values(), *head.parameters()):
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return made


def test_micro_batches_add_up_to_the_whole_step(parts):
    which = np.arange(13)
    whole_loss, whole = gradients(stirred(parts()), PLAIN, which)
    small_loss, small = gradients(stirred(parts()), dataclasses.replace(PLAIN, micro_batch=4), which)
    assert float(small_loss) == pytest.approx(float(whole_loss), rel=1e-5)
    for name, gradient in whole.items():
        torch.testing.assert_close(small[name], gradient, rtol=1e-3, atol=1e-6)


def test_many_tokens_are_computed_some_at_a_time(parts, monkeypatch):
    made, which = stirred(parts()), np.arange(13)
    whole_loss, whole = gradients(stirred(parts()), PLAIN, which)
    data, asked = made[3], []
    forward = type(data).forward

    def counted(self, encoder, part, change=None):
        asked.append(len(part) * int(self.lengths[part].max()))
        return forward(self, encoder, part, change)

    monkeypatch.setattr(type(data), "forward", counted)
    monkeypatch.setattr("verticals.tuning.step.tokens_at_once", lambda device: 40)
    loss, added = gradients(made, PLAIN, which)
    assert len(asked) > 2
    assert max(asked) <= 40
    assert float(loss) == pytest.approx(float(whole_loss), rel=1e-5)
    for name, gradient in whole.items():
        torch.testing.assert_close(added[name], gradient, rtol=1e-3, atol=1e-6)


def test_checkpointing_gives_the_same_gradients(parts, encoder):
    which = np.arange(10)
    _, plain = gradients(stirred(parts()), PLAIN, which)
    encoder.model.checkpointing = True
    _, again = gradients(stirred(parts()), PLAIN, which)
    assert plain.keys() == again.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(again[name], gradient, rtol=1e-4, atol=1e-7)


def test_memory_that_runs_out_halves_the_micro_batch(parts, monkeypatch):
    made = stirred(parts())
    data = made[3]
    expected, _ = gradients(stirred(parts()), PLAIN, np.arange(12))
    step = step_of(made, PLAIN)
    forward, tried = type(data).forward, []

    def short(self, encoder, which, change=None):
        tried.append(len(which))
        if len(which) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, encoder, which, change)

    monkeypatch.setattr(type(data), "forward", short)
    assert float(step(np.arange(12))) == pytest.approx(float(expected), rel=1e-5)
    assert tried == [12, 6, 3, 3, 3, 3]
    assert step.micro == 3
    monkeypatch.setattr(type(data), "forward", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("out")))
    with pytest.raises(Unavailable, match="single row"):
        step(np.arange(12))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_frozen_lower_layers_are_computed_once_and_change_nothing(parts, encoder, method):
    recipe = dataclasses.replace(PLAIN, frozen_layers=1)
    made = stirred(parts(recipe, method))
    body, _, _, data, _ = made
    assert body.parameters
    assert all("layer/1/" in name or "layer.1." in name for name in body.parameters)
    lower = dataclasses.replace(data, lower=through_lower(data.rows, body.encoder, 1))
    which = np.array([5, 0, 17, 3])
    with body.encoder.bank.train(body.adapter):
        torch.testing.assert_close(lower.forward(body.encoder, which), data.forward(body.encoder, which))


def test_frozen_layers_train_to_the_same_head_with_and_without_the_cache(parts, tmp_path, monkeypatch):
    recipe = dataclasses.replace(PLAIN, frozen_layers=1)
    cached, plain = parts(recipe), parts(recipe)
    state, _ = train(*cached, recipe, tmp_path / "a.pt")
    monkeypatch.setattr("verticals.tuning.work._frozen_below", lambda body, data, recipe: data)
    other, _ = train(*plain, recipe, tmp_path / "b.pt")
    assert state.history[-1]["log_loss"] == pytest.approx(other.history[-1]["log_loss"], rel=1e-3)
    monkeypatch.undo()
    with pytest.raises(BadInput, match="the encoder has 2 layers"):
        train(*parts(), dataclasses.replace(PLAIN, frozen_layers=2), tmp_path / "c.pt")


def test_class_weights_average_to_one_over_the_rows():
    counts = torch.tensor([90, 9, 1])
    for kind, ratio in (("balanced", 90.0), ("sqrt", 90**0.5)):
        weights = class_weights(counts, kind)
        assert float((weights * counts).sum()) == pytest.approx(100)
        assert float(weights[2] / weights[0]) == pytest.approx(ratio)


def test_focal_loss_counts_sure_rows_less():
    logits, targets = torch.tensor([[4.0, 0.0], [0.1, 0.0]]), torch.tensor([0, 0])
    plain = cross_entropy(logits, targets, Recipe(label_smoothing=0.0))
    focal = cross_entropy(logits, targets, Recipe(label_smoothing=0.0, loss="focal", focal_gamma=2.0))
    chances = torch.softmax(logits, dim=1)[:, 0]
    torch.testing.assert_close(focal, plain * (1 - chances) ** 2)
    unknown = cross_entropy(logits, torch.tensor([-100, 0]), Recipe(loss="focal", class_weights="balanced"),
                            torch.tensor([1, 3]))  # fmt: skip
    assert float(unknown[0]) == 0


def test_balanced_sampling_draws_rare_labels_as_often(parts):
    _, _, _, data, _ = parts()
    data.targets = torch.tensor([0] * 54 + [1] * 6)
    drawn = np.concatenate([np.concatenate(epoch_order(data, dataclasses.replace(PLAIN, sampling="balanced"), epoch))
                            for epoch in range(20)])  # fmt: skip
    assert len(drawn) == 20 * 60
    assert 0.4 < (drawn >= 54).mean() < 0.6
    data.targets = torch.rand(60)
    with pytest.raises(BadInput, match="no single label"):
        epoch_order(data, dataclasses.replace(PLAIN, sampling="balanced"), 0)


def test_rates_by_layer_and_by_matrix(encoder):
    recipe = Recipe(learning_rate=1e-3, layer_decay=0.5, lora_plus=4.0, lora_rank=2, head_learning_rate=0.1)
    body = lora_body(encoder, recipe)
    optimiser = make_optimiser(body.parameters, {}, recipe, body.rate, encoder.model.depth)
    rates = {id(parameter): group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    found = {name: rates[id(parameter)] for name, parameter in body.parameters.items()}
    assert found["down.encoder/layer/1/output/dense"] == pytest.approx(1e-3)
    assert found["down.encoder/layer/0/output/dense"] == pytest.approx(5e-4)
    assert found["up.encoder/layer/0/output/dense"] == pytest.approx(2e-3)


@pytest.mark.parametrize("kind", ["fgm", "pgd"])
def test_what_is_learned_is_the_clean_batch_and_the_attacked_one(parts, kind):
    body, head, objective, data, _ = stirred(parts())
    recipe = dataclasses.replace(PLAIN, adversarial=kind, adversarial_size=0.5)
    which, moves = np.arange(20), []

    def loss_of(change=None):
        def watched(clean):
            changed = change(clean)
            moves.append((changed - clean).detach())
            return changed

        features = data.forward(body.encoder, which, None if change is None else watched)
        return objective.losses(head, features, data.targets_of(which, features), recipe).mean()

    def grads():
        taken = {name: parameter.grad.clone() for name, parameter in body.parameters.items()}
        for parameter in body.parameters.values():
            parameter.grad = None
        return taken

    with body.encoder.bank.train(body.adapter):
        loss = adversary(recipe, loss_of)
        together, passes, moved = grads(), len(moves), moves[-1]
        clean = loss_of()
        clean.backward()
        loss_of(lambda given: given + moved).backward()
    assert passes == (2 if kind == "fgm" else 1 + recipe.adversarial_steps)
    assert float(loss) == pytest.approx(float(clean), rel=1e-5)
    for name, gradient in grads().items():
        torch.testing.assert_close(together[name], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["fgm", "pgd"])
def test_the_attack_stays_within_its_size_and_hurts_more_than_noise(parts, kind):
    made = stirred(parts())
    body, head, objective, data, _ = made
    recipe = dataclasses.replace(PLAIN, adversarial=kind, adversarial_size=0.5)
    which = np.arange(20)
    moves, losses = [], []

    def loss_of(change):
        def watched(clean):
            changed = change(clean)
            moves.append((clean.detach(), (changed - clean).detach()))
            return changed

        features = data.forward(body.encoder, which, watched)
        loss = objective.losses(head, features, data.targets_of(which, features), recipe).mean()
        losses.append(float(loss))
        return loss

    with body.encoder.bank.train(body.adapter):
        adversary(recipe, loss_of)
        clean, moved = moves[-1]
        size = 0.5 * clean.norm(dim=-1).mean(dim=1)
        norms = moved.flatten(1).norm(dim=1)
        assert (norms <= size * 1.001).all()
        noise = torch.randn(moved.shape, generator=torch.Generator().manual_seed(0))
        noise = noise / noise.flatten(1).norm(dim=1)[:, None, None] * size[:, None, None]
        loss_of(lambda given: given + noise)
    assert losses[-2] > losses[0]  # attacked above clean
    assert losses[-2] > losses[-1]  # attacked above noise of the same size
    assert any(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in body.parameters.values())


def test_the_penalty_draws_groups_together(parts, tmp_path):
    gaps = {}
    for weight in (0.0, 20.0):
        recipe = dataclasses.replace(PLAIN, epochs=6, fairness=weight, fairness_by="group")
        made = parts(recipe)
        body, head, objective, data, held = made
        # The label itself makes the groups: the plainest way for one to be served worse than another.
        data.targets = torch.tensor([0] * 44 + [1] * 16)
        data.groups = (data.targets == 1).long()
        train(body, head, objective, data, held, recipe, tmp_path / f"{weight}.pt")
        with torch.no_grad(), body.encoder.bank.train(body.adapter):
            features = data.forward(body.encoder, np.arange(len(data)))
            losses = objective.losses(head, features, data.targets, recipe)
        gaps[weight] = abs(float(losses[:44].mean() - losses[44:].mean()))
    assert gaps[20.0] < 0.5 * gaps[0.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"adversarial": "fgm"}, pytest.param({"adversarial": "pgd"}, marks=pytest.mark.slow), {"frozen_layers": 1},
        {"micro_batch": 5},
        {"sampling": "balanced", "class_weights": "sqrt", "loss": "focal"},
        {"lora_scaling": "rs", "lora_plus": 2.0, "learning_rate": 2e-3},
        {"layer_decay": 0.8, "method": "full"}, {"train_words": True, "method": "full"},
        {"contrastive": 0.5}, {"anchor": 0.1}, {"averaging": 0.9}, {"encoder_dropout": 0.1},
    ],
    ids=str,
)  # fmt: skip
def test_every_option_learns(parts, tmp_path, changes):
    changes = dict(changes)
    method = changes.pop("method", "lora")
    rate = 1e-2 if method == "lora" else 2e-3
    changes = {"learning_rate": rate, **changes}
    recipe = dataclasses.replace(PLAIN, epochs=12, head_learning_rate=2e-2, batch_size=6, **changes)
    state, outcome = train(*parts(recipe, method), recipe, tmp_path / "a.pt")
    assert outcome == "done"
    assert state.history[-1]["loss"] < 0.8 * state.history[0]["loss"]
    assert state.best_figure > 0.6


def test_contrast_brings_the_rows_of_a_label_together(parts, tmp_path):
    near = {}
    for weight in (0.0, 2.0):
        recipe = dataclasses.replace(PLAIN, epochs=4, contrastive=weight)
        body, head, objective, data, held = parts(recipe)
        train(body, head, objective, data, held, recipe, tmp_path / f"{weight}.pt")
        directions = torch.nn.functional.normalize(body.encode(data)[:, 0], dim=-1)
        cosines, same = directions @ directions.T, data.targets[:, None] == data.targets[None, :]
        near[weight] = float(cosines[same].mean() - cosines[~same].mean())
    assert near[2.0] > near[0.0] + 0.1


def test_an_anchor_holds_the_vectors_where_they_were(parts, tmp_path):
    near = {}
    for weight in (0.0, 3.0):
        recipe = dataclasses.replace(PLAIN, epochs=4, anchor=weight)
        body, head, objective, data, held = parts(recipe)
        before = body.encode(data)[:, 0]
        train(body, head, objective, data, held, recipe, tmp_path / f"{weight}.pt")
        near[weight] = float(torch.cosine_similarity(before, body.encode(data)[:, 0], dim=-1).mean())
    assert near[0.0] < 0.9
    assert near[3.0] > 0.5 + near[0.0] / 2


@pytest.mark.parametrize("option", ["contrastive", "anchor"])
def test_contrast_and_anchor_are_for_single_labels(encoder, option):
    objective = Score(("text",), "number")
    rows = [{"text": f"row {at}", "number": float(at)} for at in range(8)]
    objective.learn(rows, ())
    recipe = dataclasses.replace(PLAIN, **{option: 0.5})
    data = objective.prepare(rows, "train", encoder, 24)
    with pytest.raises(BadInput, match=f"{option} is for heads that classify"):
        Work(lora_body(encoder, recipe), objective.head(encoder.dimension, recipe), objective, data, data, recipe)


def test_heads_trained_together_share_a_body_and_answer_each_their_own(parts, encoder, utterances, tmp_path):
    recipe = dataclasses.replace(PLAIN, epochs=10, head_learning_rate=2e-2, batch_size=8)
    body, head, objective, data, held = parts(recipe)
    short = Classify(("text",), "short")
    rows, held_rows = (
        [{**row, "short": "yes" if row["label"] == "delivery" else "no"} for row in utterances(count, seed)]
        for count, seed in ((50, 2), (30, 3))
    )
    short.learn(rows, ())
    second = [short.prepare(part, "train", encoder, 24) for part in (rows, held_rows)]
    works = {"topic": Work(body, head, objective, data, held, recipe),
             "short": Work(body, short.head(encoder.dimension, recipe), short, *second, recipe)}  # fmt: skip
    together = Together(works)
    steps = together.order(0)
    assert sorted(np.concatenate(steps).tolist()) == list(range(110)), "each row of each head once an epoch"
    assert all((which < 60).all() or (which >= 60).all() for which in steps), "a step belongs to one head"
    owners = [bool(which[0] < 60) for which in steps]
    assert owners != sorted(owners), "the heads take turns"
    assert owners != sorted(owners, reverse=True), "the heads take turns"
    state, outcome = train_work(together, recipe, tmp_path / "a.pt")
    assert outcome == "done"
    last = state.history[-1]
    assert last["mean"] == pytest.approx((last["topic accuracy"] + last["short accuracy"]) / 2)
    assert state.history[-1]["loss"] < 0.9 * state.history[0]["loss"]
