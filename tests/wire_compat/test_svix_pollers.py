"""The official svix SDK fetches from polling endpoints, with iterators and as consumers."""

import contextlib
import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from svix.api import (
    ApplicationIn,
    AppPortalAccessIn,
    MessageIn,
    MessagePollerConsumerPollOptions,
    MessagePollerPollOptions,
    Svix,
    SvixOptions,
)
from svix.api_internal.message_pollerv2 import (
    MessagePollerv2,
    MessagePollerv2ConsumerPollOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import (
    AppPortalCapability,
    DestinationIn,
    DestinationPatch,
    DestinationStatusIn,
    PollerV2CommitIn,
    PollingEndpointConsumerSeekIn,
    StartingPosition,
)

from consignease.app import pollers, retention
from consignease.store import housekeeping
from consignease.store.tx import Tx
from tests.helpers.server import RunningServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]
LONG = 25
NOTHING = MessagePollerPollOptions()


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


def sink(svix: Any, app: str, **given: Any) -> str:
    """Make a polling endpoint; returns its id."""
    wanted = DestinationIn.model_validate({"type": "pollingEndpoint", "config": {}, **given})
    made = svix.destination.create(app, wanted)
    assert made.id.startswith("poll_")
    return made.id


def send(svix: Any, app: str, *kinds: str, **more: Any) -> list[str]:
    bodies = [MessageIn(event_type=kind, payload={"k": kind}, **more) for kind in kinds]
    return [svix.message.create(app, body).id for body in bodies]


def ids(page: Any) -> list[str]:
    return [one.id for one in page.data]


