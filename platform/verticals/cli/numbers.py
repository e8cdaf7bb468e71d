"""Whole numbers on the command line."""

from __future__ import annotations

from typing import Any

import click


class Whole(click.IntRange):
    """A whole number within a range; what is none is refused in plain words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number behind what was written."""
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        return super().convert(value, param, ctx)
