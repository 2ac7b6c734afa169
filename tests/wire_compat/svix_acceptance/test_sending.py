"""What arrives where: filters, headers, signatures, retries, resends."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from svix.webhooks import Webhook, WebhookVerificationError

from tests.helpers.behaviours import answer
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer
from tests.wire_compat.svix_acceptance.api import (
    TYPE,
    Api,
    ago,
    ed25519,
    until,
)
from tests.wire_compat.svix_acceptance.conftest import SCHEDULE

ALL_TRIES = 1 + len(SCHEDULE)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server that tries once, and never again."""
    folder = tmp_path_factory.mktemp("server") / "data"
    with (
        RunningServer(folder, retry_schedule=[]) as running,
        contextlib.closing(Api(running)) as api,
    ):
        yield api


def paths(receiver: Receiver, count: int) -> list[str]:
    return sorted(one.path for one in receiver.wait_for(count))


def test_an_endpoint_gets_the_event_types_that_it_wants(api: Api, receiver: Receiver) -> None:
    """All of them without a filter."""
    app, kind = api.app(), api.event_type()
    other = api.event_type()
    api.endpoint(app, f"{receiver.url}/all")
    api.endpoint(app, f"{receiver.url}/one", filterTypes=[kind])
    api.endpoint(app, f"{receiver.url}/both", filterTypes=[kind, other])
    first = api.send(app, eventType=kind)
    second = api.send(app, eventType=other)
    assert paths(receiver, 5) == ["/all", "/all", "/both", "/both", "/one"]
    assert len(api.attempts(app, first, 3)) == 3
    assert len(api.attempts(app, second, 2)) == 2


def test_an_endpoint_with_channels_gets_what_shares_one(api: Api, receiver: Receiver) -> None:
    """An endpoint without gets everything; a message without goes to those without."""
    app = api.app()
    api.endpoint(app, f"{receiver.url}/all")
    api.endpoint(app, f"{receiver.url}/a", channels=["a", "b"])
    first, second = api.send(app, channels=["a", "c"]), api.send(app, channels=["c"])
    third = api.send(app)
    assert paths(receiver, 4) == ["/a", "/all", "/all", "/all"]
    assert [len(api.attempts(app, one, n)) for one, n in ((first, 2), (second, 1), (third, 1))] == [
        2,
        1,
        1,
    ]


def test_headers_are_sent_in_the_letters_they_were_given(api: Api, receiver: Receiver) -> None:
    """Beside content type, agent and both families of signature headers, each once."""
    app = api.app()
    endpoint = api.endpoint(app, receiver.url)
    headers = {"X-CamelCase": "One", "x-lower": "two", "Authorization": "Bearer z"}
    api.ok("PUT", f"{app}/endpoint/{endpoint}/headers", {"headers": headers}, 204)
    sent = api.send(app)
    (arrived,) = receiver.wait_for(1)
    assert headers.items() <= dict(arrived.headers).items()
    names = [name.lower() for name, _ in arrived.headers]
    assert len(names) == len(set(names))
    assert arrived.header("content-type") == "application/json"
    assert arrived.header("svix-id") == arrived.header("webhook-id") == sent
    assert (arrived.method, arrived.header("accept")) == ("POST", "*/*")


def test_every_secret_of_an_overlap_verifies_a_delivery(api: Api, receiver: Receiver) -> None:
    """Three of them; one that was replaced without overlap does not."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app, receiver.url)}/secret"
    dead = api.ok("GET", path)["key"]
    api.ask("POST", f"{path}/rotate", {"gracePeriodSeconds": 0})
    keys = [api.ok("GET", path)["key"]]
    for _ in range(2):
        api.ask("POST", f"{path}/rotate", {})
        keys.append(api.ok("GET", path)["key"])
    assert len({dead, *keys}) == 4
    api.send(app)
    (arrived,) = receiver.wait_for(1)
    for key in keys:
        Webhook(key).verify(arrived.body, dict(arrived.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(dead).verify(arrived.body, dict(arrived.headers))


def test_secrets_of_both_kinds_sign_while_they_overlap(api: Api, receiver: Receiver) -> None:
    """Each with its own version; the symmetric one verifies as ever."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app, receiver.url)}/secret"
    symmetric = api.ok("GET", path)["key"]
    assert api.ask("POST", f"{path}/rotate", {"key": ed25519()}).status in {200, 204}
    assert api.ok("GET", path)["key"].startswith("whpk_")
    api.send(app)
    (arrived,) = receiver.wait_for(1)
    signatures = (arrived.header("svix-signature") or "").split()
    assert [one.partition(",")[0] for one in signatures] == ["v1a", "v1"]
    Webhook(symmetric).verify(arrived.body, dict(arrived.headers))


