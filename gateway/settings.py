"""What the environment says (contract §3): where things are, who may sign in, how to log."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from gateway.store import DEFAULT_NAMESPACE

_LEVELS = ("debug", "info", "warning", "error")
_SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")


class SettingsError(ValueError):
    """An environment variable that can not be used; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of one process, read once."""

    config_path: Path
    data_dir: Path
    environ: Mapping[str, str]
    redis_url: str | None = None
    namespace: str = DEFAULT_NAMESPACE
    admin_token: str | None = None
    public_url: str | None = None
    log_format: str = "console"
    log_level: str = "info"

    @classmethod
    def read(
        cls, environ: Mapping[str, str] | None = None, *, config: Path | None = None
    ) -> Settings:
        """Read the environment and the ``.env`` beside the configuration, which never overrides it.

        Raises :class:`SettingsError`.
        """
        real = dict(os.environ if environ is None else environ)
        path = config or Path(real.get("LEAD_GATEWAY_CONFIG") or "gateway.yaml")
        beside = path.resolve().parent / ".env"
        found = dotenv_values(beside, interpolate=False) if beside.is_file() else {}
        merged = {**{k: v for k, v in found.items() if v is not None}, **real}

        def value(name: str) -> str | None:
            return merged.get(name, "").strip() or None

        settings = cls(
            config_path=path,
            data_dir=Path(value("LEAD_GATEWAY_DATA_DIR") or ".lead-gateway"),
            environ=merged,
            redis_url=value("REDIS_URL"),
            namespace=value("LEAD_GATEWAY_NAMESPACE") or DEFAULT_NAMESPACE,
            admin_token=value("LEAD_GATEWAY_ADMIN_TOKEN"),
            public_url=value("LEAD_GATEWAY_PUBLIC_URL"),
            log_format=(value("LEAD_GATEWAY_LOG_FORMAT") or "console").lower(),
            log_level=(value("LEAD_GATEWAY_LOG_LEVEL") or "info").lower(),
        )
        settings._check()
        return settings

    def _check(self) -> None:
        if self.redis_url and not self.redis_url.startswith(_SCHEMES):
            raise SettingsError(
                "REDIS_URL: write redis://, rediss://, unix:// or redis+sentinel://; "
                "cluster mode is not supported"
            )
        if self.log_format not in ("console", "json"):
            raise SettingsError("LEAD_GATEWAY_LOG_FORMAT: write console or json")
        if self.log_level not in _LEVELS:
            raise SettingsError(f"LEAD_GATEWAY_LOG_LEVEL: write one of {', '.join(_LEVELS)}")
        if self.public_url and not self.public_url.startswith(("http://", "https://")):
            raise SettingsError("LEAD_GATEWAY_PUBLIC_URL: write a URL with http:// or https://")

    def token(self) -> str:
        """The admin token; one is made in the data directory when none is set, and kept there."""
        if self.admin_token:
            return self.admin_token
        path = self.data_dir / "admin-token"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = secrets.token_urlsafe(24)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(made + "\n")
        return made
