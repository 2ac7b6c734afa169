"""How an endpoint is treated, set in the Dashboard."""

from typing import Any

import pytest

from tests.helpers.certificates import Authority
from tests.helpers.dashboard import Admin
from tests.helpers.pace import until
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

BASE = "/dashboard/development"


def shown(server: RunningServer, client: Client, endpoint: str) -> dict[str, Any]:
    path = f"/api/v1/app/{server.keys().application_id}/endpoint/{endpoint}"
    return client.call("GET", path).json


def test_limits_schedule_and_timeout_are_set_on_the_advanced_page(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Saved, shown again, cleared by empty fields; what cannot be is said beside its field."""
    made, _ = add_endpoint(client, server.keys().application_id, "http://127.0.0.1:9/")
    here = f"{BASE}/endpoints/{made['id']}"
    form: dict[str, object] = {
        "headers": "",
        "ordering": "bounded",
        "rate_limit": "7",
        "retry_schedule": "1, 2.5",
        "timeout": "30",
        "max_concurrency": "3",
        "backlog": "1.25",
    }
    assert admin.post(here, form).status == 303
    found = shown(server, client, made["id"])
    assert (found["rateLimit"], found["retrySchedule"]) == (7, [1, 2.5])
    assert (found["timeout"], found["maxConcurrency"]) == (30, 3)
    assert found["maxBacklogBytes"] == 1_250_000
    page = admin.get(f"{here}/advanced")
    assert 'value="1, 2.5"' in page
    assert 'name="backlog" type="text" value="1.25"' in page
    for field, value, words in (
        ("retry_schedule", "soon", "Enter seconds"),
        ("timeout", "61", "between 1 and 60"),
        ("max_concurrency", "1.5", "whole number"),
        ("backlog", "-1", "between 0"),
        ("backlog", "nan", "Enter a number"),
        ("timeout", "inf", "Enter a number"),
    ):
        answer = admin.post(here, {**form, field: value})
        assert answer.status == 422
        assert words in answer.body.decode()
    empty = {**form, "retry_schedule": "", "timeout": "", "max_concurrency": "", "rate_limit": ""}
    empty["backlog"] = ""
    assert admin.post(here, empty).status == 303
    found = shown(server, client, made["id"])
    assert (found["rateLimit"], found["retrySchedule"], found["timeout"]) == (None, None, None)
    assert found["maxBacklogBytes"] is None


def test_credentials_are_written_and_never_shown_again(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Subject and user name are shown; keys and passwords are not; parts are removed one by one."""
    authority = Authority("Private authority")
    pair = authority.issue("me")
    made, _ = add_endpoint(client, server.keys().application_id, "https://127.0.0.1:9/")
    here = f"{BASE}/endpoints/{made['id']}"
    form: dict[str, object] = {
        "ca": authority.pem,
        "certificate": pair.certificate,
        "key": pair.key,
        "username": "ada",
        "password": "s3cr3t",
    }
    assert admin.post(f"{here}/credentials", form).status == 303
    page = admin.get(f"{here}/advanced")
    assert "CN=Private authority" in page
    assert "CN=me" in page
    assert "Now: ada" in page
    for hidden in ("s3cr3t", pair.key.splitlines()[1], pair.certificate.splitlines()[1]):
        assert hidden not in page
    assert admin.post(f"{here}/credentials", {"remove": "client"}).status == 303
    assert set(shown(server, client, made["id"])["credentials"]) == {"caCertificate", "basicAuth"}
    refused = admin.post(f"{here}/credentials", {"key": "nonsense", "certificate": "nonsense"})
    assert refused.status == 422
    assert "no certificate" in refused.body.decode()
    log = admin.get("/dashboard/audit")
    assert "endpoint.credentials" in log
    assert "s3cr3t" not in log


def test_ed25519_signatures_are_switched_on_the_advanced_page(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """The live public keys and their key set are shown, the private one never; it is audited."""
    with Receiver() as receiver:
        made, _ = add_endpoint(client, server.keys().application_id, receiver.url)
        here = f"{BASE}/endpoints/{made['id']}"
        assert "whpk_" not in admin.get(f"{here}/advanced")
        assert admin.post(f"{here}/v1a", {"v1a": "1"}).status == 303
        path = f"/api/v1/app/{server.keys().application_id}/endpoint/{made['id']}"
        key = client.call("GET", f"{path}/secret").json["publicKey"]
        page = admin.get(f"{here}/advanced")
        assert key in page.replace("&#43;", "+")
        assert f"/.well-known/webhook-jwks/{made['id']}" in page
        assert "whsk_" not in page
        assert "signs too" not in admin.get(f"{here}/secret")
        client.call("POST", f"{path}/send-example", {"eventType": "user.created"})
        assert " v1a," in str(receiver.wait_for(1)[0].header("svix-signature"))
        assert admin.post(f"{here}/v1a", {"v1a": "0"}).status == 303
        assert "whpk_" not in admin.get(f"{here}/advanced")
        assert shown(server, client, made["id"])["v1a"] is False
    assert "endpoint.sign_v1a" in admin.get("/dashboard/audit")
    assert (
        admin.invite("viewer", "keys@example.com").post(f"{here}/v1a", {"v1a": "1"}).status == 403
    )


@pytest.mark.parametrize(("backlog", "arrives"), [("resume", 2), ("skip", 1)])
def test_a_disabled_endpoint_is_enabled_and_its_backlog_resumes_or_is_skipped(
    server: RunningServer, admin: Admin, client: Client, backlog: str, arrives: int
) -> None:
    """By choice, with one button each."""
    with Receiver() as receiver:
        made, _ = add_endpoint(client, server.keys().application_id, receiver.url, disabled=True)
        here = f"{BASE}/endpoints/{made['id']}"
        body = {"email_address": [f"{backlog}@example.com"]}
        client.call("POST", "/v1/users", body)
        until(lambda: "skip what waits" in admin.get(here))
        assert "Disabled" in admin.get(here)
        assert admin.post(f"{here}/enable", {"backlog": backlog}).status == 303
        body = {"email_address": [f"{backlog}2@example.com"]}
        client.call("POST", "/v1/users", body)
        assert len(receiver.wait_for(arrives)) == arrives
        until(lambda: shown(server, client, made["id"])["state"] == "healthy")
        client.call("DELETE", f"/api/v1/app/{server.keys().application_id}/endpoint/{made['id']}")


def test_viewers_can_neither_pause_nor_see_the_form_of_credentials(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Both are for administrators."""
    made, _ = add_endpoint(client, server.keys().application_id, "http://127.0.0.1:9/")
    here = f"{BASE}/endpoints/{made['id']}"
    viewer = admin.invite("viewer")
    assert "Save credentials" not in viewer.get(f"{here}/advanced")
    for path in ("pause", "enable", "credentials"):
        assert viewer.post(f"{here}/{path}", {"paused": "1"}).status == 403
