"""A server with a short retry schedule, reached over HTTP only."""

from collections.abc import Iterator

import pytest

from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer
from tests.wire_compat.svix_acceptance.api import Api

SCHEDULE = [0.05, 0.05]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=SCHEDULE) as running:
        yield running


@pytest.fixture(scope="module")
def api(server: RunningServer) -> Iterator[Api]:
    made = Api(server)
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
