"""For authors of plugins: a new plugin from a template, and the conformance kit that holds a plugin to the contract.

A plugin's test file is three lines:

```python
from verticals.testing import conformance

test_conformance = conformance("demo")
```
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .check import check as check
    from .new import create as create
    from .suite import conformance as conformance

_LAZY = {
    "check": "verticals.testing.check",
    "conformance": "verticals.testing.suite",
    "create": "verticals.testing.new",
}

__all__ = ["check", "conformance", "create"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
