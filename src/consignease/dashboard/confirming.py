"""Asking again who is there, before what a stolen session must not do."""

from consignease.app import tries as app
from consignease.dashboard.entering import count
from consignease.dashboard.visit import Visit
from consignease.domain import admins as rules
from consignease.domain import tries
from consignease.domain.faults import Invalid


async def check(visit: Visit) -> None:
    """Check the present password; where there is none, that the sign-in is recent.

    Raises:
        Invalid: it is wrong, or too long ago.
        TooSoon: it was tried too often.
    """
    if visit.me.password_digest is None:
        assert visit.session is not None
        if visit.now - visit.session.created_at > rules.FRESH_MS:
            raise Invalid(
                "This takes a sign-in of the last ten minutes: sign out, and in again.",
                param="present",
            )
        return
    await count(visit, (tries.by_password(visit.me.id),), "present")
    if not await visit.deps.verify_password(visit.form("present"), visit.me.password_digest):
        raise Invalid("This is not your present password.", param="present")
    await visit.store.write(app.forgive, (tries.by_password(visit.me.id),))
