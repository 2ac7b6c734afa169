"""Names of tunnels: what they may look like, and which nobody gets."""

import re

from consignease.domain.faults import Invalid

MOST = 10
"""How many names an instance may keep."""

RESERVED = frozenset(
    [
        "about",
        "abuse",
        "account",
        "accounts",
        "admin",
        "admins",
        "api",
        "app",
        "apps",
        "assets",
        "auth",
        "autodiscover",
        "billing",
        "blog",
        "bounces",
        "cdn",
        "clerk",
        "console",
        "consignease",
        "contact",
        "dashboard",
        "demo",
        "dev",
        "docs",
        "events",
        "example",
        "faq",
        "files",
        "ftp",
        "git",
        "graphql",
        "health",
        "help",
        "host",
        "hostmaster",
        "id",
        "identity",
        "imap",
        "info",
        "internal",
        "ldap",
        "listen",
        "local",
        "localhost",
        "login",
        "logout",
        "mail",
        "me",
        "metrics",
        "mx",
        "news",
        "noc",
        "ns",
        "oauth",
        "oidc",
        "payments",
        "ping",
        "pop",
        "portal",
        "postmaster",
        "preview",
        "production",
        "proxy",
        "public",
        "register",
        "relay",
        "root",
        "rss",
        "saml",
        "search",
        "secure",
        "security",
        "server",
        "settings",
        "sign-in",
        "sign-up",
        "signin",
        "signup",
        "smtp",
        "ssl",
        "sso",
        "staging",
        "static",
        "stats",
        "status",
        "stream",
        "support",
        "system",
        "test",
        "testing",
        "tunnel",
        "tunnels",
        "usenet",
        "user",
        "users",
        "uucp",
        "verify",
        "webhook",
        "webhooks",
        "webmail",
        "webmaster",
        "wpad",
        "ws",
        "www",
        "www1",
        "www2",
    ]
)
"""Names that look like the server's own, or that mail and browsers treat as special."""

_SHAPE = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])")


def check_name(name: str) -> str:
    """Return a tunnel's name if it can be one.

    Raises:
        Invalid: It cannot be a label of a host name, or nobody gets it.
    """
    if not _SHAPE.fullmatch(name) or name[2:4] == "--":
        msg = "A tunnel's name has 3 to 63 small letters, digits and inner hyphens: fawn-two."
        raise Invalid(msg, param="name")
    if name in RESERVED:
        msg = f"The name {name} is reserved. Choose another: {name}-fawn."
        raise Invalid(msg, param="name")
    return name
