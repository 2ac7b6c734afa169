"""The address guard through the running server: refused addresses see no connection."""

import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from consignease.edge.resolver import ResolveError
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, ServerProcess, add_endpoint

BAD = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.9.10", "169.254.169.254",
    "172.16.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "168.63.129.16", "100.100.100.200", "::", "::1", "::ffff:127.0.0.1", "::127.0.0.1",
    "64:ff9b::7f00:1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
SPELLINGS = ["127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]",
             "127.0.0.1.", "[0:0:0:0:0:0:0:1]", "0x7f000001"]  # fmt: skip


class Table:
    """A resolver that answers from a table; a list of lists is answered in turn."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        found = self.answers.get(host)
        if not found:
            raise ResolveError(f"{host} is not in the table")
        return found.pop(0) if len(found) > 1 else found[0]

    def cached(self, host: str, port: int) -> Sequence[str] | None:
        return None


class Trap:
    """Listens on every local address and counts who connects."""

    def __init__(self) -> None:
        self.sockets = [socket.create_server(("0.0.0.0", 0))]
        self.port: int = self.sockets[0].getsockname()[1]
        if socket.has_ipv6:
            listener = socket.socket(socket.AF_INET6)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(("::", self.port))
            listener.listen()
            self.sockets.append(listener)
        self.connections = 0
        for one in self.sockets:
            threading.Thread(target=self._accept, args=(one,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        for one in self.sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture(scope="module")
def table() -> Table:
    return Table()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, table: Table) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, resolver=table) as running:
        yield running


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


def deliver(server: RunningServer, url: str, mark: str, attempts: int = 1) -> list[Any]:
    """Add a production endpoint, change something, and return its attempts."""
    client = server.client("production")
    endpoint, _ = add_endpoint(client, server.keys("production").application_id, url)
    made = client.call("POST", "/v1/users", {"email_address": [f"{mark}@example.com"]})
    assert made.status == 200
    sql = """
    SELECT a.phase, a.error, a.status FROM attempt a JOIN endpoint e ON e.no = a.endpoint
    WHERE e.id = ?
    """
    found: list[Any] = []
    for _ in range(400):
        found = server.read(lambda tx: [tuple(row) for row in tx.all(sql, (endpoint["id"],))])
        if len(found) >= attempts:
            break
        threading.Event().wait(0.02)
    client.call("DELETE", f"/api/v1/app/{server.keys('production').id}/endpoint/{endpoint['id']}")
    client.close()
    return found


@pytest.mark.parametrize("address", BAD)
def test_a_name_with_a_bad_address_is_never_connected_to(
    server: RunningServer, table: Table, trap: Trap, address: str
) -> None:
    """Each class of addresses, behind a name; the reason is recorded in the attempt."""
    host = f"bad{BAD.index(address)}.example"
    table.answers[host] = [[address]]
    (found,) = deliver(server, f"http://{host}:{trap.port}/", host.partition(".")[0])
    assert found[0] == "guard", found
    assert address in found[1]
    assert trap.connections == 0


def test_one_bad_address_among_good_ones_refuses_the_name(
    server: RunningServer, table: Table, trap: Trap
) -> None:
    """A client that may pick among addresses must not be able to pick the bad one."""
    table.answers["mixed.example"] = [["93.184.216.34", "127.0.0.1"]]
    (found,) = deliver(server, f"http://mixed.example:{trap.port}/", "mixed")
    assert found[0] == "guard"
    assert trap.connections == 0


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_literal_address_in_any_spelling_is_refused_when_entered(
    server: RunningServer, trap: Trap, host: str
) -> None:
    """Nothing is stored and nothing connected to."""
    client = server.client("production")
    path = f"/api/v1/app/{server.keys('production').application_id}/endpoint"
    refused = client.call("POST", path, {"url": f"http://{host}:{trap.port}/"})
    client.close()
    assert refused.status == 422
    assert trap.connections == 0


def test_a_name_that_changes_after_the_check_gains_nothing(tmp_path: Path) -> None:
    """DNS rebinding: what was vetted is what is connected to, and the next try is judged anew."""
    table = Table()
    with (
        Trap() as trap,
        Receiver() as receiver,
        RunningServer(
            tmp_path / "data", resolver=table, allow_subnets=["127.0.0.1/32"], retry_schedule=[0.05]
        ) as server,
    ):
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        table.answers["rebind.example"] = [["127.0.0.1"], ["127.0.0.2"]]
        receiver.fail_next(1)
        found = deliver(server, f"http://rebind.example:{port}/", "rebind", attempts=2)
        assert [one[0] for one in found] == [None, "guard"]
        assert len(receiver.requests) == 1
        assert trap.connections == 0


def test_environment_proxies_are_ignored(tmp_path: Path) -> None:
    """A proxy in the environment sees nothing; the receiver gets the request directly."""
    with Trap() as proxy, Receiver() as receiver:
        where = f"http://127.0.0.1:{proxy.port}"
        env = {"http_proxy": where, "HTTP_PROXY": where, "ALL_PROXY": where, "all_proxy": where}
        with ServerProcess(
            tmp_path / "data", env={**env, "no_proxy": "", "NO_PROXY": ""}
        ) as server:
            client = server.client()
            add_endpoint(client, server.instance()["application_id"], receiver.url)
            made = client.call("POST", "/v1/users", {"email_address": ["p@example.com"]})
            assert made.status == 200
            receiver.wait_for(1)
            client.close()
        assert proxy.connections == 0
