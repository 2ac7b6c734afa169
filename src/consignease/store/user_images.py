"""Pictures of users."""

from typing import NamedTuple

from consignease.store.tx import Tx

_PUT = """
INSERT INTO user_image (instance, user_id, id, content_type, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (instance, user_id) DO UPDATE SET
  id = excluded.id, content_type = excluded.content_type, body = excluded.body
"""
_GET = "SELECT content_type, body FROM user_image WHERE id = ?"
_DELETE = "DELETE FROM user_image WHERE instance = ? AND user_id = ?"


class Image(NamedTuple):
    """A picture's type and its bytes."""

    content_type: str
    body: bytes


def put(tx: Tx, instance: int, user_id: str, image_id: str, image: Image) -> None:
    """Keep a user's picture, in place of the one before."""
    tx.run(_PUT, (instance, user_id, image_id, *image))


def get(tx: Tx, image_id: str) -> Image | None:
    """Return a picture, or None."""
    row = tx.one(_GET, (image_id,))
    return None if row is None else Image(*row)


def delete(tx: Tx, instance: int, user_id: str) -> None:
    """Forget a user's picture."""
    tx.run(_DELETE, (instance, user_id))
