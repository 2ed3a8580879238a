"""The commands that keep running: ``run``, one role each, ``demo``."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, command
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.settings import Settings

HEADING = "Run"

HostOption = Annotated[str, typer.Option("--host", help="Address the dashboard listens on")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Its port")]
ConcurrencyOption = Annotated[
    int, typer.Option("--concurrency", min=1, max=5000, help="Deliveries in flight at a time")
]
RateOption = Annotated[
    float, typer.Option("--leads-per-minute", min=0.0, max=60_000, help="How fast leads come")
]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed makes the same people")]


def run(
    invocation: Invocation,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8080,
    concurrency: ConcurrencyOption = 200,
) -> int:
    """Run everything on this machine: poller, worker and web.

    Each role is a process of its own, started again when it dies. The store is embedded unless
    REDIS_URL is set. Ctrl-C or SIGTERM ends it in order.
    """
    from workers.processes import run_all

    settings = invocation.settings()
    loaded = invocation.loaded(settings)
    _must_be_free(settings, host, port)
    token_file = (
        "" if settings.has_own_token() else f" (admin token: {settings.data_dir}/admin-token)"
    )
    settings.token()

    def ready() -> None:
        output.note(f"lead-gateway: dashboard on http://{_bracketed(host)}:{port}/{token_file}")

    return run_all(settings, loaded, host=host, port=port, concurrency=concurrency, ready=ready)


def poller(invocation: Invocation) -> int:
    """Run the poller alone: it reads the sources.

    Of several, one reads each source, and another takes over within seconds of its death.
    """
    return _role(invocation, "poller")


def worker(
    invocation: Invocation,
    concurrency: ConcurrencyOption = 200,
    burst: Annotated[bool, typer.Option("--burst", help="End when nothing waits any more")] = False,
) -> int:
    """Run one worker: it delivers.

    Start as many as you like, on as many machines.
    """
    return _role(invocation, "worker", concurrency=concurrency, burst=burst)


def web(invocation: Invocation, host: HostOption = "127.0.0.1", port: PortOption = 8080) -> int:
    """Run the web role alone: dashboard, API, metrics, push."""
    _must_be_free(invocation.settings(), host, port)
    return _role(invocation, "web", host=host, port=port)


def _role(invocation: Invocation, role: str, **options: object) -> int:
    from workers.processes import run_role

    settings = invocation.settings()
    return run_role(role, settings, invocation.loaded(settings), **options)


def _must_be_free(settings: Settings, host: str, port: int) -> None:
    """Say what is wrong with the dashboard's address before any process is started for it."""
    if not settings.has_own_token() and not _is_loopback(host):
        raise UsageError(
            f"set LEAD_GATEWAY_ADMIN_TOKEN to listen on {host}: a token made here opens "
            "127.0.0.1 alone"
        )
    must_be_free(host, port)


def must_be_free(host: str, port: int) -> None:
    """Raises :class:`WorkError` for an address that nobody can listen on now."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise WorkError(f"port {port} is taken: choose another with --port") from None
        why = (error.strerror or "can not be used").lower()
        raise WorkError(f"can not listen on {host}:{port}: {why}") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def demo(
    invocation: Invocation,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="End by itself after so long, as 20s"),
    ] = None,
    leads_per_minute: RateOption = 60.0,
    seed: SeedOption = 1,
    port: PortOption = 8080,
) -> int:
    """Watch it all at work on this machine, with invented leads.

    A simulated portal makes leads; the real poller, workers and web carry them to a CRM, a mail
    inbox and a Slack channel that live in this process. Everything ends with Ctrl-C.
    """
    import asyncio

    from gateway.cli.demo_view import DemoView
    from gateway.sandbox.demo import DemoError, run_demo

    seconds = _seconds(duration) if duration else None
    try:
        result = asyncio.run(
            run_demo(
                DemoView(),
                leads_per_minute=leads_per_minute,
                seed=seed,
                port=port,
                seconds=seconds,
            )
        )
    except DemoError as fault:
        raise WorkError(str(fault)) from None
    return 0 if result.is_whole else 1


def _seconds(text: str) -> float:
    from gateway.units import parse_duration

    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"--for: {error}") from None


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(
        app,
        "run",
        heading=HEADING,
        examples=["lead-gateway run", "lead-gateway run --port 9000 --concurrency 400"],
    )(run)
    command(app, "poller", heading=HEADING, examples=["lead-gateway poller"])(poller)
    command(
        app,
        "worker",
        heading=HEADING,
        examples=["lead-gateway worker --concurrency 400", "lead-gateway worker --burst"],
    )(worker)
    command(
        app,
        "web",
        heading=HEADING,
        examples=["LEAD_GATEWAY_ADMIN_TOKEN=… lead-gateway web --host 0.0.0.0"],
    )(web)
    command(
        app,
        "demo",
        heading=HEADING,
        examples=["lead-gateway demo", "lead-gateway demo --for 20s --leads-per-minute 300"],
    )(demo)
