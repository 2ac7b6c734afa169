"""Templates become pages: Jinja2 with everything escaped, and the filters that pages use."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from consignease.dashboard import words

ROOT = Path(__file__).parent
STATIC = ROOT / "static"

_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<str>"(?:[^"\\]|\\.)*")'
    r"|(?P<num>-?\d[\d.eE+-]*)|(?P<lit>true|false|null)"
)


COLOURED = 64_000
"""Longest JSON that is coloured, in characters when indented: it takes us and browsers time."""


@cache
def asset(name: str, base: str = "/dashboard") -> str:
    """Return the address of a static file, which changes with its content."""
    return f"{base}/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


def json_html(raw: bytes | str | None) -> Markup:
    """Return JSON indented and, unless it is very long, coloured; what is no JSON as it is."""
    text, is_json = _indented(raw)
    if not is_json or len(text) > COLOURED:
        return escape(text)
    # Between the tokens of JSON there is nothing that HTML would mistake.
    return Markup(_TOKEN.sub(_coloured, text))  # noqa: S704 - tokens are escaped one by one


def _coloured(found: "re.Match[str]") -> str:
    return f'<span class="j-{found.lastgroup}">{escape(found[0])}</span>'


def json_text(raw: bytes | str | None) -> str:
    """Return JSON indented, for a field to edit it in; what is no JSON as it is."""
    return _indented(raw)[0]


def _indented(raw: bytes | str | None) -> tuple[str, bool]:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw or ""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False), True
    except (ValueError, RecursionError):
        return text, False


def when(at: int | None, now: int) -> Markup:
    """Return a time as words that tell how long ago it was, the exact time with them."""
    if at is None:
        return Markup('<span class="faint">never</span>')
    moment = datetime.fromtimestamp(at / 1000, UTC)
    stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        stamp, exact, words.distance(at - now)
    )


class Renderer:
    """Makes pages of templates."""

    def __init__(self) -> None:
        self._env = Environment(
            loader=FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        filters: dict[str, Any] = {
            "json_html": json_html,
            "json_text": json_text,
            "when": when,
            "number": words.number,
            "size": words.size,
            "micros": words.micros,
            "share": words.share,
        }
        known: dict[str, Any] = {"asset": asset, "words": words}
        self._env.filters.update(filters)
        self._env.globals.update(known)

    def text(self, template: str, values: dict[str, Any]) -> str:
        """Render a template."""
        return self._env.get_template(template).render(values)
