"""The ways to train a head.

`METHODS` is a registry that plugins extend; `choose_method` is what ``method="auto"`` does.
"""

from __future__ import annotations

from verticals.contract import BadInput, suggest
from verticals.tuning.body import Body

from .base import Fitted, Floor, Method, Task
from .choose import choose_method
from .few_shot import FewShot
from .gradient import Full, Gradient, HeadOnly, Imported, Lora, Network, starting_head
from .peft import AdaLora, Ia3, PrefixTuning, PromptTuning
from .verbaliser import Verbaliser
from .zero_shot import ZeroShot

_ALL = (
    HeadOnly(), Lora(), Full(), Network(), Imported(), AdaLora(), Ia3(), PromptTuning(), PrefixTuning(),
    FewShot(), ZeroShot(), Verbaliser(),
)  # fmt: skip
METHODS: dict[str, Method] = {method.name: method for method in _ALL}


def method_of(name: str) -> Method:
    """The method of that name.

    Raises:
        BadInput: no such method.
    """
    if name not in METHODS:
        raise BadInput(f"There is no training method {name!r}.", suggest(name, [*METHODS, "auto"]))
    return METHODS[name]


__all__ = [
    "METHODS", "Body", "FewShot", "Fitted", "Floor", "Full", "Gradient", "HeadOnly", "Imported", "Lora", "Method",
    "Network", "Task", "Verbaliser", "ZeroShot", "choose_method", "method_of", "starting_head",
]  # fmt: skip
