"""The catalogue of events: what each one means, when it is sent, how it looks."""

from dataclasses import dataclass
from functools import cache
from inspect import getdoc
from typing import Final, cast

import msgspec

from consignease.wire.events import EVENT_CLASSES, EVENT_TYPES, WebhookEventType
from consignease.wire.examples import example, example_body
from consignease.wire.json import JSON

__all__ = ["CATALOGUE", "EventDoc", "example", "example_body", "json_schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDoc:
    """What there is to know about an event.

    Attributes:
        type: Its name, such as ``user.created``.
        group: The part before the dot; groups can be subscribed to as a whole.
        description: One sentence.
        trigger: What makes the platform send it.
        data: The name of the type of its `data`, such as ``UserJSON``.
    """

    type: WebhookEventType
    group: str
    description: str
    trigger: str
    data: str


_PROFILE = (
    "A profile field, identifier, connected account, password, second factor, passkey or "
    "metadata object changed; the user was banned, locked or deprovisioned, or the reverse. "
    "Not sent for a sign-in alone."
)
_MESSAGE = (
    "The platform wrote a message: a code, a link, an invitation, a notice. Also sent when the "
    "application is to deliver it itself."
)

_TRIGGERS: Final[dict[WebhookEventType, str]] = {
    "user.created": (
        "A sign-up was completed, by form, ticket, OAuth, SAML or SCIM, or the user was created "
        "in the Dashboard or through the Backend API."
    ),
    "user.updated": _PROFILE,
    "user.deleted": "The user deleted the account, or somebody did it for them.",
    "session.created": "A sign-in or sign-up was completed, or an impersonation began.",
    "session.pending": "A sign-in left a task to do, such as choosing an organization.",
    "session.ended": "The user signed out of the session.",
    "session.removed": "The user signed out and the session was dropped from the browser.",
    "session.revoked": (
        "The user ended it from another device, or the Dashboard, the Backend API, a ban or a "
        "directory did."
    ),
    "email.created": _MESSAGE,
    "sms.created": _MESSAGE,
    "organization.created": "A user, the Dashboard or the Backend API created it.",
    "organization.updated": "Its name, slug, logo, limits or metadata changed.",
    "organization.deleted": "An admin, the Dashboard or the Backend API deleted it.",
    "organizationDomain.created": "A domain was added to the organization.",
    "organizationDomain.updated": "A domain was verified, or its enrollment mode changed.",
    "organizationDomain.deleted": "A domain was removed from the organization.",
    "organizationMembership.created": (
        "An organization was created (its creator joins), an invitation was accepted, a domain "
        "enrolled somebody, or a member was added directly."
    ),
    "organizationMembership.updated": "A member's role or membership metadata changed.",
    "organizationMembership.deleted": (
        "A member left or was removed, or the user or the organization was deleted."
    ),
    "organizationInvitation.created": "Somebody was invited; a bulk invitation sends one each.",
    "organizationInvitation.revoked": "An invitation was withdrawn. Expiry sends nothing.",
    "organizationInvitation.accepted": "The invited person joined.",
    "role.created": "A custom role was added.",
    "role.updated": "A custom role was edited, or its permissions were.",
    "role.deleted": "A custom role was deleted.",
    "permission.created": "A custom permission was added.",
    "permission.updated": "A custom permission was edited.",
    "permission.deleted": "A custom permission was deleted.",
    "waitlistEntry.created": "Somebody joined the waitlist.",
    "waitlistEntry.updated": "An entry was invited or rejected, or its person signed up.",
    "subscription.created": "A user or organization came into being while billing is on.",
    "subscription.updated": "An item of the subscription, or its payer, changed.",
    "subscription.active": "An item of the subscription became active.",
    "subscription.pastDue": "A payment for the subscription failed.",
    "subscriptionItem.created": "A plan was chosen.",
    "subscriptionItem.updated": "The item was renewed, or its terms changed.",
    "subscriptionItem.active": "The item was paid for, or its trial began.",
    "subscriptionItem.canceled": "The payer canceled; the item runs until its period ends.",
    "subscriptionItem.upcoming": "A plan was chosen that begins when the current one ends.",
    "subscriptionItem.ended": "The item's last period ended.",
    "subscriptionItem.abandoned": "Another plan was chosen before this one began.",
    "subscriptionItem.incomplete": "The first payment was begun and not finished.",
    "subscriptionItem.pastDue": "A renewal payment failed.",
    "subscriptionItem.freeTrialEnding": (
        "Three days are left of a free trial; sent at once when it is shorter."
    ),
    "paymentAttempt.created": "A checkout or a renewal tried to collect a payment.",
    "paymentAttempt.updated": "The payment was confirmed or failed.",
}


def _document(name: WebhookEventType) -> EventDoc:
    return EventDoc(
        type=name,
        group=name.partition(".")[0],
        description=getdoc(EVENT_CLASSES[name]) or "",
        trigger=_TRIGGERS[name],
        data=type(example(name).data).__name__,
    )


CATALOGUE: Final[dict[str, EventDoc]] = {name: _document(name) for name in EVENT_TYPES}
"""All known events by name, in the order in which to show them."""


@cache
def json_schema(name: WebhookEventType) -> dict[str, JSON]:
    """Give the JSON Schema (draft 2020-12) of the named event's body.

    Do not change what you get: it is kept.

    Raises:
        KeyError: There is no such event.
    """
    return cast("dict[str, JSON]", msgspec.json.schema(EVENT_CLASSES[name]))
