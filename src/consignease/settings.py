"""Every setting of the server: one struct, filled from defaults, a file, the environment, flags.

Each field is a key of the TOML file as it stands, and an environment variable
as ``CONSIGNEASE_`` and its name in capitals. Flags win over the environment,
the environment over the file.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from consignease.domain.retry import DEFAULT_SCHEDULE

PREFIX = "CONSIGNEASE_"


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
        retry_schedule: Seconds to wait after each failed try.
        delivery_timeout: Seconds that one try may take in all.
        endpoint_concurrency: Requests in flight to one endpoint at most.
        grace: Seconds that requests in flight may take to finish when the server stops.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``json`` or ``text``; if it is empty, text on a terminal, else JSON.
        metrics_token: Who sends it as a bearer token may read ``/metrics`` and the words of
            ``/health`` from anywhere, as may who sends an instance's secret key; without one
            only this machine may.
        traces_url: Where traces are sent, as OTLP over HTTP, such as
            ``http://127.0.0.1:4318/v1/traces``; needs the extra ``otel``. None are made if
            it is empty.
        worker_port: Port of 127.0.0.1 on which ``consignease worker`` answers ``/metrics``
            and ``/health``; 0 for none.
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
    retry_schedule: list[float] = msgspec.field(
        default_factory=lambda: [delay / 1000 for delay in DEFAULT_SCHEDULE]
    )
    delivery_timeout: float = 15.0
    endpoint_concurrency: int = 64
    grace: float = 20.0
    log_level: str = "info"
    log_format: str = ""
    metrics_token: str = ""
    traces_url: str = ""
    worker_port: int = 0


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
    if not all(0 <= port <= 65535 for port in (settings.port, settings.worker_port)):
        msg = "port and worker_port are numbers from 0 to 65535."
    elif settings.endpoint_concurrency < 1:
        msg = "endpoint_concurrency is at least 1."
    elif not 0 < settings.delivery_timeout <= 60:
        msg = "delivery_timeout is more than 0 and at most 60 seconds."
    elif any(delay < 0 for delay in settings.retry_schedule):
        msg = "retry_schedule is a list of seconds, none of them negative."
    elif settings.log_level not in {"debug", "info", "warning", "error"}:
        msg = "log_level is debug, info, warning or error."
    elif settings.log_format not in {"", "json", "text"}:
        msg = "log_format is json or text; leave it empty for what suits where the log goes."
    elif settings.metrics_token and len(settings.metrics_token) < 16:
        msg = "metrics_token is at least 16 characters."
    elif settings.database_url and not settings.database_url.startswith(
        ("postgresql://", "postgres://")
    ):
        msg = "database_url begins with postgresql://; leave it empty for SQLite."
    elif bool(settings.tls_cert) != bool(settings.tls_key):
        msg = "tls_cert and tls_key go together."
    else:
        return
    raise SettingsError(msg)
