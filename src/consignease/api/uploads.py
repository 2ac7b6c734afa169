"""Bodies of multipart/form-data (RFC 7578)."""

from io import BytesIO

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from consignease.api.errors import Malformed
from consignease.api.ops import Headers, Upload

PARTS_MAX = 20
"""Most parts of one body."""


def decode(headers: Headers, body: bytes) -> Upload:
    """Take a body apart.

    Raises:
        Malformed: it is no multipart/form-data, or has very many parts.
    """
    parts: dict[str, bytes] = {}
    count = 0

    def keep(name: bytes | None, value: bytes | None) -> None:
        nonlocal count
        count += 1
        if count > PARTS_MAX:
            msg = f"The request body has more than {PARTS_MAX} parts."
            raise Malformed(msg)
        parts[(name or b"").decode("utf-8", "replace")] = value or b""

    def on_field(field: Field) -> None:
        keep(field.field_name, field.value)

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        keep(file.field_name, file.file_object.read())

    content_type = headers.get(b"content-type", b"")
    if not content_type.lower().startswith(b"multipart/form-data"):
        msg = "The request body must be multipart/form-data."
        raise Malformed(msg)
    sent = {"Content-Type": content_type, "Content-Length": b"%d" % len(body)}
    try:
        parse_form(sent, BytesIO(body), on_field, on_file)
    except FormParserError as error:
        msg = "The request body is not valid multipart/form-data."
        raise Malformed(msg, detail=f"{msg} {error}") from None
    return Upload(parts)
