"""What a user is known by: how it is written, and when two are the same.

Every function returns the value to keep, or raises `Invalid` with the code
that the official clients translate. The key functions give the form in which
two spellings of one identifier are equal.
"""

import re
import unicodedata

from consignease.domain.faults import Invalid

EMAIL_MAX = 254
"""Longest email address, in characters and in bytes (RFC 5321, 4.5.3.1.3)."""
LOCAL_MAX = 64
"""Longest part before the ``@``, in bytes (RFC 5321, 4.5.3.1.1)."""
USERNAME_MIN = 4
USERNAME_MAX = 64
TEXT_MAX = 256
"""Longest name or external identifier, in characters."""

# The "atext" of RFC 5322 (3.2.3), letters and digits of any script (RFC 6531) included.
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
# Host names as in RFC 1123 (2.1); labels in any script, as RFC 5890 U-labels are.
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[^\W_]|-){0,61}[^\W_]\.|[^\W_]\.)+[^\W_](?:[^\W_]|-){0,61}[^\W_]"
)
# E.164 (2010), 6.2.1: at most 15 digits, of which the first is no zero.
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_BETWEEN_DIGITS = re.compile(r"[\s().-]+")
_USERNAME = re.compile(r"[a-z0-9_.-]+", re.IGNORECASE | re.ASCII)


def email(value: str, param: str = "email_address") -> str:
    """Check an email address by syntax; nothing is looked up.

    Stricter than RFC 5322: no quoted parts, comments or address literals, and
    the domain has a dot.
    """
    value = value.strip()
    local, at, domain = value.rpartition("@")
    if (
        not at
        or len(value.encode(errors="replace")) > EMAIL_MAX
        or len(local.encode(errors="replace")) > LOCAL_MAX
        or not _LOCAL.fullmatch(local)
        or not _DOMAIN.fullmatch(domain)
        or domain.rpartition(".")[2].isdigit()
    ):
        raise Invalid(
            "is invalid",
            code="form_param_format_invalid",
            detail=f"{param} must be a valid email address.",
            param=param,
        )
    return value


def email_key(value: str) -> str:
    """Return the form in which two spellings of one email address are equal."""
    return value.lower() if value.isascii() else unicodedata.normalize("NFKC", value).lower()


def phone(value: str, param: str = "phone_number") -> str:
    """Check a phone number and return it in E.164 form, such as ``+15555550100``.

    Blanks, hyphens, dots and parentheses between digits are dropped; whether
    the number exists is not asked.
    """
    number = phone_key(value)
    if not _PHONE.fullmatch(number):
        raise Invalid(
            "is invalid",
            code="form_param_format_invalid",
            detail=f"{param} must be a valid phone number according to the E.164 "
            "international standard, such as +15555550100.",
            param=param,
        )
    return number


def phone_key(value: str) -> str:
    """Return the form in which two spellings of one phone number are equal."""
    return _BETWEEN_DIGITS.sub("", value)


def fold(value: str) -> str:
    """Return the form in which texts are searched: without regard to case."""
    return value.lower() if value.isascii() else unicodedata.normalize("NFKC", value).casefold()


def username(value: str, param: str = "username") -> str:
    """Check a username: 4 to 64 of ``a-z 0-9 _ - .`` in either case."""
    if not USERNAME_MIN <= len(value) <= USERNAME_MAX:
        msg = f"must be between {USERNAME_MIN} and {USERNAME_MAX} characters long"
        raise Invalid(
            msg,
            code="form_username_invalid_length",
            detail=f"Your username {msg}.",
            param=param,
        )
    if not _USERNAME.fullmatch(value):
        raise Invalid(
            "has a character that is not allowed",
            code="form_username_invalid_character",
            detail="Your username can only contain letters, numbers, '_', '-' and '.'.",
            param=param,
        )
    return value


def username_key(value: str) -> str:
    """Return the form in which two spellings of one username are equal."""
    return value.lower()


def text(value: str, param: str, limit: int = TEXT_MAX) -> str:
    """Check a name or another short free text.

    The null character is refused because PostgreSQL cannot keep it.
    """
    if len(value) > limit:
        raise Invalid(
            "is too long",
            code="form_param_max_length_exceeded",
            detail=f"{param} must not exceed {limit} characters.",
            param=param,
        )
    if "\0" in value:
        raise Invalid(
            "is invalid",
            code="form_param_format_invalid",
            detail=f"{param} must not contain the null character.",
            param=param,
        )
    return value
