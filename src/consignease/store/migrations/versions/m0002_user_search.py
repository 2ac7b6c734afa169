"""Users are found by parts of what they are called."""

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
