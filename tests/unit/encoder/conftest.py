"""A tiny encoder, open."""

import pytest

from verticals.encoder import Encoder, EncoderSource


@pytest.fixture(scope="session")
def source(tiny_encoder):
    return EncoderSource("tiny", tiny_encoder, "path")


@pytest.fixture
def encoder(source):
    """An encoder with an empty bank."""
    return Encoder.open(source, "fp32", "cpu")
