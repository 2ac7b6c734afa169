"""Messages, as clients of the original know them."""

import json

import pytest

from tests.helpers.receiver import Receiver
from tests.wire_compat.svix_acceptance.api import TYPE, Api, ago, check_pages, unique


def supported(api: Api, app: str, **given: object) -> None:
    """Ask for a message with members that not every server of this kind takes."""
    answer = api.ask("POST", f"{app}/msg", {"eventType": TYPE, "payload": {}, **given})
    assert answer.status == 202, answer


def test_a_message_is_made_read_and_listed(api: Api) -> None:
    """With its payload, which is left out on request: then it is an empty object."""
    app, uid = api.app(), unique("event")
    body = {
        "eventType": TYPE,
        "payload": {"b": [1, None, "é"], "a": {}},
        "eventId": uid,
        "channels": ["c"],
    }
    made = api.ok("POST", f"{app}/msg", body, 202)
    assert {name: made[name] for name in body} == body
    assert {"id", "timestamp"} <= set(made)
    assert api.ok("GET", f"{app}/msg/{made['id']}") == made
    assert api.ok("GET", f"{app}/msg/{uid}") == made
    assert api.listed(f"{app}/msg") == [made]
    bare = made | {"payload": {}}
    assert api.ok("GET", f"{app}/msg/{uid}", with_content="false") == bare
    assert api.listed(f"{app}/msg", with_content="false") == [bare]
    other = {"eventType": TYPE, "data": {"n": 2}}
    made = api.ok("POST", f"{app}/msg", other, 202, with_content="false")
    assert made["payload"] == {}
    assert api.ok("GET", f"{app}/msg/{made['id']}")["payload"] == {"n": 2}


def test_a_wrong_message_is_refused(api: Api) -> None:
    """With where the fault is; nothing is kept of it."""
    app = api.app()
    for body, place in (
        ({"payload": {}}, ["body", "eventType"]),
        ({"eventType": TYPE}, ["body", "payload"]),
        ({"eventType": "a b", "payload": {}}, ["body", "eventType"]),
        ({"eventType": TYPE, "payload": []}, ["body", "payload"]),
        ({"eventType": TYPE, "payload": "x"}, ["body", "payload"]),
        ({"eventType": TYPE, "payload": {}, "eventId": "a b"}, ["body", "eventId"]),
        ({"eventType": TYPE, "payload": {}, "channels": ["a b"]}, ["body", "channels"]),
        ({"eventType": TYPE, "payload": {}, "channels": list("123456")}, ["body", "channels"]),
        (
            {"eventType": TYPE, "payload": {}, "payloadRetentionPeriod": 4},
            ["body", "payloadRetentionPeriod"],
        ),
        (
            {"eventType": TYPE, "payload": {}, "payloadRetentionPeriod": 91},
            ["body", "payloadRetentionPeriod"],
        ),
    ):
        assert api.wrong("POST", f"{app}/msg", body)[0][:2] == place, body
    assert api.listed(f"{app}/msg") == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"nonsense", b"\xff", b'"x"', b"{}{}"])
def test_what_is_no_json_object_is_refused_in_json(api: Api, raw: bytes) -> None:
    """As what the body lacks, or as what cannot be read."""
    app = api.app()
    for path in ("/app", f"{app}/endpoint", f"{app}/msg"):
        assert api.wrong("POST", path, raw)[0][0] == "body"


def test_an_event_id_is_used_once(api: Api) -> None:
    """In one application; another may use it; it names the message in every path."""
    app, other, uid = api.app(), api.app(), unique("event")
    api.send(app, eventId=uid)
    body = {"eventType": TYPE, "payload": {"n": 2}, "eventId": uid}
    assert api.code("POST", f"{app}/msg", body) == (409, "conflict")
    assert api.ok("GET", f"{app}/msg/{uid}")["payload"] == {"n": 1}
    api.send(other, eventId=uid)
    assert api.code("GET", f"{app}/msg/{unique('event')}") == (404, "not_found")


def test_messages_come_in_pages(api: Api) -> None:
    """Newest first, forward and back; by channel, by type, and by time."""
    app = api.app()
    assert api.ok("GET", f"{app}/msg") == {
        "data": [],
        "done": True,
        "iterator": None,
        "prevIterator": None,
    }
    ids = [api.send(app, channels=["even"] if n % 2 == 0 else None) for n in range(6)][::-1]
    check_pages(api, f"{app}/msg", ids)
    check_pages(api, f"{app}/msg", ids[1::2], channel="even")
    typed = [api.send(app, eventType=f"{TYPE}.{n}") for n in range(2)][::-1]
    for spelled in (
        {"event_types": [f"{TYPE}.0", f"{TYPE}.1"]},
        {"event_types": f"{TYPE}.0,{TYPE}.1"},
        {"event_types[]": [f"{TYPE}.0", f"{TYPE}.1"]},
    ):
        assert [one["id"] for one in api.listed(f"{app}/msg", **spelled)] == typed
    assert api.listed(f"{app}/msg", event_types="never.heard.of") == []
    at = {one["id"]: one["timestamp"] for one in api.listed(f"{app}/msg")}
    assert api.listed(f"{app}/msg", before=ago(minutes=5)) == []
    assert len(api.listed(f"{app}/msg", after=ago(minutes=5))) == 8
    oldest = at[ids[-1]]
    assert ids[-1] not in [one["id"] for one in api.listed(f"{app}/msg", after=oldest)]
    assert api.wrong("GET", f"{app}/msg", before="yesterday")[0] == ["query", "before"]
    assert api.wrong("GET", f"{app}/msg", iterator="nonsense")[0][1] == "iterator"


