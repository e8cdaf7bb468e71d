"""An adapter that was made elsewhere: taken as it is, or gone on from."""

import pytest
import torch

from verticals.contract import BadInput
from verticals.encoder import LoraAdapter
from verticals.inference import Engine
from verticals.tuning import fit
from verticals.tuning.objectives import objective_of
from verticals.tuning.preparing import prepare_task


@pytest.fixture
def elsewhere(encoder, tmp_path):
    """A folder with an adapter that changes the encoder a little."""
    folder, generator = tmp_path / "elsewhere", torch.Generator().manual_seed(1)
    folder.mkdir()
    adapter = LoraAdapter(encoder.bank.shapes, 4, 8.0, generator)
    with torch.no_grad():
        for up in adapter.up.values():
            up.normal_(std=0.02, generator=generator)
    adapter.save(folder, "tiny")
    return folder


def updates(folder):
    adapter = LoraAdapter.load(folder)
    return {name: adapter.scale * up @ down for name in adapter.layers for down, up in [adapter.matrices(name)]}


def test_it_is_kept_as_it_is_and_a_head_fitted_on_it(workshop, job, elsewhere):
    report = fit(job(method="adapter", adapter=str(elsewhere)), workshop)
    version = workshop.registry.open("shop", "topic", report.version)
    assert version.manifest["recipe"]["method"] == "adapter"
    before, after = updates(elsewhere), updates(version.path)
    assert before.keys() == after.keys()
    for name, update in before.items():
        torch.testing.assert_close(after[name], update, atol=1e-6, rtol=1e-5)
    engine = Engine(workshop.registry, lambda: workshop.encoder, cached_texts=0)
    loaded = engine.load("shop", "topic", report.version)
    assert loaded.slot, "it is served from the bank"
    text = "where is my parcel"
    through = workshop.encoder.encode(workshop.encoder.tokens([text], 24), [loaded.slot])
    assert not torch.allclose(through, workshop.encoder.encode(workshop.encoder.tokens([text], 24)), atol=1e-3)
    (answer,) = engine.predict("shop", "topic", report.version, [text])
    assert answer.confidence == pytest.approx(loaded.head.answer(through, [text])[0].confidence, abs=1e-5)
    assert report.metrics["accuracy"] > 0.8, "a guess is right in 1/3"


def test_lora_goes_on_from_it(workshop, job, elsewhere):
    changes = {"method": "lora", "epochs": 1, "patience": 0, "adapter": str(elsewhere)}
    still = updates(_trained(workshop, job, learning_rate=1e-7, **changes))
    moved = updates(_trained(workshop, job, learning_rate=1e-2, **changes))
    for name, update in updates(elsewhere).items():
        torch.testing.assert_close(still[name], update, atol=1e-4, rtol=1e-2)
    assert any(not torch.allclose(moved[name], still[name], atol=1e-2) for name in still)


def _trained(workshop, job, **changes):
    task_job = job(**changes)
    method, task = prepare_task(task_job, objective_of("classify")(("text",), "label"), workshop.encoder,
                                workshop.runs / "one", workshop.stop, workshop.processes)  # fmt: skip
    folder = workshop.runs / f"at {changes['learning_rate']}"
    folder.mkdir(parents=True)
    (workshop.runs / "one").mkdir(exist_ok=True)
    method.fit(task).body.save(folder)
    return folder


def test_the_method_needs_an_adapter(workshop, job, tmp_path):
    with pytest.raises(BadInput, match=r"needs an adapter.*--set adapter=FOLDER"):
        fit(job(method="adapter"), workshop)
    with pytest.raises(BadInput, match=r"cannot be read"):
        fit(job(method="adapter", adapter=str(tmp_path / "nowhere")), workshop)
