"""Processes: one role in this process, or all roles side by side, each restarted when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from gateway.config.faults import ConfigError
from gateway.config.load import Loaded
from gateway.embedded import Embedded, EmbeddedError
from gateway.logs import setup_logs
from gateway.settings import Settings, SettingsError
from gateway.wiring import load_checked
from workers.generations import Generation, Generations, Work
from workers.tasks import end

if TYPE_CHECKING:
    from gateway.web.server import Door

STOP_WITHIN = 20.0
"""Seconds that roles get to end by themselves before they are killed."""
RESTART_PAUSE = 1.0
INTERRUPTED = 130
"""The exit code of a process that was told twice to stop."""

log = structlog.get_logger()
Options = Mapping[str, Any]


def run_role(role: str, settings: Settings, loaded: Loaded, **options: Any) -> int:
    """Run ``poller``, ``worker`` or ``web`` until SIGTERM or SIGINT; the exit code.

    A second signal stops at once: what was in flight is taken back by others, and nothing is lost.
    """
    setup_logs(settings, role)
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return asyncio.run(_role(role, settings, loaded, options))


async def _role(role: str, settings: Settings, loaded: Loaded, options: Options) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            _vanish()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    work, door = _work(role, options)
    generations = Generations(
        role,
        settings,
        work,
        # A source has one reader at a time, by lease: there the new one waits for the old one.
        together=role != "poller",
        reread=lambda: Settings.read(config=settings.config_path),
    )
    loop.add_signal_handler(signal.SIGHUP, generations.reload)
    running = asyncio.create_task(generations.run(loaded, stop))
    if door is None:
        await running
        return 0
    running.add_done_callback(lambda _: door.give_up())
    try:
        await door.listen(stop, settings, **options)
    finally:
        stop.set()
        await running
    return 0


def _vanish() -> NoReturn:
    """End at once, as a kill would: leases run out, and others take over what was in flight."""
    log.warning("told twice to stop, ending at once")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _work(role: str, options: Options) -> tuple[Work, Door | None]:
    """What one generation of a role does until it is told to stop; the web's door stays open."""
    # Imported here: a process loads what its own role needs.
    if role == "poller":
        from workers import poller

        async def poll(generation: Generation) -> None:
            await poller.run(generation.gateway, generation.stop)

        return poll, None
    if role == "worker":
        from workers import alerter, worker

        async def deliver(generation: Generation) -> None:
            gateway, stop = generation.gateway, generation.stop
            beside = asyncio.create_task(alerter.run(gateway, stop))
            try:
                await worker.run(gateway, stop, patient=partial(_patient, generation), **options)
            finally:
                await end(beside)

        return deliver, None

    from gateway.web.server import Door

    door = Door()

    async def show(generation: Generation) -> None:
        await door.show(generation.gateway, generation.stop)

    return show, door


def _patient(generation: Generation) -> bool:
    return not generation.hurry


@dataclass(slots=True)
class _Child:
    role: str
    options: Options
    process: ForkProcess
    started: float


def run_all(
    settings: Settings,
    loaded: Loaded,
    *,
    host: str,
    port: int,
    concurrency: int,
    ready: Callable[[], None] | None = None,
) -> int:
    """Run every role, each in a process of its own, forked from this one to share its memory."""
    setup_logs(settings, "run")
    plans: dict[str, Options] = {
        "poller": {},
        "worker": {"concurrency": concurrency},
        "web": {"host": host, "port": port},
    }
    _preload()
    stopping = at_once = False

    def on_signal(*_: object) -> None:
        nonlocal stopping, at_once
        at_once = stopping
        stopping = True
        if at_once:
            for child in children:
                child.process.kill()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    on_terminal = sys.stderr.isatty()

    def on_hangup(*_: object) -> None:
        # A terminal that was closed sends the same signal as somebody who wants a reload.
        if on_terminal and not sys.stderr.isatty():
            on_signal()
        for child in children:
            if child.process.pid and child.process.is_alive():
                os.kill(child.process.pid, signal.SIGHUP)

    children: list[_Child] = []
    signal.signal(signal.SIGHUP, on_hangup)
    children += [_start(role, settings, loaded, options) for role, options in plans.items()]
    if ready:
        ready()
    quick_deaths = 0
    while not stopping:
        wait([child.process.sentinel for child in children], timeout=0.5)
        for index, child in enumerate(children):
            if child.process.is_alive() or stopping:
                continue
            if time.monotonic() - child.started < 5.0:
                quick_deaths += 1
                if quick_deaths >= 5:
                    log.error("a role keeps dying at once, giving up", dead=child.role)
                    _stop(children)
                    return 1
            else:
                quick_deaths = 0
            log.error("role died, restarting", dead=child.role, exit=child.process.exitcode)
            time.sleep(RESTART_PAUSE)
            loaded = _newest(settings, loaded)
            children[index] = _start(child.role, settings, loaded, child.options)
    _stop(children)
    if at_once:
        log.warning("told twice to stop, ended at once")
        asyncio.run(_put_down_store(settings))
        return INTERRUPTED
    return 0


async def _put_down_store(settings: Settings) -> None:
    """Stop the embedded store that killed roles left behind, unless somebody else uses it."""
    if not settings.redis_url:
        embedded = Embedded(settings.data_dir)
        with contextlib.suppress(EmbeddedError):
            await embedded.attach()
            await embedded.detach()


def _newest(settings: Settings, loaded: Loaded) -> Loaded:
    """The file as it is now, if it can be used: the others may have taken it over already."""
    with contextlib.suppress(ConfigError, SettingsError):
        return load_checked(Settings.read(config=settings.config_path))
    return loaded


def _preload() -> None:
    """Import everything once, so that the forked roles share it."""
    import workers.alerter
    import workers.poller
    import workers.worker  # noqa: F401

    gc.collect()
    gc.freeze()


def _start(role: str, settings: Settings, loaded: Loaded, options: Options) -> _Child:
    process = multiprocessing.get_context("fork").Process(
        target=_main, args=(role, settings, loaded, dict(options)), name=f"lead-gateway {role}"
    )
    process.start()
    return _Child(role, options, process, time.monotonic())


def _main(role: str, settings: Settings, loaded: Loaded, options: dict[str, Any]) -> None:
    # A group of its own: Ctrl-C reaches the parent alone, which passes on one stop.
    os.setpgrp()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the role listens for it
    raise SystemExit(run_role(role, settings, loaded, **options))


def _stop(children: list[_Child]) -> None:
    for child in children:
        if child.process.is_alive():
            child.process.terminate()
    deadline = time.monotonic() + STOP_WITHIN
    for child in children:
        child.process.join(max(0.1, deadline - time.monotonic()))
        if child.process.is_alive():
            child.process.kill()
            child.process.join(5.0)
