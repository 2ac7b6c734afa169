"""The header lines of a delivery: made when it is sent, made again when it is shown.

Nothing of them is kept with an attempt. All but the signature follow from what is:
the message's identifier, the second that was signed, which try it was, and the
endpoint's own headers.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from consignease.edge.target import Target

_JSON = "Content-Type: application/json"


def constant(own: Sequence[str]) -> list[str]:
    """Return the lines that are the same in every request to an endpoint.

    Args:
        own: The endpoint's own lines, `Name: value`.
    """
    return [_JSON, "Accept: */*", *own]


def of_try(
    same: Sequence[str], kind: str | None, name: str, second: int, signature: str, number: int
) -> list[str]:
    """Return all lines of one try.

    Both families of header names are there: existing clients read one or the other.

    Args:
        same: As `constant` made them.
        kind: The body's content type, where it is not JSON of our own form.
        name: The message's identifier.
        second: The Unix second that was signed.
        signature: The signatures over identifier, second and body.
        number: Which try of the delivery.
    """
    return [
        *(same if kind is None else (f"Content-Type: {kind}", *same[1:])),
        f"svix-id: {name}",
        f"svix-timestamp: {second}",
        f"svix-signature: {signature}",
        f"webhook-id: {name}",
        f"webhook-timestamp: {second}",
        f"webhook-signature: {signature}",
        f"consignease-attempt: {number}",
    ]


def first(target: Target, user_agent: str) -> list[str]:
    """Return the request line, and the lines that the sender puts before all others."""
    where = urlsplit(target.url).netloc
    return [f"POST {target.path} HTTP/1.1", f"Host: {where}", f"User-Agent: {user_agent}"]
