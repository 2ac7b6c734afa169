"""The official JavaScript client makes every user call; each answer against a plain model."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.js import Script
from tests.helpers.server import RunningServer

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def clerk(server: RunningServer) -> Iterator[Script]:
    keys = server.keys()
    with Script("client.mjs", server.base_url, keys.secret_key, keys.publishable_key) as script:
        yield script


def call(clerk: Script, method: str, *args: Any) -> Any:
    answer = clerk.ask({"method": method, "args": list(args)})
    assert "ok" in answer, answer
    return answer["ok"]


def refusal(clerk: Script, method: str, *args: Any) -> dict[str, Any]:
    answer = clerk.ask({"method": method, "args": list(args)})
    assert "error" in answer, answer
    return answer["error"]


def expected(user: dict[str, Any], **model: Any) -> dict[str, Any]:
    """The members of `user` that the model speaks of."""
    return {name: user[name] for name in model}


def test_every_call_answers_as_the_model_says(clerk: Script) -> None:
    """Create, get, list, count, update, metadata and delete."""
    model: dict[str, dict[str, Any]] = {}
    for number in range(12):
        want = {
            "firstName": f"Näme {number} 🎉",
            "lastName": None if number % 2 else "O'Neil",
            "username": f"user_{number}",
            "externalId": f"ext-{number}",
            "publicMetadata": {"n": number, "nested": {"list": [number, None, 0.5]}},
            "privateMetadata": {"secret": True},
            "unsafeMetadata": {},
        }
        sent = {key: value for key, value in want.items() if value is not None}
        sent |= {"emailAddress": [f"js{number}@example.com"], "password": "correct horse battery"}
        user = call(clerk, "createUser", sent)
        assert expected(user, **want) == want
        assert [one["emailAddress"] for one in user["emailAddresses"]] == sent["emailAddress"]
        assert user["primaryEmailAddressId"] == user["emailAddresses"][0]["id"]
        assert user["passwordEnabled"] is True
        model[user["id"]] = {**want, "createdAt": user["createdAt"]}
    for user_id, want in model.items():
        assert expected(call(clerk, "getUser", user_id), **want) == want
    order = sorted(model, key=lambda one: (model[one]["createdAt"], one))
    page = call(clerk, "getUserList", {"limit": 5, "offset": 3, "orderBy": "+created_at"})
    assert page["totalCount"] == 12
    assert [one["id"] for one in page["data"]] == order[3:8]
    newest = call(clerk, "getUserList", {"limit": 3})
    assert [one["id"] for one in newest["data"]] == order[::-1][:3]
    assert call(clerk, "getCount", {}) == 12
    found = call(clerk, "getUserList", {"emailAddress": ["js7@example.com"]})
    assert [model[one["id"]]["username"] for one in found["data"]] == ["user_7"]
    first = order[0]
    changed = call(clerk, "updateUser", first, {"firstName": "Changed", "lastName": ""})
    model[first] |= {"firstName": "Changed"}
    assert changed["firstName"] == "Changed"
    merged = call(
        clerk, "updateUserMetadata", first, {"publicMetadata": {"n": None, "nested": {"x": 1}}}
    )
    assert merged["publicMetadata"] == {
        "nested": {"list": model[first]["publicMetadata"]["nested"]["list"], "x": 1}
    }
    assert merged["privateMetadata"] == {"secret": True}
    for user_id in order:
        gone = call(clerk, "deleteUser", user_id)
        assert (gone["id"], gone["deleted"]) == (user_id, True)
    assert call(clerk, "getCount", {}) == 0


def test_every_refusal_is_read_with_its_code(clerk: Script) -> None:
    """404, 422 and their codes and parameters reach the JavaScript caller."""
    user = call(clerk, "createUser", {"emailAddress": ["taken@example.com"]})
    taken = refusal(clerk, "createUser", {"emailAddress": ["Taken@example.com"]})
    assert (taken["status"], taken["codes"]) == (422, ["form_identifier_exists"])
    assert taken["params"] == ["email_address"]
    assert len(taken["trace"]) == 32
    missing = refusal(clerk, "getUser", "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S")
    assert (missing["status"], missing["codes"]) == (404, ["resource_not_found"])
    short = refusal(clerk, "createUser", {"emailAddress": ["b@example.com"], "password": "short"})
    assert (short["status"], short["codes"]) == (422, ["form_password_length_too_short"])
    call(clerk, "deleteUser", user["id"])


def test_a_wrong_key_is_told_apart(server: RunningServer) -> None:
    """401 with a code."""
    keys = server.keys()
    with Script("client.mjs", server.base_url, "sk_live_wrong", keys.publishable_key) as script:
        assert refusal(script, "getUserList", {})["status"] == 401
