"""Lists, counts, filters and pages of users."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from consignease.store import user_search
from tests.helpers.backend import OTHER_KEY, START, Backend, open_backend

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


async def people(backend: Backend, number: int) -> list[dict[str, Any]]:
    """Create users one millisecond apart, each with every identifier."""
    users: list[dict[str, Any]] = []
    for n in range(number):
        backend.now += 1
        body = {
            "email_address": [f"u{n}@example.com", f"v{n}@example.com"],
            "username": f"User-{n}",
            "external_id": f"ext{n}",
            "banned": n == 2,
            "phone_number": [f"+1555555000{n % 10}"] if n < 5 else [],
        }
        users.append((await backend.call("POST", "/users", body)).json)
    return users


def ids(users: list[dict[str, Any]]) -> list[str]:
    return [user["id"] for user in users]


async def test_a_list_is_a_bare_array_of_ten_newest_first(backend: Backend) -> None:
    """The defaults of the official API, each user whole."""
    users = await people(backend, 12)
    answer = await backend.call("GET", "/users")
    assert answer.status == 200
    assert answer.json == users[::-1][:10]


@pytest.mark.parametrize(
    ("order_by", "reverse"),
    [("created_at", False), ("%2Bcreated_at", False), ("+created_at", False)]
    + [("-created_at", True), ("-created_at,updated_at", True)],
)
async def test_pages_put_together_are_the_whole_list(
    backend: Backend, order_by: str, reverse: bool
) -> None:
    """Limit and offset cut the ordered list without gaps or doubles."""
    users = await people(backend, 7)
    found: list[str] = []
    for offset in range(0, 9, 3):
        query = f"limit=3&offset={offset}&order_by={order_by}"
        found += ids((await backend.call("GET", "/users", query=query)).json)
    assert found == ids(users[::-1] if reverse else users)


# Ids are searched too, and hold any three letters now and then.
NAMES = [
    {"first_name": "Zoë", "last_name": "Ñandú", "username": "zoelina_1"},
    {"email_address": ["Ana.Zoelina@example.com", "other@Example.org"]},
    {"first_name": "100%", "last_name": 'a"b', "username": "a.b-c"},
    {"first_name": "李小龍", "email_address": ["li@example.com"], "phone_number": ["+4366012345"]},
]
SEARCHES = [
    ("query=ZO%C3%8B", {0}),
    ("query=zoelina", {0, 1}),
    ("query=%20zoelina%20", {0, 1}),
    ("username_query=zoe", {0}),
    ("email_address_query=LINA@", {1}),
    ("email_address_query=example", {1, 3}),
    ("email_address_query=example&username_query=zoe", set[int]()),
    ("email_address_query=example&query=ana.zoe", {1}),
    ("name_query=%C3%AB+%C3%B1an", {0}),
    ("name_query=zoe", set[int]()),
    ("query=a%22b", {2}),
    ("query=0%25", {2}),
    ("query=%25", {2}),
    ("query=_", {0, 1, 2, 3}),
    ("username_query=_", {0}),
    ("username_query=B-", {2}),
    ("query=%E5%B0%8F", {3}),
    ("query=%E6%9D%8E%E5%B0%8F%E9%BE%8D", {3}),
    ("query=user_", {0, 1, 2, 3}),
    ("query=*", set[int]()),
    ("query=zoelina%00", set[int]()),
    ("name_query=%00", set[int]()),
    ("query=%22 OR %22", set[int]()),
    ("query=%20", {0, 1, 2, 3}),
    ("phone_number_query=555", set[int]()),
    ("phone_number_query=6601", {3}),
    ("phone_number_query=23", {3}),
    ("query=66012", {3}),
]


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(("query", "expected"), SEARCHES)
async def test_users_are_found_by_parts_of_what_they_are_called(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, query: str, expected: set[int], many: bool
) -> None:
    """In either case, whether many match or few; what is special to SQL or the index is not."""
    monkeypatch.setattr(user_search, "MANY", 0 if many else 5_000)
    users: list[dict[str, Any]] = []
    for body in NAMES:
        backend.now += 1
        users.append((await backend.call("POST", "/users", body)).json)
    path = query.replace(" ", "%20")
    found = ids((await backend.call("GET", "/users", query=path)).json)
    assert found == ids([users[n] for n in sorted(expected, reverse=True)])
    total = (await backend.call("GET", "/users/count", query=path)).json
    assert total["total_count"] == len(expected)


async def test_search_follows_every_change(backend: Backend) -> None:
    """New names, new addresses and deletions are found, or not, at once."""

    async def found(text: str) -> int:
        answer = await backend.call("GET", "/users/count", query=f"query={text}")
        return answer.json["total_count"]

    user = (await backend.call("POST", "/users", {"first_name": "Alice"})).json
    path = f"/users/{user['id']}"
    await backend.call("PATCH", path, {"first_name": "Beatrix", "username": "trixie"})
    assert [await found(text) for text in ("alice", "beatrix", "trixie")] == [0, 1, 1]
    await backend.call("PATCH", path, {"public_metadata": {"a": 1}}, version="2025-11-10")
    body = {"user_id": user["id"], "email_address": "bea@example.com"}
    email = (await backend.call("POST", "/email_addresses", body)).json
    assert await found("bea@") == 1
    await backend.call("DELETE", f"/email_addresses/{email['id']}")
    assert await found("bea@") == 0
    await backend.call("DELETE", path)
    assert [await found(text) for text in ("beatrix", "trixie", user["id"])] == [0, 0, 0]


async def test_search_does_not_show_users_of_another_instance(backend: Backend) -> None:
    """Nor count them."""
    await backend.call("POST", "/users", {"first_name": "Alice"})
    answer = await backend.call("GET", "/users/count", query="query=alice", key=OTHER_KEY)
    assert answer.json["total_count"] == 0


@pytest.mark.parametrize("order_by", ["-created_at", "created_at"])
async def test_pages_that_follow_a_user_are_the_whole_list(backend: Backend, order_by: str) -> None:
    """starting_after goes on behind a user, also behind others of the same moment."""
    users = await people(backend, 4)
    twins = {"created_at": "2020-01-01T00:00:00Z"}
    users += [(await backend.call("POST", "/users", twins)).json for _ in range(3)]
    users.sort(key=lambda user: (user["created_at"], user["id"]), reverse=order_by[0] == "-")
    found: list[str] = []
    while True:
        query = f"limit=2&order_by={order_by}"
        query += f"&starting_after={found[-1]}" if found else ""
        page = ids((await backend.call("GET", "/users", query=query)).json)
        if not page:
            break
        found += page
    assert found == ids(users)


ORDERS = {
    "email_address": ["a@example.com", "B@example.com", None, "c@example.com"],
    "phone_number": ["+15555550100", "+15555550101", None, "+4366012345"],
    "first_name": ["Ana", "Zoë", None, "Émile"],
    "last_name": ["x", "y", None, "z"],
    "username": ["anna", "Berta", None, "carl"],
}


@pytest.mark.parametrize("name", sorted(ORDERS))
async def test_users_without_a_value_come_last_in_either_order(backend: Backend, name: str) -> None:
    """Users are ordered by what they have; identifiers without regard to case."""
    created: list[str] = []
    for value in ORDERS[name]:
        body = (
            {}
            if value is None
            else {name: [value] if name in {"email_address", "phone_number"} else value}
        )
        created.append((await backend.call("POST", "/users", body)).json["id"])
    one, two, none, three = created
    up = ids((await backend.call("GET", "/users", query=f"order_by={name}")).json)
    down = ids((await backend.call("GET", "/users", query=f"order_by=-{name}")).json)
    assert up == [one, two, three, none]
    assert down == [three, two, one, none]


@pytest.mark.parametrize("name", ["web3wallet", "last_active_at"])
async def test_an_order_by_what_nobody_has_is_by_id(backend: Backend, name: str) -> None:
    """The order is still total: pages neither overlap nor leave anybody out."""
    users = ids(await people(backend, 4))
    assert ids((await backend.call("GET", "/users", query=f"order_by={name}")).json) == sorted(
        users
    )


async def test_users_can_be_ordered_by_their_last_change(backend: Backend) -> None:
    """updated_at orders by it; users of the same moment are ordered by id."""
    users = await people(backend, 3)
    backend.now += 1
    await backend.call("PATCH", f"/users/{users[0]['id']}", {"first_name": "A"})
    newest = (await backend.call("GET", "/users", query="order_by=-updated_at")).json
    assert ids(newest) == ids([users[0], users[2], users[1]])
    body = {"created_at": "2020-01-01T00:00:00Z"}
    twins = [(await backend.call("POST", "/users", body)).json["id"] for _ in range(4)]
    up = ids((await backend.call("GET", "/users", query="order_by=created_at")).json)
    down = ids((await backend.call("GET", "/users", query="order_by=-created_at")).json)
    assert up[:4] == sorted(twins)
    assert down == up[::-1]


async def test_a_list_on_request_tells_how_many_there_are(backend: Backend) -> None:
    """paginated=true answers data and the number of all that match."""
    users = await people(backend, 3)
    answer = await backend.call("GET", "/users", query="paginated=true&limit=2")
    assert answer.json == {"data": [users[2], users[1]], "total_count": 3}
    empty = await backend.call("GET", "/users", query="paginated=true&offset=99")
    assert empty.json == {"data": [], "total_count": 3}


FILTERS = [
    ("email_address=u1@example.com", {1}),
    ("email_address=U1@EXAMPLE.com&email_address=v3@example.com", {1, 3}),
    ("email_address[]=u1@example.com", {1}),
    ("email_address=u1@example.com&email_address=v1@example.com", {1}),
    ("username=user-2&username=nobody", {2}),
    ("external_id=ext0&external_id=ext4", {0, 4}),
    ("external_id=%2Bext0", {0}),
    ("external_id=-ext0&external_id=-ext4", {1, 2, 3}),
    ("username=user-2&external_id=ext2", {2}),
    ("username=user-2&external_id=ext3", set[int]()),
    ("username=", set[int]()),
    ("banned=true", {2}),
    ("banned=false", {0, 1, 3, 4}),
    (f"created_at_after={START + 2}", {2, 3, 4}),
    (f"created_at_before={START + 4}&created_at_after={START + 1}", {1, 2}),
    (f"created_at_before={START}", set[int]()),
    ("last_active_at_since=1", set[int]()),
    ("last_active_at_before=1", set[int]()),
    ("last_sign_in_at_after=1", set[int]()),
    ("phone_number=%2B15555550100", set[int]()),
    ("phone_number=%2B15555550001&phone_number=+1%20(555)%20555-0003", {1, 3}),
    ("web3_wallet=0x1", set[int]()),
    ("organization_id=org_1", set[int]()),
    ("organization_id=-org_1", {0, 1, 2, 3, 4}),
    ("provider=oauth_google&provider_user_id=1", set[int]()),
    ("unknown_parameter=1", {0, 1, 2, 3, 4}),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
async def test_filters_are_exact_and_hold_together(
    backend: Backend, query: str, expected: set[int]
) -> None:
    """Values of one filter are alternatives, filters are conditions; count agrees."""
    users = await people(backend, 5)
    found = ids((await backend.call("GET", "/users", query=query)).json)
    assert found == ids([users[n] for n in sorted(expected, reverse=True)])
    total = (await backend.call("GET", "/users/count", query=query)).json
    assert total == {"object": "total_count", "total_count": len(expected)}


async def test_ids_filter_and_exclude(backend: Backend) -> None:
    """user_id takes + and - in front; a hundred values work."""
    users = await people(backend, 4)
    names = ids(users)
    query = "&".join(f"user_id={name}" for name in [names[0], names[2], *["user_x"] * 98])
    assert ids((await backend.call("GET", "/users", query=query)).json) == [names[2], names[0]]
    query = f"user_id=-{names[0]}&user_id=-{names[1]}"
    assert ids((await backend.call("GET", "/users", query=query)).json) == [names[3], names[2]]
    query = f"user_id=%2B{names[0]}&user_id=-{names[1]}"
    assert ids((await backend.call("GET", "/users", query=query)).json) == [names[0]]


async def test_an_exclusion_keeps_users_that_have_no_external_id(backend: Backend) -> None:
    """Not having an external id is not having that one."""
    await people(backend, 1)
    user = (await backend.call("POST", "/users", {})).json
    answer = await backend.call("GET", "/users", query="external_id=-ext0")
    assert ids(answer.json) == [user["id"]]


BAD_QUERIES = [
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("limit=ten", "limit"),
    ("limit=", "limit"),
    ("offset=-1", "offset"),
    ("offset=9" + "9" * 30, "offset"),
    ("order_by=password_digest", "order_by"),
    ("order_by=", "order_by"),
    ("order_by=created_at%3B--", "order_by"),
    ("paginated=maybe", "paginated"),
    ("&".join(f"user_id=u{n}" for n in range(101)), "user_id"),
    ("query=" + "x" * 257, "query"),
    ("banned=maybe", "banned"),
    ("starting_after=user_1", "starting_after"),
    ("starting_after=user_1&order_by=username", "starting_after"),
    ("created_at_after=yesterday", "created_at_after"),
    ("last_active_at_since=-1", "last_active_at_since"),
]


@pytest.mark.parametrize(("query", "param"), BAD_QUERIES)
async def test_a_bad_or_unknown_filter_is_refused_never_ignored(
    backend: Backend, query: str, param: str
) -> None:
    """Otherwise users that were not asked for would be listed, and maybe deleted."""
    answer = await backend.call("GET", "/users", query=query)
    assert answer.status == 422, answer.body
    assert answer.error["meta"] == {"param_name": param}


async def test_a_query_of_thousands_of_keys_is_a_bad_request(backend: Backend) -> None:
    """It is refused before it is taken apart."""
    answer = await backend.call("GET", "/users", query="a=b&" * 3_000)
    assert answer.status == 400
    assert answer.error["code"] == "request_body_invalid"


async def test_odd_bytes_in_a_query_match_nothing(backend: Backend) -> None:
    """Whatever is asked for is compared, never interpreted."""
    await people(backend, 1)
    for value in ("'; DROP TABLE user", "%", "_", "\0", "🎉", "\\"):
        answer = await backend.call("GET", "/users", query=f"username={quote(value)}")
        assert (answer.status, answer.json) == (200, [])
    answer = await backend.call("GET", "/users", query="username=%FF%zz")
    assert (answer.status, answer.json) == (200, [])


async def test_times_of_the_clock_order_users(backend: Backend) -> None:
    """created_at is the clock's unless it was given."""
    (user,) = await people(backend, 1)
    assert user["created_at"] == START + 1
