"""Looking out: telling people what has to be told, and noticing that nothing is delivered."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from consignease.app import silence
from consignease.domain.instances import Instance
from consignease.domain.operations import shown
from consignease.edge.clock import Clock
from consignease.edge.mail import Mailer, MailError
from consignease.store import admins, endpoint_health
from consignease.store.opening import AnyStore

EVERY_SECONDS = 10.0
_log = logging.getLogger("consignease.lookout")


class Lookout:
    """Looks now and then; one in each process, and what is told is told once.

    Args:
        store: The database.
        clock: The time.
        instances: Returns every instance.
        silence_ms: After how long without a delivery it is reported; 0 for never.
        smtp: The mail server's URL, empty if there is none, and whom mail is from.
        dashboard: Where the Dashboard is, for the mail.

    Attributes:
        state: ``ok``, with words behind it while nothing is delivered.
    """

    def __init__(
        self,
        store: AnyStore,
        clock: Clock,
        instances: Callable[[], Sequence[Instance]],
        *,
        silence_ms: int = 0,
        smtp: tuple[str, str] = ("", ""),
        dashboard: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._instances = instances
        self._silence_ms = silence_ms
        self._mailer = Mailer(*smtp) if smtp[0] else None
        self._dashboard = dashboard
        self._silent: dict[int, int] = {}
        self.state = "ok"

    async def run(self) -> None:
        """Run until cancelled."""
        pause = EVERY_SECONDS
        if self._silence_ms:
            pause = min(pause, max(0.1, self._silence_ms / 4_000))
        while True:
            await asyncio.sleep(pause)
            try:
                await self.once()
            except Exception:  # noqa: BLE001 - the next round may do better
                _log.exception("looking out failed; it is tried again")

    async def report(self) -> str:
        """Return its state, as a part of the server's health."""
        return self.state

    async def once(self) -> None:
        """Do one round."""
        if self._silence_ms:
            await self._listen()
        await self._tell()

    async def _listen(self) -> None:
        now, every = self._clock.now(), self._instances()
        before = now - self._silence_ms
        found = await self._store.read(silence.look, every, before)
        known = await self._store.read(silence.known, every)
        for instance in every:
            missed = found.get(instance.no)
            if missed is None:
                self._silent.pop(instance.no, None)
                if instance.no in known:
                    await self._store.write(silence.over, instance)
                continue
            self._silent.setdefault(instance.no, before)
            if instance.no not in known:
                args = (instance, before, missed, now)
                if await self._store.write(silence.alert, *args):
                    _log.warning(
                        "nothing was delivered since %s although %d endpoints of %s were to get"
                        " something",
                        shown(before),
                        len(missed),
                        instance.name,
                    )
        since = min(self._silent.values(), default=None)
        self.state = "ok" if since is None else f"ok, but nothing delivered since {shown(since)}"

    async def _tell(self) -> None:
        for one in await self._store.read(endpoint_health.to_tell):
            if not await self._store.write(endpoint_health.told, one["no"]):
                continue
            _log.warning(
                "endpoint %s (%s) was disabled: %s", one["id"], one["url"], one["disabled_reason"]
            )
            if self._mailer is not None:
                await self._mail(self._mailer, one)

    async def _mail(self, mailer: Mailer, one: dict[str, Any]) -> None:
        people = await self._store.read(admins.all_of_them)
        to = [admin.email for admin in people if admin.may("admin") and admin.password_digest]
        subject = f"Webhook endpoint disabled: {one['url']}"
        since = one["first_failure_at"]
        lines = [
            f"The endpoint {one['url']} of the {one['instance']} instance was disabled.",
            one["disabled_reason"] or "",
            "" if since is None else f"It has failed since {shown(since)}.",
            "",
            "What is published meanwhile waits for it. Enable it again when it works:",
            f"{self._dashboard}/{one['instance']}/endpoints/{one['id']}"
            if one["built_in"]
            else f"PATCH /api/v1/app/{one['app_id']}/endpoint/{one['id']}",
        ]
        try:
            await asyncio.to_thread(mailer.send, to, subject, "\n".join(lines))
        except MailError as error:
            _log.error("mail to administrators could not be sent: %s", error)
