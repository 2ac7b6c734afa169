"""Attempts and what became of messages, as clients of the original know them."""

from typing import Any

import pytest

from tests.helpers.behaviours import answer
from tests.helpers.receiver import Receiver
from tests.wire_compat.svix_acceptance.api import TYPE, Api, ago, check_pages, until
from tests.wire_compat.svix_acceptance.conftest import SCHEDULE

ALL_TRIES = 1 + len(SCHEDULE)


@pytest.mark.parametrize(
    ("status", "tries"), [(200, 1), (204, 1), (400, ALL_TRIES), (500, ALL_TRIES)]
)
def test_a_message_is_tried_as_often_as_the_schedule_says(
    api: Api, receiver: Receiver, status: int, tries: int
) -> None:
    """Once where it succeeds, and once more for every delay where it fails."""
    app = api.app()
    receiver.respond(status)
    endpoint = api.endpoint(app, f"{receiver.url}/hook")
    sent = api.send(app)
    found = api.attempts(app, sent, tries)
    good = status < 300
    for one in found:
        assert (one["msgId"], one["endpointId"]) == (sent, endpoint)
        assert (one["url"], one["triggerType"]) == (f"{receiver.url}/hook", 0)
        assert (one["responseStatusCode"], one["status"]) == (status, 0 if good else 2)
        assert (one["statusText"], one["response"]) == (
            "success" if good else "fail",
            "" if status == 204 else "ok",
        )
        assert one["responseDurationMs"] >= 0
        assert api.ok("GET", f"{app}/msg/{sent}/attempt/{one['id']}") == one
    where = until(
        lambda: api.listed(f"{app}/msg/{sent}/endpoint")[0], lambda one: one["status"] in {0, 2}
    )
    assert (where["id"], where["status"], where["nextAttempt"]) == (
        endpoint,
        0 if good else 2,
        None,
    )
    assert len(api.listed(f"{app}/attempt/msg/{sent}")) == len(receiver.requests) == tries


def test_a_port_that_nobody_listens_on_is_a_failure(api: Api, receiver: Receiver) -> None:
    """With status code 0 and words for it."""
    app = api.app()
    api.endpoint(app, "http://127.0.0.1:9/")
    for one in api.attempts(app, api.send(app), ALL_TRIES):
        assert (one["responseStatusCode"], one["status"]) == (0, 2)
        assert len(one["response"]) > 10


def test_a_response_is_forgotten_on_request(api: Api, receiver: Receiver) -> None:
    """The attempt stays."""
    app = api.app()
    receiver.respond(200, body=b"personal")
    api.endpoint(app, receiver.url)
    sent = api.send(app)
    (one,) = api.attempts(app, sent, 1)
    path = f"{app}/msg/{sent}/attempt/{one['id']}"
    assert api.ok("GET", path)["response"] == "personal"
    api.ok("DELETE", f"{path}/content", status=204)
    assert api.ok("GET", path) == one | {"response": "EXPUNGED"}
    assert api.code("GET", f"{path}x") == (404, "not_found")
    assert api.code("DELETE", f"{path}x/content") == (404, "not_found")


def test_a_refused_connections_words_are_forgotten_too(api: Api) -> None:
    """They may hold addresses."""
    app = api.app()
    api.endpoint(app, "http://127.0.0.1:9/")
    sent = api.send(app)
    one = api.attempts(app, sent, ALL_TRIES)[0]
    path = f"{app}/msg/{sent}/attempt/{one['id']}"
    api.ok("DELETE", f"{path}/content", status=204)
    assert api.ok("GET", path)["response"] == "EXPUNGED"


def went(api: Api, app: str, endpoint: str, **query: object) -> list[Any]:
    return [one["id"] for one in api.listed(f"{app}/endpoint/{endpoint}/msg", **query)]


def test_messages_of_an_endpoint_are_found_by_what_became_of_them(
    api: Api, receiver: Receiver
) -> None:
    """Delivered, failed, and still to be tried again: each is in one list only."""
    app = api.app()
    endpoint = api.endpoint(app, receiver.url, ordering="none")
    good = api.send(app)
    api.attempts(app, good, 1)
    receiver.respond(500)
    bad = api.send(app)
    api.attempts(app, bad, ALL_TRIES)
    receiver.behave(answer(503, [("Retry-After", "600")]))
    waiting = api.send(app)
    api.attempts(app, waiting, 1)
    path = f"{app}/endpoint/{endpoint}/msg"
    found = until(
        lambda: {one["id"]: one for one in api.listed(path)},
        lambda found: found[bad]["status"] == 2 and found[waiting]["status"] in {1, 3},
    )
    assert list(found) == [waiting, bad, good]
    assert {one: found[one]["statusText"] for one in (good, bad)} == {good: "success", bad: "fail"}
    assert found[waiting]["nextAttempt"] is not None
    assert found[bad]["nextAttempt"] is None
    assert went(api, app, endpoint, status=0) == [good]
    assert went(api, app, endpoint, status=2) == [bad]
    assert went(api, app, endpoint, status=found[waiting]["status"]) == [waiting]
    assert went(api, app, endpoint, status=4) == []
    assert api.wrong("GET", path, status=9)[0] == ["query", "status"]


