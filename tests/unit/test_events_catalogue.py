import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from msgspec import Struct

from consignease.wire import objects
from consignease.wire.catalogue import CATALOGUE, example, example_body, json_schema
from consignease.wire.events import EVENT_TYPES, EventAttributes, WebhookEventType
from consignease.wire.events.envelope import Event
from consignease.wire.ids import is_id
from consignease.wire.json import JSON, canonical, dumps, loads
from consignease.wire.objects import SessionWebhookEventJSON, UserJSON

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "clerk-events.md"

STRUCTS: dict[str, type[Struct]] = {
    "User": objects.UserJSON,
    "UserDeleted / DeletedObject": objects.UserDeletedJSON,
    "EmailAddress": objects.EmailAddressJSON,
    "PhoneNumber": objects.PhoneNumberJSON,
    "Web3Wallet": objects.Web3WalletJSON,
    "Passkey": objects.PasskeyJSON,
    "ExternalAccount": objects.ExternalAccountJSON,
    "SAMLAccount": objects.SamlAccountJSON,
    "SAMLAccount.saml_connection": objects.SamlAccountConnectionJSON,
    "EnterpriseAccount": objects.EnterpriseAccountJSON,
    "EnterpriseAccount.enterprise_connection": objects.EnterpriseAccountConnectionJSON,
    "scim": objects.SCIMUserMetadataJSON,
    "Session (session.*)": objects.SessionWebhookEventJSON,
    "Session.latest_activity": objects.SessionActivityJSON,
    "Email (email.created)": objects.EmailJSON,
    "SMSMessage (sms.created)": objects.SMSMessageJSON,
    "Organization": objects.OrganizationJSON,
    "OrganizationMembership": objects.OrganizationMembershipJSON,
    "public_user_data": objects.OrganizationMembershipPublicUserDataJSON,
    "OrganizationInvitation (accepted adds user_id)": objects.OrganizationInvitationAcceptedJSON,
    "OrganizationInvitation.public_inviter_data": objects.PublicInviterDataJSON,
    "public_organization_data": objects.PublicOrganizationDataJSON,
    "OrganizationDomain": objects.OrganizationDomainJSON,
    "OrganizationDomain verification": objects.OrganizationDomainVerificationJSON,
    "Role": objects.RoleJSON,
    "Permission": objects.PermissionJSON,
    "WaitlistEntry": objects.WaitlistEntryJSON,
    "Invitation (inside waitlist entry)": objects.InvitationJSON,
    "Subscription (subscription.*)": objects.BillingSubscriptionWebhookEventJSON,
    "SubscriptionItem (subscriptionItem.*)": objects.BillingSubscriptionItemWebhookEventJSON,
    "SubscriptionItem.plan": objects.BillingPlanJSON,
    "PaymentAttempt (paymentAttempt.*)": objects.BillingPaymentAttemptWebhookEventJSON,
    "Payer": objects.BillingPayerJSON,
    "Payee": objects.BillingPayeeJSON,
    "Payment source": objects.BillingPaymentSourceJSON,
    "Totals": objects.BillingTotalsJSON,
    "Money amount": objects.BillingMoneyAmountJSON,
}

PREFIXES = {
    "user": "user",
    "email_address": "idn",
    "phone_number": "idn",
    "session": "sess",
    "email": "ema",
    "sms_message": "sms",
    "organization": "org",
    "organization_membership": "orgmem",
    "organization_invitation": "orginv",
    "organization_domain": "orgdmn",
    "role": "role",
    "permission": "perm",
    "waitlist_entry": "wle",
    "invitation": "inv",
}


def documented(text: str) -> dict[str, set[str]]:
    """Read the members of each type from the tables of the reference."""
    sections = re.split(r"^#### ", text, flags=re.MULTILINE)[1:]
    tables: dict[str, set[str]] = {}
    for section in sections:
        title, _, rest = section.partition("\n")
        rows = re.findall(r"^\| (\w+) \|", rest.partition("\n### ")[0], re.MULTILINE)
        tables[title.strip()] = set(rows) - {"field"}
    return tables


