"""The sender alone: kept connections, policies, proxies, and answers that never come."""

import queue
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from consignease.edge.guard import DEVELOPMENT, Policy, production
from consignease.edge.outcome import Outcome, Request
from consignease.edge.sender import Sender
from tests.helpers.receiver import Receiver

Ask = Callable[..., Outcome]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


@pytest.fixture
def done() -> "queue.Queue[Outcome]":
    return queue.Queue()


@pytest.fixture
def sender(done: "queue.Queue[Outcome]") -> Iterator[Sender]:
    one = Sender(lambda outcomes: [done.put(outcome) for outcome in outcomes] and None)
    one.start()
    yield one
    one.close(1)


@pytest.fixture
def ask(sender: Sender, done: "queue.Queue[Outcome]", receiver: Receiver) -> Ask:
    def send(policy: Policy = DEVELOPMENT, address: str = "127.0.0.1", tag: object = 0) -> Outcome:
        url = urlsplit(receiver.url)
        port = url.port or 80
        request = Request(
            tag,
            f"http://app.test:{port}/hook",
            "app.test",
            port,
            address,
            ["content-type: application/json"],
            b"{}",
            3_000,
            policy,
        )
        sender.submit([request])
        return done.get(timeout=10)

    return send


def test_a_kept_connection_is_used_again(ask: Ask, receiver: Receiver) -> None:
    """The second request to the same address opens nothing new."""
    first, second = ask(), ask()
    assert (first.status, first.reused) == (200, False)
    assert (second.status, second.reused, second.connect_us) == (200, True, 0)
    assert len(receiver.wait_for(2)) == 2


def test_a_stricter_policy_does_not_use_what_a_laxer_one_has_opened(
    ask: Ask, receiver: Receiver
) -> None:
    """A connection that is open and idle is not handed to who may not open it."""
    assert ask(DEVELOPMENT).status == 200
    for policy in (production(), Policy("development")):
        refused = ask(policy)
        assert (refused.status, refused.phase) == (0, "guard")
        assert "127.0.0.1" in refused.error
    again = ask(DEVELOPMENT)
    assert (again.status, again.reused) == (200, True)
    assert len(receiver.wait_for(2)) == 2


def test_a_policy_that_was_changed_shuts_its_kept_connections(
    ask: Ask, sender: Sender, receiver: Receiver
) -> None:
    """After a refresh by name, requests of the new policy are judged and old connections gone."""
    lax = Policy("production", allow_private=True)
    assert ask(lax).status == 200
    assert ask(lax).reused
    sender.refresh("production")
    refused = ask(production())
    assert (refused.status, refused.phase) == (0, "guard")
    fresh = ask(lax)
    assert (fresh.status, fresh.reused) == (200, False)
    assert len(receiver.wait_for(3)) == 3


def test_environment_proxies_are_not_asked(
    ask: Ask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect to where the guard does not let us."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask().status == 200
    assert len(receiver.wait_for(1)) == 1


def test_a_connection_dropped_in_silence_costs_no_try(ask: Ask, receiver: Receiver) -> None:
    """The receiver closed it while idle: the next request goes over a new one."""
    assert ask().status == 200
    receiver.drop_connections()
    after = ask()
    assert (after.status, after.phase) == (200, None)
    assert not after.reused


def test_what_is_under_way_when_it_closes_comes_back(
    sender: Sender, done: "queue.Queue[Outcome]", ask: Ask
) -> None:
    """Every request comes back exactly once, and none is taken after that."""
    assert ask(tag="one").tag == "one"
    sender.close(0)
    with pytest.raises(RuntimeError, match="closed"):
        sender.submit([])
    assert done.empty()
