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


@cache
def asset(name: str, base: str = "/dashboard") -> str:
    """Return the address of a static file, which changes with its content."""
    return f"{base}/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


def json_html(raw: bytes | str | None) -> Markup:
    """Return JSON indented and coloured; what is no JSON as it is."""
    text = json_text(raw)
    if text[:1] not in {"{", "["}:
        return escape(text)
    parts: list[str | Markup] = []
    at = 0
    for found in _TOKEN.finditer(text):
        parts += (
            escape(text[at : found.start()]),
            Markup('<span class="j-{}">{}</span>').format(found.lastgroup, found[0]),
        )
        at = found.end()
    parts.append(escape(text[at:]))
    return Markup("").join(parts)


def json_text(raw: bytes | str | None) -> str:
    """Return JSON indented, for a field to edit it in; what is no JSON as it is."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw or ""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


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