def test_an_example_is_sent(api: Api, receiver: Receiver) -> None:
    """Of the catalogue, of one's own types with an example in the schema, and a ping."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app, receiver.url)}/send-example"
    made = api.ok("POST", path, {"eventType": "user.created"})
    (arrived,) = receiver.wait_for(1)
    assert arrived.header("svix-id") == made["id"]
    assert json.loads(arrived.body) == made["payload"]
    assert api.code("POST", path, {"eventType": "never.heard.of"}) == (404, "not_found")


def test_an_example_of_ones_own_type_is_sent(api: Api, receiver: Receiver) -> None:
    """From the schema's example; where it has none, that is said; a ping needs no type."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app, receiver.url)}/send-example"
    schema = {"1": {"type": "object", "examples": [{"n": 1}]}}
    for kind, body in (
        ("svix.ping", {"success": True}),
        (api.event_type(schemas=schema), {"n": 1}),
    ):
        made = api.ok("POST", path, {"eventType": kind})
        assert (made["eventType"], made["payload"]) == (kind, body)
        assert json.loads(receiver.wait_for(1)[-1].body) == body
        receiver.clear()
    assert api.code("POST", path, {"eventType": api.event_type()}) == (400, "invalid_scheme")


def test_one_failing_endpoint_is_tried_again_alone(api: Api, receiver: Receiver) -> None:
    """The others get the message once."""
    app = api.app()
    for name in "abc":
        api.endpoint(app, f"{receiver.url}/{name}")
    receiver.fail_next(1)
    sent = api.send(app)
    arrived = paths(receiver, 4)
    assert sorted(set(arrived)) == ["/a", "/b", "/c"]
    found = api.attempts(app, sent, 4)
    assert sorted(one["responseStatusCode"] for one in found) == [200, 200, 200, 500]


def test_a_retry_has_the_same_id_and_body_and_its_own_signature(
    api: Api, receiver: Receiver
) -> None:
    """Signed anew each time."""
    app = api.app()
    endpoint = api.endpoint(app, receiver.url)
    receiver.fail_next(2)
    sent = api.send(app)
    key = api.ok("GET", f"{app}/endpoint/{endpoint}/secret")["key"]
    arrived = receiver.wait_for(3)
    assert {one.header("svix-id") for one in arrived} == {sent}
    assert len({one.body for one in arrived}) == 1
    for one in arrived:
        Webhook(key).verify(one.body, dict(one.headers))


def test_an_empty_schedule_means_one_try(once: Api, receiver: Receiver) -> None:
    """And a resend means one more."""
    app = once.app()
    receiver.respond(500)
    endpoint = once.endpoint(app, receiver.url)
    sent = once.send(app)
    assert len(once.attempts(app, sent, 1)) == 1
    once.ok("POST", f"{app}/msg/{sent}/endpoint/{endpoint}/resend", {}, 202)
    once.attempts(app, sent, 2)
    assert len(receiver.requests) == 2


