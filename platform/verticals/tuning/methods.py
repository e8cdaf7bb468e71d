"""Which method to train with."""

from __future__ import annotations

from verticals.contract import BadInput, Recipe, suggest

METHODS = {
    "head": "only the head, on cached features of the frozen encoder",
    "lora": "a low-rank adapter in the shared bank, and the head",
    "full": "a private copy of the encoder, and the head",
}
_ROWS = 1000
_ROWS_PER_LABEL = 20


def choose_method(recipe: Recipe, rows: int, labels: int) -> tuple[str, str]:
    """The method to use, and why.

    Args:
        rows: training rows.
        labels: how many labels there are; 0 where the objective has none.

    Raises:
        BadInput: no such method.
    """
    if recipe.method == "auto":
        if rows < _ROWS:
            return "head", f"{rows} training rows are too few to change the encoder without losing what it knows"
        if labels and rows / labels < _ROWS_PER_LABEL:
            return "head", f"{rows / labels:.0f} rows per label are too few to change the encoder"
        return "lora", f"{rows} training rows are enough to adapt the encoder"
    if recipe.method not in METHODS:
        raise BadInput(f"There is no training method {recipe.method!r}.", suggest(recipe.method, [*METHODS, "auto"]))
    return recipe.method, "as the recipe says"
