"""What training needs from its surroundings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from verticals.contract import BadInput, Recipe
from verticals.encoder import Encoder
from verticals.store import Registry

from .objectives import Objective
from .processes import Processes, current


@dataclass(slots=True)
class Workshop:
    """What training needs from its surroundings.

    Args:
        encoder: the shared encoder.
        registry: where the version is saved.
        runs: folder that keeps each run's checkpoint.
        provenance: plugin, its version and the host's, for the manifest.
        stop: set it to end training at the next step with a checkpoint.
        other: gives another encoder by the name that a recipe has for it; `None`: there are no others.
        processes: that train together; only the first one saves.
    """

    encoder: Encoder
    registry: Registry
    runs: Path
    provenance: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    other: Callable[[str], Encoder] | None = None
    processes: Processes = field(default_factory=current)

    def encoder_for(self, recipe: Recipe, objective: Objective) -> Encoder:
        """The recipe's encoder, else the platform's, computing in the recipe's precision.

        Raises:
            BadInput: the recipe names another encoder, and there are no others.
        """
        encoder = self.encoder
        if objective.reads != "itself" and recipe.encoder not in ("", encoder.source.name):
            if self.other is None:
                raise BadInput(
                    f"recipe: encoder is {recipe.encoder!r}; this platform runs {encoder.source.name!r}.",
                    "Leave it empty, or set PLATFORM_ENCODER and train every head again.",
                )
            encoder = self.other(recipe.encoder)
        return encoder if recipe.precision == "auto" else encoder.computing_in(recipe.precision)
