"""The optimisers do what torch's do, and do not import what only compiled training needs."""

import subprocess
import sys

import pytest
import torch

from verticals.tuning import solvers

ALONE = """
import sys, torch
from verticals.tuning.solvers import LBFGS, AdamW
weight = torch.nn.Parameter(torch.ones(3))
for solver in (AdamW([weight], lr=0.1, fused=True), LBFGS([weight])):
    def closure():
        solver.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss
    solver.step(closure)
    solver.load_state_dict(solver.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize(
    ("name", "options"),
    [("AdamW", {"lr": 0.1, "weight_decay": 0.1, "fused": True}), ("LBFGS", {"line_search_fn": "strong_wolfe"})],
)
def test_they_take_the_steps_of_torchs_own(name, options):
    ended = []
    for kind in (getattr(torch.optim, name), getattr(solvers, name)):
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(4, 3))
        solver = kind([weight], **options)

        def closure(weight=weight, solver=solver):
            solver.zero_grad()
            loss = (weight.square() - 1).square().sum() + weight.sin().sum()
            loss.backward()
            return loss

        for step in range(6):
            solver.step(closure)
            if step == 2:  # goes on from what it saved
                again = kind([weight], **options)
                again.load_state_dict(solver.state_dict())
                solver = again
        ended.append(weight.detach().clone())
    assert torch.equal(*ended)
    torch.manual_seed(0)
    assert not torch.allclose(ended[0], torch.randn(4, 3))


def test_a_training_does_not_import_the_compiler():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
