"""Setting up instances: each with an application, a secret key and a token key pair."""

from collections.abc import Mapping

import msgspec

from consignease.domain.instances import Instance
from consignease.domain.keys import key_hash
from consignease.store import instance_settings, instances
from consignease.store.tx import Tx


class NewInstance(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to set up an instance; everything random is made before.

    Attributes:
        id: Identifier of the instance.
        name: ``development`` or ``production``.
        app_id: Identifier of its built-in application.
        frontend_host: The host its publishable key encodes.
        secret_key: Its first secret key, in clear; only its hash is stored.
        token_public_pem: Public half of the key pair that signs its tokens.
        token_private_sealed: The other half, sealed.
    """

    id: str
    name: str
    app_id: str
    frontend_host: str
    secret_key: str
    token_public_pem: str
    token_private_sealed: bytes


def settings(tx: Tx, instance: Instance) -> dict[str, str]:
    """Return the JSON of every setting of an instance that was changed, by name."""
    return instance_settings.get(tx, instance.no)


def change_settings(tx: Tx, instance: Instance, changes: Mapping[str, str]) -> dict[str, str]:
    """Change settings, each given as JSON, and return all that were ever changed."""
    instance_settings.put(tx, instance.no, changes)
    return instance_settings.get(tx, instance.no)


def token_keys(tx: Tx, instance: Instance) -> list[tuple[str, str]]:
    """Return the name and the public half of each key pair that signs an instance's tokens."""
    return [
        (row["kid"], row["public_pem"])
        for row in instances.token_keys(tx)
        if row["instance"] == instance.no
    ]


def set_up(tx: Tx, wanted: list[NewInstance], now: int) -> list[Instance]:
    """Add the instances that are not there yet and return all of them."""
    present = {instance.name for instance in instances.all_of_them(tx)}
    for new in wanted:
        if new.name in present:
            continue
        added = instances.add(
            tx,
            id=new.id,
            name=new.name,
            frontend_host=new.frontend_host,
            app_id=new.app_id,
            now=now,
        )
        instances.add_secret_key(tx, added.no, key_hash(new.secret_key), new.secret_key[-4:], now)
        instances.add_token_key(
            tx, added.no, new.id, new.token_public_pem, new.token_private_sealed, now
        )
    return instances.all_of_them(tx)
