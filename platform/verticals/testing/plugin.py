"""The pytest plugin: installed with the host, it gives plugins' tests their fixtures.

It is imported at the start of every pytest run, so it imports nothing but pytest itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from verticals.host import Host

    from .subject import Subject


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny encoder with random weights, for tests that train."""
    from verticals.encoder.tiny import create

    return create(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture
def verticals_host(tmp_path: Path, tiny_encoder: Path) -> Iterator[Host]:
    """A host in a home of its own, on the tiny encoder."""
    from .subject import open_host

    with open_host(tmp_path / "home", tiny_encoder) as host:
        yield host


@pytest.fixture(scope="module")
def verticals_subject() -> Iterator[Callable[[str], Subject]]:
    """Gives the plugin under test by name or path; checks of one module share it."""
    from .subject import Subject

    with contextlib.ExitStack() as stack:
        opened: dict[str, Subject] = {}

        def subject(target: str) -> Subject:
            if target not in opened:
                opened[target] = stack.enter_context(Subject(target))
            return opened[target]

        yield subject
