"""What an operator may set under ``[plugins.financial-sentiment]`` in ``platform.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Settings of the vertical."""

    model_config = ConfigDict(extra="forbid")

    starter_documents: bool = Field(
        True, description="Show the invented starter headlines as documents; set to false before real news is added"
    )
