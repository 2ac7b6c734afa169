"""The running server that a command talks to, and the keys it uses."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from consignease.folder import NAMES, Folder, FolderError, InstanceKeys, existing

SECONDS = 15.0

data_dir_option = click.option(
    "--data-dir",
    envvar="CONSIGNEASE_DATA_DIR",
    default=".consignease",
    show_default=True,
    help="The data folder; else CONSIGNEASE_DATA_DIR.",
)
instance_option = click.option(
    "--instance",
    type=click.Choice(NAMES),
    default="development",
    show_default=True,
    help="Which instance.",
)


class _Item(msgspec.Struct):
    loc: list[str]
    msg: str


class _Refusal(msgspec.Struct):
    detail: str | list[_Item]


class Target:
    """One instance of the server that uses a data folder.

    Args:
        data_dir: The data folder.
        instance: ``development`` or ``production``.

    Raises:
        ClickException: there is no such folder.
    """

    def __init__(self, data_dir: str, instance: str) -> None:
        try:
            self.folder: Folder = existing(Path(data_dir))
            self.keys: InstanceKeys = next(
                keys for keys in self.folder.instance_keys() if keys.name == instance
            )
            self.base_url = self.folder.running()
        except FolderError as error:
            raise click.ClickException(str(error)) from None

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the running server and return its answer's JSON.

        Raises:
            ClickException: it does not run, or refused; says why.
        """
        if self.base_url is None:
            msg = f"No server runs on {self.folder.path}. Start it: consignease dev"
            raise click.ClickException(msg)
        url = urlsplit(self.base_url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=SECONDS)
        headers = {
            "authorization": f"Bearer {self.keys.secret_key}",
            "content-type": "application/json",
        }
        raw = None if body is None else msgspec.json.encode(body)
        try:
            connection.request(method, path, raw, headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
            found = json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            msg = f"The server at {self.base_url} cannot be reached: {error}."
            raise click.ClickException(msg) from None
        finally:
            connection.close()
        if status >= 400:
            raise click.ClickException(_words(found, status))
        return found


class _Sentence(msgspec.Struct):
    long_message: str


class _Refusals(msgspec.Struct):
    errors: list[_Sentence]


def _words(answer: Any, status: int) -> str:
    try:
        return " ".join(one.long_message for one in msgspec.convert(answer, _Refusals).errors)
    except msgspec.ValidationError:
        pass
    try:
        refusal = msgspec.convert(answer, _Refusal)
    except msgspec.ValidationError:
        return f"The server answered {status}."
    if isinstance(refusal.detail, str):
        return refusal.detail
    return "; ".join(f"{'.'.join(item.loc[1:])}: {item.msg}" for item in refusal.detail)
