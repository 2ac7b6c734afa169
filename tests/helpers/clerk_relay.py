"""The official Clerk command line forwards our events, in a network of its own.

Its relay's address is compiled in, so this program runs in a network and mount
namespace where that name is this machine, with a certificate made for it:

    unshare --net --mount python -m tests.helpers.clerk_relay CLERK EVENTS FOLDER

It prints one line of JSON: how many events were sent, how many arrived as they
were stored, how many verify, and the command line's own count.
"""

import datetime as dt
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from svix.webhooks import Webhook

from consignease.app.publish import publish
from consignease.domain.events import NewEvent
from consignease.domain.instances import Instance
from consignease.store import instances
from consignease.store.tx import Tx
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

RELAY, INBOX = "api.relay.svix.com", "webhooks.clerk.com"
TOKEN = "c_0123456789"
PART = 100


def certificate(folder: Path) -> tuple[str, str]:
    """Write a certificate for both names, which is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, RELAY)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(RELAY), x509.DNSName(INBOX)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(cert_file), str(key_file)


def prepare(folder: Path) -> None:
    """Make both names this machine; only inside the namespaces."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {RELAY} {INBOX}\n")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


def send(tx: Tx, instance: Instance, first: int, count: int) -> None:
    """Make events happen, with text that a careless program changes."""
    for number in range(first, first + count):
        user = f"user_{number}"
        text = "Zoë \u2028 \U0001f600 </script> \\u00e9 1.0"
        data = json.dumps({"id": user, "object": "user", "n": 1.0, "t": text}, ensure_ascii=False)
        event = NewEvent(type="user.updated", object_id=user, subject=user, data=data.encode())
        publish(tx, instance, event, round(time.time() * 1000))


def first_instance(tx: Tx) -> Instance:
    """The development instance."""
    return next(one for one in instances.all_of_them(tx) if one.name == "development")


def bodies(tx: Tx) -> set[bytes]:
    """Every stored body."""
    return {row[0] for row in tx.all("SELECT body FROM message WHERE body IS NOT NULL")}


def add_endpoint(base: str, key: str, app_id: str, ca_file: str) -> str:
    """Add the inbox as an endpoint, over HTTPS; return its secret."""
    import ssl
    import urllib.request

    context = ssl.create_default_context(cafile=ca_file)

    def call(method: str, path: str, body: object = None) -> dict[str, str]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        asked = urllib.request.Request(base + path, data, headers, method=method)
        with urllib.request.urlopen(asked, context=context) as answer:
            return json.load(answer)

    path = f"/api/v1/app/{app_id}/endpoint"
    made = call("POST", path, {"url": f"https://{INBOX}/in/{TOKEN}/"})
    return call("GET", f"{path}/{made['id']}/secret")["key"]


def main(clerk: str, events: int, folder: Path) -> None:
    """Run it all."""
    prepare(folder)
    cert, key = certificate(folder)
    options = {"port": 443, "tls_cert": cert, "tls_key": key, "svix_relay": True}
    with (
        Receiver() as app,
        RunningServer(folder / "data", ca_file=cert, database_url="", **options) as server,
    ):
        keys = server.keys()
        base = f"https://{RELAY}"
        secret = add_endpoint(base, keys.secret_key, keys.application_id, cert)
        command = [clerk, "webhooks", "listen", "--json", "--token", TOKEN]
        listening = subprocess.Popen(
            [*command, "--forward-to", f"{app.url}/api/webhooks"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={
                **os.environ,
                "NODE_EXTRA_CA_CERTS": cert,
                "HOME": str(folder),
                "DO_NOT_TRACK": "1",
            },
        )
        lines: list[str] = []
        assert listening.stdout is not None
        ready = threading.Event()

        def read() -> None:
            for line in listening.stdout or ():
                lines.append(line)
                ready.set()

        threading.Thread(target=read, daemon=True).start()
        try:
            if not ready.wait(30):
                sys.exit("the command line said nothing")
            instance = server.read(first_instance)
            began = time.monotonic()
            for first in range(0, events, PART):
                server.write(send, instance, first, min(PART, events - first))
            arrived = app.wait_for(events, 120)
            seconds = time.monotonic() - began
        except TimeoutError as error:
            sys.exit(f"{error}; it said: {''.join(lines[-5:])}")
        finally:
            listening.terminate()
            listening.wait(20)
        stored = server.read(bodies)
    judge = Webhook(secret)
    for one in arrived:
        judge.verify(one.body, dict(one.headers))  # raises where it does not fit
    result = {
        "sent": events,
        "arrived": len(arrived),
        "whole": len({one.body for one in arrived} & stored),
        "verified": len(arrived),
        "paths": sorted({one.path for one in arrived}),
        "seconds": round(seconds, 1),
        "said": lines[0][:200],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
