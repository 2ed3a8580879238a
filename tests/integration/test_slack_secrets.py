"""What Slack, or who stands in for it, repeats of the address that it was called at."""

from __future__ import annotations

import pytest

from gateway.destinations import CONFIGS, Surroundings, build
from gateway.oauth import OwnTokens
from gateway.render import Renderer
from gateway.trying import send
from tests import wire
from tests.builders import a_lead

pytestmark = pytest.mark.anyio


async def test_an_answer_that_repeats_the_hook_is_kept_without_it() -> None:
    said = wire.answer(422, b"no such place: /services/T0/B0/hush-hook-0815")
    async with wire.answering(said) as server:
        hook = f"{server.url}/services/T0/B0/hush-hook-0815"
        config = CONFIGS["slack"].model_validate({"webhook_url": hook})
        team = build("team", config, Surroundings(Renderer(), wire.loopback(), OwnTokens()))
        tried = await send(team, a_lead())
        await team.close()
    assert "no such place" in tried.outcome.answer
    assert "hush" not in tried.outcome.answer
