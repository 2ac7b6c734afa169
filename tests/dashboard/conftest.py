"""What most tests of the Dashboard start with; those that change all of a server make their own."""

from collections.abc import Iterator

import pytest

from tests.helpers.dashboard import Admin
from tests.helpers.server import Client, RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Admin:
    return Admin(server).set_up()


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    made = server.client()
    yield made
    made.close()
