"""The three free JSON objects that a user carries: checked, merged, compared.

Metadata is kept as JSON text in the one form that survives JavaScript (see
`consignease.wire.json`), so that it goes into answers and events as it is.
"""

import msgspec

from consignease.domain.faults import Invalid
from consignease.wire.json import JSON, Metadata, UnstableJSON, canonical_object, dumps

LIMIT = 64 * 1024
"""Largest metadata of one user, in bytes: the three objects together, as JSON.

It leaves an event, which receivers take up to 100 KiB of, room for the rest.
"""

EMPTY = "{}"

_value = msgspec.json.Decoder(Metadata)
_sorted = msgspec.json.Encoder(order="sorted")


def clean(value: Metadata, param: str) -> Metadata:
    """Return metadata in its stable form.

    Raises:
        Invalid: it would not arrive at receivers as it was written.
    """
    try:
        return canonical_object(value)
    except UnstableJSON as error:
        raise Invalid(
            "is invalid",
            code="form_param_value_invalid",
            detail=f"{param} cannot be kept: {error.reason} (at {error.path}).",
            param=param,
        ) from None


def encode(value: Metadata) -> str:
    """Write cleaned metadata as the text that is kept."""
    return dumps(value).decode() if value else EMPTY


def merge(kept: str, patch: Metadata, param: str) -> str:
    """Merge a cleaned patch into kept metadata, as RFC 7396 does.

    Objects merge at every depth, null removes a key, anything else replaces.

    Raises:
        Invalid: the result would be nested too deeply.
    """
    if not patch:
        return kept
    merged = _merge(_value.decode(kept), patch)
    return replace(kept, encode(clean(merged, param)))


def _merge(old: JSON, patch: Metadata) -> Metadata:
    result: Metadata = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merge(result.get(key), value)
        else:
            result[key] = value
    return result


def replace(kept: str, new: str) -> str:
    """Return `new`, or `kept` where both say the same in another order of keys."""
    if len(kept) != len(new) or kept == new:
        return new
    same = _sorted.encode(_value.decode(kept)) == _sorted.encode(_value.decode(new))
    return kept if same else new


def check_size(public: str, private: str, unsafe: str) -> None:
    """Refuse metadata that would crowd out the rest of an event.

    Raises:
        Invalid: the three are larger than `LIMIT` together.
    """
    if len(public) + len(private) + len(unsafe) <= LIMIT // 4:
        return
    size = len(public.encode()) + len(private.encode()) + len(unsafe.encode())
    if size > LIMIT:
        largest = max(
            ("public_metadata", public),
            ("private_metadata", private),
            ("unsafe_metadata", unsafe),
            key=lambda item: len(item[1]),
        )
        raise Invalid(
            "is too large",
            code="form_param_max_length_exceeded",
            detail=f"A user's metadata must not exceed {LIMIT:,} bytes of JSON, the public, "
            f"private and unsafe objects together; this would be {size:,}.",
            param=largest[0],
        )
