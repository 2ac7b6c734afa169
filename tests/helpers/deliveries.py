"""Signed requests made by hand, without the code under test."""

import base64
import hashlib
import hmac

SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl"
OTHER_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_731_705_121
MSG_ID = "msg_2g7np7Hrk0SN6kj5EDMLDaKNL0S"
BODY = (
    '{"type":"user.deleted","data":{"object":"user","id":"user_29w83sxmDNGwOuEthce5gg56FcC",'
    '"deleted":true,"external_id":"Zoë 🎉"},"object":"event","timestamp":1731705121000,'
    '"instance_id":"ins_2g7np7Hrk0SN6kj5EDMLDaKNL0S"}'
).encode()


def token(
    body: bytes = BODY, *, secret: str = SECRET, msg_id: str = MSG_ID, at: int | str = NOW
) -> str:
    """Sign as the specification says, with the standard library's HMAC."""
    encoded = secret.removeprefix("whsec_")
    key = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    content = f"{msg_id}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def delivery(
    body: bytes = BODY,
    *,
    secret: str = SECRET,
    msg_id: str = MSG_ID,
    at: int = NOW,
    family: str = "svix",
) -> dict[str, str]:
    """Make the three headers of a delivery."""
    return {
        f"{family}-id": msg_id,
        f"{family}-timestamp": str(at),
        f"{family}-signature": token(body, secret=secret, msg_id=msg_id, at=at),
    }
