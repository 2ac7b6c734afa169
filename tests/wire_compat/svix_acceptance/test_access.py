"""Who may do what: keys, portal tokens, and what somebody without either is told."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.wire_compat.svix_acceptance.api import Api, unique


@contextlib.contextmanager
def visitor(api: Api, app: str) -> Iterator[Api]:
    """The API with an application's portal token."""
    token = api.ok("POST", f"/auth/app-portal-access{app.removeprefix('/app')}", {}, 200)["token"]
    with contextlib.closing(Api(api.server)) as made:
        made.client._key = token
        yield made


def test_a_portal_token_reaches_its_application_only(api: Api) -> None:
    """Its own is there, another is not found, and nothing of the instance can be changed."""
    app, other = api.app(), api.app()
    with visitor(api, app) as guest:
        assert guest.ok("GET", app)["id"] == app.removeprefix("/app/")
        assert guest.listed(f"{app}/endpoint") == []
        assert guest.ask("GET", other).status == 404
        assert guest.ask("GET", f"{other}/endpoint").status == 404
        for method, path, body in (
            ("POST", "/app", {"name": "x"}),
            ("GET", "/app", None),
            ("PUT", app, {"name": "x"}),
            ("DELETE", app, None),
            ("POST", "/event-type", {"name": unique("t"), "description": ""}),
        ):
            assert guest.ask(method, path, body).status == 403, (method, path)


def test_portal_access_needs_no_body(api: Api) -> None:
    """Under its present and its former name; a link and a token come back."""
    name = api.app().removeprefix("/app/")
    for path in ("app-portal-access", "dashboard-access"):
        for body in (b"", {}):
            found = api.ok("POST", f"/auth/{path}/{name}", body, 200)
            assert found["url"].startswith("http")
            assert found["token"]


def test_portal_access_can_make_the_application(api: Api) -> None:
    """Given with the call; ignored when it is there; its uid must be the one of the path."""
    uid = unique("portal")
    path = f"/auth/app-portal-access/{uid}"
    assert api.code("POST", path, {}) == (404, "not_found")
    api.ok("POST", path, {"application": {"name": "Made", "uid": uid}}, 200)
    assert api.ok("GET", f"/app/{uid}")["name"] == "Made"
    api.ok("POST", path, {"application": {"name": "Other", "uid": uid}}, 200)
    assert api.ok("GET", f"/app/{uid}")["name"] == "Made"
    fresh = f"/auth/app-portal-access/{unique('portal')}"
    api.wrong("POST", fresh, {"application": {"name": "x", "uid": unique("else")}})
    api.wrong("POST", fresh, {"application": {"name": "x"}})


def test_a_portal_token_can_be_ended(api: Api) -> None:
    """By its holder, and all of an application's at once."""
    app = api.app()
    name = app.removeprefix("/app/")
    with visitor(api, app) as first, visitor(api, app) as second:
        first.ok("POST", "/auth/logout", {}, 204)
        assert first.ask("GET", app).status == 401
        assert second.ask("GET", app).status == 200
        api.ok("POST", f"/auth/app/{name}/expire-all", {"expiry": 0}, 204)
        assert second.ask("GET", app).status == 401


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "no valid"),
        ("Bearer nonsense", "no valid"),
        ("Basic nonsense", "no valid"),
        ("Bearer sk_test_nonsense", "no valid"),
        ("Bearer whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signing secret"),
        ("Bearer \xff", "no valid"),
    ],
)
def test_a_wrong_key_is_told_what_is_wrong(api: Api, header: str, words: str) -> None:
    """In words, and more of them for those who send the signing secret."""
    answer = api.ask("GET", "/app", headers={"Authorization": header})
    assert (answer.status, answer.json["code"]) == (401, "authentication_failed")
    assert words in answer.json["detail"]
