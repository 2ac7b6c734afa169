"""The official svix SDK recovers, replays, counts, and asks how its tasks do."""

import contextlib
import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from svix.api import (
    ApplicationIn,
    BackgroundTaskListOptions,
    EndpointGetAttemptStatsOptions,
    EndpointGetStatsOptions,
    EndpointIn,
    EndpointPatch,
    EndpointRecoverOptions,
    MessageIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import (
    AppUsageStatsIn,
    BackgroundTaskStatus,
    BackgroundTaskType,
    BulkReplayIn,
    MessageStatus,
    RecoverIn,
    ReplayIn,
    StatusCodeClass,
)

from consignease.app import replays
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data", retry_schedule=[]) as running:
        yield running


@pytest.fixture
def svix(server: RunningServer) -> Iterator[Any]:
    yield Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    gc.collect()


@pytest.fixture
def app(svix: Any) -> Iterator[str]:
    made = svix.application.create(ApplicationIn(name="Acme", uid="acme"))
    yield made.id
    svix.application.delete(made.id)


def now() -> datetime:
    return datetime.now(UTC)


def ended(svix: Any, name: str) -> Any:
    """The task, once it has ended."""
    end = time.monotonic() + 30
    while (task := svix.background_task.get(name)).status is BackgroundTaskStatus.RUNNING:
        assert time.monotonic() < end
        time.sleep(0.02)
    return task


def until(look: Any) -> None:
    end = time.monotonic() + 30
    while not look():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def send(svix: Any, app: str, count: int, kind: str = "any.thing") -> list[str]:
    bodies = [MessageIn(event_type=kind, payload={"n": number}) for number in range(count)]
    return [svix.message.create(app, body).id for body in bodies]


def test_what_failed_is_recovered_once_and_found_among_the_tasks(svix: Any, app: str) -> None:
    """The same key begins one task; only what failed goes out again."""
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url)).id
        receiver.fail_next(2)
        failed = send(svix, app, 2)
        until(lambda: svix.endpoint.get_stats(app, endpoint).fail == 2)
        send(svix, app, 1)
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 1)
        options = EndpointRecoverOptions(idempotency_key="once")
        body = RecoverIn(since=now() - DAY)
        begun = svix.endpoint.recover(app, endpoint, body, options)
        assert begun.task is BackgroundTaskType.ENDPOINT_RECOVER
        assert svix.endpoint.recover(app, endpoint, body, options).id == begun.id
        task = ended(svix, begun.id)
        assert task.status is BackgroundTaskStatus.FINISHED
        assert task.data == {"messagesSent": 2}
        receiver.wait_for(5)
        sent = [one.header("svix-id") for one in receiver.requests]
        assert sorted(sent[3:]) == sorted(failed)
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 3)
        attempts = svix.endpoint.get_attempt_stats(app, endpoint)
        assert (attempts.success, attempts.fail, attempts.canceled) == (3, 2, 0)
        kinds = BackgroundTaskListOptions(task=BackgroundTaskType.ENDPOINT_RECOVER)
        assert begun.id in [one.id for one in svix.background_task.list(kinds).data]
        none = BackgroundTaskListOptions(status=BackgroundTaskStatus.FAILED)
        assert begun.id not in [one.id for one in svix.background_task.list(none).data]


def test_what_an_endpoint_never_got_is_sent_as_it_subscribes(svix: Any, app: str) -> None:
    """Of its types and channels, since the time that is named, and only once."""
    wanted = send(svix, app, 2, "invoice.paid")
    send(svix, app, 1, "other.thing")
    blue = svix.message.create(app, MessageIn(event_type="x.y", payload={}, channels=["blue"])).id
    with Receiver() as receiver:
        every = svix.endpoint.create(app, EndpointIn(url=f"{receiver.url}/all")).id
        narrow = svix.endpoint.create(
            app, EndpointIn(url=f"{receiver.url}/blue", channels=["blue"])
        ).id
        for endpoint, count in ((every, 4), (narrow, 1), (every, 0)):
            begun = svix.endpoint.replay_missing(app, endpoint, ReplayIn(since=now() - DAY))
            assert begun.task is BackgroundTaskType.ENDPOINT_REPLAY
            assert ended(svix, begun.id).data == {"messagesSent": count}
        receiver.wait_for(5)
        got = [(one.path, one.header("svix-id")) for one in receiver.requests]
        assert [name for path, name in got if path == "/blue"] == [blue]
        assert {*wanted, blue} < {name for path, name in got if path == "/all"}
        later = ReplayIn(since=now() - DAY, until=now() - DAY / 2)
        assert ended(svix, svix.endpoint.replay_missing(app, every, later).id).data == {
            "messagesSent": 0
        }


