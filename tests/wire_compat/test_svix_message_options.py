"""What a message can be asked for beyond type and payload, and every way to list messages."""

import gc
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from svix.api import (
    ApplicationIn,
    EndpointIn,
    MessageAttemptListAttemptedDestinationsOptions,
    MessageAttemptListAttemptedMessagesOptions,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
    MessageGetOptions,
    MessageIn,
    MessageListOptions,
    Svix,
    SvixOptions,
)
from svix.api.message import message_in_raw
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import BulkExpungeContentsIn, MessagePrecheckIn
from svix.webhooks import Webhook

from consignease.domain.retention import Keep
from consignease.store import message_lists
from consignease.store.tx import Tx
from consignease.work.retain import Rounds
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def svix(server: RunningServer) -> Iterator[Any]:
    yield Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    gc.collect()


@pytest.fixture
def app(svix: Any) -> Iterator[str]:
    made = svix.application.create(ApplicationIn(name="Acme"))
    yield made.id
    svix.application.delete(made.id)


def send(svix: Any, app: str, number: int = 0, **more: Any) -> str:
    body = MessageIn(event_type=more.pop("event_type", "a.b"), payload={"n": number}, **more)
    return svix.message.create(app, body).id


def ids(page: Any) -> list[str]:
    return [one.id for one in page.data]


def wait(ready: Any) -> None:
    until = datetime.now(UTC) + timedelta(seconds=20)
    while not ready():
        assert datetime.now(UTC) < until


def test_tags_find_messages_and_route_nothing(svix: Any, app: str) -> None:
    """Each tag finds its own; endpoints get tagged messages like any other."""
    with Receiver() as receiver:
        svix.endpoint.create(app, EndpointIn(url=receiver.url))
        red = send(svix, app, tags=["red", "project 7"])
        both = send(svix, app, tags=["red", "blue", "red"])
        send(svix, app)
        receiver.wait_for(3)
    assert svix.message.get(app, both).tags == ["red", "blue"]
    assert ids(svix.message.list(app, MessageListOptions(tag="red"))) == [both, red]
    assert ids(svix.message.list(app, MessageListOptions(tag="project 7"))) == [red]
    first = svix.message.list(app, MessageListOptions(tag="red", limit=1))
    assert (ids(first), first.done) == ([both], False)
    rest = svix.message.list(app, MessageListOptions(tag="red", limit=1, iterator=first.iterator))
    assert (ids(rest), rest.done) == ([red], True)
    for tags in ([""], ["x" * 129], [" x"], ["a\nb"], [str(n) for n in range(11)]):
        with pytest.raises(HTTPValidationError):
            send(svix, app, tags=tags)


def test_a_message_for_later_waits_unleased_and_is_shown_as_pending(
    server: RunningServer, svix: Any, app: str
) -> None:
    """Due when it was asked for, between a minute and a day ahead; nothing is sent before."""
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url))
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
        later = send(svix, app, deliver_at=at)
        assert svix.message.get(app, later).deliver_at == at
        (listed,) = svix.message.list(app).data
        assert listed.deliver_at == at
        (shown,) = svix.message_attempt.list_attempted_messages(app, endpoint.id).data
        assert (shown.id, shown.status, shown.next_attempt) == (later, 1, at)
        send(svix, app, 2)
        receiver.wait_for(1)
        assert [json.loads(one.body) for one in receiver.requests] == [{"n": 2}]

        def hurry(tx: Tx) -> None:
            tx.execute("UPDATE delivery SET due_at = due_at - 300000 WHERE state = 1")
            no = tx.one("SELECT no FROM endpoint WHERE id = ?", (endpoint.id,))[0]
            tx.wake(no, 0)

        server.write(hurry)
        receiver.wait_for(2)
        assert receiver.requests[1].header("svix-id") == later
    for wrong in (timedelta(seconds=30), timedelta(hours=25), timedelta(days=-1)):
        with pytest.raises(HTTPValidationError):
            send(svix, app, deliver_at=datetime.now(UTC) + wrong)


