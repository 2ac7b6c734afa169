"""Instances, their built-in applications and their keys."""

from typing import Any

from consignease.domain.instances import Instance
from consignease.store.tx import Tx
from consignease.wire.ids import AppId, InstanceId

_ADD = """
INSERT INTO instance (id, name, frontend_host, created_at) VALUES (?, ?, ?, ?) RETURNING no
"""
_ADD_APP = """
INSERT INTO application (instance, id, uid, name, metadata, endpoints_version, created_at,
                         updated_at)
VALUES (?, ?, ?, ?, '{}', 1, ?, ?) RETURNING no
"""
_ALL = """
SELECT i.no, i.id, i.name, i.frontend_host, a.no AS app, a.id AS app_id
FROM instance i JOIN application a ON a.instance = i.no AND a.uid = i.id ORDER BY i.no
"""
_BY_KEY = """
SELECT i.no, i.id, i.name, i.frontend_host, a.no AS app, a.id AS app_id
FROM secret_key k JOIN instance i ON i.no = k.instance
JOIN application a ON a.instance = i.no AND a.uid = i.id
WHERE k.hash = ? AND k.revoked_at IS NULL
"""
_BY_NO = """
SELECT i.no, i.id, i.name, i.frontend_host, a.no AS app, a.id AS app_id
FROM instance i JOIN application a ON a.instance = i.no AND a.uid = i.id WHERE i.no = ?
"""
_ADD_KEY = "INSERT INTO secret_key (hash, instance, last4, created_at) VALUES (?, ?, ?, ?)"
_INSERT_PAIR = """
INSERT INTO token_key (kid, instance, public_pem, private_sealed, created_at)
VALUES (?, ?, ?, ?, ?)
"""
_PAIRS = "SELECT kid, instance, public_pem, private_sealed FROM token_key ORDER BY created_at"
_APP = "SELECT * FROM application WHERE no = ?"


def _instance(row: Any) -> Instance:
    return Instance(
        no=row["no"],
        id=InstanceId(row["id"]),
        name=row["name"],
        app=row["app"],
        app_id=AppId(row["app_id"]),
        frontend_host=row["frontend_host"],
    )


def add(
    tx: Tx,
    *,
    id: str,  # noqa: A002 - the field's name
    name: str,
    frontend_host: str,
    app_id: str,
    now: int,
) -> Instance:
    """Add an instance with its built-in application."""
    no = tx.one(_ADD, (id, name, frontend_host, now))[0]
    app = tx.one(_ADD_APP, (no, app_id, id, f"{name} identity events", now, now))[0]
    return Instance(
        no=no,
        id=InstanceId(id),
        name=name,
        app=app,
        app_id=AppId(app_id),
        frontend_host=frontend_host,
    )


def all_of_them(tx: Tx) -> list[Instance]:
    """Return every instance."""
    return [_instance(row) for row in tx.all(_ALL)]


def by_secret_key(tx: Tx, key_hash: str) -> Instance | None:
    """Return the instance that a live secret key belongs to."""
    row = tx.one(_BY_KEY, (key_hash,))
    return None if row is None else _instance(row)


def by_number(tx: Tx, no: int) -> Instance:
    """Return the instance with that number."""
    return _instance(tx.one(_BY_NO, (no,)))


def add_secret_key(tx: Tx, instance: int, key_hash: str, last4: str, now: int) -> None:
    """Store the hash of a secret key."""
    tx.execute(_ADD_KEY, (key_hash, instance, last4, now))


def add_token_key(
    tx: Tx, instance: int, kid: str, public_pem: str, private_sealed: bytes, now: int
) -> None:
    """Store a key pair that signs session tokens."""
    tx.execute(_INSERT_PAIR, (kid, instance, public_pem, private_sealed, now))


def token_keys(tx: Tx) -> list[Any]:
    """Return every key pair that signs session tokens."""
    return tx.all(_PAIRS)


def application(tx: Tx, no: int) -> Any:
    """Return the row of an application."""
    return tx.one(_APP, (no,))
