"""Passkeys: what gets in, and every attack that must not."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from consignease.app import admins as app
from consignease.app import tries as app_tries
from consignease.domain import passkeys as rules
from consignease.domain import tries
from consignease.domain.passkeys import Site
from consignease.domain.tickets import LIFE_MS, Purpose
from consignease.edge import passkeys as edge
from consignease.edge.passkeys import PasskeyError
from consignease.store.tx import Tx
from tests.helpers.dashboard import EMAIL, PASSWORD, Admin
from tests.helpers.passkeys import PRESENT, Authenticator, raw, text
from tests.helpers.server import Answer, RunningServer

ACCOUNT = "/dashboard/account"
SIGN_IN = "/dashboard/sign-in/passkey"
HOME = "/dashboard/development/endpoints"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("passkeys") / "data") as one:
        one.server._hasher._argon2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        Admin(one).set_up().invite("viewer")
        yield one


@pytest.fixture
def server(shared: RunningServer) -> RunningServer:
    """The server with two accounts, no passkey, and nothing counted."""
    for table in ("admin_passkey", "admin_ticket", "admin_try"):
        shared.write(Tx.run, f"DELETE FROM {table}")
    return shared


def origin(server: RunningServer) -> str:
    return f"http://localhost:{server.server.port}"


def browser(server: RunningServer) -> Admin:
    """A browser that opened the Dashboard by a name, as passkeys want it."""
    return Admin(server, origin(server))


def signed_in(server: RunningServer, email: str = EMAIL) -> Admin:
    admin = browser(server)
    assert admin.sign_in(email).status == 303
    return admin


def ask_to_add(admin: Admin, name: str = "Laptop", present: str = PASSWORD) -> Answer:
    form = {"passkey_name": name, "present": present}
    return admin.post(f"{ACCOUNT}/passkeys/challenge", form)


def submit(admin: Admin, answer: str, name: str = "Laptop") -> Answer:
    return admin.post(f"{ACCOUNT}/passkeys", {"passkey_name": name, "answer": answer})


def add(admin: Admin, name: str = "Laptop", key: Authenticator | None = None) -> Authenticator:
    """Add a passkey to the account of whoever is signed in."""
    key = key or Authenticator(admin.origin, "localhost")
    asked = ask_to_add(admin, name)
    assert asked.status == 200, asked
    made = submit(admin, key.create(asked.json), name)
    assert made.status == 303, made.body[-3000:]
    key.count += 1
    return key


def begin(admin: Admin) -> dict[str, Any]:
    asked = admin.call("POST", f"{SIGN_IN}/challenge")
    assert asked.status == 200, asked
    return asked.json


def enter(admin: Admin, answer: str, **more: str) -> Answer:
    return admin.call("POST", SIGN_IN, {"answer": answer, **more})


def is_in(admin: Admin) -> bool:
    return admin.call("GET", HOME).status == 200


def newest(server: RunningServer) -> dict[str, Any]:
    return server.read(app.notes, 2**60, 1)[0]


def test_a_passkey_signs_in_and_says_when(server: RunningServer) -> None:
    """It stands for password and code; the account lists it; both are in the audit log."""
    admin = signed_in(server)
    key = add(admin, "Ada’s laptop")
    assert newest(server)["action"] == "admin.passkey_add"
    assert "never" in admin.get(ACCOUNT)
    fresh = browser(server)
    answer = enter(fresh, key.get(begin(fresh)), next="/dashboard/team")
    assert (answer.status, answer.headers["location"]) == (303, "/dashboard/team")
    assert is_in(fresh)
    entry = newest(server)
    assert (entry["action"], entry["who"]) == ("admin.sign_in", EMAIL)
    assert entry["detail"] == "passkey Ada’s laptop"
    assert "Ada’s laptop" in fresh.get(ACCOUNT)
    assert "never" not in fresh.get(ACCOUNT).split('id="passkeys"')[1].split("</table>")[0]


def test_what_is_asked_of_the_browser(server: RunningServer) -> None:
    """Verification of the user, a discoverable passkey, no attestation; nothing tells of accounts."""
    admin = signed_in(server)
    first = add(admin)
    asked = ask_to_add(admin).json
    assert asked["rp"]["id"] == "localhost"
    wanted = asked["authenticatorSelection"]
    assert (wanted["residentKey"], wanted["userVerification"]) == ("required", "required")
    assert asked["attestation"] == "none"
    assert [raw(one["id"]) for one in asked["excludeCredentials"]] == [first.credential]
    sign_in = begin(browser(server))
    assert sign_in["userVerification"] == "required"
    assert sign_in["allowCredentials"] == []
    assert len(raw(sign_in["challenge"])) == 32
    assert sign_in["challenge"] != begin(browser(server))["challenge"]


def test_a_challenge_is_good_once(server: RunningServer) -> None:
    """The same answer does not open a second session, in this browser or another."""
    key = Authenticator(origin(server), "localhost")
    key.count = 0  # of one that counts nothing, a replay is known by its challenge alone
    add(signed_in(server), key=key)
    key.count = 0
    fresh = browser(server)
    answer = key.get(begin(fresh))
    gate = dict(fresh.cookies)
    assert enter(fresh, answer).status == 303
    thief = browser(server)
    thief.cookies = gate
    assert enter(thief, answer).status == 422
    assert not is_in(thief)


def test_a_failed_answer_uses_the_challenge_up(server: RunningServer) -> None:
    """Nobody gets to try answers until one fits."""
    key = add(signed_in(server))
    fresh = browser(server)
    asked = begin(fresh)
    assert enter(fresh, key.get(asked, kind="webauthn.create")).status == 422
    assert enter(fresh, key.get(asked)).status == 422
    assert not is_in(fresh)


def test_a_challenge_belongs_to_its_browser(server: RunningServer) -> None:
    """An answer that was stolen on the way opens nothing elsewhere."""
    key = add(signed_in(server))
    ada, eve = browser(server), browser(server)
    answer = key.get(begin(ada))
    begin(eve)
    assert enter(eve, answer).status == 422
    assert enter(browser(server), answer).status == 422
    assert not is_in(eve)
    assert enter(ada, answer).status == 303


def test_a_challenge_ends(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three minutes it is over."""
    key = add(signed_in(server))
    fresh = browser(server)
    monkeypatch.setitem(LIFE_MS, Purpose.PASSKEY, 0)
    assert enter(fresh, key.get(begin(fresh))).status == 422
    assert not is_in(fresh)


