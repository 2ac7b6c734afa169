"""The official svix SDK sends an application's own messages and reads what became of them."""

import gc
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from svix.api import (
    ApplicationIn,
    ApplicationPatch,
    EndpointHeadersIn,
    EndpointIn,
    EndpointPatch,
    EndpointUpsertIn,
    EventExampleIn,
    EventTypeIn,
    EventTypeListOptions,
    EventTypePatch,
    MessageAttemptListByEndpointOptions,
    MessageGetOptions,
    MessageIn,
    MessageListOptions,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.webhooks import Webhook

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


def refused(call: Any, *args: Any) -> Any:
    with pytest.raises(HttpError) as error:
        call(*args)
    return error.value.status_code, error.value.code


def test_applications_are_made_changed_found_and_deleted(server: RunningServer, svix: Any) -> None:
    """By id and uid; the built-in one is there and stays as it is."""
    made = svix.application.create(ApplicationIn(name="Acme", uid="acme", metadata={"a": "b"}))
    assert svix.application.get("acme") == made
    assert svix.application.get_or_create(ApplicationIn(name="Other", uid="acme")) == made
    again = ApplicationIn(name="Acme", uid="acme")
    assert refused(svix.application.create, again) == (409, "conflict")
    patched = svix.application.patch("acme", ApplicationPatch(name="Acme 2"))
    assert (patched.name, patched.metadata) == ("Acme 2", {"a": "b"})
    assert svix.application.upsert("acme", ApplicationIn(name="Acme 3")).name == "Acme 3"
    second = svix.application.upsert("beta", ApplicationIn(name="Beta"))
    listed = [one.id for one in svix.application.list().data]
    built_in = server.keys().application_id
    assert listed == sorted({made.id, second.id, built_in}, reverse=True)
    assert refused(svix.application.delete, built_in) == (403, "forbidden")
    for one in (made.id, second.id):
        svix.application.delete(one)
        assert refused(svix.application.get, one) == (404, "not_found")
    assert svix.application.upsert("acme", ApplicationIn(name="New")).id != made.id
    svix.application.delete("acme")


def test_event_types_are_the_catalogue_and_ones_own(svix: Any) -> None:
    """Those of the catalogue stay as they are; an archived one comes back."""
    own = EventTypeIn(name="invoice.paid", description="An invoice was paid.", schemas={"1": {}})
    made = svix.event_type.create(own)
    assert (made.name, made.description, made.deprecated) == (own.name, own.description, False)
    assert refused(svix.event_type.create, own) == (409, "event_type_exists")
    names: list[str] = []
    iterator = None
    while True:
        page = svix.event_type.list(EventTypeListOptions(limit=10, iterator=iterator))
        names += [one.name for one in page.data]
        iterator = page.iterator
        if page.done:
            break
    assert names == sorted(names)
    assert {"invoice.paid", "user.created"} <= set(names)
    assert "UserCreated" in json.dumps(svix.event_type.get("user.created").schemas["1"])
    changed = svix.event_type.patch("invoice.paid", EventTypePatch(description="Paid."))
    assert changed.description == "Paid."
    svix.event_type.delete("invoice.paid")
    assert svix.event_type.get("invoice.paid").archived is True
    svix.event_type.create(own)
    assert svix.event_type.get("invoice.paid").archived is False
    change = EventTypePatch(description="Mine")
    assert refused(svix.event_type.patch, "user.created", change) == (403, "forbidden")


def test_a_message_arrives_as_it_was_written_once_per_event_id(svix: Any, app: str) -> None:
    """Signed, at the endpoints of its application that share a channel with it."""
    with Receiver() as receiver:
        open_ = svix.endpoint.create(app, EndpointIn(url=f"{receiver.url}/all"))
        svix.endpoint.create(app, EndpointIn(url=f"{receiver.url}/blue", channels=["blue"]))
        payload = {"b": 1, "a": ["é", 1.0, None], "10": True, "2": {}}
        body = MessageIn(event_type="any.thing", payload=payload, event_id="order-1")
        sent = svix.message.create(app, body)
        assert sent.event_type == "any.thing"
        receiver.wait_for(1)
        arrived = receiver.requests[0]
        assert arrived.path == "/all"
        assert json.loads(arrived.body) == payload
        assert arrived.header("svix-id") == sent.id
        secret = svix.endpoint.get_secret(app, open_.id).key
        Webhook(secret).verify(arrived.body, dict(arrived.headers))
        assert refused(svix.message.create, app, body) == (409, "conflict")
        found = svix.message.get(app, "order-1", MessageGetOptions(with_content=True))
        assert (found.id, found.payload) == (sent.id, payload)
        blue = svix.message.create(
            app, MessageIn(event_type="any.thing", payload={"n": 2}, channels=["blue"])
        )
        receiver.wait_for(3)
        assert sorted(one.path for one in receiver.requests) == ["/all", "/all", "/blue"]
        listed = svix.message.list(app, MessageListOptions(with_content=True))
        assert [one.id for one in listed.data] == [blue.id, sent.id]
        assert [one.payload for one in listed.data] == [{"n": 2}, payload]
        narrow = svix.message.list(app, MessageListOptions(channel="blue"))
        assert [one.id for one in narrow.data] == [blue.id]
        first = svix.message.list(app, MessageListOptions(limit=1))
        assert (first.done, first.iterator) == (False, blue.id)
        rest = svix.message.list(app, MessageListOptions(limit=1, iterator=first.iterator))
        assert [one.id for one in rest.data] == [sent.id]
        assert rest.done is True


def test_attempts_tell_what_happened_and_messages_are_sent_again(svix: Any, app: str) -> None:
    """Failures, successes, where a message went, and one more try by hand."""
    with Receiver() as receiver:
        receiver.fail_next(1, 410)
        endpoint = svix.endpoint.create(app, EndpointIn(url=f"{receiver.url}/hook"))
        sent = svix.message.create(app, MessageIn(event_type="a.b", payload={"n": 1}))
        receiver.wait_for(1)

        def attempts() -> list[Any]:
            return svix.message_attempt.list_by_msg(app, sent.id).data

        wait(lambda: len(attempts()) == 1)
        (failed,) = attempts()
        assert (failed.status, failed.response_status_code, failed.msg_id) == (2, 410, sent.id)
        assert svix.message_attempt.get(app, sent.id, failed.id).id == failed.id
        where = svix.message_attempt.list_attempted_destinations(app, sent.id).data
        assert [(one.id, one.status) for one in where] == [(endpoint.id, 2)]
        svix.endpoint.patch(app, endpoint.id, EndpointPatch(disabled=False))
        svix.message_attempt.resend(app, sent.id, endpoint.id)
        receiver.wait_for(2)
        wait(lambda: len(attempts()) == 2)
        newest = svix.message_attempt.list_by_endpoint(
            app, endpoint.id, MessageAttemptListByEndpointOptions(limit=1)
        )
        assert (newest.data[0].status, newest.done) == (0, False)
        older = svix.message_attempt.list_by_endpoint(
            app, endpoint.id, MessageAttemptListByEndpointOptions(iterator=newest.iterator)
        )
        assert [one.id for one in older.data] == [failed.id]
        went = svix.message_attempt.list_attempted_messages(app, endpoint.id).data
        assert [(one.id, one.status) for one in went] == [(sent.id, 0)]
        assert svix.endpoint.get_stats(app, endpoint.id).success == 1
        svix.message_attempt.expunge_content(app, sent.id, failed.id)
        svix.message.expunge_content(app, sent.id)
        gone = svix.message.get(app, sent.id, MessageGetOptions(with_content=True))
        assert gone.payload == {"expired": True}
        again = refused(svix.message_attempt.resend, app, sent.id, endpoint.id)
        assert again == (400, "missing_payload")


def wait(ready: Any) -> None:
    """Ask again until it is so; each question is a call over the network."""
    until = datetime.now(UTC) + timedelta(seconds=10)
    while not ready():
        assert datetime.now(UTC) < until


def test_headers_are_kept_and_secrets_among_them_not_shown(svix: Any, app: str) -> None:
    """They are sent; an example arrives at the one endpoint."""
    with Receiver() as receiver:
        endpoint = svix.endpoint.create(app, EndpointIn(url=receiver.url))
        headers = EndpointHeadersIn(headers={"x-one": "1", "authorization": "secret"})
        svix.endpoint.set_headers(app, endpoint.id, headers)
        shown = svix.endpoint.get_headers(app, endpoint.id)
        assert (shown.headers, shown.sensitive) == ({"x-one": "1"}, ["authorization"])
        example = svix.endpoint.send_example(
            app, endpoint.id, EventExampleIn(event_type="user.created")
        )
        receiver.wait_for(1)
        arrived = receiver.requests[0]
        assert json.loads(arrived.body)["type"] == "user.created"
        assert (arrived.header("svix-id"), arrived.header("x-one")) == (example.id, "1")
        assert arrived.header("authorization") == "secret"


def test_an_endpoint_is_put_whole_or_made(svix: Any, app: str) -> None:
    """Under its uid; what is not given goes back to its default, the secret stays."""
    made = svix.endpoint.upsert(app, "mine", EndpointUpsertIn(url="http://127.0.0.1:9/a"))
    assert made.uid == "mine"
    secret = svix.endpoint.get_secret(app, "mine").key
    svix.endpoint.patch(app, "mine", EndpointPatch(description="d", channels=["x"]))
    again = svix.endpoint.upsert(
        app, "mine", EndpointUpsertIn(url="http://127.0.0.1:9/b", uid="mine")
    )
    assert (again.id, again.url, again.description) == (made.id, "http://127.0.0.1:9/b", "")
    assert again.channels is None
    assert svix.endpoint.get_secret(app, "mine").key == secret


def test_what_is_not_offered_and_what_is_wrong_is_refused_in_json(svix: Any, app: str) -> None:
    """In the shapes that the SDK reads."""
    assert refused(svix.environment.export) == (501, "not_implemented")
    for body in (
        MessageIn(event_type="a b", payload={}),
        MessageIn(event_type="a.b", payload={"__proto__": 1}),
        MessageIn(event_type="a.b", payload={}, channels=["1", "2", "3", "4", "5", "6"]),
        MessageIn(event_type="a.b", payload={}, tags=[""]),
    ):
        with pytest.raises(HTTPValidationError):
            svix.message.create(app, body)
    unknown = MessageIn(event_type="a.b", payload={})
    assert refused(svix.message.create, "app_none", unknown) == (404, "not_found")
    assert svix.message.list(app).data == []
