"""What every test may ask for. Real parts are started here and ended by their own id."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
