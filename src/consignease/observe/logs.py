"""The log: one line for one thing, as JSON or as text, without secrets.

Everybody logs through the standard library. Here each record, ours or a
library's, becomes an event with its ids beside it (what was given as `extra`),
is stripped of secrets, and is written once.
"""

import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.typing import Processor

MASK = "[masked]"

_SECRET_NAMES = re.compile(
    r"(?i)authorization|cookie|password|passwd|secret|token|api_?key|private|signature|credential"
)
_SECRETS = re.compile(
    r"""
      \b(?:whsec|whsk|sk_live|sk_test|sk|ck)_[A-Za-z0-9+/=_-]{8,}   # signing secrets and keys
    | (?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}              # credentials of a request
    | \beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*        # tokens (JWT)
    | \bv1a?,[A-Za-z0-9+/=]{20,}                                    # signatures of deliveries
    | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)                               # credentials in a URL
    | (?<=[?&]setup=)[A-Za-z0-9_-]+                                 # the one-time link
    """,
    re.VERBOSE,
)


def mask(value: Any) -> Any:
    """Return a value with everything that looks like a secret replaced, however deep it is."""
    if isinstance(value, str):
        return _SECRETS.sub(MASK, value)
    if isinstance(value, bytes):
        return mask(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {
            key: MASK if isinstance(key, str) and _SECRET_NAMES.search(key) else mask(inner)
            for key, inner in items
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(inner) for inner in cast("list[object]", value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    return mask(str(value))


def mask_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask what an event holds; the last step before it is written."""
    return cast("dict[str, Any]", mask(event))


def _as_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    first = {name: event.pop(name) for name in ("timestamp", "level", "logger", "event")}
    return json.dumps({**first, **event}, ensure_ascii=False)


def _as_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    stamp, level = event.pop("timestamp"), event.pop("level").upper()
    line = f"{stamp} {level:<8} {event.pop('logger')}: {event.pop('event')}"
    trace = event.pop("exception", "")
    line += "".join(f" {name}={value}" for name, value in event.items())
    return f"{line}\n{trace}" if trace else line


def configure(stream: TextIO, *, level: str, form: str) -> logging.Handler:
    """Write every record of this process to a stream, once.

    Args:
        stream: Where to.
        level: The least level that is written.
        form: ``json`` (one object a line), ``text``, or empty: text on a
            terminal, else JSON.

    Returns:
        The one handler, which was put in the place of others.
    """
    as_json = form == "json" or (not form and not stream.isatty())
    steps: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                mask_secrets,
                _as_json if as_json else _as_text,
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for chatty in ("alembic", "uvicorn", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler
