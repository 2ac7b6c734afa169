"""Frameworks that refuse a host they do not know, and the line that makes them accept it."""

import re

_VITE = re.compile(rb"Blocked request\. This host .* is not allowed", re.DOTALL)
_DJANGO = re.compile(rb"DisallowedHost|Invalid HTTP_HOST header")
_RAILS = re.compile(rb"Blocked hosts?: ")
_WEBPACK = re.compile(rb"^Invalid Host(?:/Origin)? header")


def lines(host: str, scheme: str = "https") -> dict[str, str]:
    """Return the line to add, by framework.

    Args:
        host: The public host that the application gets to see, with its port if there is one.
        scheme: Of the public URL.
    """
    name = host.partition(":")[0]
    return {
        "Vite": f'server: {{ allowedHosts: ["{name}"] }}  (vite.config)',
        "Next.js": f'allowedDevOrigins: ["{name}"]  (next.config)',
        "Django": f'ALLOWED_HOSTS = ["{name}"]; CSRF_TRUSTED_ORIGINS = ["{scheme}://{host}"]  (settings.py)',
        "Rails": f'config.hosts << "{name}"  (development.rb)',
        "webpack": f'devServer: {{ allowedHosts: ["{name}"] }}  (webpack.config)',
    }


def refused_by(status: int, body: bytes) -> str | None:
    """Say which framework refused the host with an answer; None if none did.

    Args:
        status: The answer's.
        body: Its beginning.
    """
    if status not in {400, 403}:
        return None
    found = (("Vite", _VITE), ("Django", _DJANGO), ("Rails", _RAILS), ("webpack", _WEBPACK))
    return next((name for name, pattern in found if pattern.search(body)), None)
