"""As many threads as pay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LEAST_SHARE, _UNSURE = 0.7, 0.8
_REST_SECONDS = 5.0
_LEAST_WEIGHT, _TELLING_SECONDS = 0.25, 0.2  # of one batch in the share; one that takes so long tells enough by itself
_TOO_SHORT = 0.01  # seconds; a wait for the interpreter's lock would count for much of it


class Threads:
    """All of torch's threads, one less where others are served meanwhile, or a single one for as long as other programs
    hold the cores.

    Requests are read, searched for and written down while a batch is computed: on two cores a second thread makes a
    batch a fifth faster at most, and takes from that as much as it gives.

    Threads that share a product wait for the last of them, so where one is put off its core again and again, two take
    up to three times as long as one. This thread's own time on a core tells: it computes its part and then spins, so in
    quiet it is hardly ever off.

    Not for training: with another number of threads sums round otherwise, and a resumed run would not end the same.
    """

    def __init__(self) -> None:
        self._most = 0
        self._single_until = 0.0
        self._share = 1.0  # of the time in which this thread was on a core, of late

    @contextmanager
    def chosen(self, busy: bool = False) -> Iterator[None]:
        """Compute within the block by as many threads as pay; always called by the same thread.

        Args:
            busy: whether others are served meanwhile.
        """
        self._most = self._most or torch.get_num_threads()
        began, on_core = time.monotonic(), time.thread_time()
        number = 1 if began < self._single_until else max(1, self._most - busy)
        if torch.get_num_threads() != number:
            torch.set_num_threads(number)
        try:
            yield
        finally:
            if number > 1 and (seconds := time.monotonic() - began) > _TOO_SHORT:
                weight = max(_LEAST_WEIGHT, min(1.0, seconds / _TELLING_SECONDS))
                self._share += weight * ((time.thread_time() - on_core) / seconds - self._share)
                if self._share < _LEAST_SHARE:
                    self._single_until, self._share = time.monotonic() + _REST_SECONDS, _UNSURE
