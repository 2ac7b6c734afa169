"""`consignease trigger`: real events, examples, and chaos that a handler must withstand."""

import json
from collections.abc import Iterator

import pytest

from consignease.webhooks import WebhookVerificationError, verify_webhook
from consignease.wire.events import EVENT_TYPES
from tests.helpers.command import run
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import RunningServer, add_endpoint

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def app() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def at(server: RunningServer) -> tuple[str, str]:
    return ("--data-dir", server.settings.data_dir)


def kinds(requests: list[Recorded]) -> list[str]:
    return [json.loads(request.body)["type"] for request in requests]


def fits(request: Recorded) -> bool:
    try:
        verify_webhook(request.body, request.headers, secret=SECRET)
    except WebhookVerificationError:
        return False
    return True


def test_users_are_created_changed_and_deleted_for_real(
    server: RunningServer, app: Receiver
) -> None:
    """The events arrive at an endpoint, verified, with what was overridden."""
    client = server.client()
    endpoint, secret = add_endpoint(client, server.keys().application_id, app.url)
    assert (
        run("trigger", "user.created", "--override", "data.first_name=Zoë", *at(server)).returncode
        == 0
    )
    assert run("trigger", "user.updated", *at(server)).returncode == 0
    assert run("trigger", "user.deleted", *at(server)).returncode == 0
    requests = app.wait_for(4)
    client.call("DELETE", f"/api/v1/app/{server.keys().application_id}/endpoint/{endpoint['id']}")
    client.close()
    names = kinds(requests)
    assert names.count("user.created") >= 2
    assert "user.updated" in names
    first = verify_webhook(requests[0].body, requests[0].headers, secret=secret)
    assert first.type == "user.created"
    assert first.data.first_name == "Zoë"


def test_an_example_of_every_type_goes_through_the_server(
    server: RunningServer, app: Receiver
) -> None:
    """Types that this release does not emit reach endpoints as typed examples."""
    client = server.client()
    _, secret = add_endpoint(client, server.keys().application_id, app.url)
    client.close()
    for name in ("organization.created", "sms.created", "subscription.active"):
        done = run("trigger", name, "--json", *at(server))
        assert done.returncode == 0, done
        assert json.loads(done.stdout)["type"] == name
    requests = app.wait_for(3)
    found = {verify_webhook(one.body, one.headers, secret=secret).type for one in requests}
    assert found == {"organization.created", "sms.created", "subscription.active"}


def test_every_type_can_be_posted_straight_to_an_application(app: Receiver) -> None:
    """Signed here, without a server; every example verifies."""
    for name in (EVENT_TYPES[0], EVENT_TYPES[-1], "user.created"):
        done = run("trigger", name, "--to", app.url, "--secret", SECRET)
        assert done.returncode == 0, done
        assert "-> 200" in done.stdout
    assert kinds(app.requests) == [EVENT_TYPES[0], EVENT_TYPES[-1], "user.created"]
    assert all(map(fits, app.requests))


def test_values_are_overridden_by_their_path(app: Receiver) -> None:
    """Text, numbers, whole objects, members of lists."""
    changes = ("data.first_name=Zoë", "data.banned=true", "public_metadata.plan.seats=5")
    args = [word for change in changes for word in ("--override", change)]
    args += ["--override", "email_addresses.0.email_address=z@example.com"]
    assert (
        run("trigger", "user.created", "--to", app.url, "--secret", SECRET, *args).returncode == 0
    )
    data = json.loads(app.requests[0].body)["data"]
    assert (data["first_name"], data["banned"]) == ("Zoë", True)
    assert data["public_metadata"]["plan"] == {"seats": 5}
    assert data["email_addresses"][0]["email_address"] == "z@example.com"
    assert fits(app.requests[0])


@pytest.mark.parametrize("chaos", ["bad-signature", "old-timestamp"])
def test_a_handler_that_accepts_what_it_must_refuse_is_found_out(app: Receiver, chaos: str) -> None:
    """Exit 5 and a sentence if it answers 200; exit 0 if it refuses."""
    args = ("trigger", "user.created", "--to", app.url, "--secret", SECRET, f"--{chaos}")
    accepted = run(*args)
    assert accepted.returncode == 5
    assert "not checked" in accepted.stdout
    assert not fits(app.requests[0])
    app.respond(400)
    assert run(*args).returncode == 0


def test_duplicates_are_the_same_message_twice(app: Receiver) -> None:
    """The same id, the same bytes."""
    done = run("trigger", "user.updated", "--to", app.url, "--secret", SECRET, "--duplicate")
    assert done.returncode == 0
    first, second = app.requests
    assert first.header("svix-id") == second.header("svix-id")
    assert first.body == second.body


def test_out_of_order_begins_with_the_end(app: Receiver) -> None:
    """Deleted, updated, created, all about one user."""
    done = run("trigger", "user.created", "--to", app.url, "--secret", SECRET, "--out-of-order")
    assert done.returncode == 0
    assert kinds(app.requests) == ["user.deleted", "user.updated", "user.created"]
    assert len({json.loads(one.body)["data"]["id"] for one in app.requests}) == 1


def test_a_burst_comes_at_once_and_a_rate_is_kept(app: Receiver) -> None:
    """Forty on many connections; then twenty at twenty a second."""
    many = ("trigger", "user.created", "--to", app.url, "--secret", SECRET)
    assert run(*many, "--count", "40", "--burst").returncode == 0
    assert len(app.requests) == 40
    assert app.connections > 10
    assert len({json.loads(one.body)["data"]["id"] for one in app.requests}) == 40
    app.clear()
    assert run(*many, "--count", "20", "--rate", "20").returncode == 0
    assert len(app.requests) == 20
    # The first may come late, which makes the time between first and last the shorter.
    assert 0.75 < app.requests[-1].at - app.requests[0].at < 5


def test_an_application_that_is_down_is_said(server: RunningServer) -> None:
    """Exit 5 and the reason."""
    done = run("trigger", "user.created", "--to", "http://127.0.0.1:9", "--secret", SECRET)
    assert done.returncode == 5
    assert "connection refused" in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("user.creatd",), 2, "user.created"),
        (("user.created", "--bad-signature"), 2, "--to http://localhost:3000"),
        (("user.created", "--override", "x"), 2, "data.first_name=Ada"),
        (("user.created", "--override", "email_addresses.x.y=1"), 2, "does not have"),
        (("user.created", "--override", "first_name.a.b=1"), 2, "does not have"),
        (("user.created", "--to", "localhost"), 2, "http://"),
        (("user.created", "--to", "http://x/"), 2, "CLERK_WEBHOOK_SIGNING_SECRET"),
        (("user.created", "--to", "http://x/", "--secret", "sk_1"), 2, "whsec_"),
        (("user.created", "--count", "0"), 2, "--count"),
        (("user.created", "--override", "email_address=no"), 1, "Error"),
        ((), 2, "TYPE"),
    ],
)
def test_wrong_usage_is_refused_with_an_example(
    server: RunningServer, args: tuple[str, ...], code: int, words: str
) -> None:
    """What is wrong and what would be right; never a traceback."""
    done = run("trigger", *args, *at(server), CLERK_WEBHOOK_SIGNING_SECRET="")
    assert done.returncode == code, done
    assert words in done.stderr
    assert "Traceback" not in done.stderr
