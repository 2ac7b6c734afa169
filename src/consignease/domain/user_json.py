"""A user as applications see it, in answers and in events."""

from typing import Any

import msgspec
from msgspec import UNSET

from consignease.domain.users import EmailAddress, User
from consignease.wire.json import dumps
from consignease.wire.objects.deleted import UserDeletedJSON
from consignease.wire.objects.identification import EmailAddressJSON
from consignease.wire.objects.user import UserJSON
from consignease.wire.objects.verification import VerificationJSON

# Members that events have and the Backend API's schema of a user has not.
_EVENT_ONLY = b',"timezone":null,"organization_memberships":null}'
_ABSENT: Any = UNSET

_VERIFIED_BY_ADMIN = VerificationJSON(
    object="verification_admin", status="verified", strategy="admin", attempts=None
)


def image_url(frontend_host: str, user_id: str) -> str:
    """Return where a user's picture is: always the same place, generated if there is none."""
    return f"https://{frontend_host}/avatars/{user_id}"


def user_json(user: User, frontend_host: str, now: int) -> bytes:
    """Encode a user as the Backend API answers it.

    Args:
        user: The user.
        frontend_host: The instance's, for the picture's address.
        now: Milliseconds, for the lock-out's remaining time.
    """
    picture = image_url(frontend_host, user.id)
    expires_at = user.lockout_expires_at
    return dumps(
        UserJSON(
            id=user.id,
            external_id=user.external_id,
            primary_email_address_id=user.primary_email_address_id,
            primary_phone_number_id=None,
            primary_web3_wallet_id=None,
            username=user.username,
            first_name=user.first_name,
            last_name=user.last_name,
            locale=user.locale,
            timezone=_ABSENT,
            profile_image_url=picture,
            image_url=picture,
            has_image=False,
            public_metadata=_raw(user.public_metadata),
            private_metadata=_raw(user.private_metadata),
            unsafe_metadata=_raw(user.unsafe_metadata),
            email_addresses=[_email_json(email) for email in user.emails],
            phone_numbers=[],
            web3_wallets=[],
            password_enabled=user.password_digest is not None,
            two_factor_enabled=user.totp_enabled,
            totp_enabled=user.totp_enabled,
            backup_code_enabled=user.backup_code_enabled,
            mfa_enabled_at=user.mfa_enabled_at,
            mfa_disabled_at=user.mfa_disabled_at,
            password_last_updated_at=user.password_last_updated_at,
            external_accounts=[],
            enterprise_accounts=[],
            organization_memberships=_ABSENT,
            last_sign_in_at=user.last_sign_in_at,
            banned=user.banned,
            locked=user.locked,
            lockout_expires_in_seconds=expires_at and max(0, (expires_at - now) // 1000),
            verification_attempts_remaining=None,
            updated_at=user.updated_at,
            created_at=user.created_at,
            delete_self_enabled=user.delete_self_enabled,
            create_organization_enabled=user.create_organization_enabled,
            create_organizations_limit=user.create_organizations_limit,
            last_active_at=user.last_active_at,
            legal_accepted_at=user.legal_accepted_at,
            bypass_client_trust=user.bypass_client_trust,
        )
    )


def event_data(answer: bytes) -> bytes:
    """Make the payload of a user's event from what `user_json` returned."""
    return answer[:-1] + _EVENT_ONLY


def deleted_json(user: User) -> bytes:
    """Encode what is left to say about a deleted user, in the answer and in the event."""
    external_id = UNSET if user.external_id is None else user.external_id
    return dumps(UserDeletedJSON(object="user", id=user.id, external_id=external_id))


def email_json(email: EmailAddress) -> bytes:
    """Encode one email address as the Backend API answers it."""
    return dumps(_email_json(email))


def _raw(metadata: str) -> Any:
    return msgspec.Raw(metadata.encode())


def _email_json(email: EmailAddress) -> EmailAddressJSON:
    return EmailAddressJSON(
        id=email.id,
        email_address=email.email_address,
        reserved=email.reserved,
        verification=_verification(email),
        linked_to=[],
        created_at=email.created_at,
        updated_at=email.updated_at,
    )


def _verification(email: EmailAddress) -> VerificationJSON:
    if email.strategy == "admin" and email.status == "verified":
        return _VERIFIED_BY_ADMIN
    return VerificationJSON(
        object="verification_otp", status=email.status, strategy=email.strategy, attempts=None
    )
