"""Long texts are read in windows, so that their end counts too."""

import numpy as np
import pytest
import torch

from verticals.contract import Extent
from verticals.encoder import Encoder, LoraAdapter, TokenRows

LONG = " ".join(f"word{number}" for number in range(60))


@pytest.fixture(params=["mean", "cls"])
def encoder(request, source):
    made = Encoder.open(source, "fp32", "cpu")
    made._cls = request.param == "cls"
    return made


@pytest.mark.parametrize("limit", [4, 8, 20, 64, 128])
@pytest.mark.parametrize("most", [1, 2, 5, 1000])
def test_the_windows_of_a_text_are_the_text(encoder, limit, most):
    rows = encoder.tokens(["a", LONG], Extent(limit, most))
    assert len(rows.pieces(0)) == 1
    pieces, whole = rows.pieces(1), encoder.tokenizer._ids(LONG)
    inner = [token for piece in pieces for token in piece[1:-1].tolist()]
    assert inner == whole[: len(whole) - rows.cut[1]]
    assert len(pieces) == min(most, -(-len(whole) // (limit - 2)))
    assert rows.cut[1] == max(0, len(whole) - most * (limit - 2))
    assert {(piece[0], piece[-1]) for piece in pieces} == {(rows.ids[0][0], rows.ids[0][-1])}
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1
    assert max(map(len, pieces)) <= limit


def test_a_text_without_end_is_not_read_without_end(encoder):
    rows = encoder.tokens([LONG * 100], Extent(12, 8))
    assert len(rows.pieces(0)) == 8
    assert rows.cut[0] > 1000


def test_pairs_words_and_prompts_are_read_in_one_window(encoder):
    assert not encoder.tokens([(LONG, "b")], Extent(12, 8)).windows
    assert not encoder.tokens([LONG.split()], Extent(12, 8), "words").windows


def alone(encoder, rows, at, slot):
    """The features of one text, from each of its windows by itself."""
    windows = rows.pieces(at)
    apart = TokenRows(windows, np.array([len(one) for one in windows]), np.zeros(len(windows), dtype=np.int64))
    weights = torch.tensor([float(len(one)) for one in windows])
    return (encoder.encode(apart, [slot] * len(windows)) * weights[:, None]).sum(0) / weights.sum()


def test_the_features_of_a_long_text_are_the_mean_of_its_windows_whatever_stands_beside_it(encoder):
    slot = encoder.bank.add(adapter(encoder))
    rows = encoder.tokens(["short", LONG, LONG + " other", "short", LONG[:150], ""], Extent(20, 8))
    routed = [slot, 0, slot, 0, slot, 0]
    for tokens in (0, 16, 10_000):
        together = encoder.encode(rows, routed, batch_tokens=tokens)
        for at, through in enumerate(routed):
            torch.testing.assert_close(together[at], alone(encoder, rows, at, through), atol=1e-5, rtol=0)


def test_pairs_beside_long_texts_keep_their_second_segment(encoder):
    rows = TokenRows.joined([encoder.tokens([("a b", "c")], 20), encoder.tokens([LONG], Extent(20, 8))])
    batch = encoder.batch(rows, [0, 1])
    assert batch.second.tolist() == [int(rows.second[0]), *map(len, rows.pieces(1))]
    apart = torch.cat([encoder.encode(rows.part(np.array([at]))) for at in (0, 1)])
    torch.testing.assert_close(encoder.features(batch), apart, atol=1e-5, rtol=0)


def adapter(encoder):
    generator = torch.Generator().manual_seed(1)
    made = LoraAdapter(encoder.bank.shapes, 4, 8.0, generator)
    with torch.no_grad():
        for up in made.up.values():
            up.normal_(std=0.2, generator=generator)
    return made


def test_the_end_of_a_long_text_counts(encoder):
    one, other = (f"{LONG} {end}" for end in ("thank you", "never again"))
    features = encoder.encode(encoder.tokens([one, other, one], Extent(20, 100)))
    assert not torch.allclose(features[0], features[1], atol=1e-4)
    assert torch.equal(features[0], features[2])


def test_gradients_of_a_long_text_reach_every_window(encoder):
    rows = encoder.tokens(["a", LONG], Extent(20, 100))
    batch = encoder.batch(rows, [1, 0])
    vectors = encoder.vectors(batch).detach().requires_grad_()
    encoder.features(batch, hidden=vectors)[0, 0].backward()
    own = vectors.grad.abs().sum(dim=(1, 2))
    assert len(own) == len(rows.pieces(1)) + 1
    assert (own[:-1] > 0).all()
    assert own[-1] == 0, "the other text has no part in it"


def test_parts_and_joins_keep_windows_with_their_texts(encoder):
    rows = encoder.tokens(["a", LONG, "b", LONG + " c"], Extent(20, 100))
    part = rows.part(np.array([3, 0, 1]))
    assert [len(part.pieces(at)) for at in range(3)] == [len(rows.pieces(at)) for at in (3, 0, 1)]
    joined = TokenRows.joined([part, rows])
    assert sorted(joined.windows) == [0, 2, 4, 6]
    torch.testing.assert_close(encoder.encode(joined)[3:], encoder.encode(rows), atol=1e-5, rtol=0)


@pytest.mark.parametrize("most", [1, 4])
def test_the_words_of_a_text_are_found_among_what_is_read(encoder, most):
    text = LONG[:150]
    rows, words = encoder.tokenizer.words(text, Extent(12, most))
    for word in words:
        assert [int(rows.ids[0][at]) for at in word.tokens] == encoder.tokenizer._ids(text[word.start : word.end])[
            : len(word.tokens)
        ]
    assert words[-1].end == len(text) or rows.cut[0]
    inner = sum(len(piece) - 2 for piece in rows.pieces(0))
    assert sum(len(word.tokens) for word in words) == inner
