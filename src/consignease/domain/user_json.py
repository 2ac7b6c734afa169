"""A user as applications see it, in answers and in events."""

from typing import Any

import msgspec
from msgspec import UNSET

from consignease.domain.identifications import Identification, PhoneNumber
from consignease.domain.users import User, two_factor_enabled
from consignease.wire.ids import EmailAddressId, PhoneNumberId
from consignease.wire.json import dumps
from consignease.wire.objects.deleted import UserDeletedJSON
from consignease.wire.objects.identification import EmailAddressJSON, PhoneNumberJSON
from consignease.wire.objects.user import UserJSON
from consignease.wire.objects.verification import VerificationJSON

# Members that events have and the Backend API's schema of a user has not.
_EVENT_ONLY = b',"timezone":null,"organization_memberships":null}'
_ABSENT: Any = UNSET

_VERIFIED_BY_ADMIN = VerificationJSON(
    object="verification_admin", status="verified", strategy="admin", attempts=None
)


def image_url(frontend_host: str, user: User) -> str:
    """Return where a user's picture is; another one has another place."""
    return f"https://{frontend_host}/avatars/{user.image_id or user.id}"


def user_json(user: User, frontend_host: str, now: int) -> bytes:
    """Encode a user as the Backend API answers it.

    Args:
        user: The user.
        frontend_host: The instance's, for the picture's address.
        now: Milliseconds, for the lock-out's remaining time.
    """
    picture = image_url(frontend_host, user)
    expires_at = user.lockout_expires_at
    return dumps(
        UserJSON(
            id=user.id,
            external_id=user.external_id,
            primary_email_address_id=user.primary_email_address_id,
            primary_phone_number_id=user.primary_phone_number_id,
            primary_web3_wallet_id=None,
            username=user.username,
            first_name=user.first_name,
            last_name=user.last_name,
            locale=user.locale,
            timezone=_ABSENT,
            profile_image_url=picture,
            image_url=picture,
            has_image=user.image_id is not None,
            public_metadata=_raw(user.public_metadata),
            private_metadata=_raw(user.private_metadata),
            unsafe_metadata=_raw(user.unsafe_metadata),
            email_addresses=[_email_json(email) for email in user.emails],
            phone_numbers=[_phone_json(phone) for phone in user.phones],
            web3_wallets=[],
            password_enabled=user.password_digest is not None,
            two_factor_enabled=two_factor_enabled(user),
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


def identification_json(one: Identification) -> bytes:
    """Encode one email address or phone number as the Backend API answers it."""
    return dumps(_phone_json(one) if isinstance(one, PhoneNumber) else _email_json(one))


def _raw(metadata: str) -> Any:
    return msgspec.Raw(metadata.encode())


def _email_json(email: Identification) -> EmailAddressJSON:
    return EmailAddressJSON(
        id=EmailAddressId(email.id),
        email_address=email.value,
        reserved=email.reserved,
        verification=_verification(email),
        linked_to=[],
        created_at=email.created_at,
        updated_at=email.updated_at,
    )


def _phone_json(phone: PhoneNumber) -> PhoneNumberJSON:
    return PhoneNumberJSON(
        id=PhoneNumberId(phone.id),
        phone_number=phone.value,
        reserved_for_second_factor=phone.second_factor,
        default_second_factor=phone.default_second_factor,
        reserved=phone.reserved,
        verification=_verification(phone),
        linked_to=[],
        created_at=phone.created_at,
        updated_at=phone.updated_at,
    )


def _verification(one: Identification) -> VerificationJSON:
    if one.strategy == "admin" and one.status == "verified":
        return _VERIFIED_BY_ADMIN
    return VerificationJSON(
        object="verification_otp", status=one.status, strategy=one.strategy, attempts=None
    )
