"""What PostgreSQL's errors mean to a unit of work."""

import asyncpg

from consignease.domain.faults import Unavailable
from consignease.store.tx import RunAgainError

GONE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What says that the database cannot be used, whatever it was asked."""
OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.InternalClientError)
"""The schema moved on under what this connection has prepared: another will do."""
LOCKED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
"""Others held what was needed: they are done soon."""
AGAIN = (
    *LOCKED,
    asyncpg.UniqueViolationError,
    # A row was on its way into the part for the rest while its own part was attached.
    asyncpg.CheckViolationError,
    RunAgainError,
    *OUTDATED,
)
"""What says that a transaction is to be run again: others were in its way."""


def unavailable(error: Exception) -> Unavailable:
    """Say that the database cannot be used, and why."""
    return Unavailable(
        "The database cannot be reached just now.",
        code="database_unavailable",
        detail=f"{type(error).__name__}: {error}. Try again shortly.",
    )


def in_the_way(error: Exception) -> Unavailable:
    """Say what `unavailable` does, with the error as its cause: `locked` looks at it."""
    fault = unavailable(error)
    fault.__cause__ = error
    return fault


def locked(fault: BaseException | None) -> bool:
    """Tell whether nothing but others' locks was in the way."""
    return fault is not None and isinstance(fault.__cause__, LOCKED)
