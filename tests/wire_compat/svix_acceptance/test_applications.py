"""Applications, as clients of the original know them."""

import contextlib

from tests.helpers.server import RunningServer
from tests.wire_compat.svix_acceptance.api import Api, check_pages, unique


def test_members_are_patched_one_by_one(api: Api) -> None:
    """Each alone; null clears what may be empty; what is wrong is refused and changes nothing."""
    uid = unique("app")
    app = api.app(name="First", uid=uid, metadata={"a": "b"})
    assert api.ok("PATCH", app, {"name": "Second"})["name"] == "Second"
    assert api.ok("PATCH", app, {"metadata": {"c": "d"}})["metadata"] == {"c": "d"}
    assert api.ok("PATCH", app, {"uid": unique("app")})["uid"] != uid
    assert api.ok("PATCH", app, {"uid": None})["uid"] is None
    assert api.ok("PATCH", app, {"unknown": 1})["name"] == "Second"
    before = api.ok("GET", app)
    for body, place in (
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"uid": ""}, "uid"),
        ({"uid": "a b"}, "uid"),
        ({"uid": "app_mine"}, "uid"),
        ({"uid": "x" * 257}, "uid"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "x" * 4096}}, "metadata"),
        ({"rateLimit": 0}, "rateLimit"),
    ):
        assert api.wrong("PATCH", app, body)[0][:2] == ["body", place]
    assert api.ok("GET", app) == before


def test_an_application_lives_and_dies(api: Api) -> None:
    """Made, read, put, deleted, and then it is not found."""
    made = api.ok("POST", "/app", {"name": "One", "metadata": {"k": "v"}}, 201)
    app = f"/app/{made['id']}"
    assert {"id", "name", "createdAt", "updatedAt", "metadata"} <= set(made)
    assert api.ok("GET", app) == made
    put = api.ok("PUT", app, {"name": "Two", "metadata": {"k": "w"}}, 200)
    assert (put["id"], put["name"], put["metadata"]) == (made["id"], "Two", {"k": "w"})
    assert api.ok("GET", app)["name"] == "Two"
    api.ok("DELETE", app, status=204)
    for method in ("GET", "DELETE", "PATCH"):
        assert api.code(method, app, {}) == (404, "not_found")


def test_applications_come_in_pages(server: RunningServer) -> None:
    """Newest first, or oldest first; forward and back."""
    # The other instance's own, so that nothing but these is on the list.
    with contextlib.closing(Api(server, "production")) as other:
        there = [one["id"] for one in other.listed("/app")]
        made = [other.app().removeprefix("/app/") for _ in range(5)]
        ids = sorted(there + made, reverse=True)
        check_pages(other, "/app", ids)
        check_pages(other, "/app", ids[::-1], order="ascending")
        for one in made:
            other.ok("DELETE", f"/app/{one}")


def test_a_uid_belongs_to_one_application(api: Api) -> None:
    """It names it in every path, is refused twice, and is free again afterwards."""
    uid, other_uid = unique("app"), unique("app")
    app = api.app(uid=uid)
    other = api.app(uid=other_uid)
    assert api.code("POST", "/app", {"name": "x", "uid": uid}) == (409, "conflict")
    assert api.code("PATCH", other, {"uid": uid}) == (409, "conflict")
    assert api.code("PUT", other, {"name": "x", "uid": uid}) == (409, "conflict")
    assert f"/app/{api.ok('GET', f'/app/{uid}')['id']}" == app
    api.ok("PATCH", app, {"uid": None})
    assert api.code("GET", f"/app/{uid}") == (404, "not_found")
    api.ok("PATCH", other, {"uid": uid})
    api.ok("DELETE", other)
    assert api.app(uid=uid) != other


def test_two_instances_may_use_the_same_uid(api: Api, server: RunningServer) -> None:
    """Neither sees the other's."""
    uid = unique("app")
    with contextlib.closing(Api(server, "production")) as other:
        mine, theirs = api.app(uid=uid), other.app(uid=uid)
        assert mine != theirs
        assert api.code("GET", theirs) == (404, "not_found")
        assert f"/app/{other.ok('GET', f'/app/{uid}')['id']}" == theirs
        other.ok("DELETE", theirs)


def test_getting_or_creating(api: Api) -> None:
    """Made once; then refused, unless what is there is as good, and then it stays as it is."""
    body = {"name": "Before", "uid": unique("app")}
    made = api.ok("POST", "/app", body, 201, get_if_exists="true")
    changed = {**body, "name": "After"}
    assert api.code("POST", "/app", changed) == (409, "conflict")
    assert api.code("POST", "/app", changed, get_if_exists="false") == (409, "conflict")
    assert api.ok("POST", "/app", changed, 200, get_if_exists="true") == made
    assert api.ok("GET", f"/app/{made['id']}") == made


def test_putting_makes_what_is_not_there(api: Api) -> None:
    """Under that uid; a second time it changes it."""
    uid = unique("app")
    made = api.ok("PUT", f"/app/{uid}", {"name": "One"}, 201)
    assert made["uid"] == uid
    again = api.ok("PUT", f"/app/{uid}", {"name": "Two", "uid": uid}, 200)
    assert (again["id"], again["name"]) == (made["id"], "Two")


def test_an_idempotency_key_gives_the_first_answer(api: Api) -> None:
    """Whatever the second body says; another key makes another one; refusals are not kept."""
    key = {"Idempotency-Key": unique("key")}
    first = api.ok("POST", "/app", {"name": "First"}, 201, headers=key)
    assert api.ok("POST", "/app", {"name": "Second"}, 201, headers=key) == first
    other = {"Idempotency-Key": unique("key")}
    assert api.ok("POST", "/app", {"name": "First"}, 201, headers=other)["id"] != first["id"]
    again = {"Idempotency-Key": unique("key")}
    api.wrong("POST", "/app", {"name": ""}, headers=again)
    assert api.ok("POST", "/app", {"name": "Right"}, 201, headers=again)["name"] == "Right"
