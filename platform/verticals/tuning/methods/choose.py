"""Which method to train with."""

from __future__ import annotations

from verticals.contract import Recipe

_ROWS = 300
_ROWS_PER_LABEL = 15
_LEAST_EPOCHS = 3
_FEWEST = 2
_FEW_SHOT_ROWS = 9_000  # that the method sees in all its steps, about
_FEW_SHOT_PAYS = "contrast between labels makes more of them than the head alone"


def choose_method(
    recipe: Recipe,
    rows: int,
    labels: int,
    tokens: int,
    reads: str = "text",
    *,
    before: str = "",
    few_shot: bool = False,
) -> tuple[str, int, str]:
    """The method to use, its epochs, and why.

    Args:
        rows: training rows.
        labels: how many labels there are; 0 where the objective has none.
        tokens: of all training rows together.
        reads: what the objective's heads read of the encoder.
        before: the method of the version that training goes on from.
        few_shot: whether the method of that name fits the objective.
    """
    epochs = recipe.passes(rows)
    if reads == "itself":
        return "network", epochs, "the head has a network of its own"
    if recipe.method != "auto":
        return recipe.method, epochs, "as the recipe says"
    if before:
        return before, epochs, "as the version it goes on from"
    if not rows:
        return "zero_shot", epochs, "there are no labelled rows to train on"
    if few_shot and labels and _FEWEST <= rows / labels < _ROWS_PER_LABEL and _affords(recipe, rows, tokens):
        return "few_shot", epochs, f"{rows / labels:.0f} rows per label: {_FEW_SHOT_PAYS}"
    if rows < _ROWS:
        return "head", epochs, f"{rows} training rows are too few to change the encoder without losing what it knows"
    if labels and rows / labels < _ROWS_PER_LABEL:
        return "head", epochs, f"{rows / labels:.0f} rows per label are too few to change the encoder"
    if recipe.token_budget is not None:
        affordable = recipe.token_budget // max(1, tokens)
        if affordable < min(epochs, _LEAST_EPOCHS):
            return (
                "head",
                epochs,
                f"{epochs} epochs of {tokens} tokens are more than the budget of {recipe.token_budget}",
            )
        epochs = min(epochs, affordable)
    return "lora", epochs, f"{rows} training rows are enough to adapt the encoder"


def _affords(recipe: Recipe, rows: int, tokens: int) -> bool:
    """Whether the token budget is enough for few-shot training."""
    return recipe.token_budget is None or tokens / max(1, rows) * _FEW_SHOT_ROWS <= recipe.token_budget
