"""What customers are told about a failure is about their app, not about this server."""

import pytest

from consignease.domain.advice import _PHASES, _PLAIN, _STATUSES, explain, plain


@pytest.mark.parametrize("status", [*_STATUSES, 302, 400, 401, 403, 418, 500, 503])
@pytest.mark.parametrize("body", [b"", b"invalid signature", b"blocked host", b"please sign in"])
def test_no_step_names_what_only_the_operator_has(status: int, body: bytes) -> None:
    """No setting of the server and no file of the guide's app; and there is always a step."""
    _said(plain(explain(status, None, b"", body)))


@pytest.mark.parametrize("phase", [*_PHASES, "something new"])
def test_nor_when_no_answer_came(phase: str) -> None:
    """The same for everything that can go wrong before an answer."""
    _said(plain(explain(0, phase, b"", b"")))


def _said(advice: object) -> None:
    steps = getattr(advice, "steps", ())
    assert steps
    assert not [step for step in steps for mark in _PLAIN if mark in step]
    assert not [step for step in steps if "CLERK" in step or "CONSIGNEASE" in step]
