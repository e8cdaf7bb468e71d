"""Long texts are read in windows, so that their end counts too."""

import numpy as np
import pytest
import torch

from verticals.encoder import Encoder, LoraAdapter, TokenRows

LONG = " ".join(f"word{number}" for number in range(60))


@pytest.fixture
def encoder(source):
    return Encoder.open(source, "fp32", "cpu")


@pytest.mark.parametrize("limit", [4, 8, 20, 64, 128])
def test_windows_cover_a_text_and_overlap(encoder, limit):
    rows = encoder.tokens(["a", LONG], limit)
    assert 0 not in rows.further
    whole, room = encoder.tokenizer._ids(LONG), limit - 2
    windows = [window[1:-1].tolist() for window in (rows.ids[1], *rows.further[1])]
    covered = 0
    for window in windows:
        # nothing is left out between two
        start = max(at for at in range(covered + 1) if whole[at : at + len(window)] == window)
        covered = start + len(window)
    left = int(rows.unread[1])
    assert covered == len(whole) - left
    assert left == 0 if len(windows) < 64 else left >= 0
    assert all(len(window) == room for window in windows[:-1])
    assert rows.cut[1] == len(whole) - room, "training, which reads the first window only, is told"


def test_a_text_without_end_is_not_read_without_end(encoder):
    rows = encoder.tokens([LONG * 100], 12)
    assert 1 + len(rows.further[0]) == 64
    assert rows.unread[0] > 1000


def test_the_features_of_a_long_text_are_the_mean_of_its_windows(encoder):
    slot = encoder.bank.add(_adapter(encoder))
    rows = encoder.tokens(["short", LONG, LONG + " other", "short"], 20)
    together = encoder.encode(rows, [slot, 0, slot, 0])
    for at, through in ((1, 0), (2, slot)):
        windows = [rows.ids[at], *rows.further[at]]
        alone = TokenRows(windows, np.array([len(one) for one in windows]), np.zeros(len(windows), dtype=np.int64))
        features = encoder.encode(alone, [through] * len(windows))
        weights = torch.tensor([float(len(one)) for one in windows])
        torch.testing.assert_close(
            together[at], (features * weights[:, None]).sum(0) / weights.sum(), atol=1e-5, rtol=0
        )
    assert not torch.equal(together[1], encoder.encode(encoder.tokens([LONG], 20).part(np.array([0])), [slot])[0])


def _adapter(encoder):
    generator = torch.Generator().manual_seed(1)
    adapter = LoraAdapter(encoder.bank.shapes, 4, 8.0, generator)
    with torch.no_grad():
        for up in adapter.up.values():
            up.normal_(std=0.2, generator=generator)
    return adapter


def test_the_end_of_a_long_text_counts(encoder):
    one, other = (f"{LONG} {end}" for end in ("thank you", "never again"))
    features = encoder.encode(encoder.tokens([one, other, one], 20))
    assert not torch.allclose(features[0], features[1], atol=1e-4)
    assert torch.equal(features[0], features[2])


def test_parts_and_joins_keep_windows_with_their_texts(encoder):
    rows = encoder.tokens(["a", LONG, "b", LONG + " c"], 20)
    part = rows.part(np.array([3, 0, 1]))
    assert [len(part.further.get(at, [])) for at in range(3)] == [len(rows.further[3]), 0, len(rows.further[1])]
    joined = TokenRows.joined([part, rows])
    assert sorted(joined.further) == [0, 2, 4, 6]
    assert joined.unread.tolist() == [0] * 7
    torch.testing.assert_close(encoder.encode(joined)[3:], encoder.encode(rows), atol=1e-5, rtol=0)
