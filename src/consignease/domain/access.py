"""Who may call which operation: scopes of API keys, capabilities of portal tokens.

Every operation says what it needs; this is the whole table of needs:

====================  ========================  ======================================
need                  scope of an API key       capability of a portal token
====================  ========================  ======================================
``READ``              ``read``                  ``ViewBase``
``CATALOGUE``         ``read``                  ``ViewBase``; no application in the path
``READ_ALL``          ``read``                  none
``SECRET``            ``endpoints:write``       ``ViewEndpointSecret``, or one that follows
``ROTATE``            ``endpoints:write``       ``ManageEndpointSecret``, ``ManageEndpoint``
``ENDPOINTS``         ``endpoints:write``       ``ManageEndpoint``
``ATTEMPTS``          ``messages:write``        ``CreateAttempts``
``MESSAGES``          ``messages:write``        none
``APPLICATIONS``      ``applications:write``    none
``USERS_READ``        ``users:read``            none
``USERS_WRITE``       ``users:write``           none
``ADMIN``             ``admin``                 none
``LEAVE``             none                      any: a token ends itself
====================  ========================  ======================================

An instance's secret key, and the scope ``admin``, may do everything but leave.
A portal token only ever reaches one application, and nothing that is above
applications.
"""

from collections.abc import Sequence
from enum import Enum

import msgspec

from consignease.domain.faults import Invalid
from consignease.domain.instances import Instance

SCOPES = {
    "read": "Look at applications, endpoints, messages and attempts; not at signing secrets.",
    "messages:write": "Send messages, examples and resends, and forget payloads.",
    "endpoints:write": "Make, change and delete endpoints, and handle their signing secrets.",
    "applications:write": "Make, change and delete applications, and hand out portal links.",
    "users:read": "Look at users.",
    "users:write": "Make, change and delete users.",
    "admin": "Everything, as the instance's secret key does.",
}
"""What an API key may be for, in the order in which they are shown."""

VIEW = ("ViewBase", "ViewEndpointSecret")
"""Capabilities that change nothing."""
CAPABILITIES = (
    *VIEW,
    "ManageEndpointSecret",
    "ManageTransformations",
    "CreateAttempts",
    "ManageEndpoint",
)
"""What a portal token may be for, in the words of Svix clients."""

NAME_MAX = 128
"""Longest name of an API key."""


class Need(Enum):
    """What an operation needs: the scope, the capabilities of which one does, and reach."""

    READ = ("read", ("ViewBase",), True)
    CATALOGUE = ("read", ("ViewBase",), False)
    READ_ALL = ("read", (), True)
    SECRET = (
        "endpoints:write",
        ("ViewEndpointSecret", "ManageEndpointSecret", "ManageEndpoint"),
        True,
    )
    ROTATE = ("endpoints:write", ("ManageEndpointSecret", "ManageEndpoint"), True)
    ENDPOINTS = ("endpoints:write", ("ManageEndpoint",), True)
    ATTEMPTS = ("messages:write", ("CreateAttempts",), True)
    MESSAGES = ("messages:write", (), True)
    APPLICATIONS = ("applications:write", (), True)
    USERS_READ = ("users:read", (), True)
    USERS_WRITE = ("users:write", (), True)
    ADMIN = ("admin", (), True)
    LEAVE = ("", ("ViewBase",), False)

    def __init__(self, scope: str, capabilities: tuple[str, ...], in_application: bool) -> None:  # noqa: FBT001 - a row of the table
        """Keep a row of the table.

        Args:
            scope: The scope of an API key that suffices; empty if none does.
            capabilities: The capabilities of a portal token of which one suffices.
            in_application: Whether a portal token may do it only in the application that
                the path names.
        """
        self.scope = scope
        self.capabilities = capabilities
        self.in_application = in_application


class Portal(msgspec.Struct, frozen=True, kw_only=True):
    """The one application that a portal token reaches, and what may be done there.

    Attributes:
        app_id: The application's id.
        names: Every name by which paths may call it.
        capabilities: Some of `CAPABILITIES`.
        feature_flags: What the application was told to show beside what everybody sees.
    """

    app_id: str
    names: frozenset[str]
    capabilities: frozenset[str]
    feature_flags: tuple[str, ...] = ()


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request.

    Attributes:
        instance: The instance that the key or token belongs to.
        mark: Tells callers of one instance apart; empty for its secret keys.
        name: Who it is, for the audit log.
        scopes: What an API key is for; None for an instance's secret key.
        portal: Where a portal token reaches; None for keys.
        expires_at: When it ends, in milliseconds; None if it does not.
    """

    instance: Instance
    mark: str = ""
    name: str = "secret key"
    scopes: frozenset[str] | None = None
    portal: Portal | None = None
    expires_at: int | None = None

    def may(self, need: Need) -> bool:
        """Tell whether this caller may do what has that need, somewhere."""
        if self.portal is not None:
            return not self.portal.capabilities.isdisjoint(need.capabilities)
        if not need.scope:
            return False
        return self.scopes is None or "admin" in self.scopes or need.scope in self.scopes


def check_scopes(scopes: Sequence[str]) -> frozenset[str]:
    """Check what an API key is to be for.

    Raises:
        Invalid: there is no scope, or an unknown one.
    """
    unknown = next((one for one in scopes if one not in SCOPES), None)
    if unknown is not None or not scopes:
        said = "An API key has at least one scope" if not scopes else f"{unknown!r} is no scope"
        msg = f"{said}; there are {', '.join(SCOPES)}."
        raise Invalid(msg, param="scopes")
    return frozenset(scopes)


def check_name(name: str) -> str:
    """Check the name of an API key.

    Raises:
        Invalid: it is empty, too long, or cannot be shown in one line.
    """
    tidy = name.strip()
    if not tidy or len(tidy) > NAME_MAX or not tidy.isprintable():
        msg = f"A name has 1 to {NAME_MAX} characters, in one line."
        raise Invalid(msg, param="name")
    return tidy


def check_capabilities(wanted: Sequence[str] | None, *, read_only: bool) -> frozenset[str]:
    """Return what a portal token may do.

    Without a list it may do everything, or, read only, look at everything but
    signing secrets. Read only leaves of a list what changes nothing.

    Raises:
        Invalid: one is unknown, or ``ViewBase``, which is always required, is not among them.
    """
    if wanted is None:
        return frozenset(("ViewBase",) if read_only else CAPABILITIES)
    for index, one in enumerate(wanted):
        if one not in CAPABILITIES:
            msg = f"{one!r} is no capability; there are {', '.join(CAPABILITIES)}."
            raise Invalid(msg, param=f"capabilities.[{index}]")
    if "ViewBase" not in wanted:
        msg = "ViewBase is always required."
        raise Invalid(msg, param="capabilities")
    return frozenset(wanted).intersection(VIEW) if read_only else frozenset(wanted)
