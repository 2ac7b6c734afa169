"""The official svix SDK makes portal links, ends them, and works with a portal token."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from svix.api import (
    ApplicationIn,
    ApplicationTokenExpireIn,
    AppPortalAccessIn,
    EndpointIn,
    EventTypeListOptions,
    MessageIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import AppPortalCapability, EventTypeIn, EventTypeUpsertIn

from tests.helpers.server import RunningServer

# The SDK never closes the connections that it keeps.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def svix(server: RunningServer) -> Iterator[Any]:
    yield Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    gc.collect()


def holder(server: RunningServer, token: str) -> Any:
    return Svix(token, SvixOptions(server_url=server.base_url))


def refused(call: Any, *args: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as error:
        call(*args)
    return error.value.status_code, error.value.code


def test_a_portal_token_works_in_its_own_application(server: RunningServer, svix: Any) -> None:
    """403 on applications, 404 on another one, 200 on its own."""
    app = svix.application.create(ApplicationIn(name="Own"))
    other = svix.application.create(ApplicationIn(name="Other"))
    link = svix.authentication.app_portal_access(app.id, AppPortalAccessIn())
    assert link.url == f"{server.base_url}/portal/{app.id}#token={link.token}"
    held = holder(server, link.token)
    assert held.application.get(app.id).name == "Own"
    assert refused(held.application.get, other.id) == (404, "not_found")
    assert refused(held.application.list) == (403, "insufficient access")
    assert refused(held.application.create, ApplicationIn(name="x"))[0] == 403
    assert refused(held.application.delete, app.id)[0] == 403
    endpoint = held.endpoint.create(app.id, EndpointIn(url="http://127.0.0.1:9/x"))
    assert held.endpoint.get_secret(app.id, endpoint.id).key.startswith("whsec_")
    assert [one.id for one in held.endpoint.list(app.id).data] == [endpoint.id]
    assert held.event_type.list().data
    message = MessageIn(event_type="user.created", payload={})
    assert refused(held.message.create, app.id, message)[0] == 403
    sent = svix.message.create(app.id, message)
    assert held.message.list(app.id).data[0].id == sent.id


def test_capabilities_and_read_only_are_kept(server: RunningServer, svix: Any) -> None:
    """What a token was not made for is refused."""
    app = svix.application.create(ApplicationIn(name="Own")).id
    endpoint = svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1:9/x")).id
    looks = AppPortalAccessIn(capabilities=[AppPortalCapability.VIEW_BASE], expiry=3600)
    held = holder(server, svix.authentication.app_portal_access(app, looks).token)
    assert held.endpoint.get(app, endpoint).id == endpoint
    assert refused(held.endpoint.get_secret, app, endpoint)[0] == 403
    only = AppPortalAccessIn(read_only=True, feature_flags=["beta"], session_id="s")
    held = holder(server, svix.authentication.app_portal_access(app, only).token)
    assert refused(held.endpoint.delete, app, endpoint)[0] == 403
    short = AppPortalAccessIn(expiry=60)
    with pytest.raises(HTTPValidationError) as error:
        svix.authentication.app_portal_access(app, short)
    assert error.value.detail[0].loc == ["body", "expiry"]


def test_types_behind_a_flag_are_seen_by_those_who_hold_one(
    server: RunningServer, svix: Any
) -> None:
    """Not listed, not found, not to be subscribed to; what one's endpoints have stays in sight."""
    app = svix.application.create(ApplicationIn(name="Own")).id
    svix.event_type.create(
        EventTypeIn(name="flag.two", description="d", feature_flags=["beta", "gamma"])
    )
    svix.event_type.create(EventTypeIn(name="flag.none", description="d", group_name="flag"))
    made = svix.event_type.get("flag.two")
    assert (made.feature_flags, made.feature_flag) == (["beta", "gamma"], "beta")
    assert svix.event_type.get("flag.none").group_name == "flag"

    def seen(held: Any) -> set[str]:
        options = EventTypeListOptions(limit=250)
        return {one.name for one in held.event_type.list(options).data if "flag." in one.name}

    def made_with(*flags: str) -> Any:
        body = AppPortalAccessIn(feature_flags=list(flags))
        return holder(server, svix.authentication.app_portal_access(app, body).token)

    both, holds, lacks = {"flag.two", "flag.none"}, made_with("gamma"), made_with("delta")
    wanted = EndpointIn(url="http://127.0.0.1:9/x", event_types=["flag.two"])
    assert seen(svix) == both
    assert seen(holds) == both
    assert holds.event_type.get("flag.two").name == "flag.two"
    assert seen(lacks) == seen(made_with()) == {"flag.none"}
    assert refused(lacks.event_type.get, "flag.two") == (404, "not_found")
    with pytest.raises(HTTPValidationError):
        lacks.endpoint.create(app, wanted)
    endpoint = holds.endpoint.create(app, wanted)
    assert seen(lacks) == both
    assert lacks.event_type.get("flag.two").name == "flag.two"
    svix.endpoint.delete(app, endpoint.id)
    assert seen(lacks) == {"flag.none"}
    svix.event_type.upsert("flag.two", EventTypeUpsertIn(description="d", feature_flags=None))
    assert seen(lacks) == both


def test_tokens_are_logged_out_and_expired(server: RunningServer, svix: Any) -> None:
    """One by itself, those of a session, all of an application; keys cannot log out."""
    app = svix.application.create(ApplicationIn(name="Own")).id

    def made(session: str | None = None) -> Any:
        body = AppPortalAccessIn(session_id=session)
        return holder(server, svix.authentication.app_portal_access(app, body).token)

    first, second, third, fourth = made(), made("a"), made("b"), made("b")
    first.authentication.logout()
    assert refused(first.application.get, app) == (401, "authentication_failed")
    assert refused(first.authentication.logout)[0] == 401
    assert second.application.get(app).id == app
    assert refused(svix.authentication.logout)[0] == 403
    assert svix.application.get(app).id == app
    svix.authentication.expire_all(app, ApplicationTokenExpireIn(session_ids=["b", "none"]))
    assert refused(third.application.get, app)[0] == 401
    assert refused(fourth.application.get, app)[0] == 401
    assert second.application.get(app).id == app
    svix.authentication.expire_all(app, ApplicationTokenExpireIn(expiry=3600))
    assert second.application.get(app).id == app
    svix.authentication.expire_all(app, ApplicationTokenExpireIn())
    assert refused(second.application.get, app)[0] == 401
    assert made().application.get(app).id == app
    body = ApplicationTokenExpireIn()
    assert refused(svix.authentication.expire_all, "app_none", body) == (404, "not_found")


def test_an_application_comes_with_its_link(server: RunningServer, svix: Any) -> None:
    """The SDK's inline application is made under the uid in the path."""
    body = AppPortalAccessIn(application=ApplicationIn(name="Inline", uid="inline"))
    link = svix.authentication.app_portal_access("inline", body)
    found = holder(server, link.token).application.get("inline")
    assert (found.name, found.uid) == ("Inline", "inline")
