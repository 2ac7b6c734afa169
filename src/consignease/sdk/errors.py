"""What can go wrong when a webhook request is verified.

::

    WebhookVerificationError
    ├── MissingSecretError         missing_secret
    ├── MalformedSecretError       malformed_secret
    ├── MissingCryptographyError   missing_cryptography
    ├── BodyNotRawError            body_not_raw
    ├── MissingHeaderError         missing_header
    ├── MalformedTimestampError    malformed_timestamp
    ├── TimestampError
    │   ├── TimestampTooOldError   timestamp_too_old
    │   └── TimestampTooNewError   timestamp_too_new
    ├── MalformedSignatureError    malformed_signature
    ├── SignatureMismatchError     no_matching_signature
    │   └── BodyReserialisedError  body_reserialised
    ├── InvalidPayloadError        invalid_payload
    └── ReplayedError              replayed
"""

from consignease.wire.explain import Diagnosis, Reason


class WebhookVerificationError(ValueError):
    """The request is not, or not provably, a webhook from the expected sender.

    Its text says what is wrong and what to do; it holds no secret and no
    signature, so it may be logged. Do not send it to the client.

    Attributes:
        reason: Stable code of the cause.
        message: What is wrong.
        fix: What to do next.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        """Take the parts over from what was found."""
        super().__init__(f"{diagnosis.message} {diagnosis.fix}")
        self.reason: Reason = diagnosis.reason
        self.message = diagnosis.message
        self.fix = diagnosis.fix


class MissingSecretError(WebhookVerificationError):
    """No signing secret was given or set."""


class MalformedSecretError(WebhookVerificationError):
    """The signing secret is empty or not in its form."""


class MissingCryptographyError(WebhookVerificationError):
    """A public key was given, and the package that verifies with it is not installed."""


class BodyNotRawError(WebhookVerificationError):
    """The body is not the bytes that arrived: parsed, or read by somebody else."""


class MissingHeaderError(WebhookVerificationError):
    """Headers that a delivery carries are absent.

    Attributes:
        missing: Their ``svix-`` names.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        """Take the parts over from what was found."""
        super().__init__(diagnosis)
        self.missing = diagnosis.missing


class MalformedTimestampError(WebhookVerificationError):
    """The timestamp header is no number of seconds."""


class TimestampError(WebhookVerificationError):
    """The request is too far from now.

    Attributes:
        skew: Seconds from the timestamp to now; negative if it lies ahead.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        """Take the parts over from what was found."""
        super().__init__(diagnosis)
        self.skew = diagnosis.skew or 0


class TimestampTooOldError(TimestampError):
    """The request was signed longer ago than allowed."""


class TimestampTooNewError(TimestampError):
    """The request was signed further in the future than allowed."""


class MalformedSignatureError(WebhookVerificationError):
    """The signature header holds nothing in the form of a signature."""


class SignatureMismatchError(WebhookVerificationError):
    """No signature fits body, id, time and secret."""


class BodyReserialisedError(SignatureMismatchError):
    """The signature fits the body as it was before somebody rewrote it."""


class InvalidPayloadError(WebhookVerificationError):
    """The signature is right, but the body is no event."""


class ReplayedError(WebhookVerificationError):
    """This very request was accepted before."""


_CLASSES: dict[Reason, type[WebhookVerificationError]] = {
    "missing_secret": MissingSecretError,
    "malformed_secret": MalformedSecretError,
    "missing_cryptography": MissingCryptographyError,
    "body_not_raw": BodyNotRawError,
    "missing_header": MissingHeaderError,
    "malformed_timestamp": MalformedTimestampError,
    "timestamp_too_old": TimestampTooOldError,
    "timestamp_too_new": TimestampTooNewError,
    "malformed_signature": MalformedSignatureError,
    "no_matching_signature": SignatureMismatchError,
    "body_reserialised": BodyReserialisedError,
    "invalid_payload": InvalidPayloadError,
    "replayed": ReplayedError,
}


def error_for(diagnosis: Diagnosis) -> WebhookVerificationError:
    """Make the error that stands for a diagnosis."""
    return _CLASSES[diagnosis.reason](diagnosis)
