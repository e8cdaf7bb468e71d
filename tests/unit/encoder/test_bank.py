"""Adapters: many in one batch, each as it would be alone, and the same files as PEFT's."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from verticals.contract import Damaged, Unavailable
from verticals.encoder import Encoder, EncoderSource, LoraAdapter
from verticals.encoder.bank import Bank
from verticals.encoder.bert import Bert

TEXTS = ["where is my parcel", "no", "a longer text about nothing much, really", "42", "thanks a lot", "hello there"]


def adapter(encoder, seed, rank=4, only=""):
    """An adapter that changes something."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: shape for name, shape in encoder.bank.shapes.items() if only in name}
    made = LoraAdapter(shapes, rank, 2.0 * rank, generator)
    with torch.no_grad():
        for parameter in made.up.values():
            parameter.normal_(std=0.3, generator=generator)
    return made


def test_a_mixed_batch_equals_each_adapter_alone(encoder):
    adapters = [adapter(encoder, 1), adapter(encoder, 2, rank=8), adapter(encoder, 3, rank=2, only="query")]
    slots = [0, *(encoder.bank.add(one) for one in adapters)]
    rows = encoder.tokens(TEXTS, 64)
    alone = {slot: encoder.encode(rows, [slot] * len(rows)) for slot in slots}
    assert not torch.allclose(alone[0], alone[slots[1]], atol=1e-2)
    assert not torch.allclose(alone[0], alone[slots[3]], atol=1e-3)
    mixed_slots = [slots[at % 4] for at in (3, 0, 1, 2, 1, 0)]
    mixed = encoder.encode(rows, mixed_slots)
    for at, slot in enumerate(mixed_slots):
        torch.testing.assert_close(mixed[at], alone[slot][at], atol=1e-5, rtol=1e-5)


def test_many_adapters_in_bf16_are_computed_together_and_each_gets_its_own(source):
    bf16, fp32 = Encoder.open(source, "bf16", "cpu"), Encoder.open(source, "fp32", "cpu")
    made = [adapter(fp32, seed, rank=2 + seed % 3, only="query" if seed == 4 else "") for seed in range(8)]
    texts = [*TEXTS, *(f"{text} and more of it" for text in TEXTS)]
    mixed, alone = {}, []
    for encoder in (bf16, fp32):
        slots = [0, *(encoder.bank.add(one) for one in made)]
        routed = [slots[at % len(slots)] for at in range(len(texts))]
        mixed[encoder.precision.name] = encoder.encode(encoder.tokens(texts, 64), routed)
        alone = [
            encoder.encode(encoder.tokens([text], 64), [slot])[0] for text, slot in zip(texts, routed, strict=True)
        ]
    torch.testing.assert_close(mixed["fp32"], torch.stack(alone), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mixed["bf16"], mixed["fp32"], atol=0.1, rtol=0)
    assert not torch.allclose(mixed["bf16"], bf16.encode(bf16.tokens(texts, 64)), atol=0.2)


def test_weights_that_were_converted_follow_when_they_change(source):
    encoder = Encoder.open(source, "bf16", "cpu")
    rows = encoder.tokens(TEXTS, 64)
    before = encoder.encode(rows)
    with torch.no_grad():
        for name, parameter in encoder.model.named_parameters():
            if "query" in name:
                parameter.mul_(3)
    after = encoder.encode(rows)
    assert not torch.equal(before, after)
    torch.testing.assert_close(encoder.private_copy().encode(rows), after)


def test_training_and_serving_an_adapter_give_the_same(encoder):
    trained = adapter(encoder, 1)
    rows = encoder.tokens(TEXTS, 64)
    with encoder.bank.train(trained):
        in_training = encoder.encode(rows)
    served = encoder.encode(rows, [encoder.bank.add(trained)] * len(rows))
    torch.testing.assert_close(in_training, served, atol=1e-5, rtol=1e-5)


def test_a_new_adapter_changes_nothing(encoder):
    new = LoraAdapter(encoder.bank.shapes, 4, 8.0)
    rows = encoder.tokens(TEXTS, 64)
    assert torch.equal(encoder.encode(rows, [encoder.bank.add(new)] * len(rows)), encoder.encode(rows))


