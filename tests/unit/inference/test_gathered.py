"""Small calls that are computed together."""

import threading

import numpy as np
import pytest

from verticals.inference.gathered import Gathered


class Slow:
    """Counts what it is asked for, and answers when it is let go."""

    def __init__(self):
        self.calls, self.go, self.begun = [], threading.Event(), threading.Event()

    def __call__(self, texts):
        self.calls.append(list(texts))
        self.begun.set()
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("a bad text")
        return np.array([[float(text), 1.0] for text in texts])


def ask(gathered, *calls):
    """Each call in a thread of its own; what each gives."""
    given = {}

    def one(texts):
        try:
            given[texts] = gathered(texts).tolist()
        except ValueError as error:
            given[texts] = str(error)

    threads = [threading.Thread(target=one, args=(texts,)) for texts in calls]
    for thread in threads:
        thread.start()
    return threads, given


def behind_another(slow, gathered, *calls):
    """What calls give that come while another is computed."""
    first, _ = ask(gathered, ("0",))
    slow.begun.wait(10)
    threads, given = ask(gathered, *calls)
    while len(gathered._waiting) < len(calls):
        pass
    slow.go.set()
    for thread in first + threads:
        thread.join(10)
    return given


def test_what_comes_while_one_is_computed_is_computed_together():
    slow = Slow()
    given = behind_another(slow, Gathered(slow), *((str(n), str(n + 0.5)) for n in range(1, 11)))
    assert given == {(str(n), str(n + 0.5)): [[n, 1.0], [n + 0.5, 1.0]] for n in range(1, 11)}
    assert len(slow.calls) == 2


def test_not_more_than_so_many_at_a_time():
    slow = Slow()
    given = behind_another(slow, Gathered(slow), *(tuple(str(n + k / 8) for k in range(8)) for n in range(1, 21)))
    assert len(given) == 20
    assert [len(call) for call in slow.calls] == [1, 64, 64, 32]


def test_what_was_computed_just_before_is_not_computed_again():
    slow = Slow()
    gathered = Gathered(slow)
    assert behind_another(slow, gathered, ("0",), ("0", "1")) == {
        ("0",): [[0.0, 1.0]],
        ("0", "1"): [[0.0, 1.0], [1.0, 1.0]],
    }
    assert slow.calls == [["0"], ["1"]]
    assert gathered(["1"]).tolist() == [[1.0, 1.0]]
    assert len(slow.calls) == 2


def test_many_texts_are_a_batch_of_their_own():
    slow = Slow()
    slow.go.set()
    assert Gathered(slow)([str(n) for n in range(100)]).shape == (100, 2)


def test_an_error_is_for_those_that_were_computed_together_and_no_others():
    slow = Slow()
    gathered = Gathered(slow)
    assert behind_another(slow, gathered, ("1",), ("bad",)) == {("1",): "a bad text", ("bad",): "a bad text"}
    with pytest.raises(ValueError, match="bad"):
        gathered(["bad"])
    assert gathered(["3"]).tolist() == [[3.0, 1.0]]
