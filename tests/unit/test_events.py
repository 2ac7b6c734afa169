from collections.abc import Callable
from typing import Any, cast, get_args

import msgspec
import pytest

from consignease.wire.catalogue import example, example_body
from consignease.wire.events import (
    EVENT_CLASSES,
    EVENT_TYPES,
    KnownWebhookEvent,
    Sync,
    UnknownEvent,
    UserCreated,
    UserUpdated,
    WebhookEventType,
    decode_event,
)
from consignease.wire.json import JSON, dumps, loads

Body = dict[str, Any]

KNOWN_VALUES = {"status", "strategy", "object", "enrollment_mode", "role", "slug", "protocol"}
"""Members for which the vendor lists the values that there are today."""


def body_of(name: WebhookEventType) -> Body:
    return cast("Body", loads(example_body(name)))


def everywhere(value: Any, change: Callable[[Body], Body]) -> Any:
    """Apply a change to all objects within a value, the free ones included."""
    if isinstance(value, list):
        return [everywhere(item, change) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return change({k: everywhere(v, change) for k, v in cast("Body", value).items()})
    return value


def with_a_new_member(value: Body) -> Body:
    return {"added": {"later": [1, 2.5, None]}} | value


def with_new_values(value: Body) -> Body:
    return {k: "brand_new" if k in KNOWN_VALUES and v else v for k, v in value.items()}


def reversed_members(value: Body) -> Body:
    return dict(reversed(value.items()))


def test_there_are_46_events() -> None:
    """Each has its class, and each class the name that its tag has."""
    assert len(EVENT_TYPES) == len(get_args(KnownWebhookEvent)) == 46
    assert list(EVENT_CLASSES) == list(EVENT_TYPES)
    for name in EVENT_TYPES:
        event = example(name)
        assert event.type == name
        assert type(event) is EVENT_CLASSES[name]
        assert event.__struct_config__.tag == name


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_event_survives_decoding_and_encoding(name: WebhookEventType) -> None:
    """The bytes decode to an equal event of the same class and encode to the same bytes."""
    body = example_body(name)
    event = decode_event(body)
    assert event == example(name)
    assert type(event) is EVENT_CLASSES[name]
    assert dumps(event) == body


@pytest.mark.parametrize("change", [with_a_new_member, with_new_values, reversed_members])
@pytest.mark.parametrize("name", EVENT_TYPES)
def test_changes_that_senders_may_make_are_tolerated(
    name: WebhookEventType, change: Callable[[Body], Body]
) -> None:
    """New members and values anywhere, and another order, leave the event readable."""
    body = everywhere(body_of(name), change) | {"type": name}
    event = decode_event(dumps(body))
    assert type(event) is EVENT_CLASSES[name]


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_members_that_senders_may_leave_out_can_be_missing(name: WebhookEventType) -> None:
    """Without `event_attributes` and `sync` an event reads the same but for them."""
    body = body_of(name)
    del body["event_attributes"], body["sync"]
    event = decode_event(dumps(body))
    assert event.data == example(name).data
    assert event.sync is msgspec.UNSET
    assert event.event_attributes is msgspec.UNSET
    assert loads(dumps(event)) == body


def test_an_envelope_without_a_person_behind_it_is_read() -> None:
    """Null and empty attributes are as good as none."""
    body = body_of("user.created")
    without: list[JSON] = [None, {}, {"http_request": {}}]
    for attributes in without:
        event = decode_event(dumps(body | {"event_attributes": attributes, "sync": None}))
        assert type(event) is UserCreated


def test_the_envelope_is_written_in_the_usual_order() -> None:
    """The type comes first, then the data, then what else is known, then our own member."""
    assert list(body_of("user.created")) == [
        "type",
        "data",
        "object",
        "timestamp",
        "instance_id",
        "event_attributes",
        "sync",
    ]


def test_the_place_in_the_log_is_read() -> None:
    """`sync` has cursor, version and subject; the subject may be missing."""
    body = body_of("user.updated")
    event = decode_event(dumps(body | {"sync": {"cursor": 7, "version": 3}}))
    assert event.sync == Sync(cursor=7, version=3, subject=None)


def test_an_event_of_another_type_is_kept_whole() -> None:
    """It becomes an UnknownEvent that says its real name and encodes to the same bytes."""
    body = dumps(body_of("user.created") | {"type": "invoice.created", "data": {"n": [1, "x"]}})
    event = decode_event(body)
    assert isinstance(event, UnknownEvent)
    assert event.type == "__unknown__"
    assert event.type_name == "invoice.created"
    assert event.data == {"n": [1, "x"]}
    assert event.timestamp == example("user.created").timestamp
    assert dumps(event) == body


def test_an_event_of_another_type_needs_nothing_but_its_type() -> None:
    """Whatever else is missing reads as None."""
    event = decode_event(b'{"type":"ping"}')
    assert isinstance(event, UnknownEvent)
    assert (event.data, event.timestamp, event.instance_id) == (None, None, None)


def test_nobody_can_pretend_to_be_the_unknown_type() -> None:
    """The stand-in's own name is a name like any other."""
    event = decode_event(b'{"type":"__unknown__"}')
    assert isinstance(event, UnknownEvent)
    assert event.type_name == "__unknown__"


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_data_that_does_not_fit_is_refused_with_its_path(name: WebhookEventType) -> None:
    """A known event never falls back to unknown: the error names what and where."""
    body = body_of(name)
    with pytest.raises(msgspec.ValidationError, match=r"missing required field `data`"):
        _ = decode_event(dumps({k: v for k, v in body.items() if k != "data"}))
    with pytest.raises(
        msgspec.ValidationError, match=r"Expected `str`, got `int` - at `\$.data.id`"
    ):
        _ = decode_event(dumps(body | {"data": body["data"] | {"id": 7}}))
    with pytest.raises(
        msgspec.ValidationError, match=r"missing required field `id` - at `\$.data`"
    ):
        _ = decode_event(
            dumps(body | {"data": {k: v for k, v in body["data"].items() if k != "id"}})
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timestamp": "yesterday"}, r"`int`, got `str` - at `\$.timestamp`"),
        ({"timestamp": 1.5}, r"`int`, got `float` - at `\$.timestamp`"),
        ({"instance_id": None}, r"`str`, got `null` - at `\$.instance_id`"),
        ({"sync": {"cursor": 1}}, r"missing required field `version` - at `\$.sync`"),
        ({"data": []}, r"`object`, got `array` - at `\$.data`"),
        ({"type": 7}, r"`str`, got `int` - at `\$.type`"),
    ],
)
def test_an_envelope_that_does_not_fit_is_refused_with_its_path(change: Body, message: str) -> None:
    """Every error says which member has which wrong type."""
    with pytest.raises(msgspec.ValidationError, match=message):
        _ = decode_event(dumps(body_of("user.created") | change))


@pytest.mark.parametrize("body", [b"{}", b'{"data":{}}', b"[]", b"7", b'"user.created"', b"null"])
def test_a_body_without_a_type_is_refused(body: bytes) -> None:
    """It is no event, known or unknown."""
    with pytest.raises(msgspec.ValidationError):
        _ = decode_event(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"user.created",
        b'{"type":"user.created"',
        b'{"type":"user.created","data":{"id":"\xff"}}',
        b'{"type":"\xff"}',
        b'{"x":' + b"[" * 100_000,
        b'{"type":"user.created","x":' + b"[" * 100_000,
        b'{"type":"ping","data":' + b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_json_raises_one_kind_of_error(body: bytes) -> None:
    """Bad UTF-8 and absurd nesting raise DecodeError as well, and nothing crashes."""
    with pytest.raises(msgspec.DecodeError):
        _ = decode_event(body)


def test_an_event_cannot_be_changed() -> None:
    """Events are values."""
    event = example("user.updated")
    assert isinstance(event, UserUpdated)
    with pytest.raises(AttributeError):
        event.timestamp = 1  # pyright: ignore[reportAttributeAccessIssue]
