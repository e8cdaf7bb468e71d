"""Prompts for masked language models: tokens, weights, answers without and with rows."""

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from verticals.contract import BadInput, TaskHead
from verticals.encoder import Encoder, EncoderSource
from verticals.encoder.masked import masked_weights
from verticals.encoder.tokens import MASK
from verticals.inference import Engine
from verticals.tuning import evaluate, fit

WORDS = {"delivery": "parcel", "payment": "card", "account": "login"}
TEMPLATE = "{text} about [MASK]."


@pytest.fixture
def prompted(tiny_encoder, tmp_path):
    """The tiny encoder with a masked-language-model head of random weights."""
    folder = tmp_path / "masked"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_bytes((tiny_encoder / name).read_bytes())
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(tiny_encoder / "model.safetensors").items()}
    draw = torch.Generator().manual_seed(0)
    tensors |= {
        "cls.predictions.transform.dense.weight": torch.eye(32) + 0.1 * torch.randn(32, 32, generator=draw),
        "cls.predictions.transform.dense.bias": torch.zeros(32),
        "cls.predictions.transform.LayerNorm.weight": torch.ones(32),
        "cls.predictions.transform.LayerNorm.bias": torch.zeros(32),
        "cls.predictions.bias": 0.1 * torch.randn(400, generator=draw),
    }
    save_file(tensors, folder / "model.safetensors")
    return Encoder.open(EncoderSource("masked", folder, "path"), "fp32", "cpu")


def said(workshop, texts, version="v1"):
    return Engine(workshop.registry, lambda: workshop.encoder).predict("shop", "topic", version, texts)


def test_of_a_long_prompt_the_text_is_cut_and_the_mask_stays(encoder):
    mask = encoder.tokenizer.mask_id
    rows = encoder.tokens([("", "word " * 50, f" about {MASK}."), (f"{MASK}: ", "short", "")], 12, "mask")
    assert [list(ids).count(mask) for ids in rows.ids] == [1, 1]
    assert len(rows.ids[0]) == 12
    assert (rows.cut[0] > 0, rows.cut[1]) == (True, 0)
    sneaky = encoder.tokens([("", f"a {MASK} b", f" about {MASK}.")], 24, "mask")
    assert list(sneaky.ids[0]).count(mask) == 1
    for template in ((" ", "a", " none"), (f"{MASK} ", "a", f" {MASK}"), ("long " * 30, "a", MASK)):
        with pytest.raises(BadInput, match=r"Write \[MASK\] once"):
            encoder.tokens([template], 12, "mask")


def test_scores_are_those_of_the_language_model(prompted, workshop, job):
    from transformers import BertForMaskedLM

    workshop.encoder = prompted
    fit(job({"train": []}, method="verbaliser", label_texts=WORDS, templates=TEMPLATE), workshop)
    (answer,) = said(workshop, ["where is it"])
    model = BertForMaskedLM.from_pretrained(prompted.source.path).eval()
    rows = prompted.tokens([("", "where is it", f" about {MASK}.")], 24, "mask")
    ids = torch.from_numpy(rows.ids[0])[None]
    with torch.inference_mode():
        logits = model(ids).logits[0, list(rows.ids[0]).index(prompted.tokenizer.mask_id)]
    pieces = {label: prompted.tokenizer.word(word) for label, word in WORDS.items()}
    scores = torch.stack([logits[places].mean() for places in pieces.values()])
    expected = dict(zip(pieces, torch.softmax(scores, dim=0).tolist(), strict=True))
    assert dict(answer.ranking) == pytest.approx(expected, rel=1e-4)


def test_a_few_rows_tune_it(prompted, workshop, job, utterances, monkeypatch):
    workshop.encoder = prompted
    # Random weights know nothing of masks, so the head alone would win.
    monkeypatch.setattr(sys.modules["verticals.tuning.fit"], "floor_of", lambda task: None)
    examples = {"train": utterances(60), "validation": utterances(45, seed=1)}
    changes = {"method": "verbaliser", "templates": TEMPLATE, "learning_rate": 1e-2, "head_learning_rate": 1e-2}
    report = fit(job(examples, label_texts=WORDS, epochs=10, patience=0, batch_size=8, **changes), workshop)
    folder = workshop.registry.open("shop", "topic", "v1")
    assert folder.manifest["method"] == "verbaliser"
    assert {"adapter_model.safetensors", "head.safetensors"} <= set(folder.manifest["files"])
    assert folder.manifest["config"]["template"] == TEMPLATE
    rows = examples["validation"]
    answers = said(workshop, [row["text"] for row in rows])
    right = np.mean([answer.label == row["label"] for answer, row in zip(answers, rows, strict=True)])
    assert right == pytest.approx(report.metrics["accuracy"])
    assert right > 0.5, "a guess is right in 1/3"
    loaded = Engine(workshop.registry, lambda: workshop.encoder).load("shop", "topic", "v1")
    measured = evaluate(
        loaded.head, loaded.encoder, loaded.slot, "v1", TaskHead("topic", "chats"), rows, "test", loaded.extent
    )
    assert measured.metrics["accuracy"] == pytest.approx(right)
    assert sum(count for *_, count in measured.confusions) == round((1 - right) * len(rows))


def test_of_several_templates_the_best_is_kept_and_told(prompted, workshop, job, utterances):
    workshop.encoder = prompted
    given = job({"train": [], "validation": utterances(30)}, method="verbaliser", label_texts=WORDS,
                templates=f"{TEMPLATE}|[MASK]: {{text}}")  # fmt: skip
    report = fit(given, workshop)
    (note,) = [note for note in report.notes if note.startswith("of 2 templates")]
    kept = workshop.registry.open("shop", "topic", "v1").manifest["config"]["template"]
    assert repr(kept) in note
    single = fit(job(given.examples, method="verbaliser", label_texts=WORDS, templates=kept), workshop)
    assert single.metrics["accuracy"] == report.metrics["accuracy"]


def test_an_encoder_without_a_language_model_head_says_which_have_one(workshop, job):
    with pytest.raises(BadInput, match=r"tiny has no masked-language-model head.*bert-base-uncased.*platform adapt"):
        fit(job({"train": []}, method="verbaliser"), workshop)
    assert masked_weights(workshop.encoder.source) is None


@pytest.mark.parametrize("template", ["no mask {text}", "[MASK]", "{text} [MASK] {text}"])
def test_a_template_holds_text_and_mask_once(prompted, workshop, job, template):
    workshop.encoder = prompted
    with pytest.raises(BadInput, match="once each"):
        fit(job({"train": []}, method="verbaliser", templates=template), workshop)


def test_the_checkpoints_of_other_kinds_are_read_too(tmp_path, prompted):
    tensors = load_file(prompted.source.weights)
    roberta = {"roberta.embeddings.word_embeddings.weight": tensors["bert.embeddings.word_embeddings.weight"]}
    names = {"transform.dense": "lm_head.dense", "transform.LayerNorm": "lm_head.layer_norm", "bias": "lm_head.bias"}
    for name, tensor in tensors.items():
        for old, new in names.items():
            if name.startswith(f"cls.predictions.{old}"):
                roberta[name.replace(f"cls.predictions.{old}", new)] = tensor
    save_file(roberta, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "roberta", "hidden_act": "gelu"}), encoding="utf-8")
    first = masked_weights(EncoderSource("other", tmp_path, "path"))
    second = masked_weights(prompted.source)
    for one, other in ((first.words, second.words), (first.bias, second.bias), (first.dense[0], second.dense[0])):
        assert torch.equal(one, other)