def test_a_payload_is_forgotten_on_request(api: Api) -> None:
    """It reads back as expired, the message stays, and cannot be sent again."""
    app = api.app()
    endpoint = api.endpoint(app, disabled=True)
    sent = api.send(app)
    api.ok("DELETE", f"{app}/msg/{sent}/content", status=204)
    assert api.ok("GET", f"{app}/msg/{sent}")["payload"] == {"expired": True}
    assert api.listed(f"{app}/msg")[0]["payload"] == {"expired": True}
    resend = f"{app}/msg/{sent}/endpoint/{endpoint}/resend"
    assert api.code("POST", resend, {}) == (400, "missing_payload")
    assert api.code("DELETE", f"{app}/msg/msg_none/content") == (404, "not_found")


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    """With 413 in JSON; nothing is kept of it, and what the receiver must accept is accepted."""
    app = api.app()
    body = {"eventType": TYPE, "payload": {"x": "y" * 8_000_000}}
    assert api.code("POST", f"{app}/msg", body) == (413, "payload_too_large")
    assert api.listed(f"{app}/msg") == []
    api.send(app, {"x": "y" * 300_000})
    assert len(api.listed(f"{app}/msg")) == 1


def test_a_raw_payload_is_sent_as_it_is(api: Api, receiver: Receiver) -> None:
    """Whatever text it is."""
    app = api.app()
    supported(api, app, transformationsParams={"rawPayload": "x", "headers": {}})
    api.endpoint(app, receiver.url)
    for raw in ("not json: {", '{ "spaces":  1.0 }', "é"):
        api.send(app, {}, transformationsParams={"rawPayload": raw})
    bodies = sorted(one.body.decode() for one in receiver.wait_for(3))
    assert bodies == sorted(["not json: {", '{ "spaces":  1.0 }', "é"])


def test_a_message_can_make_its_application(api: Api) -> None:
    """Given with the call; ignored when it is there; its uid must be the one of the path."""
    supported(api, api.app(), application={"name": "x"})
    uid = unique("inline")
    body = {"eventType": TYPE, "payload": {"n": 1}}
    assert api.code("POST", f"/app/{uid}/msg", body) == (404, "not_found")
    api.ok("POST", f"/app/{uid}/msg", body | {"application": {"name": "Made", "uid": uid}}, 202)
    assert api.ok("GET", f"/app/{uid}")["name"] == "Made"
    api.ok("POST", f"/app/{uid}/msg", body | {"application": {"name": "Other", "uid": uid}}, 202)
    assert api.ok("GET", f"/app/{uid}")["name"] == "Made"
    wrong = body | {"application": {"name": "x", "uid": unique("else")}}
    api.wrong("POST", f"/app/{unique('inline')}/msg", wrong)


def test_tags_are_for_finding(api: Api) -> None:
    """A message with tags is found by one of them, and goes where it would go without."""
    app = api.app()
    supported(api, app, tags=["t"])
    sent = api.send(app, tags=["invoice", "paid"])
    assert api.ok("GET", f"{app}/msg/{sent}")["tags"] == ["invoice", "paid"]
    assert [one["id"] for one in api.listed(f"{app}/msg", tag="paid")] == [sent]
    assert api.listed(f"{app}/msg", tag="other") == []


def test_it_is_asked_beforehand_whether_anybody_listens(api: Api) -> None:
    """By event type and channel."""
    app = api.app()
    body = {"eventType": TYPE}
    assert api.ok("POST", f"{app}/msg/precheck/active", body, 200) == {"active": False}
    api.endpoint(app)
    assert api.ok("POST", f"{app}/msg/precheck/active", body, 200) == {"active": True}


def test_a_payload_arrives_as_the_api_shows_it(api: Api, receiver: Receiver) -> None:
    """Numbers, order and letters included."""
    app = api.app()
    api.endpoint(app, receiver.url)
    payload = {"z": 1, "a": [0.1, -5, 1e3, True, None], "é": "\u2028</script>", "n": {"m": {}}}
    sent = api.send(app, payload)
    (arrived,) = receiver.wait_for(1)
    assert json.loads(arrived.body) == payload
    assert list(json.loads(arrived.body)) == list(payload)
    assert api.ok("GET", f"{app}/msg/{sent}")["payload"] == payload