def test_messages_of_an_endpoint_come_in_pages(api: Api, receiver: Receiver) -> None:
    """Newest first, forward and back; those that went there only; by type, channel and time."""
    app = api.app()
    endpoint = api.endpoint(app, receiver.url)
    ids = [api.send(app) for _ in range(5)][::-1]
    receiver.wait_for(5)
    path = f"{app}/endpoint/{endpoint}/msg"
    check_pages(api, path, ids)
    later = api.endpoint(app, receiver.url)
    assert went(api, app, later) == []
    assert went(api, app, endpoint, event_types="other.type") == []
    assert went(api, app, endpoint, channel="none") == []
    assert went(api, app, endpoint, before=ago(minutes=1)) == []
    assert went(api, app, endpoint, after=ago(minutes=1)) == ids
    assert went(api, app, endpoint, before=ago(minutes=-1), after=ago(minutes=1)) == ids
    assert api.listed(path, with_content="false")[0]["payload"] == {}


def test_attempts_come_in_pages(api: Api, receiver: Receiver) -> None:
    """By endpoint and by message, newest first, forward and back."""
    app = api.app()
    receiver.respond(500)
    endpoint = api.endpoint(app, receiver.url, ordering="none")
    sent = [api.send(app) for _ in range(2)]
    for one in sent:
        api.attempts(app, one, ALL_TRIES)
        path = f"{app}/attempt/msg/{one}"
        check_pages(api, path, [item["id"] for item in api.listed(path)])
    path = f"{app}/attempt/endpoint/{endpoint}"
    found = api.listed(path)
    assert len(found) == 2 * ALL_TRIES
    assert [one["timestamp"] for one in found] == sorted(
        (one["timestamp"] for one in found), reverse=True
    )
    check_pages(api, path, [item["id"] for item in found])


def test_attempts_are_narrowed(api: Api, receiver: Receiver) -> None:
    """By status, status class, type, time, channel and endpoint, one or together."""
    app = api.app()
    first = api.endpoint(app, f"{receiver.url}/a", ordering="none")
    second = api.endpoint(app, f"{receiver.url}/b", ordering="none")
    receiver.fail_next(2, 404)
    sent = api.send(app)
    all_of_them = api.attempts(app, sent, 4)
    path = f"{app}/attempt/msg/{sent}"

    def ids(**query: object) -> list[str]:
        return [one["id"] for one in api.listed(path, **query)]

    good = [one["id"] for one in all_of_them if one["status"] == 0]
    bad = [one["id"] for one in all_of_them if one["status"] == 2]
    assert (len(good), len(bad)) == (2, 2)
    assert ids(status=0) == ids(status_code_class=200) == good
    assert ids(status=2) == ids(status_code_class=400) == bad
    assert ids(status_code_class=500) == ids(status=0, status_code_class=400) == []
    assert ids(status=1) == ids(status=4) == []
    assert ids(event_types=TYPE) == ids(after=ago(minutes=1)) == ids()
    assert ids(event_types="other.type") == ids(before=ago(minutes=1)) == ids(channel="x") == []
    for endpoint in (first, second):
        mine = [one["id"] for one in all_of_them if one["endpointId"] == endpoint]
        assert ids(endpoint_id=endpoint) == mine
        page = api.ok("GET", path, endpoint_id=endpoint, limit=1)
        rest = api.ok("GET", path, endpoint_id=endpoint, limit=1, iterator=page["iterator"])
        assert [page["data"][0]["id"], rest["data"][0]["id"]] == mine
        assert (page["done"], rest["done"]) == (False, True)
    by_endpoint = api.listed(f"{app}/attempt/endpoint/{first}", status=2)
    assert {one["endpointId"] for one in by_endpoint} == {first}
    assert api.listed(f"{app}/attempt/endpoint/{first}", status=1) == []
    assert api.wrong("GET", path, status_code_class=600)[0] == ["query", "status_code_class"]


def test_destinations_tell_where_a_message_went(api: Api, receiver: Receiver) -> None:
    """Every endpoint that it is for, with what became of it there."""
    app = api.app()
    first = api.endpoint(app, receiver.url)
    second = api.endpoint(app, "http://127.0.0.1:9/")
    sent = api.send(app)
    path = f"{app}/msg/{sent}/endpoint"
    found = until(
        lambda: {one["id"]: one for one in api.listed(path)},
        lambda found: found[first]["status"] == 0 and found[second]["status"] == 2,
    )
    assert set(found) == {first, second}
    assert {"url", "description", "statusText", "nextAttempt"} <= set(found[first])
    check_pages(api, path, list(found))


def test_the_former_paths_of_attempts_are_known(api: Api, receiver: Receiver) -> None:
    """Of a message, and of a message at one endpoint."""
    app = api.app()
    endpoint = api.endpoint(app, receiver.url)
    sent = api.send(app)
    found = api.attempts(app, sent, 1)
    for path in (f"{app}/msg/{sent}/attempt", f"{app}/msg/{sent}/endpoint/{endpoint}/attempt"):
        assert [one["id"] for one in api.listed(path)] == [one["id"] for one in found]
