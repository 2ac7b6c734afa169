"""What has to be done so that an instance has the endpoints that are wanted."""

import json
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from consignease.cli.endpoints_file import FIELDS, USUAL, Wanted, is_secret
from consignease.cli.target import Target

_APART = frozenset({"headers", "secret", "uid"})
_ONLY_IF_SAID = frozenset({"disabled"})
"""What the server changes by itself, so a file that says nothing of it leaves it alone."""


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as it is.

    Attributes:
        shown: What the API shows of it.
        headers: Its headers whose values are shown.
        secret: Names of its other headers.
    """

    shown: dict[str, Any]
    headers: dict[str, str]
    secret: list[str]

    @property
    def id(self) -> str:
        """Its id in its instance."""
        return self.shown["id"]

    @property
    def uid(self) -> str:
        """Its uid; if it has none, one that can only be its own."""
        return self.shown["uid"] or self.id.replace("ep_", "endpoint_", 1)

    def wanted(self) -> Wanted:
        """Return what would have to be wanted so that it stays as it is, but for secrets."""
        body = {api: self.shown[api] for api in FIELDS.values() if api in self.shown}
        body |= {"uid": self.uid, "headers": self.headers}
        return Wanted(uid=self.uid, body=body, said=frozenset(body))


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one endpoint.

    Attributes:
        sign: ``+`` to create, ``~`` to change, ``=`` to leave, ``-`` to delete, blank for
            one that is not wanted and left alone.
        uid: Its name.
        words: The differences, a line each.
        calls: The API's calls that do it: method, rest of the path, body.
    """

    sign: str
    uid: str
    words: list[str]
    calls: list[tuple[str, str, Any]]


def path_of(target: Target, more: str = "") -> str:
    """Return the path of an instance's endpoints, or of something of theirs."""
    return f"/api/v1/app/{target.keys.application_id}/endpoint{more}"


def present(target: Target) -> list[Present]:
    """Read every endpoint of an instance, oldest first."""
    found: list[Present] = []
    after = ""
    while True:
        page = target.call("GET", f"{path_of(target)}?limit=250&order=ascending{after}")
        for one in page["data"]:
            headers = target.call("GET", path_of(target, f"/{one['id']}/headers"))
            found.append(
                Present(shown=one, headers=headers["headers"], secret=headers["sensitive"])
            )
        if page["done"]:
            return found
        after = f"&iterator={page['iterator']}"


def plan(
    wanted: Sequence[Wanted], now: Sequence[Present], *, prune: bool, keep_secret: bool
) -> list[Change]:
    """Compare what is wanted with what there is.

    Args:
        wanted: The endpoints that are wanted.
        now: Those that there are.
        prune: Whether those that are not wanted are deleted.
        keep_secret: Whether headers whose values are not shown stay as they are.
    """
    known = {one.uid: one for one in now}
    changes: list[Change] = []
    for one in wanted:
        there = known.pop(one.uid, None)
        changes.append(_create(one) if there is None else _change(one, there, keep_secret))
    for uid, there in known.items():
        calls = [("DELETE", f"/{there.id}", None)] if prune else []
        words = [] if prune else ["not among them: left alone (--prune deletes it)"]
        changes.append(Change(sign="-" if prune else " ", uid=uid, words=words, calls=calls))
    return changes


def _create(one: Wanted) -> Change:
    body = {api: value for api, value in one.body.items() if value is not None}
    words = [f"url: {_shown(one.body['url'])}"]
    words += [
        f"{api}: {_shown(one.body[api])}"
        for api in sorted(one.said - {"uid", "url", "headers", "secret"})
        if one.body[api] not in (None, [], {}) and one.body[api] != USUAL.get(api)
    ]
    words += [f"header {name}" for name in one.body["headers"]]
    return Change(sign="+", uid=one.uid, words=words, calls=[("POST", "", body)])


def _change(one: Wanted, there: Present, keep_secret: bool) -> Change:  # noqa: FBT001 - private
    words: list[str] = []
    body: dict[str, Any] = {}
    if there.shown["uid"] != one.uid:
        body["uid"] = one.uid
        words.append(f"uid: {_shown(there.shown['uid'])} -> {_shown(one.uid)}")
    for api in FIELDS.values():
        if api in _APART or (api in _ONLY_IF_SAID and api not in one.said):
            continue
        if api not in there.shown:
            if api in one.said:
                body[api] = one.body[api]
        elif api in one.body and _same(one.body[api]) != _same(there.shown[api]):
            body[api] = one.body[api]
            words.append(f"{api}: {_shown(there.shown[api])} -> {_shown(one.body[api])}")
    headers, more = _headers(one.body["headers"], there, keep_secret=keep_secret)
    calls: list[tuple[str, str, Any]] = []
    if body:
        calls.append(("PATCH", f"/{there.id}", body))
    if headers:
        calls.append(("PATCH", f"/{there.id}/headers", {"headers": headers}))
    words += more
    if calls and not words:
        words = ["unchanged; what the server does not show is set again"]
        return Change(sign="=", uid=one.uid, words=words, calls=calls)
    return Change(sign="~" if words else "=", uid=one.uid, words=words, calls=calls)


def _headers(
    wanted: dict[str, str], there: Present, *, keep_secret: bool
) -> tuple[dict[str, str | None], list[str]]:
    """Return which headers to set (None to remove), and the differences in words."""
    changes: dict[str, str | None] = {}
    words: list[str] = []
    for name, value in wanted.items():
        if is_secret(name):
            changes[name] = value
            if name not in there.secret:
                words.append(f"header {name}: added")
        elif there.headers.get(name) != value:
            changes[name] = value
            words.append(f"header {name}: {_shown(there.headers.get(name))} -> {_shown(value)}")
    for name in (*there.headers, *([] if keep_secret else there.secret)):
        if name not in wanted:
            changes[name] = None
            words.append(f"header {name}: removed")
    return changes, words


def _same(value: Any) -> Any:
    """Return a value as it is compared: lists of names in any order, an empty one as none."""
    if isinstance(value, list):
        listed: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        named = all(isinstance(one, str) for one in listed)
        return (sorted(set(listed)) if named else listed) or None
    return value


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


_COLOURS = {"+": "green", "~": "yellow", "-": "red"}


def show(changes: Sequence[Change]) -> None:
    """Print what is to be done."""
    for one in changes:
        head = f"{one.sign} {one.uid}"
        click.echo(click.style(head, fg=_COLOURS.get(one.sign), bold=one.sign in _COLOURS))
        for line in one.words:
            click.echo(f"    {line}")
    counts = [
        f"{sum(one.sign == sign for one in changes)} {words}"
        for sign, words in (
            ("+", "to create"),
            ("~", "to change"),
            ("-", "to delete"),
            ("=", "unchanged"),
        )
    ]
    click.echo(f"\n{', '.join(counts)}.")


def carry_out(target: Target, changes: Sequence[Change]) -> None:
    """Do it, one endpoint after the other.

    Raises:
        ClickException: the server refused one; says which, and what was done.
    """
    for done, change in enumerate(changes):
        for method, rest, body in change.calls:
            try:
                target.call(method, path_of(target, rest), body)
            except click.ClickException as error:
                msg = f"{change.uid}: {error.message} ({done} endpoints before it are done.)"
                raise click.ClickException(msg) from None
