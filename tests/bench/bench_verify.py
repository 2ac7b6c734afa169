"""`verify_webhook` against PyPI svix on a 2 KB user.updated, typed result included.

The baselines: svix's `Webhook.verify`, which returns nothing; and what a
receiver needs to get as far as ours, `Webhook.verify` and `json.loads`.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import svix.webhooks

from consignease.wire.signing import Signer, generate_secret
from consignease.webhooks import verify_webhook

ROUNDS = 5
CALLS = 4000


class _Contestant(NamedTuple):
    name: str
    call: Callable[[], object]


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
        "event_attributes": {"http_request": {"client_ip": "192.0.2.7", "user_agent": "Mozilla/5.0"}},
        "sync": {"cursor": 4711, "version": 3, "subject": "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S"},
    }
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
