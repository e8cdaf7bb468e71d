"""Methods of peft: they learn, are served as they were measured in a fresh process too, and peft reads their folders."""

import dataclasses
import json
import subprocess
import sys

import pytest
import torch

from verticals.contract import BadInput
from verticals.encoder import Encoder, EncoderSource, LoraAdapter, adapted
from verticals.inference import Engine
from verticals.tuning import fit
from verticals.tuning.loop import train
from verticals.tuning.methods import METHODS, Task
from verticals.tuning.objectives import Classify

METHOD_OPTIONS = {
    "adalora": {"learning_rate": 1e-2},
    "ia3": {"learning_rate": 5e-2},
    "prompt_tuning": {"prompt_tokens": 4, "learning_rate": 3e-2},
    "prefix_tuning": {"prompt_tokens": 4, "learning_rate": 3e-2},
    "dora": {"method": "lora", "dora": True, "learning_rate": 1e-2},
}
ASK = """
import json, sys
from verticals.encoder import Encoder, EncoderSource
from verticals.inference import Engine
from verticals.store import Registry, Store
from pathlib import Path
tiny, home, texts = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
encoder = Encoder.open(EncoderSource("tiny", tiny, "path"), "fp32", "cpu")
with Store.open(f"sqlite:///{home / 'platform.db'}") as store:
    answers = Engine(Registry(store, home / "models"), lambda: encoder).predict("shop", "topic", "v1", texts)
print(json.dumps([[one.label, one.confidence, one.familiarity] for one in answers]))
"""


@pytest.mark.parametrize("name", METHOD_OPTIONS)
def test_it_learns_and_a_fresh_process_answers_the_same(workshop, job, tiny_encoder, tmp_path, name):
    from peft import PeftModel
    from transformers import AutoModel

    given = job(**{"method": name, "epochs": 3, "lora_rank": 4, "head_learning_rate": 1e-2, **METHOD_OPTIONS[name]})
    report = fit(given, workshop)
    assert report.metrics["accuracy"] > 0.8, "a guess is right in 1/3"
    folder = workshop.registry.open("shop", "topic", "v1")
    assert folder.manifest["method"] == given.recipe.method, report.notes
    rows = given.examples["validation"]
    texts = [row["text"] for row in rows][:20]
    answers = Engine(workshop.registry, lambda: workshop.encoder).predict("shop", "topic", "v1", texts)
    for fewer in (1, 3):  # the padding of other batches changes nothing
        again = Engine(workshop.registry, lambda: workshop.encoder).predict("shop", "topic", "v1", texts[:fewer])
        assert [one.label for one in again] == [one.label for one in answers[:fewer]]
        assert again[0].confidence == pytest.approx(answers[0].confidence, abs=1e-5)
    right = sum(answer.label == row["label"] for answer, row in zip(answers, rows, strict=False))
    assert right / len(texts) > 0.7
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(tiny_encoder), str(tmp_path), json.dumps(texts)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for (label, confidence, familiarity), one in zip(json.loads(done.stdout), answers, strict=True):
        assert label == one.label
        assert confidence == pytest.approx(one.confidence, abs=1e-5)
        assert familiarity == pytest.approx(one.familiarity, abs=1e-5)
    model = PeftModel.from_pretrained(AutoModel.from_pretrained(tiny_encoder), folder.path)
    setting = model.peft_config["default"]
    assert setting.peft_type.value == {"dora": "LORA"}.get(name, name.upper())
    assert setting.base_model_name_or_path == "tiny"
