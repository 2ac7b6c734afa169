"""Mail to the operator's own people, through the mail server that the settings name."""

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

TIMEOUT = 20.0
_PORTS = {"smtp": 587, "smtps": 465}


class MailError(Exception):
    """The mail server did not take a mail; says why in plain words."""


class Mailer:
    """Sends plain text. It blocks: call it in a thread.

    Args:
        url: ``smtps://user:password@host:port`` for TLS from the first byte, or
            ``smtp://…`` for STARTTLS where the server offers it (and always before
            a password is sent). The host is the operator's own setting, so the
            address guard, which judges what users enter, has no say in it.
        sender: Whom mail is from.
        context: What the server's certificate is checked with; the system's if left out.

    Raises:
        ValueError: the URL cannot be used.
    """

    def __init__(self, url: str, sender: str, *, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("smtp_url is smtp://host or smtps://host")
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender
        self._context = context or ssl.create_default_context()

    def send(self, to: list[str], subject: str, text: str) -> None:
        """Send one mail to each address, unseen by the others.

        Raises:
            MailError: the server cannot be reached, or refused it.
        """
        try:
            with self._connect() as server:
                for address in to:
                    server.send_message(self._message(address, subject, text))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailError(f"{type(error).__name__}: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        if self._tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT, context=self._context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        try:
            server.ehlo()
            if not self._tls and (server.has_extn("starttls") or self._user):
                server.starttls(context=self._context)
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message
