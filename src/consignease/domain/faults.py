"""Every way in which we refuse, as one tree.

::

    Fault
    ├── Invalid           a value is missing, malformed or out of range
    ├── OutOfRange        a time that is asked for is too long, or ends before it begins
    ├── Unauthenticated   no valid key came with the request
    ├── Forbidden         the key is valid and may not do this
    ├── NotFound          what was named does not exist
    ├── Gone              what was named was there and is not kept any more
    ├── Conflict          it would break a rule about what exists already
    ├── TooLarge          it is larger than we store or deliver
    ├── TooSoon           it was tried too often; says when it may be tried again
    └── Unavailable       we cannot do it now; nothing was changed

A fault says what happened in a stable `code`, a short `message`, a longer
`detail` that tells what to do, and the parameter at fault. It knows nothing
of HTTP: each dialect of the API turns a fault into its own error shape in
exactly one function.
"""

from typing import ClassVar


class Fault(Exception):  # noqa: N818 - the word for it everywhere
    """A refusal: our answer to something that was asked wrongly.

    Args:
        message: One sentence for a person.
        code: Stable name for programs; the class's own if left out.
        detail: What to do about it; the message again if left out.
        param: The parameter at fault, as the client spelled it.
    """

    default_code: ClassVar[str] = "fault"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        detail: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.detail = detail or message
        self.param = param

    @property
    def words(self) -> str:
        """The message, and what to do about it if that says more: what a command prints."""
        return " ".join(dict.fromkeys((self.message, self.detail)))


class Invalid(Fault):
    """A value is missing, malformed or out of range."""

    default_code = "form_param_value_invalid"


class OutOfRange(Fault):
    """A time that is asked for is too long, or ends before it begins."""

    default_code = "invalid_range"


class Unauthenticated(Fault):
    """No valid key came with the request."""

    default_code = "authentication_invalid"


class Forbidden(Fault):
    """The key is valid and may not do this."""

    default_code = "authorization_invalid"


class NotFound(Fault):
    """What was named does not exist."""

    default_code = "resource_not_found"


class Gone(Fault):
    """What was named was there and is not kept any more."""

    default_code = "resource_gone"


class Conflict(Fault):
    """It would break a rule about what exists already."""

    default_code = "form_identifier_exists"


class TooLarge(Fault):
    """It is larger than we store or deliver."""

    default_code = "request_body_too_large"


class TooSoon(Fault):
    """It was tried too often.

    Args:
        wait_ms: In how many milliseconds it may be tried again.
    """

    default_code = "too_many_tries"

    def __init__(self, wait_ms: int, *, param: str | None = None) -> None:
        self.seconds = -(-wait_ms // 1000)
        count = self.seconds if self.seconds <= 60 else -(-self.seconds // 60)
        unit = "second" if self.seconds <= 60 else "minute"
        text = f"Too many tries. Try again in {count} {unit}{'' if count == 1 else 's'}."
        super().__init__(text, param=param)


class Unavailable(Fault):
    """We cannot do it now; nothing was changed, and trying again is right."""

    default_code = "service_unavailable"
