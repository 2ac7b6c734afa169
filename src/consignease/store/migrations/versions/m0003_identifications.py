"""Phone numbers, second factors, pictures, sign-up rules, settings; an index per order."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ORDERS = (
    ("user_updated", "updated_at"),
    ("user_active", "last_active_at"),
    ("user_signed_in", "last_sign_in_at"),
    ("user_email", "primary_email_key"),
    ("user_phone", "primary_phone_number"),
    ("user_username", "username_key"),
    ("user_first_name", "first_name"),
    ("user_last_name", "last_name"),
)


def _int(name: str, *, key: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer(), nullable=False, primary_key=key)


def _text(
    name: str, *, key: bool = False, unique: bool = False, nullable: bool = False
) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=nullable, primary_key=key, unique=unique or None)


def _blob(name: str, *, nullable: bool = False) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def upgrade() -> None:
    """Apply it."""
    _tables()
    op.add_column(
        "user",
        sa.Column("password_compromised", sa.Integer(), nullable=False, server_default="0"),
    )
    op.add_column("user", _text("image_id", nullable=True))
    op.add_column("user", _text("primary_email_key", nullable=True))
    op.add_column("user", _text("primary_phone_number", nullable=True))
    op.execute(
        """
        UPDATE "user" SET primary_email_key = (
          SELECT e.email_key FROM email_address e
          WHERE e.instance = "user".instance AND e.id = "user".primary_email_address_id)
        """
    )
    op.drop_index("user_active")
    op.drop_index("user_signed_in")
    for name, column in _ORDERS:
        op.create_index(name, "user", ["instance", column, "id"])
    _search()


def _tables() -> None:
    strict = {"sqlite_strict": True}
    op.create_table(
        "phone_number",
        _int("instance", key=True),
        _text("id", key=True),
        _text("user_id"),
        _int("position"),
        _text("phone_number"),
        _text("status"),
        _text("strategy"),
        _int("reserved"),
        _int("second_factor"),
        _int("default_second_factor"),
        _int("created_at"),
        _int("updated_at"),
        sa.UniqueConstraint("instance", "phone_number"),
        **strict,
    )
    op.create_index("phone_number_user", "phone_number", ["instance", "user_id", "position"])
    op.create_table(
        "second_factor",
        _int("instance", key=True),
        _text("user_id", key=True),
        _blob("totp", nullable=True),
        _blob("codes", nullable=True),
        _int("last_step"),
        **strict,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "user_image",
        _int("instance", key=True),
        _text("user_id", key=True),
        _text("id", unique=True),
        _text("content_type"),
        _blob("body"),
        **strict,
    )
    op.create_table(
        "identifier_rule",
        _int("instance", key=True),
        _text("id", key=True),
        _text("list"),
        _text("identifier"),
        _text("identifier_type"),
        _int("created_at"),
        sa.UniqueConstraint("instance", "list", "identifier"),
        **strict,
    )
    op.create_table(
        "instance_setting",
        _int("instance", key=True),
        _text("name", key=True),
        _text("value"),
        **strict,
        sqlite_with_rowid=False,
    )


def _search() -> None:
    """Make the index of texts anew: with phone numbers, and without regard to case."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.create_function("fold", 1, _fold)
    op.execute("DROP TABLE user_search")
    op.execute(
        "CREATE VIRTUAL TABLE user_search USING fts5 (email_address, phone_number, username,"
        " name, key, id UNINDEXED, tokenize = 'trigram case_sensitive 1', detail = none)"
    )
    op.execute(
        """
        INSERT INTO user_search (rowid, email_address, phone_number, username, name, key, id)
        SELECT o.no,
          fold(coalesce((SELECT group_concat(e.email_address, char(10)) FROM email_address e
                         WHERE e.instance = u.instance AND e.user_id = u.id), '')),
          '',
          fold(coalesce(u.username, '')),
          fold(coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, '')),
          fold(u.id),
          u.id
        FROM "user" u JOIN object o ON o.instance = u.instance AND o.id = u.id
        """
    )
