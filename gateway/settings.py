"""What the environment says (contract §3): where things are, who may sign in, how to log.

Owns the names of the variables and what they may hold. Never reads ``gateway.yaml``.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from gateway.store import DEFAULT_NAMESPACE, BadKey, Seal
from gateway.tokens import AdminTokens, parse_tokens

SHORT_TOKEN = 16
"""Characters below which a token is said to be short."""
_LEVELS = ("debug", "info", "warning", "error")
_SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SettingsError(ValueError):
    """An environment variable that can not be used; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of one process, read once. What may be secret never shows in its repr."""

    config_path: Path
    data_dir: Path
    environ: Mapping[str, str] = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    namespace: str = DEFAULT_NAMESPACE
    admin_token: str | None = field(default=None, repr=False)
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    """Newest first; none: personal data is stored in the open."""
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
        merged = {**_beside(path), **real}

        def value(name: str) -> str | None:
            return merged.get(name, "").strip() or None

        settings = cls(
            config_path=path,
            data_dir=Path(value("LEAD_GATEWAY_DATA_DIR") or ".lead-gateway"),
            environ=merged,
            redis_url=value("REDIS_URL"),
            namespace=value("LEAD_GATEWAY_NAMESPACE") or DEFAULT_NAMESPACE,
            admin_token=value("LEAD_GATEWAY_ADMIN_TOKEN"),
            encryption_keys=_listed(value("LEAD_GATEWAY_ENCRYPTION_KEYS")),
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
        if not _NAMESPACE.fullmatch(self.namespace):
            raise SettingsError(
                "LEAD_GATEWAY_NAMESPACE: write letters, digits, dots, - and _, at most 64"
            )
        if self.log_format not in ("console", "json"):
            raise SettingsError("LEAD_GATEWAY_LOG_FORMAT: write console or json")
        if self.log_level not in _LEVELS:
            raise SettingsError(f"LEAD_GATEWAY_LOG_LEVEL: write one of {', '.join(_LEVELS)}")
        if self.public_url and not self.public_url.startswith(("http://", "https://")):
            raise SettingsError("LEAD_GATEWAY_PUBLIC_URL: write a URL with http:// or https://")
        try:
            parse_tokens(self.admin_token or "")
        except ValueError as error:
            raise SettingsError(f"LEAD_GATEWAY_ADMIN_TOKEN: {error}") from None
        for number, key in enumerate(self.encryption_keys, 1):
            try:
                Seal([key])
            except BadKey as error:
                raise SettingsError(
                    f"LEAD_GATEWAY_ENCRYPTION_KEYS: number {number} is {error}"
                ) from None

    def warnings(self) -> list[str]:
        """What works and should not stay as it is, a sentence each."""
        found = []
        if not self.encryption_keys:
            found.append(
                "personal data is stored unencrypted: set LEAD_GATEWAY_ENCRYPTION_KEYS "
                "(lead-gateway keys generate makes one)"
            )
        found += [
            f"the admin token of {token.name} is short and could be guessed: use "
            "openssl rand -base64 32"
            for token in parse_tokens(self.admin_token or "")
            if len(token.value) < SHORT_TOKEN
        ]
        return found

    @property
    def token_file(self) -> Path:
        """Where more tokens may stand; read again whenever it changes."""
        return self.data_dir / "admin-token"

    def has_own_token(self) -> bool:
        """Whether somebody chose a token: only then may the web listen beyond this machine."""
        if self.admin_token:
            return True
        return any(token.named for token in AdminTokens(file=self.token_file).all())

    def tokens(self) -> AdminTokens:
        """Every admin token; one is made in the data directory when none is set, and kept there."""
        given = parse_tokens(self.admin_token or "")
        tokens = AdminTokens(given, self.token_file)
        if not tokens.all():
            self._make_token(self.token_file)
            tokens = AdminTokens(given, self.token_file)
        return tokens

    def token(self) -> str:
        """One admin token, to sign in with."""
        return self.tokens().all()[0].value

    def _make_token(self, path: Path) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Complete before it has its name: of several roles that start at once, one wins, and
        # none ever reads half a token.
        descriptor, draft = tempfile.mkstemp(prefix=".admin-token-", dir=self.data_dir)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24) + "\n")
            try:
                os.link(draft, path)
            except FileExistsError:
                if not _kept(path):
                    Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _kept(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _beside(config: Path) -> dict[str, str]:
    """The ``.env`` next to the configuration; values stand as written, a ``$`` too."""
    path = config.resolve().parent / ".env"
    if not path.is_file():
        return {}
    try:
        found = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{path}: can not be read as UTF-8 text") from None
    return {name: value for name, value in found.items() if value is not None}