def test_a_message_for_later_survives_a_restart(tmp_path: Any) -> None:
    """The row is the queue: a new process finds it due."""
    folder = tmp_path / "data"
    with Receiver() as receiver:
        with RunningServer(folder) as first:
            client = first.client()
            app = client.call("POST", "/api/v1/app", {"name": "x"}).json["id"]
            client.call("POST", f"/api/v1/app/{app}/endpoint", {"url": receiver.url})
            at = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
            body = {"eventType": "a.b", "payload": {"late": True}, "deliverAt": at}
            made = client.call("POST", f"/api/v1/app/{app}/msg", body)
            assert made.status == 202, made.body
            first.write(lambda tx: tx.execute("UPDATE delivery SET due_at = due_at - 120000"))
            client.close()
        assert receiver.requests == []
        with RunningServer(folder):
            receiver.wait_for(1)
        assert json.loads(receiver.requests[0].body) == {"late": True}


def test_a_raw_body_is_sent_as_it_is(svix: Any, app: str) -> None:
    """Byte for byte, under the content type that was asked for, signed like any other."""
    text = '<order  n="1">é\t</order>\n'
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url))
        sent = svix.message.create(app, message_in_raw("a.b", text, "application/xml"))
        svix.message.create(app, message_in_raw("a.b", '{ "a":1.0 }'))
        receiver.wait_for(2)
        first, second = sorted(receiver.requests, key=lambda one: one.body.startswith(b"{"))
        assert (first.body, second.body) == (text.encode(), b'{ "a":1.0 }')
        assert first.header("content-type") == "application/xml"
        assert second.header("content-type") == "application/json"
        secret = svix.endpoint.get_secret(app, endpoint.id).key
        Webhook(secret).verify(first.body, dict(first.headers))
    shown = svix.message.get(app, sent.id, MessageGetOptions(with_content=True))
    assert shown.payload == {"rawPayload": text}
    for wrong in ("text/plain\r\nx: y", "nonsense", "a/b; \x07"):
        with pytest.raises(HTTPValidationError):
            svix.message.create(app, message_in_raw("a.b", text, wrong))


def test_an_application_comes_with_its_first_message(svix: Any, server: RunningServer) -> None:
    """Made in the same unit of work, of no account later, and named by the path."""
    client = server.client()
    body: dict[str, Any] = {"eventType": "a.b", "payload": {}}
    assert client.call("POST", "/api/v1/app/fresh/msg", body).status == 404
    for wrong in ({"name": "Fresh"}, {"name": "Fresh", "uid": "other"}):
        refused = client.call("POST", "/api/v1/app/fresh/msg", body | {"application": wrong})
        assert refused.status == 422
        assert refused.json["detail"][0]["type"] == "application_uid_mismatch"
    application = {"name": "Fresh", "uid": "fresh"}
    failing = body | {"application": application, "eventId": "e1", "tags": [" "]}
    assert client.call("POST", "/api/v1/app/fresh/msg", failing).status == 422
    assert client.call("GET", "/api/v1/app/fresh").status == 404
    made = client.call("POST", "/api/v1/app/fresh/msg", body | {"application": application})
    assert made.status == 202
    assert svix.application.get("fresh").name == "Fresh"
    other = {"name": "Other", "uid": "x"}
    again = client.call("POST", "/api/v1/app/fresh/msg", body | {"application": other})
    assert again.status == 202
    assert len(svix.message.list("fresh").data) == 2
    assert svix.application.get("fresh").name == "Fresh"
    svix.application.delete("fresh")
    client.close()


