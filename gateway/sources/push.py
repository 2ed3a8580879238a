"""The ``push`` source: leads that somebody posts to ``/v1/sources/{name}/leads``.

Owns its configuration alone. Nothing is polled; the endpoint is the web's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from gateway.sources.common import SourceConfig


class PushConfig(SourceConfig):
    """``kind: push`` in gateway.yaml."""

    kind: Literal["push"]
    token: Annotated[SecretStr, Field(min_length=1, max_length=500)]
    """What a sender must show as its bearer token, and that opens nothing else."""
