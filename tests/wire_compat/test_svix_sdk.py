"""The official svix SDK manages our endpoints."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from svix.api import (
    EndpointIn,
    EndpointListOptions,
    EndpointPatch,
    EndpointSecretRotateIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError

from tests.helpers.server import RunningServer

# The SDK never closes the connections that it keeps.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]

URL = "http://127.0.0.1:9/hook"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def svix(server: RunningServer) -> Iterator[Any]:
    yield Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    gc.collect()


def test_the_sdk_makes_every_endpoint_call(server: RunningServer, svix: Any) -> None:
    """Create, get, list, patch, secret, rotate, delete."""
    app = server.keys().application_id
    made = svix.endpoint.create(
        app, EndpointIn(url=URL, description="from the SDK", uid="sdk", metadata={"a": "b"})
    )
    assert (made.url, made.uid, made.description) == (URL, "sdk", "from the SDK")
    assert svix.endpoint.get(app, "sdk").id == made.id
    listed = svix.endpoint.list(app, EndpointListOptions(limit=10))
    assert [one.id for one in listed.data] == [made.id]
    assert listed.done is True
    patched = svix.endpoint.patch(app, made.id, EndpointPatch(disabled=True))
    assert patched.disabled is True
    before = svix.endpoint.get_secret(app, made.id).key
    svix.endpoint.rotate_secret(app, made.id, EndpointSecretRotateIn())
    assert svix.endpoint.get_secret(app, made.id).key != before
    svix.endpoint.delete(app, made.id)
    with pytest.raises(HttpError) as missing:
        svix.endpoint.get(app, made.id)
    assert missing.value.code == "not_found"


def test_the_sdk_reads_our_refusals(server: RunningServer, svix: Any) -> None:
    """A 422 is its validation error, a 409 and a 401 its HTTP error."""
    app = server.keys().application_id
    with pytest.raises(HTTPValidationError) as invalid:
        svix.endpoint.create(app, EndpointIn(url="ftp://example.com"))
    assert invalid.value.detail[0].loc == ["body", "url"]
    made = svix.endpoint.create(app, EndpointIn(url=URL, uid="twice"))
    with pytest.raises(HttpError) as conflict:
        svix.endpoint.create(app, EndpointIn(url=URL, uid="twice"))
    assert conflict.value.status_code == 409
    svix.endpoint.delete(app, made.id)
    wrong = Svix("sk_live_wrong", SvixOptions(server_url=server.base_url))
    with pytest.raises(HttpError) as refused:
        wrong.endpoint.list(app)
    assert refused.value.code == "authentication_failed"
