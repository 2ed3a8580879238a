"""The starter configuration that ``lead-gateway init`` writes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def write_starter(directory: Path) -> list[Path]:
    """Write ``gateway.yaml`` and ``.env``. Raises FileExistsError before writing anything."""
    wanted = {"gateway.yaml": directory / "gateway.yaml", "env": directory / ".env"}
    for path in wanted.values():
        if path.exists():
            raise FileExistsError(str(path))
    for name, path in wanted.items():
        text = (resources.files("gateway.config.starter") / name).read_text("utf-8")
        path.touch(mode=0o600 if name == "env" else 0o644)
        path.write_text(text, "utf-8")
    return list(wanted.values())
