"""`verify_webhook` against PyPI svix on a 2 KB user.updated, typed result included.

Two baselines: a handler as svix documents it (`Webhook(secret).verify`, then
`json.loads`, since verify returns nothing), and a prepared `Webhook`'s `verify`
alone, which checks the signature and leaves the body unread.
"""

import json
import statistics
import time
from collections.abc import Callable

import svix.webhooks

from consignease.webhooks import verify_webhook
from consignease.wire.signing import Signer, generate_secret

ROUNDS = 5
CALLS = 3000


def user_updated() -> bytes:
    """Make a user.updated of about 2 KB as the platform writes it."""
    user = {
        "object": "user",
        "id": "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
        "external_id": "customer-4711",
        "primary_email_address_id": "idn_2g7np6XaLTvOJdWyqTyJkdhXvZD",
        "primary_phone_number_id": None,
        "primary_web3_wallet_id": None,
        "username": "zoe",
        "first_name": "Zoë",
        "last_name": "Brontë",
        "locale": None,
        "timezone": None,
        "profile_image_url": "https://img.example.com/2g7np7Hrk0SN6kj5EDMLDaKNL0S",
        "image_url": "https://img.example.com/2g7np7Hrk0SN6kj5EDMLDaKNL0S",
        "has_image": False,
        "public_metadata": {"plan": "team", "seats": 12},
        "private_metadata": {"stripe_id": "cus_NffrFeUfNV2Hib", "region": "eu-central"},
        "unsafe_metadata": {"theme": "dark"},
        "email_addresses": [
            {
                "object": "email_address",
                "id": "idn_2g7np6XaLTvOJdWyqTyJkdhXvZD",
                "email_address": "zoe.bronte@example.com",
                "reserved": False,
                "verification": {
                    "object": "verification_otp",
                    "status": "verified",
                    "strategy": "email_code",
                    "attempts": 1,
                    "expire_at": 1731705721000,
                },
                "linked_to": [],
                "matches_sso_connection": False,
                "created_at": 1731705121000,
                "updated_at": 1731705121000,
            }
        ],
        "phone_numbers": [],
        "web3_wallets": [],
        "passkeys": [],
        "password_enabled": True,
        "two_factor_enabled": False,
        "totp_enabled": False,
        "backup_code_enabled": False,
        "mfa_enabled_at": None,
        "mfa_disabled_at": None,
        "password_last_updated_at": 1731705121000,
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "organization_memberships": None,
        "last_sign_in_at": 1731705121000,
        "banned": False,
        "locked": False,
        "deprovisioned": False,
        "lockout_expires_in_seconds": None,
        "verification_attempts_remaining": 100,
        "updated_at": 1731705121000,
        "created_at": 1731705121000,
        "delete_self_enabled": True,
        "create_organization_enabled": True,
        "create_organizations_limit": None,
        "last_active_at": 1731705121000,
        "legal_accepted_at": None,
        "bypass_client_trust": False,
        "scim": None,
    }
    event = {
        "type": "user.updated",
        "data": user,
        "object": "event",
        "timestamp": 1731705121000,
        "instance_id": "ins_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
        "event_attributes": {
            "http_request": {"client_ip": "192.0.2.7", "user_agent": "Mozilla/5.0"}
        },
        "sync": {"cursor": 4711, "version": 3, "subject": "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S"},
    }
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def request(secret: str, body: bytes) -> dict[str, str]:
    """Make the headers of a delivery, as a framework hands them over."""
    msg_id, now = "msg_2g7np7Hrk0SN6kj5EDMLDaKNL0S", int(time.time())
    signature = Signer.of(secret).sign(msg_id, now, body)
    return {
        "host": "127.0.0.1:3000",
        "user-agent": "Consignease/0.1.0",
        "accept": "*/*",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "svix-id": msg_id,
        "svix-timestamp": str(now),
        "svix-signature": signature,
        "webhook-id": msg_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature,
    }


def microseconds(call: Callable[[], object]) -> float:
    """Give the CPU time of one call, as the mean over many."""
    start = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - start) / CALLS * 1e6


def run() -> list[dict[str, str | float]]:
    """Measure all three in turns and give the medians and their ratios."""
    secret, body = generate_secret(), user_updated()
    headers = request(secret, body)
    prepared = svix.webhooks.Webhook(secret)

    def ours() -> object:
        return verify_webhook(body, headers, secret=secret)

    def documented() -> object:
        svix.webhooks.Webhook(secret).verify(body, headers)
        return json.loads(body)

    def untyped() -> object:
        return prepared.verify(body, headers)

    contestants = (ours, documented, untyped)
    rounds = [[microseconds(call) for call in contestants] for _ in range(ROUNDS + 1)][1:]
    mine, handler, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    return [
        {
            "name": name,
            "value": round(mine, 2),
            "unit": "us CPU",
            "baseline": round(baseline, 2),
            "ratio": round(baseline / mine, 2),
        }
        for name, baseline in (
            ("verify_webhook, against svix verify and json.loads", handler),
            ("verify_webhook, against svix verify without a result", bare),
        )
    ]


def main() -> None:
    """Print the table."""
    for row in run():
        print("{name:55} {value:8} {unit}  baseline {baseline:8}  ratio {ratio}".format(**row))


if __name__ == "__main__":
    main()
