"""Logs: one line per event on stderr, structured, with nothing personal in it.

Owns the form of a line and the last net under it: e-mail addresses, phone numbers and credentials
are masked wherever they stand, in our events and in the libraries'. Never decides what is said.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from gateway.masking import mask
from gateway.settings import Settings

_TALKATIVE = (
    "aiohttp", "aiosmtplib", "asyncio", "hpack", "httpcore", "httpx", "mail.log",
    "python_multipart", "rq", "sse_starlette", "uvicorn", "uvicorn.access", "uvicorn.error",
)  # fmt: skip
"""Libraries that are silent below a warning: their lower levels quote what they carry."""

# A line break or an escape sequence inside a value would let a portal's text forge a line.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_OURS = frozenset({"at", "level", "role", "_record"})


def setup_logs(settings: Settings, role: str) -> None:
    """Configure logging for this process, the libraries' too; each line names ``role``."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        masked,
    ]
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
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(settings.log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(level, logging.WARNING))
    structlog.contextvars.bind_contextvars(role=role)


def _renderer(form: str) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), timestamp_key="at", pad_event_to=28
    )


def masked(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: personal data, credentials and control characters taken out."""
    for key, value in event.items():
        if key == "exception":
            event[key] = mask(str(value))
        elif key not in _OURS:
            event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return _CONTROLS.sub(" ", mask(value))
    if isinstance(value, Mapping):
        return {str(key): _masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(item) for item in value]
    return _CONTROLS.sub(" ", mask(str(value)))
