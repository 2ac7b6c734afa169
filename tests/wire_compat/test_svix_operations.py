"""Every operation of the official svix packages, executed: offered, or refused as not offered."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from consignease.api.svix_absent import route
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer
from tests.helpers.svix_sdks import CLIENTS, Sdk, frozen, listed, offered
from tests.wire_compat.svix_world import World

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]

OFFERED = offered()
EACH = [
    pytest.param(client, marks=[pytest.mark.node] if client.startswith("npm") else [])
    for client in CLIENTS
]
CALLS = [
    pytest.param(client, name, one, id=f"{client}-{name}", marks=each.marks)
    for each in EACH
    for client in each.values
    for one in frozen()
    if route(one["method"], one["path"]) in OFFERED
    for name in one["calls"].get(client, [])
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    made = server.client()
    yield made
    made.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def sdk(server: RunningServer) -> Iterator[Callable[[str], Sdk]]:
    """The running client of a name."""
    running: dict[str, Sdk] = {}

    def of(name: str) -> Sdk:
        if name not in running:
            running[name] = Sdk(name, server.base_url, server.keys().secret_key)
        return running[name]

    yield of
    for one in running.values():
        one.__exit__(None, None, None)


@pytest.fixture(scope="module")
def models() -> Callable[[str], dict[str, Any]]:
    """What the Python package of a client's generation says of each operation, by its route."""
    known: dict[str, dict[str, Any]] = {}

    def of(client: str) -> dict[str, Any]:
        python = client.replace("npm", "py")
        if python not in known:
            known[python] = {route(one["method"], one["path"]): one for one in listed(python)}
        return known[python]

    return of


@pytest.mark.parametrize("client_name", EACH)
def test_the_frozen_list_is_what_the_packages_call(client_name: str) -> None:
    """Each package, its requests recorded: run `python -m tests.helpers.svix_sdks freeze`."""
    found = {(one["name"], one["method"], one["path"]) for one in listed(client_name)}
    kept = {
        (name, one["method"], one["path"])
        for one in frozen()
        for name in one["calls"].get(client_name, [])
    }
    assert found == kept


@pytest.mark.parametrize("client_name", EACH)
def test_what_is_not_offered_is_refused_in_words(
    sdk: Callable[[str], Sdk], models: Callable[[str], dict[str, Any]], client_name: str
) -> None:
    """Every other call of each package ends in its own error, with code and detail."""
    wrong: dict[str, Any] = {}
    executed = 0
    for one in frozen():
        place = route(one["method"], one["path"])
        for name in [] if place in OFFERED else one["calls"].get(client_name, []):
            answer = sdk(client_name).call(name, {}, models(client_name)[place]["smallest"])
            status, code, detail = answer.get("error", (0, "", ""))
            said = f"not offered by Consignease: {place.split()[0]} " in detail
            executed += 1
            if (status, code, said) != (501, "not_implemented", True):
                wrong[name] = answer
    assert wrong == {}
    assert executed > 50


@pytest.mark.parametrize(("client_name", "name", "operation"), CALLS)
def test_what_is_offered_works(
    server: RunningServer,
    client: Client,
    receiver: Receiver,
    sdk: Callable[[str], Sdk],
    models: Callable[[str], dict[str, Any]],
    client_name: str,
    name: str,
    operation: dict[str, Any],
) -> None:
    """Each call gives each package an answer with all that its models want."""
    place = route(operation["method"], operation["path"])
    known = models(client_name)[place]
    world = World(client, receiver)
    values = world.prepare(operation["path"])
    body = world.bodies.get(place, known["smallest"])
    if place == "POST /api/v1/auth/logout":
        with Sdk(client_name, server.base_url, world.token()) as visitor:
            answer = visitor.call(name, values, body)
    else:
        answer = sdk(client_name).call(name, values, body)
    assert "ok" in answer, answer
    if known["returns"] is not None and answer["ok"] is not None:  # some calls read no answer
        python = sdk(client_name.replace("npm", "py"))
        checked = python.ask({"check": known["returns"], "value": answer["ok"]})
        assert checked == {"ok": None}, answer


def test_clients_that_try_again_learn_it_too(server: RunningServer) -> None:
    """A package that repeats what a server failed at ends with the same error."""
    from svix.api import Svix, SvixOptions
    from svix.exceptions import HttpError

    svix = Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    with pytest.raises(HttpError) as error:
        svix.connector.list()
    assert (error.value.status_code, error.value.code) == (501, "not_implemented")
    svix._httpx_client.close()
