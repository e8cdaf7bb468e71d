"""What an operator may set under ``[plugins.recommendation]`` in ``platform.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Settings of the vertical."""

    model_config = ConfigDict(extra="forbid")

    diversity: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Weight of being unlike the items above, against the score; 0 is the plain ranking",
    )
    popularity_half_life_days: float = Field(
        30, gt=0, description="After so many days a behaviour counts half in what is popular now"
    )
