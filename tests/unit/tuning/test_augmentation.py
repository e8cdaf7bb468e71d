"""Changed copies of rows: new texts, old labels, the same for the same seed."""

import pytest

from verticals.contract import BadInput, Recipe
from verticals.tuning import fit
from verticals.tuning.augmentation import augmented
from verticals.tuning.objectives import Classify

ROWS = [{"text": "please where is my parcel from the shop today", "label": "delivery"},
        {"text": "card", "label": "payment"}]  # fmt: skip
WORDS = ["where", "is", "my", "parcel", "from", "the", "shop", "today", "card", "please"]


@pytest.fixture
def objective():
    return Classify(("text",), "label")


def test_copies_keep_labels_and_change_texts_a_little(objective, encoder):
    copies = augmented(ROWS, objective, Recipe(augment=20), encoder)
    assert [copy["label"] for copy in copies] == ["delivery"] * 20 + ["payment"] * 20
    assert len({copy["text"] for copy in copies[:20]}) > 10
    assert all(len(copy["text"].split()) == 1 for copy in copies[20:]), "of a single word something is left"
    original = set(ROWS[0]["text"].split())
    shares = [len(original & set(copy["text"].split())) / len(original) for copy in copies[:20]]
    assert min(shares) >= 0.6
    assert all(copy["text"] != ROWS[0]["text"] for copy in copies[:20])
    assert any("parcel" not in copy["text"] for copy in copies[:20])
    assert ROWS[0]["text"] == "please where is my parcel from the shop today", "the rows themselves stay"


def test_the_seed_decides(objective, encoder):
    first, same, other = (augmented(ROWS, objective, Recipe(augment=5, seed=seed), encoder) for seed in (0, 0, 1))
    assert first == same != other


def test_objectives_whose_targets_belong_to_words_are_refused(objective, encoder):
    objective.reads = "words"
    with pytest.raises(BadInput, match="would not fit the targets"):
        augmented(ROWS, objective, Recipe(augment=1), encoder)


def test_only_training_rows_are_copied(workshop, job, utterances):
    report = fit(job(utterances(60), method="head", augment=2, validation=0.2), workshop)
    assert workshop.registry.open("shop", "topic", "v1").manifest["rows"] == {"train": 48 * 3, "held_out": 12}
    assert "2 changed copies of each training row were learned from too" in report.notes
    plain = fit(job(utterances(60), method="head", validation=0.2), workshop)
    assert plain.metrics != report.metrics


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    """A tiny translation model with random weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("translator")
    words = [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        *["where", "is", "my", "parcel", "from", "the", "shop", "today", "card", "please"],
    ]
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=fast, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = BartConfig(
        vocab_size=len(words), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=160,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    BartForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_copies_come_back_from_a_translation_model(objective, encoder, translator):
    recipe = Recipe(augment=2, translators=f"{translator} | {translator}")
    copies = augmented(ROWS, objective, recipe, encoder)
    assert copies == augmented(ROWS, objective, recipe, encoder)
    assert [copy["label"] for copy in copies] == ["delivery", "delivery", "payment", "payment"]
    known = set(WORDS)
    assert all(copy["text"] and set(copy["text"].split()) <= known for copy in copies)
    assert copies[0]["text"] != copies[1]["text"] != ROWS[0]["text"]


def test_translation_models_that_are_not_there_are_named(objective, encoder, tmp_path):
    with pytest.raises(BadInput, match="two folders"):
        augmented(ROWS, objective, Recipe(augment=1, translators="here"), encoder)
    with pytest.raises(BadInput, match="nowhere, where no model is"):
        augmented(ROWS, objective, Recipe(augment=1, translators=f"{tmp_path / 'nowhere'}|x"), encoder)
