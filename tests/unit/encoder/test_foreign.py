"""Adapters that the peft library made for tasks of its own."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertForSequenceClassification

from verticals.contract import BadInput
from verticals.encoder import Encoder
from verticals.encoder.foreign import foreign_adapter

TEXTS = ["where is my parcel", "no", "a longer text about nothing much, really"]


@pytest.fixture
def encoder(source):
    return Encoder.open(source, "fp32", "cpu")


def made_elsewhere(encoder, folder, classifies=True, **options):
    """A model with a random adapter, which is saved; the model."""
    kind = BertForSequenceClassification if classifies else AutoModel
    base = kind.from_pretrained(encoder.source.path, dtype=torch.float32)
    options = {"r": 6, "lora_alpha": 9, "target_modules": ["query", "value"], **options}
    task = "SEQ_CLS" if classifies else "FEATURE_EXTRACTION"
    model = get_peft_model(base, LoraConfig(init_lora_weights=False, task_type=task, **options)).eval()
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"query": 3}, "alpha_pattern": {"layer.0.attention.self.query": 20}},
        {"target_modules": ["dense"], "classifies": False},
    ],
)
def test_it_does_here_what_it_does_there(encoder, tmp_path, options):
    model = made_elsewhere(encoder, tmp_path, **options)
    adapter = foreign_adapter(tmp_path, encoder.bank.shapes)
    rows = encoder.tokens(TEXTS, 64)
    ours = encoder.encode(rows, [encoder.bank.add(adapter)] * len(rows))
    assert not torch.allclose(ours, encoder.encode(rows), atol=1e-2)
    for at, ids in enumerate(rows.ids):
        with torch.inference_mode():
            states = model(input_ids=torch.from_numpy(ids)[None], output_hidden_states=True).hidden_states[-1]
        torch.testing.assert_close(ours[at], states[0].mean(dim=0), atol=1e-5, rtol=1e-5)


def without_a_config(folder):
    (folder / "adapter_config.json").unlink()


def of_another_kind(folder):
    _change(folder, peft_type="IA3")


def with_magnitudes(folder):
    _change(folder, use_dora=True)


def cut_short(folder):
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-9])


def with_a_bias(folder):
    _add(folder, {"base_model.model.bert.encoder.layer.0.attention.self.query.bias": torch.zeros(4)})


def of_a_layer_that_is_not_there(folder):
    name = "base_model.model.bert.encoder.layer.77.attention.self.query.lora_{}.weight"
    _add(folder, {name.format(half): torch.zeros(4, 4) for half in "AB"})


def of_another_width(folder):
    name = "base_model.model.bert.encoder.layer.0.attention.self.key.lora_{}.weight"
    _add(folder, {name.format(half): torch.zeros(4, 4) for half in "AB"})


def of_the_task_alone(folder):
    save_file({"base_model.model.classifier.weight": torch.zeros(2, 4)}, folder / "adapter_model.safetensors")


def _change(folder, **changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _add(folder, more):
    path = folder / "adapter_model.safetensors"
    save_file(load_file(path) | more, path)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (without_a_config, r"cannot be read.*peft's save_pretrained"),
        (cut_short, "cannot be read"),
        (of_another_kind, r"no plain LoRA adapter\. Merge it"),
        (with_magnitudes, "no plain LoRA adapter"),
        (with_a_bias, r"query\.bias', which is no update of a linear layer"),
        (
            of_a_layer_that_is_not_there,
            r"a layer 'bert\.encoder\.layer\.77\..*, which the encoder does not",
        ),
        (of_another_width, r"does not fit the encoder's layer 'encoder\.layer\.0\.attention\.self\.key'"),
        (of_the_task_alone, "changes no layer of the encoder"),
    ],
)
def test_what_cannot_be_used_says_why(encoder, tmp_path, damage, told):
    made_elsewhere(encoder, tmp_path)
    damage(tmp_path)
    with pytest.raises(BadInput, match=told):
        foreign_adapter(tmp_path, encoder.bank.shapes)
