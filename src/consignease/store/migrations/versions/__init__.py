"""Alembic migrations: each is able to run while the last release still serves."""
