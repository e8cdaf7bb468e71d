"""What training rows say of an input: the nearest ones of a label, and the vote of all."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from verticals.encoder.heads import ClassifyHead, build_head, familiarity
from verticals.encoder.heads.familiarity import nearness, voted, votes_of

CENTRES = functional.normalize(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)), dim=-1)


def around(places, spread=0.1, seed=1):
    noise = torch.randn(len(places), 16, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(CENTRES[places] + spread * noise, dim=-1)


OWNERS = torch.arange(60) // 20
ROWS = around(OWNERS).half()


@pytest.mark.parametrize("at_once", [familiarity._AT_ONCE, 7])
def test_votes_are_the_ridge_regression_of_the_labels_on_the_kernel(monkeypatch, at_once):
    monkeypatch.setattr(familiarity, "_AT_ONCE", at_once)
    rows = ROWS.double().numpy()
    inputs = around(torch.tensor([0, 1, 2, 1]), 0.4, seed=2)
    said = torch.tensor([0, 1, 1, 2])
    kernel = np.exp(4 * (rows @ rows.T - 1))
    weights = np.linalg.solve(kernel + 0.1 * np.eye(60), np.eye(3)[OWNERS.numpy()])
    expected = (np.exp(4 * (inputs.double().numpy() @ rows.T - 1)) @ weights)[range(4), said.numpy()]
    votes = votes_of(ROWS, OWNERS, 3)
    assert votes.shape == (3, 60)
    assert voted(inputs, said, ROWS, votes).numpy() == pytest.approx(expected.clip(0, 1), abs=5e-3)


def test_rows_agree_near_their_own_kind_and_neither_elsewhere_nor_where_labels_meet():
    votes = votes_of(ROWS, OWNERS, 3)
    own = voted(around(OWNERS, seed=3), OWNERS, ROWS, votes)
    other = voted(around(OWNERS, seed=3), (OWNERS + 1) % 3, ROWS, votes)
    between = functional.normalize(CENTRES[:1] + CENTRES[1:2], dim=-1)
    assert own.min() > 0.7
    assert other.max() < 0.1
    assert 0.2 < voted(between, torch.tensor([0]), ROWS, votes) < 0.8
    assert voted(-functional.normalize(CENTRES.sum(dim=0), dim=-1)[None], torch.tensor([0]), ROWS, votes) < 0.1


def test_inputs_are_told_alike_together_and_one_by_one_whatever_is_computed_at_once(monkeypatch):
    votes = votes_of(ROWS, OWNERS, 3)
    inputs, said = around(OWNERS, 0.3, seed=4), (OWNERS + torch.arange(60)) % 3
    together = voted(inputs, said, ROWS, votes)
    monkeypatch.setattr(familiarity, "_AT_ONCE", 7)
    alone = [float(voted(inputs[at : at + 1], said[at : at + 1], ROWS, votes)) for at in range(60)]
    assert together.tolist() == pytest.approx(alone, abs=1e-5)
    assert len(voted(inputs[:0], said[:0], ROWS, votes)) == 0


def test_only_the_weightiest_rows_vote_where_there_are_many(monkeypatch):
    inputs, said = around(OWNERS, 0.3, seed=4), (OWNERS + torch.arange(60)) % 3
    by_all = voted(inputs, said, ROWS, votes_of(ROWS, OWNERS, 3))
    monkeypatch.setattr(familiarity, "_VOTES", 18)
    votes = votes_of(ROWS, OWNERS, 3)
    assert (votes != 0).sum(dim=1).tolist() == [18, 18, 18]
    together = voted(inputs, said, ROWS, votes)
    alone = [float(voted(inputs[at : at + 1], said[at : at + 1], ROWS, votes)) for at in range(60)]
    assert together.tolist() == pytest.approx(alone, abs=1e-5)
    assert float((together - by_all).abs().mean()) < 0.1


def test_nearness_is_that_to_the_rows_of_the_label_said():
    inputs, said = around(torch.tensor([0, 0, 2]), seed=5), torch.tensor([0, 1, 2])
    cosines = inputs @ ROWS.float().T
    near = nearness(inputs, said, ROWS[:40], OWNERS[:40], 3)
    assert near[0] == pytest.approx(float(cosines[0, :20].topk(3).values.mean()), abs=1e-3)
    assert near[1] == pytest.approx(float(cosines[1, 20:40].topk(3).values.mean()), abs=1e-3)
    assert near[2] == 0, "a label without rows"


def test_votes_are_saved_and_a_version_without_them_answers_as_before(tmp_path):
    head = ClassifyHead(16, ("a", "b", "c"))
    head.know(ROWS.float(), OWNERS)
    inputs = around(torch.tensor([0, 1, 2, 2]), 0.5, seed=6)
    logits = head(inputs) + 3 * inputs @ CENTRES.T
    head.save(tmp_path)
    loaded = build_head("classify", 16, head.config())
    loaded.load(tmp_path)
    assert loaded.familiarity(inputs, logits).tolist() == head.familiarity(inputs, logits).tolist()
    sureness, said = torch.softmax(logits, dim=-1).max(dim=-1)
    near = nearness(inputs, said, ROWS, OWNERS, 3)
    agreed = voted(inputs, said, ROWS, head.votes)
    three = (4 * near + sureness + agreed) / 6
    assert head.familiarity(inputs, logits).tolist() == pytest.approx(three.tolist(), abs=1e-3)
    state = {name: tensor for name, tensor in head.state_dict().items() if name != "votes"}
    loaded.load_state_dict(state)
    two = (2 * near + sureness) / 3
    assert loaded.familiarity(inputs, logits).tolist() == pytest.approx(two.tolist(), abs=1e-3)


def test_too_many_rows_cast_no_votes(monkeypatch):
    monkeypatch.setattr(familiarity, "VOTERS", 59)
    head = ClassifyHead(16, ("a", "b", "c"))
    head.know(ROWS.float(), OWNERS)
    assert head.votes.shape == (3, 0)
    assert len(head.known) == 60
    near, far = head.answer(torch.stack([CENTRES[0], -CENTRES[0]]), [None] * 2)  # it says "a" of all, by a third
    assert near.familiarity > 2 / 3 > 1 / 3 > far.familiarity