def refused(call: Any, *args: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as error:
        call(*args)
    return error.value.status_code, error.value.code


def test_a_client_walks_the_messages_with_its_own_iterator(svix: Any, app: str) -> None:
    """From when the endpoint was made, in order, whole, each once; then what is new."""
    send(svix, app, "before.it")
    name, poll = sink(svix, app), svix.message.poller.poll
    begin = poll(app, name)
    assert (begin.data, begin.done) == ([], True)
    sent = send(svix, app, *"abcde", tags=["t"], channels=["c"], event_id=None)
    seen: list[str] = []
    at, done = begin.iterator, False
    while not done:
        page = poll(app, name, MessagePollerPollOptions(iterator=at, limit=2))
        assert len(page.data) <= 2
        seen += ids(page)
        at, done = page.iterator, page.done
    assert seen == sent
    first = poll(app, name, MessagePollerPollOptions(limit=1)).data[0]
    assert (first.id, first.event_type, first.payload) == (sent[0], "a", {"k": "a"})
    assert (first.tags, first.channels, first.event_id) == (["t"], ["c"], None)
    assert first.timestamp == svix.message.get(app, sent[0]).timestamp
    assert ids(poll(app, name, MessagePollerPollOptions(iterator=at))) == []
    late = send(svix, app, "late")
    assert ids(poll(app, name, MessagePollerPollOptions(iterator=at))) == late
    since = MessagePollerPollOptions(after=datetime.now(UTC) - timedelta(hours=1), limit=3)
    assert ids(poll(app, name, since))[1:] == sent[:2]
    assert ids(poll(app, name, MessagePollerPollOptions(after=datetime.now(UTC)))) == []


def test_a_polling_endpoint_has_what_it_asks_for(svix: Any, app: str) -> None:
    """Its types and channels, and of these what the call asks for; of its application only."""
    svix.event_type.list()
    narrow = sink(svix, app, eventTypes=["user.created", "user.deleted"])
    channel = sink(svix, app, channels=["blue", "red"])
    created, deleted, _ = send(svix, app, "user.created", "user.deleted", "user.updated")
    blue = send(svix, app, "user.created", channels=["green", "blue"])
    other = svix.application.create(ApplicationIn(name="Other")).id
    send(svix, other, "user.created")
    poll = svix.message.poller.poll
    assert ids(poll(app, narrow)) == [created, deleted, *blue]
    assert ids(poll(app, channel)) == blue

    def with_options(name: str, **options: Any) -> list[str]:
        return ids(poll(app, name, MessagePollerPollOptions(**options)))

    assert with_options(narrow, event_type="user.deleted") == [deleted]
    assert with_options(narrow, event_type="user.updated") == []
    assert with_options(narrow, channel="green") == blue
    assert with_options(channel, channel="red") == []
    assert refused(poll, other, narrow) == (404, "not_found")


def test_a_consumer_is_given_again_what_it_has_not_dealt_with(svix: Any, app: str) -> None:
    """Its place moves only with its iterator, back and forth never; another one has its own."""
    name, poll = sink(svix, app), svix.message.poller.consumer_poll
    sent = send(svix, app, *"abcd")

    def asks(consumer: str, iterator: str | None = None) -> Any:
        options = MessagePollerConsumerPollOptions(limit=2, iterator=iterator)
        return poll(app, name, consumer, options)

    first = asks("one")
    assert ids(first) == ids(asks("one")) == sent[:2]
    second = asks("one", first.iterator)
    assert ids(second) == sent[2:]
    assert ids(asks("one", first.iterator)) == sent[2:]  # the answer was lost
    assert ids(asks("one")) == sent[2:]  # the process was started again
    last = asks("one", second.iterator)
    assert (ids(last), last.done) == ([], True)
    assert ids(asks("two")) == sent[:2]
    late = send(svix, app, "late")
    assert ids(asks("one", last.iterator)) == late
    assert refused(asks, "one", first.iterator) == (409, "conflict")
    for wrong in ("nonsense", "c", "-1c5", "1c-5"):
        with pytest.raises(HTTPValidationError):
            asks("one", wrong)
    own = svix.message.poller.poll(app, name).iterator
    assert refused(asks, "one", own) == (409, "conflict")
    assert ids(asks("one")) == late


def test_after_a_seek_former_iterators_are_refused(svix: Any, app: str) -> None:
    """The consumer goes on from the time, also to what was sent before the endpoint was made."""
    before = send(svix, app, "before")
    name, poller = sink(svix, app), svix.message.poller
    sent = send(svix, app, *"ab")
    page = poller.consumer_poll(app, name, "one")
    assert ids(page) == sent

    def seek(at: datetime) -> str:
        wanted = PollingEndpointConsumerSeekIn(after=at)
        return poller.consumer_seek(app, name, "one", wanted).iterator

    at = seek(datetime.now(UTC) - timedelta(hours=1))
    old = MessagePollerConsumerPollOptions(iterator=page.iterator)
    assert refused(poller.consumer_poll, app, name, "one", old) == (409, "conflict")
    again = poller.consumer_poll(app, name, "one", MessagePollerConsumerPollOptions(iterator=at))
    assert ids(again)[-3:] == before + sent
    assert ids(poller.consumer_poll(app, name, "one"))[-3:] == before + sent
    seek(datetime.now(UTC) + timedelta(minutes=1))
    assert ids(poller.consumer_poll(app, name, "one")) == []
    send(svix, app, "c")
    assert len(ids(poller.consumer_poll(app, name, "one"))) == 1


def test_offsets_are_committed_by_newer_clients(svix: Any, app: str) -> None:
    """Until then the same comes again; never backwards; a new consumer may begin at the end."""
    name = sink(svix, app)
    poller = MessagePollerv2(svix._client, svix._httpx_client)
    sent = send(svix, app, *"abc")

    def asks(consumer: str, **options: Any) -> Any:
        return poller.consumer_poll(
            app, name, consumer, MessagePollerv2ConsumerPollOptions(**options)
        )

    def commit(offset: int) -> None:
        poller.consumer_commit(app, name, "one", PollerV2CommitIn(offset=offset))

    page = asks("one", limit=2, lease_duration_ms=1000)
    assert (ids(page), page.done) == (sent[:2], False)
    assert ids(asks("one", limit=2)) == sent[:2]
    commit(page.data[1].offset)
    page = asks("one")
    assert (ids(page), page.done) == (sent[2:], True)
    commit(page.data[0].offset)
    commit(page.data[0].offset - 1)
    assert ids(asks("one")) == []
    assert ids(asks("end", starting_position=StartingPosition.LATEST)) == []
    late = send(svix, app, "late")
    assert ids(asks("end", starting_position=StartingPosition.LATEST)) == late
    assert ids(asks("new")) == sent + late


def test_destinations_are_made_changed_and_deleted(
    server: RunningServer, svix: Any, app: str
) -> None:
    """Under their ids and uids; types that are not offered are refused."""
    made = svix.destination.create(
        app,
        DestinationIn.model_validate(
            {"type": "pollingEndpoint", "config": {}, "uid": "mine", "metadata": {"a": "b"}}
        ),
    )
    assert svix.destination.get(app, "mine").model_dump() == made.model_dump()
    assert (made.status, made.metadata, made.event_types) == ("enabled", {"a": "b"}, None)
    assert refused(lambda: sink(svix, app, uid="mine")) == (409, "conflict")
    poll = svix.message.poller.poll
    assert poll(app, "mine").iterator == made.current_iterator

    def patch(**changes: Any) -> Any:
        body = {"type": "pollingEndpoint", "config": {}, **changes}
        return svix.destination.patch(app, made.id, DestinationPatch.model_validate(body))

    assert patch(status=DestinationStatusIn.DISABLED).status == "disabled"
    assert refused(poll, app, "mine") == (409, "disabled")
    changed = patch(status="enabled", eventTypes=["user.created"], uid=None)
    assert (changed.status, changed.event_types, changed.uid) == ("enabled", ["user.created"], None)
    assert changed.metadata == {"a": "b"}
    put = DestinationIn.model_validate({"type": "pollingEndpoint", "config": {}})
    second = svix.destination.upsert(app, "second", put)
    assert second.uid == "second"
    for _ in range(2):
        assert svix.destination.upsert(app, "second", put).id == second.id
    assert {one.id for one in svix.destination.list(app).data} == {second.id, made.id}
    with pytest.raises(HTTPValidationError) as unknown:
        patch(eventTypes=["no.such"])
    assert unknown.value.detail[0].loc == ["body", "eventTypes", "[0]"]
    with contextlib.closing(server.client()) as client:
        body = {"type": "sqs", "config": {"queueUrl": "x"}}
        answer = client.call("POST", f"/api/v1/app/{app}/destination", body)
        assert (answer.status, answer.json["detail"][0]["loc"]) == (422, ["body", "type"])
    svix.destination.delete(app, made.id)
    assert refused(svix.destination.get, app, made.id) == (404, "not_found")
    assert refused(poll, app, made.id) == (404, "not_found")


def test_a_deleted_application_takes_its_polling_endpoints_along(
    server: RunningServer, svix: Any
) -> None:
    """And the places of their consumers; nobody else's."""

    def counts(tx: Tx) -> tuple[int, int]:
        tables = ("poller", "poller_consumer")
        found = [tx.one(f"SELECT count(*) FROM {table}")[0] for table in tables]
        return found[0], found[1]

    before = server.read(counts)
    apps = [svix.application.create(ApplicationIn(name="Own")).id for _ in range(2)]
    seek = PollingEndpointConsumerSeekIn(after=datetime.now(UTC))
    for app in apps:
        svix.message.poller.consumer_seek(app, sink(svix, app), "one", seek)
    assert server.read(counts) == (before[0] + 2, before[1] + 2)
    svix.application.delete(apps[0])
    assert server.read(counts) == (before[0] + 1, before[1] + 1)
    svix.application.delete(apps[1])
    assert server.read(counts) == before


def test_a_precheck_counts_polling_endpoints(server: RunningServer, svix: Any, app: str) -> None:
    """Who asks before it sends must send what only a polling endpoint wants."""
    path = f"/api/v1/app/{app}/msg/precheck/active"
    with contextlib.closing(server.client()) as client:

        def active(kind: str, *channels: str) -> bool:
            body = {"eventType": kind, "channels": list(channels)}
            return client.call("POST", path, body).json["active"]

        assert not active("user.created")
        sink(svix, app, eventTypes=["user.created"], channels=["a"])
        assert active("user.created", "a", "b")
        assert not active("user.created")
        assert not active("user.deleted", "a")
        name = sink(svix, app)
        assert active("user.deleted")
        disabled = {"type": "pollingEndpoint", "config": {}, "status": "disabled"}
        svix.destination.patch(app, name, DestinationPatch.model_validate(disabled))
        assert not active("user.deleted")


def test_a_portal_token_fetches_in_its_own_application(
    server: RunningServer, svix: Any, app: str
) -> None:
    """Who may only look can walk, and moves nobody's place."""
    name = sink(svix, app)
    sent = send(svix, app, "a")

    def holder(**given: Any) -> Any:
        token = svix.authentication.app_portal_access(app, AppPortalAccessIn(**given)).token
        return Svix(token, SvixOptions(server_url=server.base_url))

    full, looks = holder(), holder(capabilities=[AppPortalCapability.VIEW_BASE])
    assert ids(looks.message.poller.poll(app, name)) == sent
    assert refused(looks.message.poller.consumer_poll, app, name, "one")[0] == 403
    seek = PollingEndpointConsumerSeekIn(after=datetime.now(UTC))
    assert refused(looks.message.poller.consumer_seek, app, name, "one", seek)[0] == 403
    assert refused(looks.destination.delete, app, name)[0] == 403
    assert ids(full.message.poller.consumer_poll(app, name, "one")) == sent
    assert sink(full, app)
    other = svix.application.create(ApplicationIn(name="Other")).id
    theirs = sink(svix, other)
    assert refused(full.message.poller.poll, other, theirs) == (404, "not_found")
    assert refused(full.message.poller.poll, app, theirs) == (404, "not_found")


def test_what_is_kept_no_longer_is_said(server: RunningServer, svix: Any, app: str) -> None:
    """A place below it is 410, a beginning is at what is kept; a forgotten payload is marked."""
    name, poller = sink(svix, app), svix.message.poller
    begin = poller.poll(app, name).iterator
    sent = send(svix, app, *"abc")
    one = poller.consumer_poll(app, name, "one", MessagePollerConsumerPollOptions(limit=1))
    at = MessagePollerConsumerPollOptions(iterator=one.iterator, limit=1)
    poller.consumer_poll(app, name, "one", at)
    svix.message.expunge_content(app, sent[2])
    assert poller.poll(app, name).data[2].payload == {"expired": True}
    cursor = server.read(retention.kept_from)

    def forget(tx: Tx) -> None:
        sql = "SELECT max(cursor) FROM message"
        housekeeping.note(tx, retention.FORGOTTEN, tx.one(sql)[0] - 1)

    server.write(forget)
    try:
        options = MessagePollerPollOptions(iterator=begin)
        assert refused(poller.poll, app, name, options) == (410, "events_expired")
        assert refused(poller.consumer_poll, app, name, "one") == (410, "events_expired")
        assert ids(poller.poll(app, name)) == sent[2:]
        assert ids(poller.consumer_poll(app, name, "two")) == sent[2:]
        seek = PollingEndpointConsumerSeekIn(after=datetime.now(UTC) - timedelta(days=1))
        poller.consumer_seek(app, name, "one", seek)
        assert ids(poller.consumer_poll(app, name, "one")) == sent[2:]
    finally:
        server.write(lambda tx: housekeeping.note(tx, retention.FORGOTTEN, cursor))


def test_consumers_are_not_without_number(
    svix: Any, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many is refused, those that are known go on."""
    monkeypatch.setattr(pollers, "CONSUMERS_MAX", 2)
    name, poller = sink(svix, app), svix.message.poller
    send(svix, app, "a")
    for consumer in ("one", "two"):
        page = poller.consumer_poll(app, name, consumer)
        at = MessagePollerConsumerPollOptions(iterator=page.iterator)
        poller.consumer_poll(app, name, consumer, at)
    assert refused(poller.consumer_poll, app, name, "three", at) == (400, "limit_reached")
    seek = PollingEndpointConsumerSeekIn(after=datetime.now(UTC))
    assert refused(poller.consumer_seek, app, name, "three", seek) == (400, "limit_reached")
    assert poller.consumer_seek(app, name, "two", seek).iterator


def test_a_fetch_can_wait_for_a_message(server: RunningServer, svix: Any, app: str) -> None:
    """It is answered when one is sent that the endpoint has, long before its time is over."""
    name = sink(svix, app, eventTypes=["user.created"])
    path = f"/api/v1/app/{app}/poller/{name}/consumer/one?wait={LONG}"
    with contextlib.closing(server.client()) as client, ThreadPoolExecutor(1) as pool:
        begun = pool.submit(client.call, "GET", path)
        end = time.monotonic() + 20
        while server.server.store.tail.readers == 0:
            assert time.monotonic() < end
            time.sleep(0.002)
        started = time.monotonic()
        send(svix, app, "user.deleted")
        sent = send(svix, app, "user.created")
        answer = begun.result(LONG)
        assert [one["id"] for one in answer.json["data"]] == sent
        assert time.monotonic() - started < LONG / 2