def test_an_attempt_by_hand_says_so(once: Api, receiver: Receiver) -> None:
    """Its trigger is 1, that of the schedule's 0."""
    app = once.app()
    endpoint = once.endpoint(app, receiver.url)
    sent = once.send(app)
    once.attempts(app, sent, 1)
    once.ok("POST", f"{app}/msg/{sent}/endpoint/{endpoint}/resend", {}, 202)
    assert [one["triggerType"] for one in once.attempts(app, sent, 2)] == [1, 0]


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_for_time_gets_it(
    api: Api, receiver: Receiver, status: int, form: str
) -> None:
    """The whole endpoint waits as long as it said, in either form, whatever the schedule says."""
    app = api.app()
    value = "1" if form == "seconds" else in_seconds(2)
    receiver.then(answer(status, [("Retry-After", value)]))
    api.endpoint(app, receiver.url, ordering="none")
    first = api.send(app)
    api.attempts(app, first, 1)
    api.send(app)
    arrived = receiver.wait_for(3)
    assert min(one.at for one in arrived[1:]) - arrived[0].at > 0.9


def test_being_asked_for_time_costs_no_try(api: Api, receiver: Receiver) -> None:
    """However often: it is tried until it is taken."""
    app = api.app()
    receiver.then(*[answer(429, [("Retry-After", "0.05")])] * (ALL_TRIES + 2))
    api.endpoint(app, receiver.url)
    found = api.attempts(app, api.send(app), ALL_TRIES + 3)
    assert [one["status"] for one in found] == [0, *[2] * (ALL_TRIES + 2)]


def test_redirects_are_failures_and_not_followed(api: Api, receiver: Receiver) -> None:
    """Whatever kind of redirect, wherever it leads."""
    app = api.app()
    receiver.behave(answer(308, [("Location", f"{receiver.url}/elsewhere")]))
    api.endpoint(app, f"{receiver.url}/hook")
    found = api.attempts(app, api.send(app), ALL_TRIES)
    assert {(one["responseStatusCode"], one["status"]) for one in found} == {(308, 2)}
    assert {one.path for one in receiver.requests} == {"/hook"}


