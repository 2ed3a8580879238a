"""Styles, scripts and the icon, read once at start and served from memory under a name that changes
with their content, so that a browser may keep them for good."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_SERVED = (".css", ".js", ".svg", ".png", ".woff2", ".webmanifest")


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes
    media_type: str
    version: str


class Static:
    """The files of one folder. What is not in it when the process starts does not exist."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _SERVED
        }

    def url(self, name: str) -> str:
        """Where a file is served, with its version."""
        return f"/static/{name}?v={self._files[name].version}"

    async def __call__(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            return Response(status_code=404)
        current = request.query_params.get("v") == file.version
        headers = {
            "cache-control": "public, max-age=31536000, immutable" if current else "no-cache",
            "etag": f'"{file.version}"',
            "vary": "accept-encoding",
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(file.packed, media_type=file.media_type, headers=headers)
        return Response(file.body, media_type=file.media_type, headers=headers)


def _read(path: Path) -> _File:
    body = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    version = hashlib.sha256(body).hexdigest()[:12]
    return _File(body, gzip.compress(body, 9, mtime=0), media_type, version)
