"""Event types, as clients of the original know them."""

from tests.wire_compat.svix_acceptance.api import Api, unique

SCHEMA = {"1": {"type": "object", "title": "A", "properties": {"n": {"type": "number"}}}}


def test_members_of_an_event_type_are_patched_one_by_one(api: Api) -> None:
    """Each alone, the others stay; schemas are cleared by null."""
    path = f"/event-type/{api.event_type(schemas=SCHEMA)}"
    expected = api.ok("GET", path)
    assert expected["schemas"] == SCHEMA
    for change in (
        {"description": "Two"},
        {"deprecated": True},
        {"archived": True},
        {"archived": False},
        {"schemas": {"2": {"type": "object"}}},
        {"schemas": None},
    ):
        expected |= change
        patched = api.ok("PATCH", path, change)
        expected["updatedAt"] = patched["updatedAt"]
        assert patched == expected == api.ok("GET", path)
    assert api.wrong("PATCH", path, {"description": None})[0][1] == "description"
    assert api.wrong("PATCH", path, {"archived": "x"})[0][1] == "archived"


def test_an_event_type_lives_and_dies_and_comes_back(api: Api) -> None:
    """Made once, put, archived, revived by making it again, and forgotten for good."""
    body = {"name": unique("acceptance.life"), "description": "One."}
    path = f"/event-type/{body['name']}"
    made = api.ok("POST", "/event-type", body, 201)
    assert {"name", "description", "deprecated", "createdAt", "updatedAt"} <= set(made)
    assert api.code("POST", "/event-type", body) == (409, "event_type_exists")
    assert api.ok("PUT", path, {"description": "Two."}, 200)["description"] == "Two."
    api.ok("DELETE", path, status=204)
    assert api.ok("GET", path)["archived"] is True
    assert api.ok("POST", "/event-type", body, 201)["archived"] is False
    api.ok("DELETE", path, status=204, expunge="true")
    assert api.code("GET", path) == (404, "not_found")
    assert api.ok("PUT", path, {"description": "Put."}, 201)["name"] == body["name"]
    for name in ("a b", "", "ü", "x" * 257):
        wrong = {"name": name, "description": ""}
        assert api.wrong("POST", "/event-type", wrong) == [["body", "name"]]


def test_event_types_are_listed_with_schemas_on_request(api: Api) -> None:
    """By name; without archived ones unless they are asked for."""
    plain, shown = api.event_type(schemas=SCHEMA), api.event_type()
    api.ok("DELETE", f"/event-type/{shown}")

    def found(**query: object) -> dict[str, object]:
        return {
            one["name"]: one["schemas"] for one in api.listed("/event-type", limit=250, **query)
        }

    assert found()[plain] is None
    assert found(with_content="true")[plain] == SCHEMA
    assert shown not in found()
    assert shown in found(include_archived="true")
    names = list(found())
    assert names == sorted(names)


def test_event_types_come_in_pages(api: Api) -> None:
    """By name, forward and back."""
    names = [one["name"] for one in api.listed("/event-type", limit=250)]
    assert len(names) >= 46
    check_pages_of(api, names)


def check_pages_of(api: Api, names: list[str]) -> None:
    seen: list[str] = []
    found = api.ok("GET", "/event-type", limit=20)
    while True:
        seen += [one["name"] for one in found["data"]]
        if found["done"]:
            break
        found = api.ok("GET", "/event-type", limit=20, iterator=found["iterator"])
    assert seen == names
    back = [one["name"] for one in found["data"]]
    while len(back) < len(names):
        found = api.ok("GET", "/event-type", limit=20, iterator=found["prevIterator"])
        assert found["data"]
        back = [one["name"] for one in found["data"]] + back
    assert back == names


def test_a_feature_flag_is_kept(api: Api) -> None:
    """Given, read back, changed, and cleared."""
    name = unique("acceptance.flag")
    body = {"name": name, "description": "d", "featureFlag": "beta"}
    assert api.ok("POST", "/event-type", body, 201)["featureFlag"] == "beta"
    assert api.ok("GET", f"/event-type/{name}")["featureFlag"] == "beta"
    assert api.ok("PATCH", f"/event-type/{name}", {"featureFlag": None})["featureFlag"] is None


def test_several_feature_flags_and_a_group_are_kept(api: Api) -> None:
    """Under either name, by every call that writes; one that is malformed is refused."""
    name = unique("acceptance.flags")
    path = f"/event-type/{name}"
    body = {"description": "d", "featureFlags": ["a", "b"], "groupName": "g"}
    made = api.ok("PUT", path, body, 201)
    assert (made["featureFlags"], made["featureFlag"], made["groupName"]) == (["a", "b"], "a", "g")
    put = api.ok("PUT", path, {"description": "e"}, 200)
    assert (put["featureFlags"], put["groupName"]) == (["a", "b"], "g")
    patched = api.ok("PATCH", path, {"featureFlags": ["c"], "groupName": None})
    assert (patched["featureFlags"], patched["groupName"]) == (["c"], None)
    (listed,) = [one for one in api.listed("/event-type", limit=250) if one["name"] == name]
    assert listed["featureFlags"] == ["c"]
    assert api.wrong("PATCH", path, {"featureFlags": ["d", "a b"]}) == [
        ["body", "featureFlags", "[1]"]
    ]
    assert api.wrong("PATCH", path, {"featureFlag": ""}) == [["body", "featureFlag"]]
    assert api.wrong("PATCH", path, {"featureFlags": ["x"] * 101}) == [["body", "featureFlags"]]
    assert api.wrong("PATCH", path, {"groupName": "a b"}) == [["body", "groupName"]]
    assert api.ok("GET", path)["featureFlags"] == ["c"]
    assert api.ok("PATCH", path, {"featureFlags": []})["featureFlags"] is None
