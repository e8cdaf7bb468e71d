"""Batches of similar length: every row once, the budget kept, the order told by the seed."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from verticals.encoder import TokenBatch, TokenRows, bucketed
from verticals.encoder.packing import places_for

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=400).map(lambda values: np.array(values, dtype=np.int64))
BUDGET = {"rows": st.integers(1, 40), "tokens": st.sampled_from([1, 64, 500, 4096, 1 << 30])}


@given(lengths=LENGTHS, seed=st.none() | st.integers(0, 9), **BUDGET)
def test_every_row_is_in_exactly_one_batch_within_the_budget(lengths, seed, rows, tokens):
    shuffle = None if seed is None else np.random.default_rng(seed)
    batches = bucketed(lengths, rows=rows, tokens=tokens, shuffle=shuffle)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= rows
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens


@given(lengths=LENGTHS, seed=st.integers(0, 9), rows=st.integers(1, 40))
def test_the_seed_alone_decides_the_order(lengths, seed, rows):
    first, again = (bucketed(lengths, rows=rows, shuffle=np.random.default_rng(seed)) for _ in range(2))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]


@given(lengths=LENGTHS, rows=st.integers(1, 40))
def test_without_a_seed_the_longest_come_first_and_equals_keep_their_order(lengths, rows):
    order = np.concatenate(bucketed(lengths, rows=rows)).tolist()
    assert order == sorted(range(len(lengths)), key=lambda at: (-lengths[at], at))


def test_shuffled_batches_hold_little_padding_and_another_order_each_epoch():
    lengths = np.random.default_rng(0).integers(4, 64, 5000)
    orders = [bucketed(lengths, rows=32, shuffle=np.random.default_rng([0, epoch])) for epoch in range(2)]
    padded = sum(len(batch) * lengths[batch].max() for batch in orders[0])
    assert padded < 1.05 * lengths.sum()
    assert [batch.tolist() for batch in orders[0]] != [batch.tolist() for batch in orders[1]]
    # The batches themselves come in random order, not longest first.
    longest = [lengths[batch].max() for batch in orders[0]]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3


def test_no_rows_make_no_batches():
    assert bucketed(np.array([], dtype=np.int64), rows=4) == []


def test_a_batch_is_padded_to_its_longest_row():
    rows = TokenRows([np.array([5, 6]), np.array([7, 8, 9, 10]), np.array([11])], np.array([2, 3, 1]), np.zeros(3, int))
    batch = TokenBatch.of(rows, [0, 2], pad_id=99, device=torch.device("cpu"))
    assert batch.ids.tolist() == [[5, 6], [11, 99]]
    assert (batch.lengths.tolist(), batch.second.tolist()) == ([2, 1], [2, 1])


def test_a_batch_of_uneven_rows_is_packed():
    def packed(*lengths):
        rows = TokenRows([np.full(one, 5) for one in lengths], np.array(lengths), np.zeros(len(lengths), int))
        return TokenBatch.of(rows, np.arange(len(lengths)), 0, torch.device("cpu")).places

    assert packed(90, *[8] * 40) == 410
    assert not packed(*[9] * 64)
    assert not packed(90)
    assert not packed(*[20] * 30, 19)


def test_few_shapes_where_libraries_keep_kernels_for_each():
    def shape(*lengths, limit=512):
        rows = TokenRows([np.full(one, 5) for one in lengths], np.array(lengths), np.zeros(len(lengths), int))
        batch = TokenBatch.of(rows, np.arange(len(lengths)), 0, torch.device("cpu"), rounded=limit)
        return batch.ids.shape[1], batch.places

    assert shape(9) == (16, 0)
    assert shape(90, limit=94) == (94, 0)
    assert shape(9, 9) == (9, 32)
    assert shape(*[100] * 6) == (100, 608)
    assert shape(*[256] * 7, 250) == (256, 0), "hardly any padding, and 2,048 is one of the few"
    assert shape(*[256] * 7, 100) == (256, 1920)
    assert len({places_for(tokens) for tokens in range(1, 2049)}) == 64
    assert all(tokens <= places_for(tokens) <= tokens * 17 / 16 + 15 for tokens in range(1, 5000))
