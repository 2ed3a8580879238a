"""What went wrong, in one sentence, and the exit code that goes with it.

Owns the words for faults that no single command owns: a store that is away, a configuration that
can not be used, a file that can not be read. Never prints.
"""

from __future__ import annotations

from typing import Any

import typer

from gateway.cli import FAILED, INTERRUPTED, USAGE


class WorkError(Exception):
    """The command did not do what it was asked to; the text says what to do. Exit code 1."""


class UsageError(Exception):
    """The command was called wrongly; the text says how to call it. Exit code 2."""


def explain(error: BaseException) -> tuple[int, list[str]]:
    """The exit code and the sentences for whatever ended a command early."""
    if isinstance(error, SystemExit):
        return (error.code if isinstance(error.code, int) else FAILED), []
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return INTERRUPTED, []
    if isinstance(error, UsageError):
        return USAGE, [str(error)]
    if isinstance(error, WorkError):
        return FAILED, [str(error)]
    if isinstance(error, typer.TyperException):
        return error.exit_code, [_usage(error)]
    return _of_the_rooms(error)


def _usage(error: typer.TyperException) -> str:
    """What the parser found, with the help page that tells more."""
    text = " ".join(error.format_message().split()).rstrip(".")
    context: Any = getattr(error, "ctx", None)
    page = f" (see {context.command_path} --help)" if context is not None else ""
    return (text[:1].lower() + text[1:] if text[1:2].islower() else text) + page


def _of_the_rooms(error: BaseException) -> tuple[int, list[str]]:
    from gateway.config import ConfigError
    from gateway.embedded import EmbeddedError
    from gateway.settings import SettingsError
    from gateway.store import BadCursor, FormatTooNew, KeyMissing, StoreUnavailable

    if isinstance(error, ConfigError):
        return USAGE, [str(fault) for fault in error.faults]
    if isinstance(error, (SettingsError, BadCursor)):
        return USAGE, [str(error)]
    if isinstance(error, StoreUnavailable):
        return FAILED, [f"{error}: is it running, and is REDIS_URL right?"]
    if isinstance(error, KeyMissing):
        return USAGE, [str(error)]
    if isinstance(error, (EmbeddedError, FormatTooNew)):
        return FAILED, [str(error)]
    if isinstance(error, OSError):
        what = (error.strerror or type(error).__name__).lower()
        return FAILED, [f"{error.filename}: {what}" if error.filename else what]
    # A fault of ours. Its own text may quote a lead, so only its kind is said.
    kind = type(error).__name__
    return FAILED, [f"unexpected fault ({kind}): run it again with --debug and report what it says"]