def other_port(key: Authenticator) -> None:
    key.origin = "http://localhost:1"


def other_name(key: Authenticator) -> None:
    key.origin = "http://127.0.0.1.evil.example"


def other_site(key: Authenticator) -> None:
    key.rp_id = "evil.example"


def unverified(key: Authenticator) -> None:
    key.flags = PRESENT


def absent(key: Authenticator) -> None:
    key.flags = 0


def framed(key: Authenticator) -> None:
    key.extra = {"crossOrigin": True}


def nobody(key: Authenticator) -> None:
    key.handle = b""


def somebody_else(key: Authenticator) -> None:
    key.handle = b"adm_somebody_else"


def other_key(key: Authenticator) -> None:
    key.key = Authenticator("", "").key


def gone_back(key: Authenticator) -> None:
    key.count = 1


def stood_still(key: Authenticator) -> None:
    key.count -= 1


def no_count(key: Authenticator) -> None:
    key.count = 0


ATTACKS = (
    *(other_port, other_name, other_site, unverified, absent, framed, nobody, somebody_else),
    *(other_key, gone_back, stood_still, no_count),
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_right_does_not_get_in(
    server: RunningServer, attack: Callable[[Authenticator], None]
) -> None:
    """Origin, relying party, presence, verification, owner, signature and counter are checked."""
    key = add(signed_in(server))
    first = browser(server)
    assert enter(first, key.get(begin(first))).status == 303
    was = key.count
    attack(key)
    fresh = browser(server)
    answer = enter(fresh, key.get(begin(fresh)))
    assert answer.status == 422
    assert b"was not accepted" in answer.body
    assert not is_in(fresh)
    if attack in {gone_back, stood_still, no_count}:
        assert newest(server)["detail"].endswith("its counter went back: it may be copied")
    if attack in {gone_back, stood_still}:
        key.count = was + 5
        assert enter(fresh, key.get(begin(fresh))).status == 303


@pytest.mark.parametrize("attack", [other_port, other_site, unverified, absent, framed])
def test_a_passkey_that_was_not_made_here_is_not_kept(
    server: RunningServer, attack: Callable[[Authenticator], None]
) -> None:
    """What is checked at every sign-in is checked when the passkey is made."""
    admin = signed_in(server)
    key = Authenticator(admin.origin, "localhost")
    attack(key)
    answer = submit(admin, key.create(ask_to_add(admin).json))
    assert answer.status == 422
    assert b"was not accepted: nothing was changed" in answer.body
    assert server.read(passkeys) == 0


def passkeys(tx: Tx) -> int:
    return tx.one("SELECT count(*) FROM admin_passkey")[0]


def test_an_attestation_that_was_not_asked_for_is_not_read(server: RunningServer) -> None:
    """Certificates of strangers do not reach the code that reads them; a bare signature may come."""
    admin = signed_in(server)
    key = Authenticator(admin.origin, "localhost")
    assert submit(admin, key.create(ask_to_add(admin).json, "certificate")).status == 422
    assert server.read(passkeys) == 0
    assert submit(admin, key.create(ask_to_add(admin).json, "packed")).status == 303


def test_a_passkey_of_another_account_is_not_taken_over(server: RunningServer) -> None:
    """An identifier that somebody has is refused; nobody removes what is another's."""
    ada, eve = signed_in(server), signed_in(server, "viewer@example.com")
    key = add(ada)
    copy = Authenticator(eve.origin, "localhost", credential=key.credential)
    answer = submit(eve, copy.create(ask_to_add(eve).json))
    assert answer.status == 422
    assert b"in use already" in answer.body
    fresh = browser(server)
    assert enter(fresh, copy.get(begin(fresh))).status == 422
    mine = server.read(lambda tx: tx.one("SELECT no FROM admin_passkey")[0])
    assert eve.post(f"{ACCOUNT}/passkeys/remove", {"passkey": mine}).status == 404
    assert enter(fresh, key.get(begin(fresh))).status == 303
    assert b"ada@example.com" in fresh.call("GET", ACCOUNT).body


def test_a_challenge_to_add_one_is_of_this_session(server: RunningServer) -> None:
    """It is good once, not in another session, and not to sign in with."""
    ada, eve = signed_in(server), signed_in(server, "viewer@example.com")
    key = Authenticator(ada.origin, "localhost")
    made = key.create(ask_to_add(ada).json)
    assert submit(eve, made).status == 422
    assert submit(ada, made).status == 303
    assert submit(ada, made).status == 422
    asked = ask_to_add(ada).json
    fresh = browser(server)
    begin(fresh)
    assert enter(fresh, key.get(asked)).status == 422


def test_adding_one_takes_the_password(server: RunningServer) -> None:
    """A session alone, stolen, makes no way in that stays."""
    admin = signed_in(server)
    for present in ("", "not it at all"):
        answer = ask_to_add(admin, present=present)
        assert (answer.status, answer.json) == (
            422,
            {"error": "This is not your present password."},
        )
    key = Authenticator(admin.origin, "localhost")
    invented = {"challenge": text(bytes(32)), "user": {"id": text(b"adm_x")}}
    assert submit(admin, key.create(invented)).status == 422
    assert ask_to_add(admin, name=" ").status == 422
    assert server.read(passkeys) == 0


def test_a_removed_passkey_opens_nothing(server: RunningServer) -> None:
    """Removing it counts at once, and is in the audit log."""
    admin = signed_in(server)
    key = add(admin)
    mine = server.read(lambda tx: tx.one("SELECT no FROM admin_passkey")[0])
    assert admin.post(f"{ACCOUNT}/passkeys/remove", {"passkey": mine}).status == 303
    assert (newest(server)["action"], newest(server)["detail"]) == (
        "admin.passkey_remove",
        "Laptop",
    )
    fresh = browser(server)
    answer = enter(fresh, key.get(begin(fresh)))
    assert answer.status == 422
    assert b"no longer, known here" in answer.body


def test_the_only_way_in_stays(server: RunningServer) -> None:
    """With the password off the last passkey cannot go, and none can be added by a stale session."""
    ada = signed_in(server)
    eve = ada.invite("admin")
    eve.origin = origin(server)
    off = f"{ACCOUNT}/password/remove"
    assert eve.post(off, {"present": PASSWORD}).status == 403  # no passkey yet
    key = add(eve)
    assert eve.post(off, {"present": "not it"}).status == 422
    assert eve.post(off, {"present": PASSWORD}).status == 303
    assert browser(server).sign_in("admin@example.com").status == 422
    number = eve.get(ACCOUNT).split('name="passkey" value="')[1].split('"')[0]
    assert eve.post(f"{ACCOUNT}/passkeys/remove", {"passkey": number}).status == 403
    assert eve.post(f"{ACCOUNT}/totp").status == 403
    # Where no password is asked for, the sign-in has to be recent.
    server.write(Tx.run, "UPDATE admin_session SET created_at = created_at - 660000")
    assert ask_to_add(eve).status == 422
    assert eve.post(f"{ACCOUNT}/password", {"password": "x" * 12}).status == 422
    fresh = browser(server)
    assert enter(fresh, key.get(begin(fresh))).status == 303
    fresh.get(ACCOUNT)
    assert ask_to_add(fresh).status == 200
    assert fresh.post(f"{ACCOUNT}/password", {"password": PASSWORD}).status == 303
    fresh.get(ACCOUNT)
    assert fresh.post(f"{ACCOUNT}/passkeys/remove", {"passkey": number}).status == 303
    server.write(Tx.run, "DELETE FROM admin WHERE email = 'admin@example.com'")


def test_asking_for_challenges_is_limited(server: RunningServer) -> None:
    """Whoever only asks has to wait; somebody else's tries at the password do not matter here."""
    key = add(signed_in(server))
    now = server.server._clock.now()
    for _ in range(30):
        server.write(app_tries.take, (tries.by_account(EMAIL),), now)
    fresh = browser(server)
    assert enter(fresh, key.get(begin(fresh))).status == 303
    for _ in range(tries.ADDRESS.tries):
        server.write(app_tries.take, (tries.by_address("127.0.0.1"),), now)
    answer = fresh.call("POST", f"{SIGN_IN}/challenge")
    assert answer.status == 429
    assert "Too many tries. Try again in" in answer.json["error"]
    assert int(answer.headers["retry-after"]) > 0


def test_at_an_address_by_number_the_page_says_where(server: RunningServer) -> None:
    """Browsers want a name: 127.0.0.1 leads to localhost, and gives no challenge."""
    by_number = Admin(server)
    page = by_number.get("/dashboard/sign-in")
    assert f"{origin(server)}/dashboard" in page
    assert "Sign in with a passkey" not in page
    assert by_number.call("POST", f"{SIGN_IN}/challenge").status == 422
    assert "Sign in with a passkey" in browser(server).get("/dashboard/sign-in")


@pytest.mark.parametrize(
    ("public_url", "host", "site"),
    [
        ("", "localhost:4010", Site("localhost", "http://localhost:4010")),
        ("", "evil.example", None),
        ("", "127.0.0.1:4010", None),
        ("", "localhost:x", None),
        ("", "[::1", None),
        (
            "https://id.example.com",
            "evil.example",
            Site("id.example.com", "https://id.example.com"),
        ),
        ("https://ID.example.com:443/x", "", Site("id.example.com", "https://id.example.com")),
        ("https://id.example.com:8443", "", Site("id.example.com", "https://id.example.com:8443")),
        ("http://id.example.com", "localhost", None),
        ("https://192.0.2.1", "", None),
        ("https://[2001:db8::1]", "", None),
        ("http://localhost:4010/", "x", Site("localhost", "http://localhost:4010")),
    ],
)
def test_where_passkeys_work(public_url: str, host: str, site: Site | None) -> None:
    """By the public URL; without one on localhost only, whatever a request says we are called."""
    assert rules.site(public_url, host) == site


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
JUNK = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(max_size=9), PLAIN, max_size=3)
FIELDS = ("clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject")


