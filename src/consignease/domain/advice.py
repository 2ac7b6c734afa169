"""Why a delivery failed, in words for whoever runs the receiver."""

from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["network", "server", "route", "signature", "host", "slow"]


class Advice(msgspec.Struct, frozen=True):
    """An explanation.

    Attributes:
        title: What happened, one sentence.
        steps: What to do, most likely first.
        kind: What sort of failure it is.
    """

    title: str
    steps: tuple[str, ...]
    kind: Kind


_PHASES: dict[str, Advice] = {
    "guard": Advice(
        "The address is not one we may open, so nothing was sent.",
        (
            "Production endpoints must be reachable on a public address.",
            "For a service in your own network, list its network in CONSIGNEASE_ALLOW_SUBNETS.",
        ),
        "network",
    ),
    "resolve": Advice(
        "The host name has no address.",
        (
            "Check the spelling of the URL.",
            "A tunnel that was closed loses its name: start it again, or change the URL.",
        ),
        "network",
    ),
    "connect": Advice(
        "Nothing accepted the connection.",
        (
            "Start your app, and check that it listens on the port in the URL.",
            "If it listens on another interface, use that address, or let it listen on 127.0.0.1.",
        ),
        "network",
    ),
    "tls": Advice(
        "The TLS handshake failed.",
        (
            "The certificate may have expired, be self-signed, or be for another name.",
            "Servers must send their whole chain: a browser forgives its absence, we do not.",
        ),
        "network",
    ),
    "deadline": Advice(
        "Your app did not answer in time.",
        (
            "Answer 200 first and do the work afterwards, in a queue or background task.",
            "If it never answers, the handler may wait for something: its log will tell.",
        ),
        "slow",
    ),
    "wait": Advice(
        "The connection closed before an answer came.",
        ("Your app crashed or restarted while it handled the request: look at its log.",),
        "server",
    ),
    "read": Advice(
        "The answer broke off half-way.",
        ("Your app or a proxy closed the connection early: look at their logs.",),
        "server",
    ),
}
_SIGNATURE_MARKS = (b"error verifying webhook", b"signature", b"webhook secret", b"signing secret")
_HOST_MARKS = (b"allowedhosts", b"allowed_hosts", b"disallowedhost", b"this host", b"invalid host")
_AUTH_MARKS = (b"sign-in", b"signin", b"sign in", b"unauthorized", b"unauthenticated", b"login")

_HOST = Advice(
    "Your framework refuses the host name that the request came by.",
    (
        "Vite (Nuxt, React Router, TanStack): add the tunnel's host to server.allowedHosts.",
        "Django: add it to ALLOWED_HOSTS.",
    ),
    "host",
)
_SIGNATURE = Advice(
    "Your app refused the signature.",
    (
        (
            "Compare CLERK_WEBHOOK_SIGNING_SECRET with this endpoint's signing secret; each "
            "endpoint and each instance has its own. Restart the app after you change it."
        ),
        "Verify the raw bytes of the body, before any middleware parses them.",
        "If the clock of the app's machine is off by more than five minutes, set it.",
    ),
    "signature",
)
_AUTH = Advice(
    "The request was stopped before it reached your handler: something asks it to sign in.",
    (
        (
            "Webhooks carry no sign-in. Make the route public: /api/webhooks(.*) in the "
            "middleware's route matcher."
        ),
        "A password or an access list in front (preview deployments have one) must let it through.",
    ),
    "route",
)
_REDIRECT = Advice(
    "Your app answered with a redirect, and redirects are not followed.",
    (
        "Give the endpoint the final URL: https instead of http, with or without the last slash.",
        "If it leads to a sign-in page, make the route public in your middleware.",
    ),
    "route",
)
_STATUSES: dict[int, Advice] = {
    404: Advice(
        "No route answers at this path.",
        (
            "Check the path in the URL: the guide's handler is at /api/webhooks.",
            "Next.js: the file is app/api/webhooks/route.ts and exports POST.",
            "Behind a tunnel, check that it leads to the right port.",
        ),
        "route",
    ),
    405: Advice(
        "The route is there and does not take POST.",
        ("Export or register a POST handler for it.",),
        "route",
    ),
    410: Advice(
        "The endpoint said that it is gone, so it was disabled.",
        ("Enable it again once something answers there.",),
        "route",
    ),
    413: Advice(
        "The body is larger than your server takes.",
        ("Raise its limit to 128 KiB; events are at most 100 KiB.",),
        "server",
    ),
    429: Advice(
        "Your app asked us to slow down.",
        ("Set a rate limit on this endpoint, or raise the limit of your app.",),
        "slow",
    ),
    502: Advice(
        "A proxy or tunnel answered, and the app behind it did not.",
        ("Start your app, and check that the tunnel leads to its port.",),
        "server",
    ),
}


def explain(  # noqa: PLR0911 - one case after the other
    status: int, phase: str | None, headers: bytes, body: bytes
) -> Advice | None:
    """Explain a failed attempt; None if it did not fail.

    Args:
        status: The answer's status code; 0 if there was none.
        phase: Where it failed; None if a whole answer came back.
        headers: The answer's headers.
        body: The answer's body.
    """
    if phase is not None:
        return _PHASES.get(phase) or Advice(
            "The request could not be completed.", ("Send it again.",), "network"
        )
    if 200 <= status < 300:
        return None
    text = body[:4096].lower()
    if status in {400, 403, 500} and any(mark in text for mark in _HOST_MARKS):
        return _HOST
    if status in {400, 401, 403} and any(mark in text for mark in _SIGNATURE_MARKS):
        return _SIGNATURE
    if 300 <= status < 400:
        return _REDIRECT
    if status in {401, 403}:
        return _AUTH
    if status == 404 and (b"x-clerk-auth-reason" in headers.lower() or _asks(text)):
        return _AUTH
    return _STATUSES.get(status) or _other(status)


_PLAIN = {
    "CLERK_WEBHOOK_SIGNING_SECRET": "Compare the secret that your app has with this endpoint's "
    "signing secret. Restart the app after you change it.",
    "CONSIGNEASE_ALLOW_SUBNETS": "",
    "the guide's handler": "Check the path in the URL.",
    "Next.js:": "",
    "/api/webhooks(.*)": "Webhooks carry no sign-in: let requests to this path through without one.",
}
"""What a step that holds a mark says to whoever runs neither this server nor the guide's app."""


def plain(advice: Advice | None) -> Advice | None:
    """Return an explanation without what only the server's operator can do or know."""
    if advice is None:
        return None
    said = (
        next((words for mark, words in _PLAIN.items() if mark in step), step)
        for step in advice.steps
    )
    return msgspec.structs.replace(advice, steps=tuple(step for step in said if step))


def _asks(text: bytes) -> bool:
    return any(mark in text for mark in _AUTH_MARKS)


def _other(status: int) -> Advice:
    if status in {503, 504}:
        return _STATUSES[502]
    if status >= 500:
        return Advice(
            "Your handler failed.",
            ("The app's own log has the error; the answer below may have a part of it.",),
            "server",
        )
    if status == 400:
        return _SIGNATURE
    return Advice(
        f"Your app answered {status}; only 2xx counts as received.",
        ("Answer 200 once the event is stored.",),
        "server",
    )
