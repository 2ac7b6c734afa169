"""Every setting of the server: one struct, filled from defaults, a file, the environment, flags.

Each field is a key of the TOML file as it stands, and an environment variable
as ``CONSIGNEASE_`` and its name in capitals. Flags win over the environment,
the environment over the file.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from consignease.domain.health import DISABLE_AFTER_MS
from consignease.domain.retention import DAY_MS, HOUR_MS, Keep
from consignease.domain.retry import DEFAULT_SCHEDULE

PREFIX = "CONSIGNEASE_"

_DOMAIN = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(:\d+)?"
)


_KEPT = (
    "payload_days",
    "code_hours",
    "attempt_days",
    "message_days",
    "backlog_days",
    "backlog_deliveries",
    "backlog_bytes",
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
        workers: How many server processes `consignease serve` keeps running, all on the one
            database of `database_url`.
        disable_after: Seconds for which an endpoint may do nothing but fail before it
            is disabled; 0 for never.
        silence_alert: Seconds after which it is reported that nothing was delivered
            although messages wait; 0 for never.
        smtp_url: Mail server for notices to administrators, such as
            ``smtps://user:password@mail.example.com``; no mail if it is empty.
        smtp_from: Whom that mail is from.
        grace: Seconds that requests in flight may take to finish when the server stops.
        payload_days: Days after which a message's payload is forgotten, unless it came
            with a time of its own; 0 for never.
        code_hours: Hours after which the payload of an email or sms event is forgotten,
            because it holds a code; 0 for as late as any other.
        attempt_days: Days after which a message's attempts are removed; 0 for never.
        message_days: Days after which a message itself and its deliveries are removed;
            0 for never.
        backlog_days: Days for which a disabled or paused endpoint's deliveries wait
            before they are dropped; 0 for any time.
        backlog_deliveries: How many deliveries of a disabled or paused endpoint wait at
            most; the oldest are dropped. 0 for any number.
        backlog_bytes: How many bytes of payloads of such deliveries wait at most for one
            endpoint, unless it has a number of its own; the oldest are dropped. 0 for any number.
        erase_deleted_users: Whether the payloads of all events about a user are forgotten
            once the user is deleted and they have been delivered.
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
    tunnel_domain: str = ""
    svix_relay: bool = False
    retry_schedule: list[float] = msgspec.field(
        default_factory=lambda: [delay / 1000 for delay in DEFAULT_SCHEDULE]
    )
    delivery_timeout: float = 15.0
    endpoint_concurrency: int = 64
    workers: int = 1
    disable_after: float = DISABLE_AFTER_MS / 1000
    silence_alert: float = 0.0
    smtp_url: str = ""
    smtp_from: str = ""
    grace: float = 20.0
    payload_days: int = 90
    code_hours: int = 24
    attempt_days: int = 90
    message_days: int = 180
    backlog_days: int = 14
    backlog_deliveries: int = 500_000
    backlog_bytes: int = 1_000_000_000
    erase_deleted_users: bool = False
    log_level: str = "info"
    log_format: str = ""
    metrics_token: str = ""
    traces_url: str = ""
    worker_port: int = 0

    @property
    def keep(self) -> Keep:
        """For how long what is kept."""

        def times(count: int, unit: int) -> int | None:
            return count * unit if count else None

        return Keep(
            bodies=times(self.payload_days, DAY_MS),
            codes=times(self.code_hours, HOUR_MS),
            attempts=times(self.attempt_days, DAY_MS),
            messages=times(self.message_days, DAY_MS),
            backlog=times(self.backlog_days, DAY_MS),
            backlog_deliveries=self.backlog_deliveries or None,
            backlog_bytes=self.backlog_bytes or None,
            deleted_users=not self.erase_deleted_users,
        )


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
    for words, good in _rules(settings):
        if not good:
            raise SettingsError(words)


def _rules(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Say what must hold, and whether it does."""
    words = "port and worker_port are numbers from 0 to 65535."
    yield words, all(0 <= port <= 65535 for port in (settings.port, settings.worker_port))
    yield "endpoint_concurrency is at least 1.", settings.endpoint_concurrency >= 1
    yield "workers is at least 1.", settings.workers >= 1
    in_time = 0 < settings.delivery_timeout <= 60
    yield "delivery_timeout is more than 0 and at most 60 seconds.", in_time
    words = "retry_schedule is a list of seconds, none of them negative."
    yield words, all(delay >= 0 for delay in settings.retry_schedule)
    words = f"{', '.join(_KEPT)} are numbers, 0 for no limit."
    yield words, all(getattr(settings, name) >= 0 for name in _KEPT)
    words = "log_level is debug, info, warning or error."
    yield words, settings.log_level in {"debug", "info", "warning", "error"}
    words = "log_format is json or text; leave it empty for what suits where the log goes."
    yield words, settings.log_format in {"", "json", "text"}
    token = settings.metrics_token
    yield "metrics_token is at least 16 characters.", not token or len(token) >= 16
    words = "database_url begins with postgresql://; leave it empty for SQLite."
    url = settings.database_url
    yield words, not url or url.startswith(("postgresql://", "postgres://"))
    yield "tls_cert and tls_key go together.", bool(settings.tls_cert) == bool(settings.tls_key)
    words = "disable_after and silence_alert are seconds; 0 for never."
    yield words, settings.disable_after >= 0 and settings.silence_alert >= 0
    yield "smtp_url and smtp_from go together.", bool(settings.smtp_url) == bool(settings.smtp_from)
    words = "smtp_url begins with smtp:// or smtps://."
    yield words, not settings.smtp_url or settings.smtp_url.startswith(("smtp://", "smtps://"))
    words = "tunnel_domain is a host name whose subdomains are tunnels, such as t.example.net."
    domain = settings.tunnel_domain
    yield words, not domain or _DOMAIN.fullmatch(domain) is not None
    words = "tunnel_domain must not hold the server's own host: tunnels get another domain."
    yield words, not domain or not _holds(domain, settings.public_url)


def _holds(domain: str, public_url: str) -> bool:
    """Whether the server's own host is the domain or one of its subdomains."""
    host = urlsplit(public_url).hostname or ""
    return f".{host}".endswith(f".{domain.partition(':')[0]}")
