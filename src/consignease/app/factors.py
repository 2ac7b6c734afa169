"""The verbs of second factors that are secrets; what is kept of them is sealed."""

from consignease.app import users
from consignease.domain.instances import Instance
from consignease.store import factors as store
from consignease.store.factors import Kept
from consignease.store.tx import Tx


def get(tx: Tx, instance: Instance, user_id: str) -> Kept:
    """Return a user's second factors as they are kept.

    Raises:
        NotFound: there is no user with that id.
    """
    users.find(tx, instance, user_id)
    return store.get(tx, instance.no, user_id)


def use_step(tx: Tx, instance: Instance, user_id: str, totp: bytes, step: int) -> bool:
    """Use the code of a time step up; False if it, or a later one, was used before.

    A code is good once (RFC 6238, 5.2).
    """
    return store.use_step(tx, instance.no, user_id, totp, step)


def use_code(tx: Tx, instance: Instance, user_id: str, old: bytes, new: bytes) -> bool:
    """Use a backup code up; False if the codes were changed meanwhile.

    Nobody outside can see a difference, so nothing is emitted.
    """
    return store.use_code(tx, instance.no, user_id, old, new)
