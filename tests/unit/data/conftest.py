"""One small data set, and a way to import into it that shows what a person would read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from verticals import Dataset
from verticals.contract import PlatformError
from verticals.data import DatasetStore, ImportReport, import_file


class Utterance(BaseModel):
    text: str
    intent: str


class Headline(BaseModel):
    id: str
    text: str
    score: float = 0.0
    count: int | None = None


def starter():
    yield Utterance(text="Hello there", intent="greeting")
    yield {"text": "Where is my parcel?", "intent": "delivery", "split": "test"}


def no_rows():
    return ()


@pytest.fixture
def intents() -> Dataset:
    """Rows of text and intent, without keys; two starter rows."""
    return Dataset(name="intents", row=Utterance, load=starter)


@pytest.fixture
def headlines() -> Dataset:
    """Rows with a key; no starter rows."""
    return Dataset(name="headlines", row=Headline, load=no_rows, key="id")


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    """An empty store of data sets."""
    return DatasetStore(tmp_path / "datasets")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file of rows, without changing its line ends; texts are UTF-8."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def importing(store: DatasetStore, intents: Dataset) -> Any:
    """``importing(path, …)`` imports into `intents`; ``importing.refused(path, …)`` returns the error's text.

    The latter asserts that the error is one for a person and that nothing at all was written.
    """

    def run(path: Path, dataset: Dataset = intents, **options: Any) -> ImportReport:
        return import_file(store, "support", dataset, path, **options)

    def refused(path: Path, dataset: Dataset = intents, **options: Any) -> str:
        before = sorted(store.folder.rglob("*")) if store.folder.exists() else []
        with pytest.raises(PlatformError) as caught:
            run(path, dataset, **options)
        assert caught.value.exit_code == 2, inspect.cleandoc(repr(caught.value))
        assert caught.value.remedy, "an error says what to do"
        assert (sorted(store.folder.rglob("*")) if store.folder.exists() else []) == before
        assert path.name in str(caught.value)
        return str(caught.value)

    return SimpleNamespace(run=run, refused=refused)