def test_peft_reads_our_adapters(encoder, tmp_path):
    from peft import PeftModel
    from transformers import AutoModel

    ours = adapter(encoder, 1)
    ours.save(tmp_path, "tiny")
    base = AutoModel.from_pretrained(encoder.source.path, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, tmp_path).eval()
    rows = encoder.tokens(TEXTS, 64)
    slot = encoder.bank.add(LoraAdapter.load(tmp_path))
    for at, ids in enumerate(rows.ids):
        with torch.inference_mode():
            theirs = model(input_ids=torch.from_numpy(ids)[None]).last_hidden_state[0].mean(dim=0)
        torch.testing.assert_close(encoder.encode(rows, [slot] * len(rows))[at], theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scaled_by_root", [False, True])
def test_an_adapter_made_by_peft_is_read(encoder, tmp_path, scaled_by_root):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    base = AutoModel.from_pretrained(encoder.source.path, dtype=torch.float32)
    config = LoraConfig(r=6, lora_alpha=9, target_modules=["query", "value", "output.dense"], use_rslora=scaled_by_root,
                        init_lora_weights=False, task_type="FEATURE_EXTRACTION")  # fmt: skip
    model = get_peft_model(base, config).eval()
    model.save_pretrained(tmp_path)
    rows = encoder.tokens(TEXTS, 64)
    slot = encoder.bank.add(LoraAdapter.load(tmp_path))
    ours = encoder.encode(rows, [slot] * len(rows))
    for at, ids in enumerate(rows.ids):
        with torch.inference_mode():
            theirs = model(input_ids=torch.from_numpy(ids)[None]).last_hidden_state[0].mean(dim=0)
        torch.testing.assert_close(ours[at], theirs, atol=1e-5, rtol=1e-5)


def test_encoders_of_other_kinds_share_adapter_names_with_peft(tmp_path, tiny_encoder):
    """The same holds where the transformers library runs the encoder."""
    import shutil

    from peft import PeftModel
    from transformers import AutoModel, DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    DistilBertModel(
        DistilBertConfig(vocab_size=400, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=128)
    ).save_pretrained(tmp_path / "base")
    shutil.copy(tiny_encoder / "tokenizer.json", tmp_path / "base")
    encoder = Encoder.open(EncoderSource("distil", tmp_path / "base", "path"), "fp32", "cpu")
    ours = adapter(encoder, 1)
    (tmp_path / "adapter").mkdir()
    ours.save(tmp_path / "adapter", "distil")
    model = PeftModel.from_pretrained(AutoModel.from_pretrained(tmp_path / "base"), tmp_path / "adapter").eval()
    rows = encoder.tokens(TEXTS[:2], 64)
    served = encoder.encode(rows, [encoder.bank.add(ours)] * 2)
    with torch.inference_mode():
        theirs = model(input_ids=torch.from_numpy(rows.ids[0])[None]).last_hidden_state[0].mean(dim=0)
    torch.testing.assert_close(served[0], theirs, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(served[0], encoder.encode(rows)[0], atol=1e-3)


def test_an_adapter_survives_the_disk(encoder, tmp_path):
    made = adapter(encoder, 1)
    made.save(tmp_path, "tiny")
    random_state = torch.get_rng_state()
    read = LoraAdapter.load(tmp_path)
    assert torch.equal(torch.get_rng_state(), random_state), "reading an adapter disturbs training beside it"
    assert (read.rank, read.alpha, set(read.layers)) == (made.rank, made.alpha, set(made.layers))
    for name in made.layers:
        for ours, theirs in zip(made.matrices(name), read.matrices(name), strict=True):
            assert torch.equal(ours, theirs)


def damage_missing(folder):
    (folder / "adapter_model.safetensors").unlink()


def damage_half(folder):
    tensors = load_file(folder / "adapter_model.safetensors")
    del tensors[next(name for name in tensors if "lora_B" in name)]
    save_file(tensors, folder / "adapter_model.safetensors")


def damage_extra(folder):
    tensors = load_file(folder / "adapter_model.safetensors")
    tensors["base_model.model.encoder.layer.0.attention.self.query.lora_magnitude_vector"] = torch.ones(32)
    save_file(tensors, folder / "adapter_model.safetensors")


def damage_empty(folder):
    save_file({}, folder / "adapter_model.safetensors")


def damage_rank(folder):
    change(folder, r=5)


def damage_kind(folder):
    change(folder, peft_type="LOHA")


def damage_alpha(folder):
    change(folder, alpha_pattern={"query": 3})


def damage_json(folder):
    (folder / "adapter_config.json").write_text("{")


def damage_keys(folder):
    (folder / "adapter_config.json").write_text("{}")


def damage_bytes(folder):
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 100)


def change(folder, **values):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    "damage",
    [damage_missing, damage_half, damage_extra, damage_empty, damage_rank, damage_kind, damage_alpha, damage_json,
     damage_keys, damage_bytes],
)  # fmt: skip
def test_an_adapter_that_cannot_be_applied_exactly_is_refused(encoder, tmp_path, damage):
    adapter(encoder, 1).save(tmp_path, "tiny")
    damage(tmp_path)
    with pytest.raises(Damaged, match="adapter in"):
        LoraAdapter.load(tmp_path)