def objects_in(value: JSON) -> Iterator[dict[str, JSON]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from objects_in(item)
    if isinstance(value, list):
        for item in value:
            yield from objects_in(item)


def body_of(name: WebhookEventType) -> dict[str, Any]:
    return cast("dict[str, Any]", loads(example_body(name)))


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference is not beside the repo")
def test_every_documented_member_is_there() -> None:
    """No type lacks a member that either of the vendor's descriptions has."""
    tables = documented(REFERENCE.read_text())
    assert set(STRUCTS) <= set(tables)
    missing = {
        f"{title}.{member}"
        for title, struct in STRUCTS.items()
        for member in tables[title] - set(struct.__struct_fields__)
    }
    assert missing == set()
    assert sum(len(tables[title]) for title in STRUCTS) > 350


def test_every_event_is_described() -> None:
    """The catalogue says of each what it means, when it is sent and what it carries."""
    assert list(CATALOGUE) == list(EVENT_TYPES)
    for name, document in CATALOGUE.items():
        assert document.type == name
        assert name.startswith(f"{document.group}.")
        assert document.description.endswith(".")
        assert document.trigger.endswith(".")
        assert hasattr(objects, document.data)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_fits_its_schema(name: WebhookEventType) -> None:
    """The schema we publish accepts the example and refuses another event's name."""
    schema = json_schema(name)
    Draft202012Validator.check_schema(schema)
    validator = cast("Any", Draft202012Validator(schema))
    body = body_of(name)
    assert validator.is_valid(body)
    assert not validator.is_valid(body | {"type": "no.event"})
    assert not validator.is_valid(body | {"data": 1})


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_looks_like_the_real_thing(name: WebhookEventType) -> None:
    """Identifiers have their prefixes, times are milliseconds, the JSON is stable and small."""
    body = body_of(name)
    assert len(example_body(name)) < 4096
    assert dumps(canonical(body)) == example_body(name)
    assert is_id(body["instance_id"], "ins")
    for value in objects_in(body):
        prefix = PREFIXES.get(str(value.get("object")))
        assert prefix is None or is_id(str(value["id"]), prefix)
        for key, time in value.items():
            if key == "timestamp" or key.endswith("_at"):
                assert time is None or key == "requested_at" or len(str(time)) == 13, key


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_is_consistent_in_itself(name: WebhookEventType) -> None:
    """Whatever names a part of the example names one that is there."""
    for value in objects_in(body_of(name)):
        if value.get("object") == "user" and "email_addresses" in value:
            for kind, many in (
                ("email_address", "email_addresses"),
                ("phone_number", "phone_numbers"),
            ):
                primary, held = value[f"primary_{kind}_id"], value[many]
                ids = {str(one["id"]) for one in objects_in(held) if one.get("object") == kind}
                assert primary is None or primary in ids
        if value.get("object") == "session":
            user = value["user"]
            assert isinstance(user, dict)
            assert value["user_id"] == user["id"]
        created, updated = value.get("created_at"), value.get("updated_at")
        if isinstance(created, int) and isinstance(updated, int):
            assert created <= updated <= body_of(name)["timestamp"]


def test_the_story_of_a_user_hangs_together() -> None:
    """Created, updated and deleted are about one user, with growing versions and cursors."""
    story = [example("user.created"), example("user.updated"), example("user.deleted")]
    assert len({getattr(event.data, "id", None) for event in story}) == 1
    places = [cast("Any", event.sync) for event in story]
    assert [place.version for place in places] == [1, 2, 3]
    assert len({place.subject for place in places}) == 1
    assert [place.cursor for place in places] == sorted(place.cursor for place in places)
    assert [event.timestamp or 0 for event in story] == sorted(e.timestamp or 0 for e in story)


def test_examples_are_the_same_every_time() -> None:
    """They can be shown in documentation."""
    assert all(example_body(name) == example_body(name) for name in EVENT_TYPES)
    assert example("user.created").data == example("user.created").data


def test_examples_carry_what_handlers_look_for() -> None:
    """A user with a verified address, a session with its user, the end user's request."""
    user = example("user.created").data
    assert isinstance(user, UserJSON)
    verification = user.email_addresses[0].verification
    assert verification is not None
    assert verification.status == "verified"
    session = example("session.created").data
    assert isinstance(session, SessionWebhookEventJSON)
    assert session.user == user
    assert isinstance(example("sms.created").event_attributes, EventAttributes)
    assert issubclass(type(example("sms.created")), Event)
