"""Resolving and vetting: any bad address refuses the name; look-ups are shared and remembered."""

import socket
import threading
from collections.abc import Sequence

import anyio
import pytest

from consignease.edge import resolver as module
from consignease.edge.guard import DEVELOPMENT, Policy, check_url, production
from consignease.edge.resolver import (
    KEPT_GOOD,
    Refused,
    ResolveError,
    SystemResolver,
    Vetted,
    vet,
    vet_now,
)

pytestmark = pytest.mark.anyio


class Names:
    """A resolver that answers from a table."""

    def __init__(self, table: dict[str, Sequence[str]]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.table:
            raise ResolveError(f"the name {host} does not resolve")
        return self.table[host]

    def cached(self, host: str, port: int) -> Sequence[str] | None:
        return None


@pytest.mark.parametrize(
    "bad", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%eth0"]
)
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_one_bad_address_refuses_the_name(bad: str, place: int) -> None:
    """A name whose addresses are good but for one is refused, wherever the bad one stands."""
    found = ["93.184.215.14", "2606:4700::1"]
    found.insert(place, bad)
    judged = await vet(Names({"a.example": found}), check_url("http://a.example"), production())
    assert isinstance(judged, Refused)
    assert judged.phase == "guard"
    assert bad in judged.reason


async def test_good_addresses_are_all_offered() -> None:
    """The vetted addresses come joined, in the resolver's order."""
    names = Names({"a.example": ["2606:4700::1", "93.184.215.14"]})
    judged = await vet(names, check_url("http://a.example"), production())
    assert isinstance(judged, Vetted)
    assert (judged.address, judged.reason) == ("2606:4700::1,93.184.215.14", "a public address")


async def test_a_literal_is_judged_without_resolving() -> None:
    """An address in the URL goes through the same check and asks nobody."""
    names = Names({})
    assert isinstance(vet_now(names, check_url("http://0x7f.1"), production()), Refused)
    assert vet_now(names, check_url("http://0x7f.1"), DEVELOPMENT) == Vetted(
        "127.0.0.1", "a loopback address, open to development"
    )
    assert names.asked == []


async def test_a_name_without_addresses_is_a_resolve_failure() -> None:
    """No such name and no addresses are told apart from a refusal by the guard."""
    names = Names({"empty.example": []})
    for host in ("empty.example", "none.example"):
        judged = await vet(names, check_url(f"http://{host}"), DEVELOPMENT)
        assert isinstance(judged, Refused)
        assert judged.phase == "resolve"


async def test_the_verdict_follows_the_policy_of_each_call() -> None:
    """What is remembered is the address, never the verdict of another policy."""
    names = Names({"a.example": ["10.1.2.3"]})
    target = check_url("http://a.example")
    assert isinstance(await vet(names, target, production()), Refused)
    assert isinstance(await vet(names, target, production(["10.1.0.0/16"])), Vetted)
    assert isinstance(await vet(names, target, DEVELOPMENT), Vetted)
    assert isinstance(await vet(names, target, Policy("other")), Refused)


class Lookups:
    """Stands in for the operating system's look-up, slowly if asked to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.fails = False
        self.go = threading.Event()
        self.go.set()
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, *rest: object, **more: object) -> list[tuple[object, ...]]:
        self.count += 1
        self.go.wait(10)
        if self.fails:
            raise socket.gaierror(-2, "Name or service not known")
        return [(2, 1, 6, "", (address, 0)) for address in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]


async def test_callers_at_the_same_time_share_one_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty callers, one of whom gives up, cost one look-up and the others get its answer."""
    lookups = Lookups(monkeypatch)
    lookups.go.clear()
    resolver = SystemResolver()
    answers: list[tuple[str, ...]] = []

    async def ask() -> None:
        answers.append(await resolver.resolve("a.example", 80))

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(0.01):
            await ask()
        for _ in range(20):
            group.start_soon(ask)
        lookups.go.set()
    resolver.close()
    assert answers == [("127.0.0.1", "127.0.0.2")] * 20
    assert lookups.count == 1


async def test_addresses_are_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within its time an answer is given without asking; after it the name is asked again."""
    lookups = Lookups(monkeypatch)
    now = [0.0]
    resolver = SystemResolver(clock=lambda: now[0])
    assert resolver.cached("a.example", 80) is None
    await resolver.resolve("a.example", 80)
    now[0] = KEPT_GOOD
    assert resolver.cached("a.example", 80) == ("127.0.0.1", "127.0.0.2")
    await resolver.resolve("a.example", 80)
    assert lookups.count == 1
    now[0] = KEPT_GOOD + 0.1
    assert resolver.cached("a.example", 80) is None
    await resolver.resolve("a.example", 80)
    assert lookups.count == 2
    resolver.close()


async def test_a_failure_is_remembered_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve is not asked again at once, but soon is."""
    lookups = Lookups(monkeypatch)
    lookups.fails = True
    now = [0.0]
    resolver = SystemResolver(clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(ResolveError, match=r"a\.example does not resolve"):
            await resolver.resolve("a.example", 80)
    assert lookups.count == 1
    lookups.fails = False
    now[0] = 1.1
    assert await resolver.resolve("a.example", 80)
    resolver.close()


async def test_a_lookup_has_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer costs the budget, and says so."""
    lookups = Lookups(monkeypatch)
    lookups.go.clear()
    monkeypatch.setattr(module, "BUDGET", 0.05)
    resolver = SystemResolver()
    judged = await vet(resolver, check_url("http://a.example"), DEVELOPMENT)
    lookups.go.set()
    resolver.close()
    assert isinstance(judged, Refused)
    assert judged.phase == "resolve"
    assert "within" in judged.reason


async def test_the_system_resolves_localhost() -> None:
    """The real look-up works, and what it finds passes for development only."""
    resolver = SystemResolver()
    target = check_url("http://localhost:1")
    assert isinstance(await vet(resolver, target, DEVELOPMENT), Vetted)
    assert isinstance(vet_now(resolver, target, production()), Refused)
    resolver.close()
