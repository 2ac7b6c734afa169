"""Static files: read once, served from memory, kept by browsers for a year."""

import gzip
from functools import cache

from starlette.responses import PlainTextResponse, Response

from consignease.dashboard.render import STATIC

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    return {
        path.relative_to(STATIC).as_posix(): (
            gzip.compress(path.read_bytes(), mtime=0),
            _TYPES[path.suffix],
        )
        for path in STATIC.rglob("*")
        if path.suffix in _TYPES
    }


def file(name: str) -> Response:
    """Answer with a static file."""
    found = _files().get(name)
    if found is None:
        return PlainTextResponse("There is no such file.\n", 404)
    body, kind = found
    headers = {
        "cache-control": "public, max-age=31536000, immutable",
        "content-encoding": "gzip",
        "content-type": kind,
    }
    return Response(body, headers=headers)