def test_what_is_too_large_or_contradicts_itself_is_refused(
    svix: Any, app: str, server: RunningServer
) -> None:
    """413 beyond a megabyte; one kind of payload retention, in its range; data is payload."""
    client = server.client()
    path = f"/api/v1/app/{app}/msg"
    large = {"eventType": "a.b", "payload": {"x": "y" * 1024 * 1024}}
    refused = client.call("POST", path, large)
    assert (refused.status, refused.json["code"]) == (413, "payload_too_large")
    fits = {"eventType": "a.b", "payload": {"x": "y" * (1024 * 1024 - 60)}}
    assert client.call("POST", path, fits).status == 202
    assert client.call("POST", path, {"eventType": "a.b", "data": {"a": 1}}).status == 202
    for wrong in (
        {"payloadRetentionPeriod": 4},
        {"payloadRetentionPeriod": 91},
        {"payloadRetentionHours": 0},
        {"payloadRetentionHours": 24, "payloadRetentionPeriod": 5},
    ):
        body = {"eventType": "a.b", "payload": {}, **wrong}
        assert client.call("POST", path, body).status == 422, wrong
    kept = svix.message.create(
        app, MessageIn(event_type="a.b", payload={}, payload_retention_hours=2)
    )
    expires = server.read(lambda tx: tx.one("SELECT max(expires_at) FROM message")[0])
    assert round(expires / 1000) - kept.timestamp.timestamp() == pytest.approx(7200, abs=2)
    client.close()


def test_precheck_tells_whether_anybody_would_get_it(svix: Any, app: str) -> None:
    """By event type and channel; a disabled endpoint does not count."""

    def active(**more: Any) -> bool:
        body = MessagePrecheckIn(event_type=more.pop("event_type", "a.b"), **more)
        return svix.message.precheck(app, body).active

    assert active() is False
    svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/", disabled=True))
    assert active() is False
    svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/", channels=["c"]))
    assert active() is False
    assert active(channels=["c", "d"]) is True
    svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/", event_types=["user.created"]))
    assert active(event_type="user.created") is True


def test_bodies_of_some_messages_are_forgotten_at_once(svix: Any, app: str) -> None:
    """By id or eventId; what is unknown is said to be."""
    one = send(svix, app, event_id="e-1")
    two = send(svix, app)
    done = svix.message.bulk_expunge_content(
        app, BulkExpungeContentsIn(ids=["e-1", two, "msg_none"])
    )
    assert {name: str(status) for name, status in done.results.items()} == {
        "e-1": "expunged",
        two: "expunged",
        "msg_none": "not-found",
    }
    gone = svix.message.get(app, one, MessageGetOptions(with_content=True))
    assert gone.payload == {"expired": True}
    with pytest.raises(HttpError) as refused:
        send(svix, app, event_id="e-1")
    assert refused.value.status_code == 409


def test_messages_are_listed_forwards_and_back(svix: Any, app: str) -> None:
    """Iterators both ways, times from either side and both, types in every spelling."""
    sent = [send(svix, app, n, event_type=f"t.{n % 3}") for n in range(7)]
    newest_first = sent[::-1]
    walked: list[str] = []
    page = svix.message.list(app, MessageListOptions(limit=3))
    pages = [page]
    while not page.done:
        page = svix.message.list(app, MessageListOptions(limit=3, iterator=page.iterator))
        pages.append(page)
    for page in pages:
        walked += ids(page)
    assert walked == newest_first
    back = svix.message.list(app, MessageListOptions(limit=3, iterator=pages[2].prev_iterator))
    assert (ids(back), back.done) == (newest_first[3:6], False)
    back = svix.message.list(app, MessageListOptions(limit=3, iterator=back.prev_iterator))
    assert (ids(back), back.done) == (newest_first[0:3], True)
    times = [svix.message.get(app, one).timestamp for one in sent]
    tick = timedelta(milliseconds=1)
    after = svix.message.list(app, MessageListOptions(after=times[0] - tick, limit=2))
    assert ids(after) == sent[1::-1]
    assert after.done is False
    newer = svix.message.list(app, MessageListOptions(limit=9, iterator=after.prev_iterator))
    assert (ids(newer), newer.done) == (newest_first[:5], True)
    both = MessageListOptions(after=times[0] - tick, before=times[6] + tick, limit=2)
    assert ids(svix.message.list(app, both)) == newest_first[:2]
    assert ids(svix.message.list(app, MessageListOptions(before=times[0]))) == []
    wanted = [one for n, one in enumerate(sent) if n % 3 != 1][::-1]
    assert ids(svix.message.list(app, MessageListOptions(event_types=["t.0", "t.2"]))) == wanted