def test_a_bulk_replay_takes_what_fits_every_filter(svix: Any, app: str) -> None:
    """Type, status and class of the answer; what succeeded goes out again, too."""
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url)).id
        receiver.fail_next(1)
        send(svix, app, 1, "a.a")
        until(lambda: svix.endpoint.get_stats(app, endpoint).fail == 1)
        send(svix, app, 2, "b.b")
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 2)
        since = now() - DAY

        def replayed(**wanted: Any) -> int:
            body = BulkReplayIn(since=since, **wanted)
            task = ended(svix, svix.endpoint.bulk_replay(app, endpoint, body).id)
            assert task.task is BackgroundTaskType.ENDPOINT_BULK_REPLAY
            until(lambda: svix.endpoint.get_stats(app, endpoint).sending == 0)
            return task.data["messagesSent"]

        assert replayed(event_types=["c.c"]) == 0
        assert replayed(status=MessageStatus.FAIL, event_types=["b.b"]) == 0
        assert replayed(status_code_class=StatusCodeClass.CODE4XX) == 0
        assert replayed(channel="blue") == 0
        assert replayed(event_types=["b.b"]) == 2
        receiver.wait_for(5)
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 2)
        assert replayed(status_code_class=StatusCodeClass.CODE5XX) == 1
        receiver.wait_for(6)
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 3)
        assert replayed() == 3


def test_a_bulk_replay_takes_messages_of_a_tag(svix: Any, app: str) -> None:
    """Those that have it, and fit the other filters; a tag that cannot be one is refused."""
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url)).id
        made = [
            svix.message.create(app, MessageIn(event_type=kind, payload={}, tags=tags)).id
            for kind, tags in (("a.a", ["red"]), ("b.b", ["red", "blue"]), ("a.a", ["blue"]))
        ]
        send(svix, app, 1, "a.a")
        receiver.wait_for(4)
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 4)

        def replayed(**wanted: Any) -> int:
            body = BulkReplayIn(since=now() - DAY, **wanted)
            return ended(svix, svix.endpoint.bulk_replay(app, endpoint, body).id).data[
                "messagesSent"
            ]

        assert replayed(tag="green") == 0
        assert replayed(tag="red") == 2
        receiver.wait_for(6)
        assert {one.header("svix-id") for one in receiver.requests[4:]} == set(made[:2])
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 4)
        assert replayed(tag="blue", event_types=["a.a"]) == 1
        receiver.wait_for(7)
        assert receiver.requests[6].header("svix-id") == made[2]
        with pytest.raises(HTTPValidationError) as refused:
            replayed(tag=" red")
        assert refused.value.detail[0].loc == ["body", "tag"]


def test_what_was_skipped_is_recovered_and_replayed(
    server: RunningServer, svix: Any, app: str
) -> None:
    """A backlog that was skipped goes out by a recovery, and by a replay of what was canceled."""
    with Receiver() as receiver, contextlib.closing(server.client()) as client:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url)).id
        path = f"/api/v1/app/{app}/endpoint/{endpoint}"

        def skipped(count: int) -> list[str]:
            svix.endpoint.patch(app, endpoint, EndpointPatch(disabled=True))
            sent = send(svix, app, count)
            again = {"disabled": False, "backlog": "skip"}
            assert client.call("PATCH", path, again).status == 200
            assert svix.endpoint.get_stats(app, endpoint).canceled == count
            return sent

        first = skipped(2)
        begun = svix.endpoint.recover(app, endpoint, RecoverIn(since=now() - DAY))
        assert ended(svix, begun.id).data == {"messagesSent": 2}
        receiver.wait_for(2)
        assert {one.header("svix-id") for one in receiver.requests} == set(first)
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 2)
        second = skipped(1)
        body = BulkReplayIn(since=now() - DAY, status=MessageStatus.CANCELED)
        begun = svix.endpoint.bulk_replay(app, endpoint, body)
        assert ended(svix, begun.id).data == {"messagesSent": 1}
        receiver.wait_for(3)
        assert receiver.requests[2].header("svix-id") == second[0]
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 3)


