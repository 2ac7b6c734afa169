# pyright: strict
"""What must be refused: each line says which rule of mypy and of pyright it breaks."""

from consignease.webhooks import (
    OrganizationJSON,
    UserCreated,
    UserDeleted,
    UserDeletedJSON,
    UserJSON,
    UserUpdated,
)
from consignease.wire.ids import EndpointId, InstanceId, UserId


def events_are_frozen(event: UserUpdated) -> None:
    event.timestamp = 1  # bad: misc reportAttributeAccessIssue


def payloads_are_frozen(user: UserJSON) -> None:
    user.first_name = "Ada"  # bad: misc reportAttributeAccessIssue


def the_type_is_fixed(event: UserCreated) -> None:
    event.type = "user.updated"  # bad: assignment reportAttributeAccessIssue


def any_text_is_no_identifier() -> UserDeletedJSON:
    return UserDeletedJSON(object="user", id="user_1")  # bad: arg-type reportArgumentType


def one_kind_of_identifier_is_not_another(endpoint: EndpointId) -> UserDeletedJSON:
    return UserDeletedJSON(object="user", id=endpoint)  # bad: arg-type reportArgumentType


def members_are_named() -> UserDeletedJSON:
    return UserDeletedJSON("user", UserId("user_1"))  # bad: call-arg reportCallIssue


def data_belongs_to_its_event(user: UserJSON, instance: InstanceId) -> UserDeleted:
    return UserDeleted(
        data=user,  # bad: arg-type reportArgumentType
        timestamp=1,
        instance_id=instance,
    )


def a_time_is_needed(user: UserJSON) -> UserCreated:
    return UserCreated(data=user, instance_id=InstanceId("ins_1"))  # bad: call-arg reportCallIssue


def a_member_that_may_be_left_out(organization: OrganizationJSON) -> int:
    return organization.members_count  # bad: return-value reportReturnType


def metadata_is_anything(user: UserJSON) -> str:
    return user.public_metadata["plan"]  # bad: return-value reportReturnType
