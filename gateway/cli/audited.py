"""What commands do, written into the audit log under the name of whoever runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.store import Store


def somebody() -> str:
    """The account of this machine that runs the command."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's number without a name
        return f"uid {os.getuid()}"


async def note(store: Store, did: str, target: str = "", count: int | None = None) -> None:
    """Write one deed down. Raises StoreUnavailable."""
    await store.audit.note(somebody(), "command", did, target, count)
