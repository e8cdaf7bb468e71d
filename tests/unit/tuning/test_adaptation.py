"""Adapting an encoder: what is masked, that it learns, that it resumes, and that what it gives is an encoder."""

import itertools
import json
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from verticals.contract import BadInput
from verticals.encoder import Encoder, EncoderSource, locate
from verticals.encoder.masked import masked_weights
from verticals.tuning.adaptation import ADAPTATION, adapt
from verticals.tuning.masking import MaskedRows, whole_words

QUICK = ADAPTATION.changed({"epochs": 2, "learning_rate": 3e-3, "max_tokens": 24, "validation": 0.1, "batch_size": 16})


@pytest.fixture
def texts(utterances):
    return [row["text"] for row in utterances(150)]


def test_whole_words_are_masked_and_special_tokens_never(encoder):
    rows = encoder.tokens([text.split() for text in ["unbelievable parcels today please", "one", "a b"]], 64, "words")
    batch = encoder.batch(rows, np.arange(3))
    seen = torch.zeros(batch.ids.shape)
    for seed in range(200):
        asked = whole_words(batch, torch.Generator().manual_seed(seed))
        seen += asked
        for row in range(3):
            starts = [*rows.words[row].tolist(), len(rows.ids[row]) - 1]
            words = [set(asked[row, start:end].tolist()) for start, end in itertools.pairwise(starts)]
            assert all(len(word) == 1 for word in words), "a word is masked as a whole or not at all"
            assert sum(word == {True} for word in words) == 1, "15 % of a few words is one"
    assert (seen[:, 0] == 0).all()
    for row in range(3):
        assert (seen[row, len(rows.ids[row]) - 1 :] == 0).all()
        assert (seen[row, 1 : len(rows.ids[row]) - 1] > 0).all(), "every word has its turn"


def test_of_many_words_a_seventh_is_masked(encoder):
    rows = encoder.tokens([["word"] * 40], 128, "words")
    asked = whole_words(encoder.batch(rows, np.arange(1)), None)
    starts = rows.words[0][rows.words[0] >= 0]
    assert int(asked[0, torch.from_numpy(starts)].sum()) == round(0.15 * len(starts))


def test_held_out_masks_stay_the_same(encoder, texts):
    rows = encoder.tokens([text.split() for text in texts[:20]], 24, "words")
    first, second = MaskedRows(rows, 3), MaskedRows(rows, 3)
    assert torch.equal(first.encode(encoder), second.encode(encoder))
    assert torch.equal(first.targets, second.targets)
    assert len(first.targets) > 20


def test_the_new_encoder_guesses_better_and_is_a_whole_one(encoder, texts, tmp_path):
    before = encoder.embed(["my parcel"])
    done = adapt(texts, encoder, tmp_path / "new", tmp_path / "checkpoint.pt", QUICK)
    assert done.stopped == "done"
    assert done.history[-1]["log_likelihood"] > done.history[0]["log_likelihood"]
    assert not (tmp_path / "checkpoint.pt").exists()
    assert np.array_equal(encoder.embed(["my parcel"]), before), "the one it started from stays as it was"
    source = locate(str(tmp_path / "new"))
    adapted = Encoder.open(source, "fp32", "cpu")
    assert not np.allclose(adapted.embed(["my parcel"]), before, atol=1e-3)
    assert masked_weights(source) is not None
    # It goes on from its own head: what it knows already is not lost.
    again = adapt(texts, adapted, tmp_path / "again", tmp_path / "checkpoint.pt", QUICK.changed({"epochs": 1}))
    assert again.history[0]["log_likelihood"] > done.history[0]["log_likelihood"]


def test_the_transformers_library_reads_it_with_its_head(encoder, texts, tmp_path):
    from transformers import BertForMaskedLM

    adapt(texts, encoder, tmp_path / "new", tmp_path / "c.pt", QUICK.changed({"epochs": 1}))
    model, info = BertForMaskedLM.from_pretrained(tmp_path / "new", output_loading_info=True)
    assert not info["unexpected_keys"]
    assert not [key for key in info["missing_keys"] if "decoder" not in key]
    own = load_file(tmp_path / "new" / "model.safetensors")
    assert torch.equal(model.cls.predictions.transform.dense.weight, own["cls.predictions.transform.dense.weight"])


def test_an_interrupted_adaptation_ends_as_an_undisturbed_one(encoder, texts, tmp_path):
    adapt(texts, encoder, tmp_path / "whole", tmp_path / "whole.pt", QUICK)
    stop, seen = threading.Event(), []

    def after_some(progress):
        seen.append(progress)
        if len(seen) == 5:
            stop.set()

    half = adapt(texts, encoder, tmp_path / "half", tmp_path / "half.pt", QUICK, stop=stop, report=after_some)
    assert (half.stopped, half.folder) == ("interrupted", None)
    assert not (tmp_path / "half").exists()
    adapt(texts, encoder, tmp_path / "half", tmp_path / "half.pt", QUICK, resume=True)
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "half"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_too_few_texts_and_encoders_without_a_mask_are_refused(encoder, tmp_path, tiny_encoder):
    with pytest.raises(BadInput, match="1 different texts to adapt to, and 20"):
        adapt(["same"] * 50, encoder, tmp_path / "new", tmp_path / "c.pt")
    folder = tmp_path / "maskless"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((tiny_encoder / name).read_bytes())
    tokenizer = (tiny_encoder / "tokenizer.json").read_text(encoding="utf-8").replace("[MASK]", "[OTHER]")
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    maskless = Encoder.open(EncoderSource("maskless", folder, "path"), "fp32", "cpu")
    with pytest.raises(BadInput, match="tokenizer of maskless has no mask token"):
        adapt([f"text {at}" for at in range(30)], maskless, tmp_path / "new", tmp_path / "c.pt")
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"] == "bert"
