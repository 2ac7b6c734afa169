"""`consignease serve`: what it refuses beside the plain cases, and how it starts and stops."""

import contextlib
import datetime as dt
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.helpers.command import run
from tests.helpers.server import ServerProcess

PUBLIC = {"CONSIGNEASE_PUBLIC_URL": "https://id.example.com"}


def certificate(folder: Path) -> dict[str, str]:
    """Make a certificate of our own and give the settings that name it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "id.example.com")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files = {"CERT": folder / "cert.pem", "KEY": folder / "key.pem"}
    return {f"CONSIGNEASE_TLS_{name}": str(file) for name, file in files.items()}


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"CONSIGNEASE_TLS_CERT": "no.pem", "CONSIGNEASE_TLS_KEY": "no.pem"}, "tls_cert"),
        ({"CONSIGNEASE_TLS_CERT": "cert.pem", "CONSIGNEASE_TLS_KEY": "cert.pem"}, "tls_key"),
        ({"CONSIGNEASE_TLS_CERT": "cert.pem"}, "go together"),
        ({"CONSIGNEASE_ALLOW_SUBNETS": "banana"}, "allow_subnets"),
        ({"CONSIGNEASE_ALLOW_SUBNETS": "169.254.0.0/16"}, "allow_subnets"),
        ({"CONSIGNEASE_TRUSTED_PROXIES": "*", "CONSIGNEASE_BEHIND_PROXY": "1"}, "trusted_proxies"),
        ({"CONSIGNEASE_TRUSTED_PROXIES": "10.0.0.0/40"}, "trusted_proxies"),
        ({"CONSIGNEASE_PUBLIC_URL": "id.example.com"}, "public_url"),
        ({"CONSIGNEASE_PUBLIC_URL": "ftp://id.example.com"}, "public_url"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(
    tmp_path: Path, env: dict[str, str], words: str
) -> None:
    """Files, networks and addresses are looked at first: plain words, no traceback, no folder."""
    certificate(tmp_path)
    place = ("--port", "0", "--data-dir", "data")
    refused = run("serve", *place, cwd=tmp_path, **{**PUBLIC, **env})
    assert refused.returncode in {1, 2}
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data").exists()


def test_keys_that_others_can_read_stop_the_start(tmp_path: Path) -> None:
    """A key file opened up after it was made is refused, with the command that mends it."""
    folder = tmp_path / "data"
    with ServerProcess(folder):
        pass
    (folder / "keyring.json").chmod(0o640)
    refused = run("serve", "--data-dir", str(folder), **PUBLIC)
    assert refused.returncode == 1
    assert f"chmod 600 {folder / 'keyring.json'}" in refused.stderr


def test_it_starts_with_tls_of_its_own_and_prints_no_secret(tmp_path: Path) -> None:
    """A settings file is enough; it answers over TLS; its output may go to a log."""
    tls = certificate(tmp_path)
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'public_url = "https://id.example.com"\nport = 0\ndata_dir = "{tmp_path / "data"}"\n'
        f'tls_cert = "{tls["CONSIGNEASE_TLS_CERT"]}"\ntls_key = "{tls["CONSIGNEASE_TLS_KEY"]}"\n'
    )
    command = [sys.executable, "-m", "consignease.cli.main", "serve", "--config", str(settings)]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        ready = json.loads(line)
        assert ready["public_url"] == "https://id.example.com"
        trusted = ssl.create_default_context(cafile=tls["CONSIGNEASE_TLS_CERT"])
        trusted.check_hostname = False
        netloc = urlsplit(ready["base_url"]).netloc
        connection = http.client.HTTPSConnection(netloc, timeout=10, context=trusted)
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read())["status"] == "ok"
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "sk_" not in line
    assert "whsec_" not in line


def test_a_request_under_way_is_finished_when_the_server_is_stopped(tmp_path: Path) -> None:
    """SIGTERM while half of a body has arrived: no new connections, but this one gets its answer."""
    with ServerProcess(tmp_path / "data") as server:
        host, port = urlsplit(server.base_url).netloc.split(":")
        body = b'{"email_address": ["late@example.com"]}'
        head = (
            f"POST /v1/users HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {server.instance()['secret_key']}\r\n"
            "Content-Type: application/json\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode() + body[:10])
            # An answer to another request proves that ours has been taken in before it.
            with contextlib.closing(server.client()) as client:
                assert client.call("GET", "/v1/users").status == 200
            server.process.send_signal(signal.SIGTERM)
            while accepts(host, int(port)):
                pass
            assert server.process.poll() is None
            connection.sendall(body[10:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"late@example.com" in answer
        assert server.process.wait(30) == 0


def accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True
