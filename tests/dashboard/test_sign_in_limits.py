"""How often one may try to sign in: attacks on the limits, and on what answers tell."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from consignease.app import admins as app
from consignease.app import tries as app_tries
from consignease.domain import totp, tries
from consignease.domain.tries import ACCOUNT, ADDRESS, Key
from consignease.edge import passwords
from consignease.store import admins as store
from consignease.store.tx import Tx
from tests.helpers.dashboard import EMAIL, PASSWORD, Admin
from tests.helpers.databases import database_of
from tests.helpers.postgres import programs
from tests.helpers.server import Answer, RunningServer

WRONG = "not it at all"


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[RunningServer]:
    """Run a server with an account whose password is quick to hash: guesses are made by the dozen."""
    with RunningServer(folder, **settings) as server:
        server.server._hasher._argon2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        if server.server.needs_setup:
            Admin(server).set_up()
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("limits") / "data") as one:
        yield one


@pytest.fixture(scope="module")
def shared_proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("proxied") / "data", trusted_proxies=["127.0.0.1"]) as one:
        yield one


@pytest.fixture
def server(shared: RunningServer) -> RunningServer:
    """The server, nothing counted."""
    shared.write(Tx.run, "DELETE FROM admin_try")
    return shared


@pytest.fixture
def proxied(shared_proxied: RunningServer) -> RunningServer:
    """A server behind a proxy that it trusts, nothing counted."""
    shared_proxied.write(Tx.run, "DELETE FROM admin_try")
    return shared_proxied


def use_up(server: RunningServer, key: Key, count: int) -> None:
    """Count tries without the work of a password each."""
    now = server.server._clock.now()
    for _ in range(count):
        server.write(app_tries.take, (key,), now)


def has_to_wait(answer: Answer) -> bool:
    """Whether the answer says, in words and in its head, when to try again."""
    if answer.status != 429:
        return False
    assert 0 < int(answer.headers["retry-after"]) <= 15 * 60
    assert b"Too many tries. Try again in " in answer.body
    return True


def test_a_guesser_has_to_wait_and_hears_for_how_long(server: RunningServer) -> None:
    """After eight wrong passwords the ninth try waits, the right password too; no guess is made."""
    eve = Admin(server)
    for _ in range(ACCOUNT.free):
        assert eve.sign_in(password=WRONG).status == 422
    answer = eve.sign_in(password=PASSWORD)
    assert has_to_wait(answer)
    assert answer.headers["retry-after"] == "15"
    assert b'value="ada@example.com"' in answer.body  # the form is kept
    assert PASSWORD.encode() not in answer.body


def test_parallel_guesses_get_no_more(server: RunningServer) -> None:
    """Forty at once get as many looks at the password as one after the other."""
    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(lambda _: Admin(server).sign_in(password=WRONG).status, range(40)))
    assert sorted(found) == [422] * ACCOUNT.free + [429] * (40 - ACCOUNT.free)


def test_an_address_cannot_try_every_account(proxied: RunningServer) -> None:
    """Other accounts do not help whoever guesses; another address is not touched."""
    eve = Admin(proxied, address="203.0.113.7")
    use_up(proxied, tries.by_address("203.0.113.7"), ADDRESS.tries - 2)
    found = [eve.sign_in(f"{n}@example.com", WRONG).status for n in range(5)]
    assert found == [422] * 2 + [429] * 3
    assert Admin(proxied, address="203.0.113.8").sign_in().status == 303


def test_a_header_of_ones_own_is_no_other_address(server: RunningServer) -> None:
    """Without a trusted proxy, whoever names other addresses is counted as one."""
    use_up(server, tries.by_address("127.0.0.1"), ADDRESS.tries)
    for n in range(3):
        assert has_to_wait(Admin(server, address=f"198.51.100.{n}").sign_in())


def test_behind_a_proxy_the_address_that_it_saw_counts(proxied: RunningServer) -> None:
    """What a client writes before the proxy's own words is not believed."""
    use_up(proxied, tries.by_address("203.0.113.7"), ADDRESS.tries)
    for n in range(3):
        assert has_to_wait(Admin(proxied, address=f"198.51.100.{n}, 203.0.113.7").sign_in())
    assert Admin(proxied, address="203.0.113.7, 198.51.100.1").sign_in().status == 303
    entries = proxied.read(app.notes, 2**60, 1)
    assert entries[0]["ip"] == "198.51.100.1"


def test_the_limits_survive_a_restart(tmp_path: Path) -> None:
    """What was counted is in the database."""
    with running(tmp_path / "data") as server:
        use_up(server, tries.by_account(EMAIL), ACCOUNT.free)
    with running(tmp_path / "data") as server:
        assert has_to_wait(Admin(server).sign_in())


