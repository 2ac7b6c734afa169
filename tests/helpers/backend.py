"""The Backend API in this process: a real store, a clock that is set, no sockets."""

import asyncio
import contextlib
import functools
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consignease.api.clerk_backend import OPS, ClerkDialect
from consignease.api.dispatch import Api
from consignease.api.ops import Services
from consignease.app.instances import NewInstance, set_up
from consignease.domain.access import Caller
from consignease.domain.instances import Instance
from consignease.edge.digests import is_foreign, verify
from consignease.edge.vault import Vault
from consignease.store.database import migrate
from consignease.store.engine import Store
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from tests.helpers.databases import POSTGRES, open_store

KEY = "sk_live_test"
OTHER_KEY = "sk_live_other"
VAULT = Vault({1: bytes(32)})
START = 1_790_000_000_000
HOST = "dev.consignease.localhost"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The one error of an error answer, which must have the official shape."""
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) == {"errors", "meta", "clerk_trace_id"}
        assert self.json["clerk_trace_id"] == self.headers["x-clerk-trace-id"]
        assert len(self.json["clerk_trace_id"]) == 32
        (error,) = self.json["errors"]
        assert set(error) == {"code", "message", "long_message", "meta"}
        assert all(error[name] for name in ("code", "message", "long_message"))
        return error


@dataclass
class Backend:
    """One server's worth of parts."""

    store: Store
    instances: dict[str, Instance]
    now: int = START
    hashed: list[str] = field(default_factory=list[str])
    seen: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def __post_init__(self) -> None:
        self.api = Api(OPS, ClerkDialect(), self.services())

    @property
    def instance(self) -> Instance:
        return self.instances[KEY]

    def services(self) -> Services:
        return Services(
            store=self.store,
            authenticate=self._authenticate,
            hash_password=self._hash,
            verify_password=self._verify,
            outdated=is_foreign,
            vault=VAULT,
            now=lambda: self.now,
            observe=lambda name, status, _seconds: self.seen.append((name, status)),
        )

    async def _authenticate(self, key: str) -> Caller | None:
        instance = self.instances.get(key)
        return None if instance is None else Caller(instance=instance)

    async def _hash(self, password: str) -> str:
        self.hashed.append(password)
        return f"$argon2id$ {len(self.hashed)}"

    async def _verify(self, password: str, digest: str) -> bool:
        if "|" in digest:
            return verify(digest, password.encode())
        return self.hashed[int(digest.split()[1]) - 1] == password

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = KEY,
        version: str | None = None,
        query: str = "",
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Make one request below ``/v1``."""
        if raw is None:
            raw = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        sent = {"content-length": str(len(raw)), "content-type": "application/json"}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        if version is not None:
            sent["clerk-api-version"] = version
        sent |= headers or {}
        return await request(self.api, method, "/v1" + path, query, raw, sent)

    async def events(self, instance: int = 1) -> list[dict[str, Any]]:
        """Every event body in the log, oldest first."""

        def rows(tx: Tx) -> list[bytes]:
            sql = "SELECT body FROM message WHERE instance = ? ORDER BY cursor"
            return [row[0] for row in tx.all(sql, (instance,))]

        return [json.loads(body) for body in await self.store.read(rows)]


async def request(
    api: Api, method: str, path: str, query: str, raw: bytes, headers: dict[str, str]
) -> Answer:
    """Make one ASGI request, its body in two pieces."""
    half = len(raw) // 2
    pieces = [raw[:half], raw[half:]]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await api(scope, receive, send)
    start, body = sent
    got = {name.decode(): value.decode() for name, value in start["headers"]}
    assert len(got) == len(start["headers"])
    return Answer(start["status"], got, body["body"])


@contextlib.contextmanager
def open_backend(folder: Path) -> Iterator[Backend]:
    """Make a database in `folder` with two instances, and an API on it."""
    store: Any
    if POSTGRES:
        store = open_store(folder)
    else:
        path = folder / "consignease.db"
        path.write_bytes(_empty_database())
        store = Store(path)
    try:
        yield Backend(store, _instances(store))
    finally:
        store.close()


@functools.cache
def _empty_database() -> bytes:
    """Make the schema once per process: it takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(path)
        return path.read_bytes()


def _instances(store: Store) -> dict[str, Instance]:
    wanted = [
        NewInstance(
            id=new_id("ins"),
            name=name,
            app_id=new_id("app"),
            frontend_host=host,
            secret_key=key,
            token_public_pem="",
            token_private_sealed=b"",
        )
        for name, host, key in (
            ("development", HOST, KEY),
            ("production", "prod.example.com", OTHER_KEY),
        )
    ]

    async def write() -> list[Instance]:
        return await store.write(set_up, wanted, START)

    development, production = asyncio.run(write())
    return {KEY: development, OTHER_KEY: production}
