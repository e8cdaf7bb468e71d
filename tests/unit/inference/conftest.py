"""Versions with random weights, saved in a moment, of every kind."""

import pytest
import torch

from verticals.encoder import Encoder, EncoderSource, LoraAdapter
from verticals.encoder.heads import ClassifyHead, RankHead, ScoreHead
from verticals.inference import Engine
from verticals.store import Registry, Store

OBJECTIVES = {"classify": ClassifyHead, "score": ScoreHead, "rank": RankHead}


@pytest.fixture
def encoder(tiny_encoder):
    return Encoder.open(EncoderSource("tiny", tiny_encoder, "path"), "fp32", "cpu")


@pytest.fixture
def registry(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'platform.db'}") as store:
        yield Registry(store, tmp_path / "models")


@pytest.fixture
def engine(registry, encoder):
    return Engine(registry, lambda: encoder)


@pytest.fixture
def save(registry, encoder):
    """Saves a version of ``shop/<name>``, of a kind and method, with weights of its own."""

    def make(name, seed=0, objective="classify", method="head", max_tokens=32, windows=1, fields=("text",), **changes):
        generator = torch.Generator().manual_seed(seed)
        labels = ([f"{name}-{letter}" for letter in "abcd"],) if objective == "classify" else ()
        head = OBJECTIVES[objective](encoder.dimension, *labels, fields=fields)
        adapter = LoraAdapter(encoder.bank.shapes, 4, 8.0, generator) if method == "lora" else None
        private = encoder.private_copy() if method == "full" else None
        with torch.no_grad():
            for parameter in [*head.parameters(), *(adapter.up.values() if adapter else ())]:
                parameter.normal_(std=0.2, generator=generator)
            for parameter in private.model.parameters() if private else ():
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.02)
            if objective == "classify":
                head.known = torch.eye(4, encoder.dimension)
        source = encoder.source
        manifest = {
            "vertical": "shop", "head": name, "objective": objective, "config": head.config(),
            "recipe": {"max_tokens": max_tokens, "windows": windows}, "tokenizer_sha256": source.tokenizer_sha256,
            "encoder": {"name": source.name, "sha256": source.sha256, "pooling": source.pooling}, **changes,
        }  # fmt: skip

        def write(folder):
            head.save(folder)
            if adapter is not None:
                adapter.save(folder, source.name)
            if private is not None:
                from safetensors.torch import save_file

                save_file(private.state(), folder / "model.safetensors")

        return registry.save("shop", name, manifest, write).version

    return make
