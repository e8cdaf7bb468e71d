"""How many threads compute: all in quiet, one while the cores are held by others."""

import pytest
import torch

from verticals.inference import threads
from verticals.inference.threads import Threads


class Clock:
    """A wall clock and the time that a thread was on a core, both set by hand."""

    def __init__(self):
        self.wall, self.core = 100.0, 0.0

    def monotonic(self):
        return self.wall

    def thread_time(self):
        return self.core


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(threads, "time", made)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield made
    torch.set_num_threads(before)


def compute(chosen, clock, share, seconds=0.02, busy=False):
    with chosen.chosen(busy):
        number = torch.get_num_threads()
        clock.wall += seconds
        clock.core += share * seconds
    return number


def test_all_threads_compute_in_quiet(clock):
    chosen = Threads()
    assert [compute(chosen, clock, 0.9) for _ in range(20)] == [2] * 20


def test_a_thread_that_is_put_off_its_core_computes_alone_for_a_while(clock):
    chosen = Threads()
    assert [compute(chosen, clock, 0.3) for _ in range(5)] == [2, 2, 1, 1, 1]
    clock.wall += 5
    assert [compute(chosen, clock, 0.3) for _ in range(3)] == [2, 1, 1], "tried again, once"
    clock.wall += 5
    assert [compute(chosen, clock, 0.9) for _ in range(10)] == [2] * 10, "the others have gone"


def test_one_slow_batch_changes_nothing(clock):
    chosen = Threads()
    assert [compute(chosen, clock, share) for share in (1, 1, 0.2, 1, 1, 0.2, 1)] == [2] * 7


def test_batches_of_a_few_milliseconds_tell_nothing(clock):
    chosen = Threads()
    assert [compute(chosen, clock, 0.3, seconds=0.005) for _ in range(10)] == [2] * 10


def test_one_thread_is_left_to_others_who_are_served(clock):
    chosen = Threads()
    assert [compute(chosen, clock, 0.9, busy=busy) for busy in (False, True, True, False)] == [2, 1, 1, 2]


def test_a_single_batch_that_took_very_long_is_enough(clock):
    chosen = Threads()
    assert [compute(chosen, clock, 0.3, seconds=0.3), compute(chosen, clock, 0.3)] == [2, 1]