def test_times_that_make_no_sense_are_refused(svix: Any, app: str) -> None:
    """A recovery beyond 14 days is a 422, numbers over more than 28 days a 400."""
    endpoint = svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/", disabled=True)).id
    begin = svix.endpoint.recover
    assert begin(app, endpoint, RecoverIn(since=now() - 14 * DAY)).id.startswith("qtask_")
    for body in (
        RecoverIn(since=now() - 14 * DAY - timedelta(minutes=6)),
        RecoverIn(since=now() - DAY, until=now() - 2 * DAY),
    ):
        with pytest.raises(HTTPValidationError):
            begin(app, endpoint, body)
    for options, call in (
        (EndpointGetStatsOptions(since=now() - 29 * DAY), svix.endpoint.get_stats),
        (EndpointGetAttemptStatsOptions(since=now() + DAY), svix.endpoint.get_attempt_stats),
    ):
        with pytest.raises(HttpError) as refused:
            call(app, endpoint, options)
        assert (refused.value.status_code, refused.value.code) == (400, "invalid_range")
    with pytest.raises(HttpError) as missing:
        svix.background_task.get("qtask_nothing")
    assert missing.value.status_code == 404
    with pytest.raises(HttpError):
        begin(app, "ep_nothing", RecoverIn(since=now() - DAY))


def test_a_task_that_cannot_go_on_says_why(
    svix: Any, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one whose endpoint is deleted while it waits for it."""
    window = replays.WINDOW
    monkeypatch.setattr(replays, "WINDOW", 0)
    endpoint = svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/")).id
    send(svix, app, 1)
    begun = svix.endpoint.bulk_replay(app, endpoint, BulkReplayIn(since=now() - DAY))
    assert svix.background_task.get(begun.id).status is BackgroundTaskStatus.RUNNING
    svix.endpoint.delete(app, endpoint)
    monkeypatch.setattr(replays, "WINDOW", window)
    task = ended(svix, begun.id)
    assert task.status is BackgroundTaskStatus.FAILED
    assert task.data == {"error": "The endpoint was deleted."}


def test_numbers_of_an_endpoint_are_of_the_time_that_is_asked_for(svix: Any, app: str) -> None:
    """Messages and attempts outside of it do not count."""
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url)).id
        send(svix, app, 2)
        until(lambda: svix.endpoint.get_stats(app, endpoint).success == 2)
        inside = EndpointGetStatsOptions(since=now() - DAY)
        assert svix.endpoint.get_stats(app, endpoint, inside).success == 2
        outside = EndpointGetStatsOptions(since=now() - 2 * DAY, until=now() - DAY)
        assert svix.endpoint.get_stats(app, endpoint, outside).success == 0
        before = EndpointGetAttemptStatsOptions(since=now() - 2 * DAY, until=now() - DAY)
        assert svix.endpoint.get_attempt_stats(app, endpoint, before).success == 0


def test_usage_is_counted_by_tasks(server: RunningServer, svix: Any, app: str) -> None:
    """Deliveries by application, and what each one's endpoints subscribe to."""
    with Receiver() as receiver:
        for _ in range(2):
            svix.endpoint.create(app, EndpointIn(url=receiver.url))
        svix.endpoint.create(app, EndpointIn(url=receiver.url, event_types=["user.created"]))
        send(svix, app, 3)
        body = AppUsageStatsIn(since=now() - DAY, until=now() + DAY, app_ids=["acme", "nobody"])
        begun = svix.statistics.aggregate_app_stats(body)
        assert begun.unresolved_app_ids == ["nobody"]
        found = ended(svix, begun.id)
        listed = [{"appId": app, "appUid": "acme", "messageDestinations": 6}]
        assert found.data == {"appStats": listed}
        with pytest.raises(HTTPValidationError):
            svix.statistics.aggregate_app_stats(
                AppUsageStatsIn(since=now() - DAY, until=now(), app_ids=["nobody"])
            )
        types = ended(svix, svix.statistics.aggregate_event_types().id).data["event_types"]
        assert {
            "appId": app,
            "explicitlySubscribedEventTypes": ["user.created"],
            "hasCatchAllEndpoint": True,
        } in types
        assert server.keys().application_id in [one["appId"] for one in types]


def test_tasks_come_in_pages(svix: Any, app: str) -> None:
    """Begun last first or begun first first, each once, also within one second."""
    endpoint = svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/")).id
    made = [svix.endpoint.recover(app, endpoint, RecoverIn(since=now() - DAY)).id for _ in range(3)]
    for order in ("ascending", "descending"):
        seen: list[str] = []
        options = BackgroundTaskListOptions(limit=2, order=order)
        while True:
            page = svix.background_task.list(options)
            seen += [one.id for one in page.data]
            if page.done:
                break
            options = BackgroundTaskListOptions(limit=2, order=order, iterator=page.iterator)
        assert len(seen) == len(set(seen))
        in_order = made if order == "ascending" else made[::-1]
        assert [name for name in seen if name in made] == in_order
