"""The penalty on the gap between groups."""

import pytest
import torch

from verticals.contract import BadInput
from verticals.tuning.fairness import gap_penalty, group_numbers


def test_the_penalty_is_the_variance_or_the_worst_groups_excess():
    losses, groups = torch.tensor([1.0, 3.0, 4.0, 4.0]), torch.tensor([0, 0, 1, 1])
    assert float(gap_penalty(losses, groups)) == pytest.approx(1.0)  # means 2 and 4
    assert float(gap_penalty(losses, groups, "worst")) == pytest.approx(1.0)
    uneven = torch.tensor([1.0, 1.0, 1.0, 5.0])
    assert float(gap_penalty(uneven, torch.tensor([0, 0, 0, 1]), "worst")) == pytest.approx(2.0), "groups weigh alike"


@pytest.mark.parametrize("kind", ["variance", "worst"])
def test_gradients_pull_the_worse_group_down_and_leave_out_rows_without_one(kind):
    losses = torch.tensor([1.0, 1.0, 3.0, 9.0], requires_grad=True)
    gap_penalty(losses, torch.tensor([0, 0, 2, -1]), kind, count=4).backward()
    assert losses.grad[2] > 0
    assert (losses.grad[:2] < 0).all()
    assert losses.grad[3] == 0
    assert losses.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["variance", "worst"])
@pytest.mark.parametrize("groups", [[0, 0, 0], [-1, -1, -1], [2, -1, 2]])
def test_fewer_than_two_groups_cost_nothing(kind, groups):
    losses = torch.tensor([1.0, 2.0, 5.0], requires_grad=True)
    penalty = gap_penalty(losses, torch.tensor(groups), kind)
    assert float(penalty.detach()) == 0
    penalty.backward()
    assert losses.grad.isfinite().all()


def test_gradients_are_those_of_finite_differences():
    losses = torch.tensor([0.3, 1.7, 2.2, 0.9, 1.1], dtype=torch.double, requires_grad=True)
    groups = torch.tensor([0, 1, 1, 2, 0])
    assert torch.autograd.gradcheck(lambda given: gap_penalty(given, groups), losses)


def test_training_with_it_narrows_the_gap():
    torch.manual_seed(0)
    inputs = torch.randn(200, 2)
    groups = (torch.arange(200) < 20).long()  # a small group, in which the sign is turned around
    truth = torch.where(groups == 1, -inputs[:, 0], inputs[:, 0])

    def gap(weight):
        model = torch.zeros(2, requires_grad=True)
        solver = torch.optim.SGD([model], lr=0.05)
        for _ in range(200):
            losses = (inputs @ model - truth).square()
            solver.zero_grad()
            (losses.mean() + weight * gap_penalty(losses, groups, count=2)).backward()
            solver.step()
        losses = (inputs @ model - truth).square().detach()
        return float(losses[groups == 1].mean() - losses[groups == 0].mean())

    assert gap(1.0) < 0.5 * gap(0.0)


def test_groups_are_numbered_and_missing_values_are_none():
    numbers, names = group_numbers(["web", "phone", None, float("nan"), "", "web", 3])
    assert names == ("3", "phone", "web")
    assert numbers.tolist() == [2, 1, -1, -1, -1, 2, 0]


def test_what_cannot_be_is_said():
    with pytest.raises(BadInput, match=r"no fairness penalty 'varience'.*'variance'"):
        gap_penalty(torch.ones(2), torch.zeros(2, dtype=torch.long), "varience")
    with pytest.raises(ValueError, match="must both be"):
        gap_penalty(torch.ones(2), torch.zeros(3, dtype=torch.long))