def test_event_types_are_taken_in_every_spelling(
    server: RunningServer, svix: Any, app: str
) -> None:
    """Repeated, with commas, with brackets."""
    for n in range(3):
        send(svix, app, n, event_type=f"t.{n}")
    client = server.client()
    for query in (
        "event_types=t.0&event_types=t.2",
        "event_types=t.0,t.2",
        "event_types[]=t.0&event_types[]=t.2",
        "event_types%5B0%5D=t.0&event_types%5B1%5D=t.2",
    ):
        page = client.call("GET", f"/api/v1/app/{app}/msg?{query}").json
        assert [one["eventType"] for one in page["data"]] == ["t.2", "t.0"], query
    client.close()


def test_attempts_are_listed_and_filtered_where_they_are_kept(
    server: RunningServer, svix: Any, app: str
) -> None:
    """Endpoint, status, class of status code, tag, channel; pages both ways; older paths."""
    with Receiver() as good, Receiver() as bad:
        bad.fail_next(100, 404)
        first = svix.endpoint.create(app, EndpointIn(url=good.url))
        second = svix.endpoint.create(app, EndpointIn(url=bad.url, channels=["c"]))
        sent = [send(svix, app, n, channels=["c"], tags=["odd"] if n % 2 else None) for n in (0, 1)]
        good.wait_for(2)
        bad.wait_for(2)
        attempts = svix.message_attempt

        def by_message(**more: Any) -> list[Any]:
            return attempts.list_by_msg(app, sent[0], MessageAttemptListByMsgOptions(**more)).data

        wait(lambda: len(by_message()) == 2)
        assert [one.endpoint_id for one in by_message(endpoint_id=first.id, limit=1)] == [first.id]
        assert [one.endpoint_id for one in by_message(endpoint_id=second.id, limit=1)] == [
            second.id
        ]
        assert by_message(endpoint_id="ep_none") == []
        assert [one.response_status_code for one in by_message(status=2)] == [404]
        assert [one.endpoint_id for one in by_message(status=0)] == [first.id]
        assert by_message(status=1) == []
        assert [one.status for one in by_message(status_code_class=400)] == [2]
        assert len(by_message(tag="odd")) == 0
        assert len(by_message(channel="c")) == 2
        page = attempts.list_by_msg(app, sent[0], MessageAttemptListByMsgOptions(limit=1))
        rest = attempts.list_by_msg(
            app, sent[0], MessageAttemptListByMsgOptions(limit=1, iterator=page.iterator)
        )
        assert (page.done, rest.done, ids(page) == ids(rest)) == (False, True, False)
        back = attempts.list_by_msg(
            app, sent[0], MessageAttemptListByMsgOptions(limit=1, iterator=rest.prev_iterator)
        )
        assert (ids(back), back.done) == (ids(page), True)

        def by_endpoint(**more: Any) -> Any:
            options = MessageAttemptListByEndpointOptions(**more)
            return attempts.list_by_endpoint(app, second.id, options)

        wait(lambda: len(by_endpoint().data) == 2)
        tagged = by_endpoint(tag="odd", with_msg=True, with_content=True).data
        assert [(one.msg_id, one.msg.id, one.msg.payload) for one in tagged] == [
            (sent[1], sent[1], {})
        ]
        assert tagged[0].msg.tags == ["odd"]
        newest = by_endpoint(limit=1)
        older = by_endpoint(limit=1, iterator=newest.iterator)
        assert ids(by_endpoint(limit=1, iterator=older.prev_iterator)) == ids(newest)
        start = older.data[0].timestamp - timedelta(milliseconds=1)
        assert ids(by_endpoint(after=start, limit=1)) == ids(older)
        client = server.client()
        for path, count in (
            (f"msg/{sent[0]}/attempt", 2),
            (f"msg/{sent[0]}/endpoint/{second.id}/attempt/", 1),
        ):
            answer = client.call("GET", f"/api/v1/app/{app}/{path}")
            assert (answer.status, len(answer.json["data"])) == (200, count), path
        client.close()