def test_a_failed_resend_does_not_end_the_automatic_retries(
    server: RunningServer, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The schedule goes on as if nobody had sent it by hand."""
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=[1.5]) as slow, contextlib.closing(Api(slow)) as api:
        app = api.app()
        receiver.respond(500)
        endpoint = api.endpoint(app, receiver.url)
        sent = api.send(app)
        api.attempts(app, sent, 1)
        where = f"{app}/msg/{sent}/endpoint"
        until(lambda: api.listed(where)[0], lambda one: one["nextAttempt"] is not None)
        api.ok("POST", f"{where}/{endpoint}/resend", {}, 202)
        api.attempts(app, sent, 2)
        receiver.respond(200)
        found = api.attempts(app, sent, 3)
        assert [one["status"] for one in found] == [0, 2, 2]


def test_a_message_is_resent_whatever_became_of_it(api: Api, receiver: Receiver) -> None:
    """Filters do not matter; an endpoint that it never went to gets it too; once each."""
    app = api.app()
    first = api.endpoint(app, f"{receiver.url}/a")
    sent = api.send(app)
    api.attempts(app, sent, 1)
    later = api.endpoint(app, f"{receiver.url}/b", channels=["other"])
    for endpoint in (first, later):
        api.ok("POST", f"{app}/msg/{sent}/endpoint/{endpoint}/resend", {}, 202)
    assert paths(receiver, 3) == ["/a", "/a", "/b"]
    assert len(api.attempts(app, sent, 3)) == 3
    assert api.code("POST", f"{app}/msg/msg_x/endpoint/{first}/resend", {}) == (404, "not_found")
    assert api.code("POST", f"{app}/msg/{sent}/endpoint/ep_x/resend", {}) == (404, "not_found")


def test_a_disabled_endpoint_keeps_what_it_has_not_got(api: Api, receiver: Receiver) -> None:
    """Nothing is sent meanwhile; enabled again, it gets what waited, in order."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app, receiver.url)}"
    receiver.behave(answer(503, [("Retry-After", "1")]))
    first = api.send(app)
    api.attempts(app, first, 1)
    api.ok("PATCH", path, {"disabled": True})
    receiver.respond(200)
    other = api.endpoint(app, f"{receiver.url}/other")
    api.send(app)
    until(lambda: len(receiver.requests), lambda count: count >= 2)
    assert {one.path for one in receiver.requests[1:]} == {"/other"}
    api.ok("PATCH", path, {"disabled": False})
    found = until(
        lambda: api.attempts(app, first, 2), lambda found: any(o["status"] == 0 for o in found)
    )
    assert found[0]["endpointId"] != other


def test_what_is_deleted_gets_nothing(api: Api, receiver: Receiver) -> None:
    """A deleted endpoint, and a deleted application, whose every path is not found then."""
    app = api.app()
    gone = api.endpoint(app, f"{receiver.url}/gone")
    api.endpoint(app, f"{receiver.url}/there")
    api.ok("DELETE", f"{app}/endpoint/{gone}")
    sent = api.send(app)
    assert paths(receiver, 1) == ["/there"]
    assert len(api.attempts(app, sent, 1)) == 1
    api.ok("DELETE", app)
    for method, path in (
        ("POST", f"{app}/msg"),
        ("GET", f"{app}/msg"),
        ("GET", f"{app}/msg/{sent}"),
        ("GET", f"{app}/endpoint"),
        ("POST", f"{app}/endpoint"),
        ("GET", f"{app}/attempt/msg/{sent}"),
    ):
        body = {"eventType": TYPE, "payload": {}, "url": receiver.url}
        assert api.code(method, path, body) == (404, "not_found"), path
    assert len(receiver.requests) == 1


def test_an_endpoint_has_its_numbers(api: Api, receiver: Receiver) -> None:
    """Of what succeeded and what failed."""
    app = api.app()
    endpoint = api.endpoint(app, receiver.url, ordering="none")
    path = f"{app}/endpoint/{endpoint}/stats"
    assert api.ok("GET", path) == dict.fromkeys(
        ("success", "pending", "sending", "fail", "canceled"), 0
    )
    for _ in range(2):
        api.attempts(app, api.send(app), 1)
    receiver.respond(500)
    api.attempts(app, api.send(app), ALL_TRIES)
    found = until(lambda: api.ok("GET", path), lambda found: found["fail"] == 1)
    assert (found["success"], found["pending"], found["sending"]) == (2, 0, 0)
    assert api.ok("GET", path, since=ago(minutes=5))["success"] == 2


def test_numbers_of_an_endpoint_are_of_the_time_asked_for(api: Api, receiver: Receiver) -> None:
    """Nothing of before, nothing of after, and of 28 days at most."""
    app = api.app()
    endpoint = api.endpoint(app, receiver.url)
    api.attempts(app, api.send(app), 1)
    path = f"{app}/endpoint/{endpoint}/stats"
    assert api.ok("GET", path, until=ago(minutes=5))["success"] == 0
    assert api.ok("GET", path, since=ago(days=2), until=ago(days=1))["success"] == 0
    assert api.code("GET", path, since=ago(days=29)) == (400, "invalid_range")


def test_what_failed_is_recovered(once: Api, receiver: Receiver) -> None:
    """One more attempt for each message since then, none for those that were delivered."""
    app = once.app()
    endpoint = once.endpoint(app, receiver.url)
    path = f"{app}/endpoint/{endpoint}/recover"
    once.ok("POST", path, {"since": ago(hours=1)}, 202)
    good = once.send(app)
    once.attempts(app, good, 1)
    receiver.respond(500)
    bad = once.send(app)
    once.attempts(app, bad, 1)
    receiver.respond(200)
    once.ok("POST", path, {"since": ago(hours=-1)}, 202)
    task = once.ok("POST", path, {"since": ago(hours=1)}, 202)
    assert (task["status"], task["task"]) == ("running", "endpoint.recover")
    found = once.attempts(app, bad, 2)
    assert [one["status"] for one in found] == [0, 2]
    assert len(once.attempts(app, good, 1)) == 1
    done = until(
        lambda: once.ok("GET", f"/background-task/{task['id']}"),
        lambda found: found["status"] != "running",
    )
    assert done["status"] == "finished"
    assert once.wrong("POST", path, {"since": ago(days=15)}) == [["body", "since"]]
    assert once.wrong("POST", path, {}) == [["body", "since"]]
