"""Users are found by parts of what they are called, and by what few of them have."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply it."""
    op.execute(
        "CREATE VIRTUAL TABLE user_search USING fts5"
        " (email_address, username, name, id, tokenize = 'trigram')"
    )
    op.execute(
        """
        INSERT INTO user_search (rowid, email_address, username, name, id)
        SELECT o.no,
          coalesce((SELECT group_concat(e.email_address, char(10)) FROM email_address e
                    WHERE e.instance = u.instance AND e.user_id = u.id), ''),
          coalesce(u.username, ''),
          coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, ''),
          u.id
        FROM "user" u JOIN object o ON o.instance = u.instance AND o.id = u.id
        """
    )
    for name, columns, where in (
        ("user_banned", ["instance", "created_at", "id"], "banned = 1"),
        ("user_active", ["instance", "last_active_at"], "last_active_at IS NOT NULL"),
        ("user_signed_in", ["instance", "last_sign_in_at"], "last_sign_in_at IS NOT NULL"),
    ):
        op.create_index(name, "user", columns, sqlite_where=sa.text(where))
