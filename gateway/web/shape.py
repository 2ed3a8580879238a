"""What every object of the API is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """One object of the API."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)
