"""What holds for every test: event loop, hypothesis profile, which tests can run here."""

import gc
import importlib.util
import os
import warnings
from collections.abc import Iterator

import hypothesis
import pytest

from tests.helpers import hesitant, node

SOAK = os.environ.get("CONSIGNEASE_SOAK") == "1"

# No deadline: machines that run tests are shared and small. CI repeats the same examples every time,
# so that a red run is red again; everyone else's runs look for new ones.
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True, max_examples=5_000)
hypothesis.settings.load_profile("soak" if SOAK else "ci" if os.environ.get("CI") else "dev")
hesitant.install()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run async tests on asyncio, on uvloop where it is installed, as the server does."""
    return "asyncio", {"use_uvloop": importlib.util.find_spec("uvloop") is not None}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine or this run cannot do."""
    no_node = node.why_not()
    for item in items:
        if no_node and item.get_closest_marker("node"):
            item.add_marker(pytest.mark.skip(reason=no_node))
        if not SOAK and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="the long version: run make soak"))


@pytest.fixture(autouse=True, scope="module")
def no_foreign_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let go of what the svix client keeps open, so that no later test is blamed for it."""
    yield
    if any(
        getattr(one, "__module__", "").startswith("svix") for one in vars(request.module).values()
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
