"""The pytest plugin: installed with the host, it gives plugins' tests their fixtures.

It is imported at the start of every pytest run, so it imports nothing but pytest itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from verticals.host import Host


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
