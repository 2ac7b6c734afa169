"""The log: one line for one thing, ids beside it, no secret in it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.observe.logs import MASK, configure, mask

SECRETS = [
    "whsec_plJ3nmyCDGBKInavdOK15jsl",
    "whsk_plJ3nmyCDGBKInavdOK15jslplJ3nmyCDGBKInavdOK15jsl",
    "sk_live_abcdefghijklmnop",
    "sk_test_0123456789abcdef",
    "Bearer abc.def-ghi_jkl",
    "basic dXNlcjpwYXNzd29yZA==",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream that the log is written to, as JSON from level debug on."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    out = io.StringIO()
    configure(out, level="debug", form="json")
    yield out
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "it was {}, said he", '{{"key": "{}"}}', "x={}&y=1"])
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(secret: str, frame: str) -> None:
    """In a text, in a list in a mapping, as bytes, and in an object's own words."""
    text = frame.format(secret)
    given_: list[Any] = [text, {"a": [1, (text,)]}, text.encode(), ValueError(text)]
    for value in given_:
        shown = json.dumps(mask(value))
        assert secret not in shown
        assert MASK in shown


@pytest.mark.parametrize(
    "name",
    ["Authorization", "cookie", "signing_secret", "new_password", "api_key", "svix-signature"],
)
def test_a_member_named_like_a_secret_is_masked_whatever_it_holds(name: str) -> None:
    """Its name is enough."""
    assert mask({"headers": {name: "plain", "other": 1}}) == {"headers": {name: MASK, "other": 1}}


def test_passwords_in_addresses_are_masked_and_the_rest_stays() -> None:
    """A database's URL still says which database it is."""
    url = "postgresql://app:hunter2@db.example.com/main"
    assert mask(url) == f"postgresql://{MASK}@db.example.com/main"


@given(st.text(alphabet="abcXYZ019+/=_-", min_size=8, max_size=60), st.text(max_size=20))
def test_no_part_of_a_signing_secret_gets_through(tail: str, before: str) -> None:
    """Whatever stands before it."""
    shown = mask(f"{before} whsec_{tail} end")
    assert f"whsec_{tail}" not in shown
    assert shown.endswith("end")


def test_plain_words_stay_as_they_are() -> None:
    """Ids, addresses and numbers are not secrets."""
    plain = {
        "event": "attempt failed: no connection to 10.0.0.1 port 80: connection refused",
        "message_id": "msg_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
        "endpoint_id": "ep_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
        "n": 3,
        "share": 0.5,
        "none": None,
    }
    assert mask(plain) == plain


def test_records_of_libraries_and_ours_are_rendered_alike_and_once(stream: io.StringIO) -> None:
    """Time, level, logger, event, then what was given beside it."""
    logging.getLogger("some.library").warning("slow: %d s", 3)
    logging.getLogger("consignease.x").info("hello", extra={"message_id": "msg_1", "n": 2})
    library, ours = lines(stream)
    assert (library["event"], library["level"], library["logger"]) == (
        "slow: 3 s",
        "warning",
        "some.library",
    )
    assert ours["message_id"] == "msg_1"
    assert ours["n"] == 2
    assert list(ours)[:4] == ["timestamp", "level", "logger", "event"]


def test_a_secret_in_an_exception_or_beside_an_event_is_masked(stream: io.StringIO) -> None:
    """The trace stays, the secret goes."""
    try:
        int(SECRETS[0])
    except ValueError:
        logging.getLogger("x").exception("failed with %s", SECRETS[2], extra={"token": "abc"})
    text = stream.getvalue()
    assert SECRETS[0] not in text
    assert SECRETS[2] not in text
    (line,) = lines(stream)
    assert "ValueError" in line["exception"]
    assert line["token"] == MASK


def test_configuring_again_does_not_log_twice(stream: io.StringIO) -> None:
    """The handler takes the place of others."""
    again = io.StringIO()
    configure(again, level="info", form="text")
    logging.getLogger("x").info("once", extra={"n": 1})
    assert stream.getvalue() == ""
    assert again.getvalue().count("once") == 1
    assert " INFO     x: once n=1\n" in again.getvalue()
