"""The official Python SDK against our Backend API over a real socket."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import clerk_backend_api
import pytest
import uvicorn
from clerk_backend_api import models

from tests.helpers.backend import KEY, Backend, open_backend

# The SDK reads its own deprecated parameters while it builds a query.
pytestmark = pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


@pytest.fixture
def clerk(backend: Backend) -> Iterator[clerk_backend_api.Clerk]:
    """Serve the API on a free port and point the SDK at it."""
    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(cast("Any", backend.api), lifespan="off", log_level="critical")
        server = Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert ready.wait(10)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with clerk_backend_api.Clerk(bearer_auth=KEY, server_url=url) as sdk:
            yield sdk
        server.should_exit = True
        thread.join(10)


def test_every_call_is_parsed_by_the_official_models(
    backend: Backend, clerk: clerk_backend_api.Clerk
) -> None:
    """Create, get, list, count, update, merge and delete, each with its content."""
    created = clerk.users.create(
        email_address=["zoe@example.com", "z2@example.com"],
        email_address_identification_status=[
            models.EmailAddressIdentificationStatus.VERIFIED,
            models.EmailAddressIdentificationStatus.RESERVED,
        ],
        first_name="Zoë",
        last_name="Ñ 🎉",
        username="zoe-1",
        external_id="e1",
        password="correct horse",
        public_metadata={"plan": {"seats": 3}},
        private_metadata={"p": 1},
        created_at="2012-10-20T07:15:20.902Z",
    )
    assert created is not None
    assert (created.first_name, created.last_name, created.username) == ("Zoë", "Ñ 🎉", "zoe-1")
    assert created.created_at == 1350717320902
    assert created.password_enabled is True
    addresses = [email.email_address for email in created.email_addresses]
    assert addresses == ["zoe@example.com", "z2@example.com"]
    kinds = [type(email.verification).__name__ for email in created.email_addresses]
    assert kinds[0] == "Admin"
    assert kinds[1] == "Otp"

    assert clerk.users.get(user_id=created.id) == created
    assert clerk.users.list(request={"email_address": ["ZOE@example.com"], "limit": 5}) == [created]
    count = clerk.users.count(request={"external_id": ["e1"]})
    assert count is not None
    assert count.total_count == 1

    backend.now += 10
    updated = clerk.users.update(user_id=created.id, first_name="Q", last_name=None)
    assert updated is not None
    assert (updated.first_name, updated.last_name) == ("Q", None)
    assert updated.updated_at == created.updated_at + 10

    merged = clerk.users.update_metadata(
        user_id=created.id, public_metadata={"plan": {"seats": None, "name": "pro"}}
    )
    assert merged is not None
    assert merged.public_metadata == {"plan": {"name": "pro"}}
    assert merged.private_metadata == {"p": 1}

    deleted = clerk.users.delete(user_id=created.id)
    assert deleted is not None
    assert (deleted.id, deleted.deleted, deleted.object) == (created.id, True, "user")
    assert deleted.external_id == "e1"
    assert clerk.users.list(request={}) == []
    assert {status for _, status in backend.seen} == {200}


def test_every_refusal_is_parsed_by_the_official_models(clerk: clerk_backend_api.Clerk) -> None:
    """422, 404 and 401 raise the SDK's typed errors with code and trace id."""
    clerk.users.create(email_address=["a@example.com"])
    with pytest.raises(models.ClerkErrors) as taken:
        clerk.users.create(email_address=["A@example.com"])
    assert taken.value.status_code == 422
    assert taken.value.data.errors[0].code == "form_identifier_exists"
    with pytest.raises(models.ClerkErrors) as missing:
        clerk.users.get(user_id="user_2g7np7Hrk0SN6kj5EDMLDaKNL0S")
    assert missing.value.status_code == 404
    assert missing.value.data.errors[0].code == "resource_not_found"
    url, _ = clerk.sdk_configuration.get_server_details()
    with (
        clerk_backend_api.Clerk(bearer_auth="sk_live_wrong", server_url=url) as wrong,
        pytest.raises(models.ClerkErrors) as refused,
    ):
        wrong.users.list(request={})
    assert refused.value.status_code == 401