@given(
    st.text(max_size=60)
    | st.builds(
        lambda data, top, junk: json.dumps(
            {"id": "AA", "rawId": "AA", "type": "public-key", **top, "response": {**data, **junk}}
        ),
        st.dictionaries(st.sampled_from(FIELDS), st.binary(max_size=60).map(text)),
        st.dictionaries(st.sampled_from(("id", "rawId", "type")), JUNK, max_size=1),
        st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=1),
    )
)
def test_whatever_is_sent_is_refused_in_one_way(answer: str) -> None:
    """Nonsense of every kind is an answer that proves nothing, never an error of ours."""
    site = Site("localhost", "http://localhost:4010")

    async def all_three() -> None:
        with pytest.raises(PasskeyError):
            await edge.proved(site, bytes(32), answer, b"")
        with pytest.raises(PasskeyError):
            await edge.registered(site, bytes(32), answer)
        with contextlib.suppress(PasskeyError):
            await edge.claim(site, answer)

    asyncio.run(all_three())


def test_behind_a_proxy_the_public_url_is_where_they_work(tmp_path: Path) -> None:
    """Its host and https are what counts, whatever else reaches the server; cookies are secure."""
    public = "https://id.example.com"
    settings = {"public_url": public, "behind_proxy": True, "trusted_proxies": ["127.0.0.1"]}
    with RunningServer(tmp_path / "data", **settings) as server:
        server.server._hasher._argon2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        admin = Admin(server, public).set_up()
        key = add(admin, key=Authenticator(public, "id.example.com"))
        fresh = Admin(server, public)
        assert enter(fresh, key.get(begin(fresh))).status == 303
        assert {"__Host-consignease", "__Host-consignease_known"} <= set(fresh.cookies)
        assert is_in(fresh)
        # By another name the page says where; what is signed for that name is not taken.
        inside = browser(server)
        assert f"{public}/dashboard" in inside.get("/dashboard/sign-in")
        wrong = Authenticator(inside.origin, "localhost", credential=key.credential)
        wrong.key, wrong.handle = key.key, key.handle
        assert begin(inside)["rpId"] == "id.example.com"
        assert enter(inside, wrong.get(begin(inside))).status == 422
        assert not is_in(inside)
