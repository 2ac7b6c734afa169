"""Endpoints, as clients of the original know them."""

import base64
import os
from typing import Any

import pytest

from tests.wire_compat.svix_acceptance.api import Api, check_pages, ed25519, unique

URL = "http://127.0.0.1:9/"


def key(size: int, prefix: str = "whsec_") -> str:
    return prefix + base64.b64encode(os.urandom(size)).decode()


def original(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The members that the original has and that a change of another leaves as they are."""
    ours = {"state", "health", "disabledReason", "updatedAt"}
    return {name: value for name, value in endpoint.items() if name not in ours}


def test_an_endpoint_is_made_with_everything(api: Api) -> None:
    """What was given comes back, under the present and the former names of the members."""
    app, kind = api.app(), api.event_type()
    given = {
        "url": f"{URL}hook?a=b",
        "uid": unique("ep"),
        "description": "Ours",
        "filterTypes": [kind],
        "channels": ["one", "two"],
        "rateLimit": 7,
        "version": 3,
        "disabled": True,
        "metadata": {"a": "b"},
    }
    made = api.ok("POST", f"{app}/endpoint", given, 201)
    assert {name: made[name] for name in given} == given
    assert (made["eventTypes"], made["throttleRate"]) == ([kind], 7)
    assert {"id", "createdAt", "updatedAt"} <= set(made)
    assert api.ok("GET", f"{app}/endpoint/{made['id']}") == made
    assert api.ok("GET", f"{app}/endpoint/{given['uid']}") == made
    for url in ("ftp://example.com/", "nonsense", "", "http://", f"http://a.b/{'x' * 65536}"):
        assert api.wrong("POST", f"{app}/endpoint", {"url": url}) == [["body", "url"]]
    assert api.wrong("POST", f"{app}/endpoint", {}) == [["body", "url"]]


def test_members_of_an_endpoint_are_patched_one_by_one(api: Api) -> None:
    """Each alone, the others stay; null clears what may be empty; the secret cannot be changed."""
    app, kind = api.app(), api.event_type()
    path = f"{app}/endpoint/{api.endpoint(app, metadata={'a': 'b'})}"
    secret = api.ok("GET", f"{path}/secret")
    expected = api.ok("GET", path)
    for change in (
        {"url": f"{URL}two"},
        {"description": "Two"},
        {"uid": unique("ep")},
        {"version": 2},
        {"disabled": True},
        {"rateLimit": 5, "throttleRate": 5},
        {"filterTypes": [kind], "eventTypes": [kind]},
        {"channels": ["c"]},
        {"metadata": {"x": "y"}},
        {"uid": None},
        {"rateLimit": None, "throttleRate": None},
        {"filterTypes": None, "eventTypes": None},
        {"channels": None},
        {"metadata": {}},
    ):
        expected |= change
        patched = api.ok("PATCH", path, change)
        assert patched == api.ok("GET", path)
        assert original(patched) == original(expected)
    api.ok("PATCH", path, {"secret": key(24)})
    assert api.ok("GET", f"{path}/secret") == secret
    for wrong, place in (
        ({"url": "nonsense"}, "url"),
        ({"url": None}, "url"),
        ({"uid": "ep_mine"}, "uid"),
        ({"uid": ""}, "uid"),
        ({"version": -1}, "version"),
        ({"rateLimit": 0}, "rateLimit"),
        ({"channels": ["a b"]}, "channels"),
        ({"channels": [str(n) for n in range(11)]}, "channels"),
        ({"metadata": {"a": 1}}, "metadata"),
    ):
        assert api.wrong("PATCH", path, wrong)[0][1] == place
    assert api.ok("GET", path) == patched


def test_an_endpoint_lives_and_dies(api: Api) -> None:
    """Made, put, deleted, and then not found; put makes what is not there."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app, description='One', channels=['c'])}"
    put = api.ok("PUT", path, {"url": f"{URL}put"}, 200)
    assert (put["url"], put["description"], put["channels"]) == (f"{URL}put", "", None)
    api.ok("DELETE", path, status=204)
    for method in ("GET", "PATCH", "DELETE"):
        assert api.code(method, path, {}) == (404, "not_found")
    assert api.code("GET", f"{path}/secret") == (404, "not_found")
    uid = unique("ep")
    made = api.ok("PUT", f"{app}/endpoint/{uid}", {"url": URL}, 201)
    assert made["uid"] == uid
    assert api.ok("PUT", f"{app}/endpoint/{uid}", {"url": URL, "uid": uid}, 200)["id"] == made["id"]


def test_endpoints_come_in_pages(api: Api) -> None:
    """Newest first, or oldest first; forward and back; those of this application."""
    app = api.app()
    api.endpoint(api.app())
    ids = sorted((api.endpoint(app) for _ in range(5)), reverse=True)
    check_pages(api, f"{app}/endpoint", ids)
    check_pages(api, f"{app}/endpoint", ids[::-1], order="ascending")
    assert api.wrong("GET", f"{app}/endpoint", order="sideways") == [["query", "order"]]


def test_a_uid_belongs_to_one_endpoint_of_an_application(api: Api) -> None:
    """Another application may use it, and so may another endpoint once it is free."""
    app, other, uid = api.app(), api.app(), unique("ep")
    first, second = api.endpoint(app, uid=uid), api.endpoint(app)
    api.endpoint(other, uid=uid)
    body = {"url": URL, "uid": uid}
    assert api.code("POST", f"{app}/endpoint", body) == (409, "conflict")
    assert api.code("PUT", f"{app}/endpoint/{second}", body) == (409, "conflict")
    assert api.code("PATCH", f"{app}/endpoint/{second}", {"uid": uid}) == (409, "conflict")
    api.ok("DELETE", f"{app}/endpoint/{first}")
    assert api.ok("PATCH", f"{app}/endpoint/{second}", {"uid": uid})["uid"] == uid


@pytest.mark.parametrize("size", [24, 32, 75])
def test_a_secret_is_kept_as_it_was_given(api: Api, size: int) -> None:
    """At creation and at rotation, short and long; without one a new one is made."""
    app, given = api.app(), key(size)
    path = f"{app}/endpoint/{api.endpoint(app, secret=given)}"
    assert api.ok("GET", f"{path}/secret")["key"] == given
    other = key(size)
    assert api.ask("POST", f"{path}/secret/rotate", {"key": other}).status in {200, 204}
    assert api.ok("GET", f"{path}/secret")["key"] == other
    assert api.ask("POST", f"{path}/secret/rotate", {"key": None}).status in {200, 204}
    made = api.ok("GET", f"{path}/secret")["key"]
    assert made.startswith("whsec_")
    assert made != other


def test_an_asymmetric_secret_shows_its_public_half(api: Api) -> None:
    """What is given as whsk_ comes back as whpk_."""
    app = api.app()
    made = api.endpoint(app, secret=ed25519())
    assert api.ok("GET", f"{app}/endpoint/{made}/secret")["key"].startswith("whpk_")


@pytest.mark.parametrize(
    "secret",
    [key(23), key(76), key(24, "whatever_"), key(24, ""), "whsec_", "whsec_???", ""],
    ids=["short", "long", "other-prefix", "no-prefix", "nothing", "strange", "empty"],
)
def test_a_secret_that_cannot_be_used_is_refused(api: Api, secret: str) -> None:
    """Too short, too long, another prefix or none, no base64: at creation and at rotation."""
    app = api.app()
    body = {"url": URL, "secret": secret}
    assert api.wrong("POST", f"{app}/endpoint", body)[0][0] == "body"
    path = f"{app}/endpoint/{api.endpoint(app)}/secret"
    before = api.ok("GET", path)
    assert api.wrong("POST", f"{path}/rotate", {"key": secret})[0][0] == "body"
    assert api.ok("GET", path) == before


def test_a_secret_is_rotated_ten_times_within_the_overlap(api: Api) -> None:
    """And not an eleventh time, until the old ones have run out."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app)}/secret"
    for _ in range(10):
        assert api.ask("POST", f"{path}/rotate", {}).status in {200, 204}
    before = api.ok("GET", path)
    assert api.code("POST", f"{path}/rotate", {}) == (400, "limit_reached")
    assert api.ok("GET", path) == before
    for grace in (-1, 604801):
        places = api.wrong("POST", f"{path}/rotate", {"gracePeriodSeconds": grace})
        assert places == [["body", "gracePeriodSeconds"]]


def test_event_types_of_an_endpoint_are_set_and_cleared(api: Api) -> None:
    """None and an empty list mean all (the original refuses the empty list); unknown ones are refused."""
    app, kind = api.app(), api.event_type()
    for nothing in (None, []):
        path = f"{app}/endpoint/{api.endpoint(app, filterTypes=nothing)}"
        assert api.ok("GET", path)["filterTypes"] is None
        assert api.ok("PATCH", path, {"filterTypes": [kind]})["filterTypes"] == [kind]
        assert api.ok("PATCH", path, {"filterTypes": nothing})["filterTypes"] is None
        assert api.ok("PATCH", path, {"eventTypes": [kind]})["filterTypes"] == [kind]
    unknown = {"url": URL, "filterTypes": [kind, "never.heard.of"]}
    assert api.wrong("POST", f"{app}/endpoint", unknown) == [["body", "filterTypes", "[1]"]]
    assert api.wrong("PUT", path, unknown) == [["body", "filterTypes", "[1]"]]
    assert api.ok("GET", path)["filterTypes"] == [kind]


def test_channels_of_an_endpoint_are_set_and_cleared(api: Api) -> None:
    """None and an empty list mean all."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app, channels=['one', 'two'])}"
    assert api.ok("GET", path)["channels"] == ["one", "two"]
    assert api.ok("PATCH", path, {"channels": None})["channels"] is None
    assert api.ok("PATCH", path, {"channels": ["x"]})["channels"] == ["x"]
    assert api.ok("PATCH", path, {"channels": []})["channels"] is None


def test_headers_are_put_patched_and_taken_away(api: Api) -> None:
    """Merged by name whatever its letters; null and `deleteHeaders` remove; secrets are named only."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app)}/headers"
    assert api.ok("GET", path) == {"headers": {}, "sensitive": []}
    api.ok("PUT", path, {"headers": {"X-One": "1", "x-two": "2", "Authorization": "s"}}, 204)
    shown = api.ok("GET", path)
    assert shown["headers"] == {"X-One": "1", "x-two": "2"}
    assert [name.lower() for name in shown["sensitive"]] == ["authorization"]
    api.ok("PATCH", path, {"headers": {"x-three": "3", "x-two": None}}, 204)
    assert api.ok("GET", path)["headers"] == {"X-One": "1", "x-three": "3"}
    api.ok("PATCH", path, {"headers": {"x-one": "one"}, "deleteHeaders": ["X-THREE"]}, 204)
    assert {k.lower(): v for k, v in api.ok("GET", path)["headers"].items()} == {"x-one": "one"}
    api.ok("PATCH", path, {"headers": {"Authorization": None}}, 204)
    assert api.ok("GET", path)["sensitive"] == []
    before = api.ok("GET", path)
    for name in ("user-agent", "Content-Length", "svix-id", "x-amz-a", "x-goog-a", "te", "a b", ""):
        assert api.wrong("PUT", path, {"headers": {name: "1"}})[0][:2] == ["body", "headers"]
        assert api.wrong("PATCH", path, {"headers": {name: "1"}})[0][:2] == ["body", "headers"]
    for value in ("x" * 4097, "a\r\nb: c", "\x00"):
        assert api.wrong("PUT", path, {"headers": {"x-a": value}})[0][:2] == ["body", "headers"]
    assert api.ok("GET", path) == before
    api.ok("PUT", path, {"headers": {}}, 204)
    assert api.ok("GET", path) == {"headers": {}, "sensitive": []}


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "X-Auth-Token", "www-authenticate"])
def test_a_header_that_is_a_secret_is_not_shown(api: Api, name: str) -> None:
    """It is named, in the answer for headers, and nowhere shown."""
    app = api.app()
    path = f"{app}/endpoint/{api.endpoint(app)}"
    api.ok("PUT", f"{path}/headers", {"headers": {name: "very-secret"}}, 204)
    assert "very-secret" not in api.ask("GET", f"{path}/headers").body.decode()
    assert "very-secret" not in api.ask("GET", path).body.decode()
    assert "very-secret" not in api.ask("GET", f"{app}/endpoint").body.decode()
