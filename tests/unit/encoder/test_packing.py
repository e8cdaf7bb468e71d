"""Batches without padding give what padded ones give."""

import copy
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DistilBertConfig, DistilBertModel

from verticals.encoder import Encoder, EncoderSource, LoraAdapter

TEXTS = ["a", "where is my parcel", "one two three four five six seven eight nine ten eleven", "no no no", "b " * 60]


@pytest.fixture(scope="module")
def encoder(source):
    return Encoder.open(source, "fp32", "cpu")


@settings(max_examples=25, deadline=None)
@given(chosen=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=9), more=st.integers(0, 20))
def test_the_same_features_of_texts_and_words(encoder, chosen, more):
    for reads in ("text", "words"):
        texts = [TEXTS[at] if reads == "text" else TEXTS[at].split() for at in chosen]
        batch = encoder.batch(encoder.tokens(texts, 64, reads), np.arange(len(texts)))
        packed, padded = copy.copy(batch), copy.copy(batch)
        packed.places, padded.places = int(batch.lengths.sum()) + more, 0
        with torch.inference_mode():
            torch.testing.assert_close(
                encoder.features(packed, reads), encoder.features(padded, reads), atol=1e-5, rtol=1e-4
            )


def test_the_same_gradients(encoder):
    batch = encoder.batch(encoder.tokens(TEXTS, 64), np.arange(len(TEXTS)))
    tokens = int(batch.lengths.sum())
    assert batch.places == tokens
    gradients = []
    for places in (tokens + 5, 0):
        batch.places = places
        adapter = LoraAdapter(encoder.bank.shapes, 4, 8.0, torch.Generator().manual_seed(0))
        with torch.no_grad():
            for up in adapter.up.values():
                up.fill_(0.01)
        with encoder.bank.train(adapter):
            encoder.features(batch).square().mean().backward()
        gradients.append([parameter.grad for parameter in adapter.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


@pytest.fixture(scope="module")
def other_kind(tmp_path_factory, tiny_encoder):
    """An encoder that the transformers library runs."""
    folder = tmp_path_factory.mktemp("distil")
    config = DistilBertConfig(vocab_size=400, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=128)
    DistilBertModel(config).save_pretrained(folder)
    shutil.copy(tiny_encoder / "tokenizer.json", folder)
    return Encoder.open(EncoderSource("distil", folder, "path"), "fp32", "cpu")


@pytest.mark.parametrize("kind", ["encoder", "other_kind"])
def test_dropout_acts_in_training_and_nowhere_else(request, kind):
    encoder = request.getfixturevalue(kind)
    batch = encoder.batch(encoder.tokens(TEXTS, 64), np.arange(len(TEXTS)))
    plain = encoder.features(batch)
    encoder.model.dropout = 0.3
    try:
        one, other = encoder.features(batch), encoder.features(batch)
        with torch.inference_mode():
            answering = encoder.features(batch)
    finally:
        encoder.model.dropout = 0.0
    assert not torch.allclose(one, other, atol=1e-3)
    torch.testing.assert_close(answering, plain)
    torch.testing.assert_close(encoder.features(batch), plain)
