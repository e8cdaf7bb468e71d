"""Tests that share a costly fixture run in one process, so that it is made once."""

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent
_TOGETHER = (
    Path("tests/e2e"),
    Path("tests/contract"),
    Path("tests/docs"),
    Path("tests/unit/host"),
    Path("tests/unit/web"),
)

# A vertical's first head is trained in seconds here; tests of the product as it comes ask for more themselves.
os.environ.setdefault("PLATFORM_FIRST_TOKENS", "0")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Name the group of an item for pytest-xdist."""
    path = item.path.relative_to(_ROOT)
    group = (
        path.parts[1] if path.parts[0] == "plugins" else next((str(f) for f in _TOGETHER if path.is_relative_to(f)), "")
    )
    if group:
        item.add_marker(pytest.mark.xdist_group(group))
