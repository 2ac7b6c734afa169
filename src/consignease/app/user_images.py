"""The verbs of users' pictures."""

from consignease.app import users
from consignease.domain.instances import Instance
from consignease.domain.users import Change
from consignease.store import user_images as store
from consignease.store.tx import Tx
from consignease.store.user_images import Image
from consignease.wire.ids import new_id


def put(tx: Tx, instance: Instance, user_id: str, image: Image, now: int) -> bytes:
    """Give a user a picture; it has a new place, so that no cache shows the one before.

    Returns:
        The user as JSON.

    Raises:
        NotFound: there is no user with that id.
    """
    image_id = new_id("img", now / 1000)
    answer = users.update(tx, instance, user_id, Change(fields={"image_id": image_id}), now)
    store.put(tx, instance.no, user_id, image_id, image)
    return answer


def get(tx: Tx, image_id: str) -> Image | None:
    """Return a picture, or None."""
    return store.get(tx, image_id)


def delete(tx: Tx, instance: Instance, user_id: str, now: int) -> bytes:
    """Take a user's picture away.

    Returns:
        The user as JSON.

    Raises:
        NotFound: there is no user with that id.
    """
    answer = users.update(tx, instance, user_id, Change(fields={"image_id": None}), now)
    store.delete(tx, instance.no, user_id)
    return answer
