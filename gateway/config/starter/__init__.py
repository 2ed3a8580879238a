"""The files that ``lead-gateway init`` writes: a commented gateway.yaml and its ``.env``.

Never overwrites by itself, and writes both or none.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

PLACEHOLDER = "change-me"
"""What stands in the starter's ``.env`` where only the user knows the value."""

_HERE = Path(__file__).parent
_FRESH = "{signing secret}"
_MODES = {"gateway.yaml": 0o644, ".env": 0o600}


class StarterExistsError(FileExistsError):
    """A file of this name is there already; nothing was written."""


def write_starter(directory: Path, *, force: bool = False) -> list[Path]:
    """Write ``gateway.yaml`` and ``.env`` into ``directory``; the paths that were written.

    Raises :class:`StarterExistsError` when one of them exists, unless ``force``; OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    texts = {directory / "gateway.yaml": _text("gateway.yaml"), directory / ".env": _text("env")}
    there = [path for path in texts if path.exists() or path.is_symlink()]
    if there and not force:
        names = " and ".join(str(path) for path in there)
        verb = "exists" if len(there) == 1 else "exist"
        raise StarterExistsError(f"{names} {verb} already: nothing was written")
    for path, text in texts.items():
        _write(path, text, _MODES[path.name])
    return list(texts)


def _text(name: str) -> str:
    text = (_HERE / name).read_text(encoding="utf-8")
    key = base64.b64encode(secrets.token_bytes(24)).decode()
    return text.replace(_FRESH, f"whsec_{key}")


def _write(path: Path, text: str, mode: int) -> None:
    # Complete or not at all, and never readable by others for a moment: it will hold secrets.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