def test_an_adapter_for_another_encoder_is_refused_and_takes_no_slot(encoder):
    foreign = LoraAdapter({"layers.7.query": (32, 32)}, 4, 8.0)
    wide = LoraAdapter({"encoder.layer.0.attention.self.query": (64, 64)}, 4, 8.0)
    for _ in range(20):
        for wrong in (foreign, wide):
            with pytest.raises(Damaged, match=r"layer '.*query' does not fit the encoder"):
                encoder.bank.add(wrong)
    assert encoder.bank.add(adapter(encoder, 1))


def test_ranks_above_the_banks_are_refused(encoder):
    with pytest.raises(Unavailable, match=r"up to rank 32; this one's is 33"):
        encoder.bank.add(adapter(encoder, 1, rank=33))
    assert encoder.bank.add(adapter(encoder, 1, rank=32))


def test_slots_are_filled_freed_and_filled_again():
    configuration = {
        "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 9,
        "max_position_embeddings": 8, "type_vocab_size": 2,
    }  # fmt: skip
    bank = Bank(Bert(configuration).randomise(), rank=8)
    small, large = LoraAdapter(bank.shapes, 2, 2.0), LoraAdapter(bank.shapes, 8, 2.0)
    slots = [bank.add(one) for one in (small, large) * 10]
    assert len(set(slots)) == len(bank) == 20
    assert 4 * bank.size(slots[0]) == bank.size(slots[1]) == 4 * 8 * sum(map(sum, bank.shapes.values()))
    columns = {(place.page, at) for place in bank._places.values() for at in range(place.first, place.last)}
    assert columns == {(0, at) for at in range(100)}, "no two share columns"
    for slot in slots:
        bank.remove(slot)
    again = [bank.add(one) for one in (large, small) * 10]
    assert not set(again) & set(slots), "a number means one adapter, for ever"
    assert {place.page for place in bank._places.values()} == {0}
    more = [bank.add(large) for _ in range(20)]
    assert sorted(more) == more
    assert {bank._places[slot].page for slot in more} == {0, 1}


def test_a_freed_slot_leaves_nothing_behind(encoder):
    rows = encoder.tokens(TEXTS, 64)
    everywhere, query = adapter(encoder, 1, rank=8), adapter(encoder, 2, rank=2, only="query")
    slots = [encoder.bank.add(everywhere) for _ in range(3)]
    for slot in slots:
        encoder.bank.remove(slot)
    reused, other = (encoder.encode(rows, [encoder.bank.add(query)] * len(rows)) for _ in range(2))
    assert not torch.equal(other, encoder.encode(rows))
    torch.testing.assert_close(reused, other, atol=1e-6, rtol=1e-6)


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def filled(source, request):
    encoder = Encoder.open(source, request.param, "cpu")
    slots = [0, *(encoder.bank.add(adapter(encoder, seed)) for seed in (1, 2))]
    rows = encoder.tokens(TEXTS, 64)
    return encoder, slots, {slot: encoder.encode(rows, [slot] * len(rows)) for slot in slots}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(TEXTS) - 1), st.integers(0, 2)), min_size=1, max_size=12), st.data())
def test_any_mixture_of_texts_and_adapters_gives_each_its_own(filled, wanted, data):
    encoder, slots, alone = filled
    chosen = encoder.tokens([TEXTS[text] for text, _ in wanted], 64)
    budget = data.draw(st.sampled_from([1, 40, 4096]))
    features = encoder.encode(chosen, [slots[which] for _, which in wanted], batch_tokens=budget)
    expected = torch.stack([alone[slots[which]][text] for text, which in wanted])
    tolerance = 1e-5 if encoder.precision.name == "fp32" else 0.1
    torch.testing.assert_close(features, expected, atol=tolerance, rtol=1e-5)


def test_adapters_are_kept_in_the_format_that_is_computed_in(tiny_encoder):
    sizes, given = {}, {}
    for precision in ("fp32", "bf16"):
        encoder = Encoder.open(EncoderSource("tiny", tiny_encoder, "path"), precision, "cpu")
        own = adapter(encoder, 1)
        slot = encoder.bank.add(own)
        sizes[precision] = encoder.bank.size(slot)
        given[precision] = encoder.encode(encoder.tokens(["where is my parcel"], 16), [slot])
    assert sizes["bf16"] == sizes["fp32"] / 2
    torch.testing.assert_close(given["bf16"], given["fp32"], atol=5e-2, rtol=0)
