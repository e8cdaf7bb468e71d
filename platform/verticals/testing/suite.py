"""The conformance kit as a pytest test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .check import CHECKS, run_one
from .subject import Subject


def conformance(target: str) -> Callable[..., None]:
    """A test function that runs every check on a plugin, each as a case of its own.

    ```python
    from verticals.testing import conformance

    test_conformance = conformance("demo")
    ```

    Args:
        target: the plugin's name, or the path of its file or folder.
    """

    @pytest.mark.parametrize("check", CHECKS)
    def test_conformance(check: str, verticals_subject: Callable[[str], Subject]) -> None:
        results = run_one(check, verticals_subject(target))
        failed = [str(result) for result in results if result.status == "failed"]
        if failed:
            pytest.fail("\n".join(failed), pytrace=False)
        if all(result.status == "skipped" for result in results):
            pytest.skip(results[0].detail)

    decorated: Any = test_conformance
    return decorated  # type: ignore[no-any-return]
