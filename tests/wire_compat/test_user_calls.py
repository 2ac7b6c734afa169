"""The official clients make the same random calls on users; every answer is the model's."""

import contextlib
from collections import Counter
from collections.abc import Iterator

import clerk_backend_api
import httpx
import pytest
from clerk_backend_api import models

from tests.helpers import official
from tests.helpers.js import Script
from tests.helpers.server import RunningServer
from tests.wire_compat.model import Call, Calls, Model, Refused
from tests.wire_compat.sdks import JavaScriptSdk, PythonSdk

# The Python SDK reads its own deprecated parameters when it makes up a query.
pytestmark = pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")

CALLS = 150
VERBS = {"create", "get", "list", "count", "update", "merge", "replace", "delete"}
JAVASCRIPT = pytest.param("javascript", marks=pytest.mark.node)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


def _check_officially(response: httpx.Response) -> None:
    """Hold each answer to the official client's call against the official schema too."""
    response.read()
    request = response.request
    path = request.url.path.removeprefix("/v1")
    official.check(request.method, path, response.status_code, response.content)


@contextlib.contextmanager
def open_sdk(
    kind: str, server: RunningServer, key: str | None = None
) -> Iterator[PythonSdk | JavaScriptSdk]:
    keys = server.keys()
    key = key or keys.secret_key
    if kind == "python":
        url = server.base_url + "/v1"
        hooks = {"response": [_check_officially]}
        with (
            httpx.Client(event_hooks=hooks) as client,
            clerk_backend_api.Clerk(bearer_auth=key, server_url=url, client=client) as clerk,
        ):
            yield PythonSdk(clerk)
    else:
        with Script("client.mjs", server.base_url, key, keys.publishable_key) as script:
            yield JavaScriptSdk(script)


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls_answer_as_the_model_does(server: RunningServer, kind: str, seed: int) -> None:
    """Whole answers and refusals of 150 calls; at the end every page of every order."""
    model = Model(server.keys().frontend_host)
    calls = Calls(model, seed)
    made, refused = Counter[str](), Counter[str]()
    with open_sdk(kind, server) as sdk:
        for _ in range(CALLS):
            call = calls.next()
            bad = model.check(call, sdk.do(call), sdk.fields)
            (refused if bad else made)[call.verb] += 1
            if isinstance(sdk, JavaScriptSdk) and call.verb == "list" and not bad:
                assert sdk.total == len(model.matching(call.body))
        for order in ("+created_at", "-created_at", "+updated_at", "-updated_at"):
            for offset in range(0, len(model.users) + 7, 7):
                call = Call("list", body={"order_by": order, "limit": 7, "offset": offset})
                model.check(call, sdk.do(call), sdk.fields)
    assert set(made) == VERBS, made
    assert sum(refused.values()) > CALLS // 20, refused
    assert len(model.users) > 10


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
def test_a_wrong_key_is_refused_at_every_call(server: RunningServer, kind: str) -> None:
    """401 with its code, parsed, whatever is asked for."""
    with open_sdk(kind, server, "sk_live_wrong") as sdk:
        for verb in sorted(VERBS):
            about = "" if verb in {"create", "list", "count"} else "user_x"
            body = {"public_metadata": {"a": 1}} if verb in {"merge", "replace", "create"} else {}
            answer = sdk.do(Call(verb, about, body))
            assert answer.value == Refused(401, "authentication_invalid"), (verb, answer)


@pytest.mark.node
def test_metadata_in_the_javascript_update_replaces(server: RunningServer) -> None:
    """Its `updateUser` makes two requests of a profile and metadata; the whole user comes back."""
    with open_sdk("javascript", server) as sdk:
        model = Model(server.keys().frontend_host)
        create = Call("create", body={"public_metadata": {"old": 1, "kept": {"a": 1}}})
        made = sdk.do(create)
        model.check(create, made, sdk.fields)
        user_id = made.value["id"]
        update = Call("update", user_id, {"first_name": "Zoë", "public_metadata": {"kept": {}}})
        changed = sdk.do(update)
        model.check(update, changed, sdk.fields)
        assert changed.value["public_metadata"] == {"kept": {}}


def test_the_python_client_gets_a_typed_error_for_each_refusal(server: RunningServer) -> None:
    """404 and 422 carry code, sentence and trace id; nothing is left of what was refused."""
    keys = server.keys()
    url = server.base_url + "/v1"
    with clerk_backend_api.Clerk(bearer_auth=keys.secret_key, server_url=url) as clerk:
        with pytest.raises(models.ClerkErrors) as missing:
            clerk.users.get(user_id="user_2g7np7Hrk0SN6kj5EDMLDaKNL0S")
        assert missing.value.status_code == 404
        with pytest.raises(models.ClerkErrors) as refused:
            clerk.users.create(public_metadata={"a": [{"__proto__": 1}]})
        assert refused.value.status_code == 422
        assert "__proto__" in refused.value.data.errors[0].long_message
        assert len(refused.value.headers["x-clerk-trace-id"]) == 32
        count = clerk.users.count(request={})
        assert count is not None
        assert count.total_count == 0
