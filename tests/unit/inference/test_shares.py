"""Fair shares: by cost, whoever asks how much and how often."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from verticals.inference.shares import Shares

REQUESTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(st.integers(1, 300), min_size=1, max_size=6)), max_size=20
)


def taken_of(shares, budget):
    batches = []
    while batch := shares.take(budget):
        batches.append(batch)
    return batches


@given(REQUESTS, st.integers(1, 500))
def test_everything_is_taken_once_in_each_requests_order_and_within_the_budget(requests, budget):
    shares = Shares()
    for number, (tenant, costs) in enumerate(requests):
        shares.put(tenant, [((number, place), cost) for place, cost in enumerate(costs)])
    assert shares.cost == sum(cost for _, costs in requests for cost in costs)
    batches = taken_of(shares, budget)
    assert all(len(batch) == 1 or sum(cost for _, cost in batch) <= budget for batch in batches)
    items = [item for batch in batches for item, _ in batch]
    for number, (_, costs) in enumerate(requests):
        assert [place for one, place in items if one == number] == list(range(len(costs)))
    assert len(items) == sum(len(costs) for _, costs in requests)
    assert len(shares) == shares.cost == shares.of("a") == 0


def test_tenants_that_always_have_work_get_equal_cost_whatever_their_items_cost():
    shares, source = Shares(quantum=50), random.Random(0)
    for tenant, size in (("small", 3), ("middle", 40), ("large", 200)):
        for _ in range(30_000 // size):
            cost = source.randint(size // 2 + 1, size)
            shares.put(tenant, [(tenant, cost)])
    got = Counter()
    while sum(got.values()) < 30_000:
        for tenant, cost in shares.take(400):
            got[tenant] += cost
    assert max(got.values()) - min(got.values()) <= 2 * (200 + 50)


def test_a_tenant_that_comes_late_does_not_catch_up():
    shares = Shares(quantum=10)
    shares.put("early", [("early", 10)] * 100)
    for _ in range(20):
        shares.take(10)
    shares.put("late", [("late", 10)] * 100)
    got = Counter(tenant for _ in range(40) for tenant, _ in shares.take(10))
    assert abs(got["early"] - got["late"]) <= 2  # who comes new is one turn ahead


def test_a_tenant_that_had_nothing_waiting_comes_first_for_one_turn():
    shares = Shares(quantum=10)
    shares.put("flood", [("flood", 5)] * 100)
    shares.take(15)
    shares.put("quiet", [("quiet", 5)] * 3)
    assert [tenant for tenant, _ in shares.take(15)] == ["quiet", "quiet", "flood"]
