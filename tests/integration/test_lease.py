"""Work that one process may do at a time: taken over when it dies, ended when the lease is lost."""

from __future__ import annotations

import asyncio

import pytest

from gateway.store import Store
from workers import lease
from workers.lease import while_held
from workers.tasks import end

pytestmark = pytest.mark.anyio

NAME = "source:seloger"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a second, renewed often enough."""
    monkeypatch.setattr(lease, "LEASE", 1.0)
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.05)


class Working:
    """Work without end, which says when it began and whether it goes on."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.token = 0
        self.now = 0

    async def __call__(self, token: int) -> None:
        self.token = token
        self.now += 1
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.now -= 1


async def test_it_goes_on_for_longer_than_a_lease_and_nobody_else_gets_in(store: Store) -> None:
    mine, other = Working(), Working()
    holding = asyncio.create_task(while_held(store.leases, NAME, "one", mine))
    await mine.began.wait()
    for _ in range(25):
        assert await while_held(store.leases, NAME, "two", other) is False
        await asyncio.sleep(0.05)

    assert (mine.now, other.now) == (1, 0)
    await end(holding)
    assert mine.now == 0


async def test_another_gets_in_once_the_holder_renews_no_more(store: Store) -> None:
    first, second = Working(), Working()
    holding = asyncio.create_task(while_held(store.leases, NAME, "one", first))
    await first.began.wait()
    await end(holding)  # as a death: nothing is given up

    async def take_over() -> None:
        while not second.began.is_set():
            await while_held(store.leases, NAME, "two", second)

    taking = asyncio.create_task(take_over())
    async with asyncio.timeout(5):
        await second.began.wait()
    assert second.token == first.token + 1
    await end(taking)


async def test_work_ends_when_the_lease_is_lost(store: Store) -> None:
    work = Working()
    holding = asyncio.create_task(while_held(store.leases, NAME, "one", work))
    await work.began.wait()
    await store.sources.reset("seloger")  # fences off whoever reads

    async with asyncio.timeout(5):
        assert await holding is True
    assert work.now == 0


async def test_work_ends_when_nobody_answers_for_the_length_of_a_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Working()
    holding = asyncio.create_task(while_held(store.leases, NAME, "one", work))
    await work.began.wait()

    async def silence(*_: object) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(store.leases, "take", silence)
    async with asyncio.timeout(5):
        assert await holding is True
    assert work.now == 0


async def test_what_the_work_raises_is_raised(store: Store) -> None:
    async def broken(token: int) -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        await while_held(store.leases, NAME, "one", broken)
