"""Bodies that careless programs change, through `consignease listen`: they arrive as they are stored."""

import json
from pathlib import Path

from consignease.app.publish import publish
from consignease.domain.events import NewEvent
from consignease.domain.instances import Instance
from consignease.store import instances
from consignease.store.tx import Tx
from tests.helpers.listening import ListenProcess
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

CORPUS = [
    b'{"id":"%s","n":1.0,"m":1e2,"z":-0.0}',
    b'{ "id" : "%s" ,\n\t"spaces": [ 1 , 2 ] }  \r\n',
    b'{"id":"%s","t":"\\u00e9\\ud83d\\ude00\\/"}',
    '{"id":"%s","t":"Zoë \u2028\u2029 \U0001f600"}'.encode(),
    b'{"id":"%s","t":"</script><!--"}',
    b'{"id":"%s","t":"0\\r\\n\\r\\nGET / HTTP/1.1\\r\\n\\r\\n"}',
    b'{"id":"%s","big":12345678901234567890123,"small":0.1000}',
    b'{"id":"%s","b":1,"a":2,"b":3}',
    b'{"id":"%s","long":"' + b"x" * 60_000 + b'"}',
]


def _development(tx: Tx) -> Instance:
    return next(one for one in instances.all_of_them(tx) if one.name == "development")


def _publish(tx: Tx, instance: Instance, data: list[tuple[str, bytes]]) -> None:
    for user, body in data:
        event = NewEvent(type="user.updated", object_id=user, subject=user, data=body)
        publish(tx, instance, event, 1_700_000_000_000)


def _bodies(tx: Tx) -> list[bytes]:
    return [bytes(row[0]) for row in tx.all("SELECT body FROM message ORDER BY cursor")]


def test_the_corpus_arrives_byte_for_byte_and_in_order(tmp_path: Path) -> None:
    """Every body as the log has it, and those of one user one after the other."""
    with Receiver() as app, RunningServer(tmp_path / "data") as server:
        instance = server.read(_development)
        users = ["user_one", "user_two"]
        data = [(user, body.replace(b"%s", user.encode())) for body in CORPUS for user in users]
        with ListenProcess(Path(server.settings.data_dir), f"{app.url}/hook") as listener:
            listener.wait_for("listening")
            server.write(_publish, instance, data)
            arrived = app.wait_for(len(data), 30)
        stored = server.read(_bodies)
    assert sorted(one.body for one in arrived) == sorted(stored)
    assert all(any(body in one for one in stored) for _, body in data)
    for user in users:
        wanted = [body for body in stored if user.encode() in body]
        assert [one.body for one in arrived if user.encode() in one.body] == wanted
    assert json.loads(stored[0])["data"]["n"] == 1.0