def test_a_stranger_cannot_shut_the_owner_out(server: RunningServer) -> None:
    """A browser that has signed in before is counted apart from everybody else."""
    ada = Admin(server)
    assert ada.sign_in().status == 303
    ada.post("/dashboard/sign-out")
    use_up(server, tries.by_account(EMAIL), 50)
    assert has_to_wait(Admin(server).sign_in())
    assert ada.sign_in().status == 303
    # It is known to this account only, and what it holds cannot be made up or altered.
    name = f"consignease_{server.server.port}_known"
    other = ada.invite("viewer")
    for cookie in (other.cookies[name], ada.cookies[name][:-4] + "AAAA", "", "AQ==", "x"):
        eve = Admin(server)
        eve.cookies[name] = cookie
        assert has_to_wait(eve.sign_in())


def test_a_known_browser_is_limited_too(server: RunningServer) -> None:
    """Whoever took it away gets as few guesses as anybody."""
    eve = Admin(server)
    assert eve.sign_in().status == 303
    assert [eve.sign_in(password=WRONG).status for _ in range(ACCOUNT.free)] == [422] * ACCOUNT.free
    assert has_to_wait(eve.sign_in())


def test_success_is_forgiven_to_the_account_not_to_the_address(server: RunningServer) -> None:
    """An account of one's own does not buy guesses at the others."""
    fresh = Admin(server)
    for _ in range(3):
        assert fresh.sign_in(password=WRONG).status == 422
    before = server.read(count_of, tries.by_address("127.0.0.1").name)
    assert Admin(server).sign_in().status == 303
    assert server.read(count_of, tries.by_address("127.0.0.1").name) == before == 3
    assert server.read(count_of, tries.by_account(EMAIL).name) is None


def count_of(tx: Any, key: str) -> int | None:
    row = tx.one("SELECT count FROM admin_try WHERE key = ?", (key,))
    return None if row is None else row[0]


def test_nobody_learns_who_has_an_account(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known, unknown and odd addresses get the same page after the same work."""
    hashed: list[str] = []
    real = passwords._PRODUCTION

    class Watched:
        def verify(self, digest: str, secret: bytes) -> bool:
            hashed.append(digest.split("$")[3])
            return real.verify(digest, secret)

    me = server.read(app.by_email, EMAIL)
    assert me
    monkeypatch.setattr(server.server._hasher, "_argon2", Watched())
    server.write(store.set_password, me.no, real.hash(PASSWORD))
    written: list[list[str]] = []
    write = server.server.store.write

    def watched(fn: Any, *args: Any) -> Any:
        if fn in {app_tries.take, app.failed}:
            written[-1].append(fn.__name__)
        return write(fn, *args)

    monkeypatch.setattr(server.server.store, "write", watched)
    pages: list[bytes] = []
    for email in (EMAIL, "nobody@example.com", "ada", "a\0b@example.com"):
        written.append([])
        answer = Admin(server).sign_in(email, WRONG)
        assert answer.status == 422
        pages.append(answer.body.replace(email.encode(), b"?"))
    assert pages[0] == pages[1] == pages[2]
    assert len(hashed) == 4
    assert len(set(hashed)) == 1  # the same parameters, so the same time
    assert written == [["take", "failed"]] * 4
    monkeypatch.undo()
    # Closed for a while looks the same, too.
    use_up(server, tries.by_account(EMAIL), 20)
    use_up(server, tries.by_account("nobody@example.com"), 20)
    closed = [Admin(server).sign_in(one, WRONG) for one in (EMAIL, "nobody@example.com")]
    assert all(has_to_wait(answer) for answer in closed)
    server.write(store.set_password, me.no, me.password_digest)


def test_a_stolen_session_cannot_guess_the_password(server: RunningServer) -> None:
    """The present password, where it is asked for, is under a limit of its own."""
    ada = Admin(server)
    ada.sign_in()
    form = {"present": WRONG, "password": "x" * 12}
    for _ in range(ACCOUNT.free):
        assert ada.post("/dashboard/account/password", dict(form)).status == 422
    assert has_to_wait(ada.post("/dashboard/account/password", {**form, "present": PASSWORD}))
    assert Admin(server).sign_in().status == 303  # signing in is not held up by that


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")
def test_processes_on_one_database_are_one(tmp_path: Path) -> None:
    """A password given to one and a code to the other sign in; what one counted the other counts."""
    url = database_of(f"{tmp_path}/shared")
    with (
        running(tmp_path / "data", database_url=url) as one,
        running(tmp_path / "data", database_url=url) as other,
    ):
        me = one.read(app.by_email, EMAIL)
        assert me
        secret = bytes(20)
        one.write(store.set_totp, me.no, one.server._vault.seal(secret, me.id), 0)
        asked = Admin(one).sign_in()
        ticket = re.search(rb'name="ticket" value="([\w-]+)"', asked.body)
        assert ticket
        code = totp.code(secret, round(time.time() * 1000) // totp.STEP_MS)
        form = {"ticket": ticket[1].decode(), "code": code}
        assert Admin(other).call("POST", "/dashboard/sign-in", form).status == 303
        assert Admin(one).call("POST", "/dashboard/sign-in", form).status == 422
        use_up(one, tries.by_account(EMAIL), ACCOUNT.free)
        assert has_to_wait(Admin(other).sign_in())
