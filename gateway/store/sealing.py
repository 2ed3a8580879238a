"""Personal data at rest: sealed before it is stored, opened when it is read; and keyed hashes.

Owns how a stored value is packed and encrypted, which keys open it, and the hashes by which a
person is found without keeping who it is in the open. Knows no key of the store and no lead.

Values are Fernet tokens (AES-128-CBC, HMAC-SHA256) of deflated bytes, without their base64 where
bytes may stand. Without keys what is long is deflated and nothing is sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gateway.store.connection import StoreUnavailable
from gateway.store.deflating import WORTH_IT, deflate, inflate, is_deflated

_VERSION = 0x80
"""The first byte of every Fernet token, and of no JSON: it can not begin a UTF-8 text."""
_TEXT_MARK = "\x02"
"""Begins a sealed text; no plain text that is kept begins so."""
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")  # Fernet itself takes more than it should


class Unreadable(StoreUnavailable):
    """Something is sealed with a key that is not among the ones given. Nothing is lost: add it."""

    def __init__(self) -> None:
        super().__init__(
            "the store holds data sealed with another key: add the old one to "
            "LEAD_GATEWAY_ENCRYPTION_KEYS"
        )


class BadKey(ValueError):
    """A text that is no encryption key."""


def make_key() -> str:
    """A new key, as ``LEAD_GATEWAY_ENCRYPTION_KEYS`` takes it."""
    return Fernet.generate_key().decode()


def key_name(key: str) -> str:
    """A short name for a key, to speak of it without telling it: 8 hex digits."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


class Seal:
    """Seals with the first of ``keys``, opens with any. Raises :class:`BadKey` for a wrong one."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        if not all(_KEY.fullmatch(key) for key in keys):
            raise BadKey("not an encryption key: make one with lead-gateway keys generate")
        parts = [Fernet(key) for key in keys]
        self.names = tuple(key_name(key) for key in keys)
        """The keys' short names, newest first; empty when nothing is sealed."""
        self.newest = self.names[0] if keys else ""
        """The short name of the key that seals."""
        self._newest = parts[0] if parts else None
        self._all = MultiFernet(parts) if parts else None

    def close(self, plain: bytes) -> bytes:
        """``plain`` as it is stored: deflated if that is worth it, sealed if there is a key."""
        if self._newest is None:
            return deflate(plain) if len(plain) >= WORTH_IT else plain
        packed = deflate(plain)
        return base64.urlsafe_b64decode(self._newest.encrypt(packed))

    def open(self, kept: bytes) -> bytes:
        """What :meth:`close` was given, or what was stored before there were keys.

        Raises :class:`Unreadable`.
        """
        if not is_sealed(kept):
            return inflate(kept) if is_deflated(kept) else kept
        if self._all is None:
            raise Unreadable
        try:
            packed = self._all.decrypt(base64.urlsafe_b64encode(kept))
        except InvalidToken:
            raise Unreadable from None
        return inflate(packed)

    def close_text(self, plain: str) -> str:
        """The same for a text that must stay one; nothing is not worth sealing."""
        if self._newest is None or not plain:
            return plain.removeprefix(_TEXT_MARK)
        packed = deflate(plain.encode("utf-8", "replace"))
        return _TEXT_MARK + self._newest.encrypt(packed).decode()

    def open_text(self, kept: str) -> str:
        """What :meth:`close_text` was given. Raises :class:`Unreadable`."""
        if not kept.startswith(_TEXT_MARK):
            return kept
        if self._all is None:
            raise Unreadable
        try:
            packed = self._all.decrypt(kept[1:])
        except InvalidToken:
            raise Unreadable from None
        return inflate(packed).decode()

    def is_current(self, kept: bytes) -> bool:
        """Whether a stored value is sealed with the newest key (or open, when there is none)."""
        if self._newest is None:
            return not is_sealed(kept)
        if not is_sealed(kept):
            return False
        try:
            self._newest.decrypt(base64.urlsafe_b64encode(kept))
        except InvalidToken:
            return False
        return True

    def is_current_text(self, kept: str) -> bool:
        """The same for a text."""
        if not kept:
            return True
        if self._newest is None or not kept.startswith(_TEXT_MARK):
            return self._newest is None and not kept.startswith(_TEXT_MARK)
        try:
            self._newest.decrypt(kept[1:])
        except InvalidToken:
            return False
        return True


def is_sealed(kept: bytes) -> bool:
    """Whether a stored value is sealed, by whichever key."""
    return kept[:1] == bytes((_VERSION,))


class Marks:
    """Keyed hashes. The key is the store's own, made once and kept sealed: it outlives rotation."""

    def __init__(self) -> None:
        self._secret = b""

    def hold(self, secret: bytes) -> None:
        """Take the store's key; before that nothing can be hashed."""
        self._secret = secret

    @property
    def secret(self) -> bytes:
        """The store's key of 32 bytes."""
        if not self._secret:
            raise StoreUnavailable("the store was never reached")
        return self._secret

    def of(self, kind: str, value: str) -> str:
        """The hash of a value of some kind: 16 hex digits, the same in every process."""
        text = f"{kind}\x00{value}".encode("utf-8", "replace")
        return hmac.digest(self.secret, text, "sha256").hex()[:16]
