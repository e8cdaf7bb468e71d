"""Which method to train with."""

from __future__ import annotations

from verticals.contract import BadInput, Recipe, suggest

METHODS = {
    "head": "only the head, on cached features of the frozen encoder",
    "lora": "a low-rank adapter in the shared bank, and the head",
    "full": "a private copy of the encoder, and the head",
}
_ROWS = 300
_ROWS_PER_LABEL = 15
_LEAST_EPOCHS = 3


def choose_method(recipe: Recipe, rows: int, labels: int, tokens: int) -> tuple[str, int, str]:
    """The method to use, its epochs, and why.

    Args:
        rows: training rows.
        labels: how many labels there are; 0 where the objective has none.
        tokens: of all training rows together.

    Raises:
        BadInput: no such method.
    """
    epochs = recipe.passes(rows)
    if recipe.method != "auto":
        if recipe.method not in METHODS:
            raise BadInput(
                f"There is no training method {recipe.method!r}.", suggest(recipe.method, [*METHODS, "auto"])
            )
        return recipe.method, epochs, "as the recipe says"
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
