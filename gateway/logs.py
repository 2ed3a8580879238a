"""Logs: one line per event on stderr, structured, with nothing personal in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from gateway.masking import mask
from gateway.settings import Settings


def setup_logs(settings: Settings, role: str) -> None:
    """Configure logging for this process, the libraries' own included."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _masked,
    ]
    if settings.log_format == "json":
        renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=28, exception_formatter=lambda *_: None
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Chatty below a warning, and their debug lines quote what they carry.
    for name in ("uvicorn", "uvicorn.error", "aiohttp", "httpx", "httpcore", "asyncio", "mail.log",
                 "aiosmtplib", "rq", "sse_starlette", "python_multipart", "hpack"):  # fmt: skip
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(role=role)


def _masked(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key not in ("at", "level", "delivery"):
            event[key] = mask(value)
    return event
