"""Every setting of the server: one struct, filled from defaults, a file, the environment, flags.

Each field is a key of the TOML file as it stands, and an environment variable
as ``CONSIGNEASE_`` and its name in capitals. Flags win over the environment,
the environment over the file.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from consignease.domain.retry import DEFAULT_SCHEDULE

PREFIX = "CONSIGNEASE_"

_DOMAIN = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(:\d+)?"
)


class SettingsError(ValueError):
    """A setting cannot be used; says which one, and what it should be."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        data_dir: Folder of the database, the keys and the key ring.
        database_url: The PostgreSQL database, ``postgresql://user@host/name``; the
            SQLite file in the data folder if it is empty.
        public_url: Where users and applications reach the server from outside.
        tls_cert: PEM file with the certificate chain, if the server itself speaks TLS.
        tls_key: PEM file with its private key.
        behind_proxy: Whether a proxy in front of the server speaks TLS.
        trusted_proxies: Addresses or networks whose X-Forwarded-For is believed.
        allow_subnets: Private networks that production endpoints may be in.
        tunnel_domain: Domain whose subdomains are tunnels, such as ``t.example.net``, with a
            port if that is not the server's; below ``/t/…`` of the server if it is empty.
        svix_relay: Whether the command lines of Svix and Clerk may forward events
            (``/api/v1/listen/``), and inboxes take requests (``/in/…``). Whoever knows
            a token may use its inbox: there is no login. On by default in ``consignease dev``.
        retry_schedule: Seconds to wait after each failed try.
        delivery_timeout: Seconds that one try may take in all.
        endpoint_concurrency: Requests in flight to one endpoint at most.
        grace: Seconds that requests in flight may take to finish when the server stops.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
    """

    host: str = "127.0.0.1"
    port: int = 4010
    data_dir: str = ".consignease"
    database_url: str = ""
    public_url: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    trusted_proxies: list[str] = []
    allow_subnets: list[str] = []
    tunnel_domain: str = ""
    svix_relay: bool = False
    retry_schedule: list[float] = msgspec.field(
        default_factory=lambda: [delay / 1000 for delay in DEFAULT_SCHEDULE]
    )
    delivery_timeout: float = 15.0
    endpoint_concurrency: int = 64
    grace: float = 20.0
    log_level: str = "info"


def load(
    *,
    file: Path | None = None,
    environment: Mapping[str, str],
    flags: Mapping[str, object],
) -> Settings:
    """Gather the settings.

    Args:
        file: A TOML file, or None.
        environment: The process's environment.
        flags: What was given on the command line; None values count as not given.

    Raises:
        SettingsError: the file cannot be read, or a value does not fit.
    """
    values: dict[str, object] = {}
    if file is not None:
        values.update(_from_file(file))
    values.update(_from_environment(environment))
    values.update({name: value for name, value in flags.items() if value is not None})
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        msg = f"A setting cannot be used: {error}."
        raise SettingsError(msg) from None
    _check(settings)
    return settings


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"The settings file {file} cannot be read: {error.strerror}."
        raise SettingsError(msg) from None
    except tomllib.TOMLDecodeError as error:
        msg = f"The settings file {file} is not valid TOML: {error}."
        raise SettingsError(msg) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        text = environment.get(PREFIX + field.name.upper())
        if text is None:
            continue
        is_list = isinstance(msgspec.inspect.type_info(field.type), msgspec.inspect.ListType)
        values[field.name] = (
            [part.strip() for part in text.split(",") if part.strip()] if is_list else text
        )
    return values


def _check(settings: Settings) -> None:
    if not 0 <= settings.port <= 65535:
        msg = "port is a number from 0 to 65535."
    elif settings.endpoint_concurrency < 1:
        msg = "endpoint_concurrency is at least 1."
    elif not 0 < settings.delivery_timeout <= 60:
        msg = "delivery_timeout is more than 0 and at most 60 seconds."
    elif any(delay < 0 for delay in settings.retry_schedule):
        msg = "retry_schedule is a list of seconds, none of them negative."
    elif settings.log_level not in {"debug", "info", "warning", "error"}:
        msg = "log_level is debug, info, warning or error."
    elif settings.database_url and not settings.database_url.startswith(
        ("postgresql://", "postgres://")
    ):
        msg = "database_url begins with postgresql://; leave it empty for SQLite."
    elif bool(settings.tls_cert) != bool(settings.tls_key):
        msg = "tls_cert and tls_key go together."
    elif settings.tunnel_domain and not _DOMAIN.fullmatch(settings.tunnel_domain):
        msg = "tunnel_domain is a host name whose subdomains are tunnels, such as t.example.net."
    elif settings.tunnel_domain and _holds(settings.tunnel_domain, settings.public_url):
        msg = "tunnel_domain must not hold the server's own host: tunnels get another domain."
    else:
        return
    raise SettingsError(msg)


def _holds(domain: str, public_url: str) -> bool:
    """Whether the server's own host is the domain or one of its subdomains."""
    host = urlsplit(public_url).hostname or ""
    return f".{host}".endswith(f".{domain.partition(':')[0]}")