def test_what_goes_to_an_endpoint_is_filtered_by_its_state(svix: Any, app: str) -> None:
    """Pending, succeeded, by tag; and where a message goes, in pages."""
    with Receiver() as receiver:
        up = svix.endpoint.create(app, EndpointIn(url=receiver.url))
        down = svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/", disabled=True))
        sent = [send(svix, app, n, tags=[f"n{n}"]) for n in range(3)]
        receiver.wait_for(3)

        def attempted(endpoint: str, **more: Any) -> list[str]:
            options = MessageAttemptListAttemptedMessagesOptions(**more)
            return ids(svix.message_attempt.list_attempted_messages(app, endpoint, options))

        wait(lambda: attempted(up.id, status=0) == sent[::-1])
        assert attempted(up.id, status=1) == []
        assert attempted(down.id, status=1) == sent[::-1]
        assert attempted(down.id, tag="n1") == [sent[1]]
        where = svix.message_attempt.list_attempted_destinations
        page = where(app, sent[0], MessageAttemptListAttemptedDestinationsOptions(limit=1))
        assert (ids(page), page.done) == ([down.id], False)
        rest = where(
            app,
            sent[0],
            MessageAttemptListAttemptedDestinationsOptions(limit=1, iterator=page.iterator),
        )
        assert (ids(rest), rest.done) == ([up.id], True)
        back = where(
            app,
            sent[0],
            MessageAttemptListAttemptedDestinationsOptions(limit=5, iterator=rest.prev_iterator),
        )
        assert (ids(back), back.done) == ([down.id], True)


def test_an_iterator_that_is_none_of_ours_is_refused(svix: Any, app: str) -> None:
    """As content that is wrong, in every list."""
    for iterator in ("msg_none", "-", "atmpt_2", "x"):
        with pytest.raises(HTTPValidationError):
            svix.message.list(app, MessageListOptions(iterator=iterator))


def test_a_page_that_walked_past_too_much_ends_short_and_goes_on(
    svix: Any, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages, what goes to an endpoint and attempts; forwards and back."""
    monkeypatch.setattr(message_lists, "WALKED", 5)
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url)).id
        rare = [
            send(svix, app, n, event_type="rare" if n in {0, 11} else "usual") for n in range(12)
        ]
        receiver.wait_for(12)
    rare = [rare[11], rare[0]]
    wait(lambda: svix.endpoint.get_stats(app, endpoint).success == 12)
    attempts = svix.message_attempt

    def messages(**more: Any) -> Any:
        return svix.message.list(app, MessageListOptions(**more))

    def attempted(**more: Any) -> Any:
        options = MessageAttemptListAttemptedMessagesOptions(**more)
        return attempts.list_attempted_messages(app, endpoint, options)

    def tried(**more: Any) -> Any:
        options = MessageAttemptListByEndpointOptions(**more)
        return attempts.list_by_endpoint(app, endpoint, options)

    for listing, name in ((messages, "id"), (attempted, "id"), (tried, "msg_id")):
        pages = [listing(event_types=["rare"], limit=9)]
        while not pages[-1].done:
            assert len(pages) < 9
            last = pages[-1].iterator
            pages.append(listing(event_types=["rare"], limit=9, iterator=last))
        assert [getattr(one, name) for page in pages for one in page.data] == rare
        assert len(pages) == 3
        assert pages[1].data == []
        back = [listing(event_types=["rare"], limit=9, iterator=pages[-1].prev_iterator)]
        while not back[-1].done:
            assert len(back) < 9
            before = back[-1].prev_iterator
            back.append(listing(event_types=["rare"], limit=9, iterator=before))
        assert [getattr(one, name) for page in back for one in page.data] == rare[:1]


def test_all_payloads_of_an_application_are_forgotten_in_the_background(
    server: RunningServer, svix: Any, app: str
) -> None:
    """The answer names the work; what comes after the call stays."""
    old = send(svix, app)
    task = svix.message.expunge_all_contents(app)
    assert (str(task.status), str(task.task)) == ("running", "application.purge_content")
    assert task.id.startswith("qtask_")
    new = send(svix, app)
    rounds = Rounds(server.server.store, Keep())
    server.run(lambda: rounds.once(server.server._clock.now()))
    shown = MessageGetOptions(with_content=True)
    wait(lambda: svix.message.get(app, old, shown).payload == {"expired": True})
    assert svix.message.get(app, new, shown).payload == {"n": 0}
