"""Answers in a generator's words: asked with passages as data, used only where these support each sentence."""

from __future__ import annotations

from .phrasing import Phrasing, phrased_again
from .sources import source
from .support import check

__all__ = ["Phrasing", "check", "phrased_again", "source"]
