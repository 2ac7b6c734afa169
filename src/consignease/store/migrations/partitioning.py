"""Making a table a partitioned one of which it is the first part, while it is written.

The check that its rows belong into that part is made and proved first, beside
readers and writers; the exchange then looks at no row and takes a moment.
"""

from alembic import op

_BOUND = """
DO $$ DECLARE
  bound BIGINT := ((SELECT last_value FROM log_cursor) / 1000000 + 2) * 1000000;
BEGIN
  IF (SELECT relkind FROM pg_class WHERE oid = to_regclass('{table}')) = 'r' AND NOT EXISTS
     (SELECT 1 FROM pg_constraint WHERE conname = '{table}_bound') THEN
    EXECUTE format('ALTER TABLE {table} ADD CONSTRAINT {table}_bound'
                   ' CHECK (cursor < %s) NOT VALID', bound);
  END IF;
END $$
"""
_PROVE = """
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = '{table}_bound') THEN
    ALTER TABLE {table} VALIDATE CONSTRAINT {table}_bound;
  END IF;
END $$
"""
_EXCHANGE = """
DO $$ DECLARE
  bound TEXT := (SELECT substring(pg_get_constraintdef(oid) FROM '[0-9]{{2,}}')
                 FROM pg_constraint WHERE conname = '{table}_bound');
  made TEXT[] := ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = to_regclass('{table}') AND NOT indisprimary ORDER BY indexrelid);
  named TEXT[] := ARRAY(SELECT relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE indrelid = to_regclass('{table}'));
  keys TEXT := (SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass('{table}') AND contype = 'p');
  one TEXT;
BEGIN
  IF bound IS NULL THEN RETURN; END IF;
  ALTER TABLE {table} RENAME TO {table}_from_0;
  FOREACH one IN ARRAY named LOOP
    EXECUTE format('ALTER INDEX %I RENAME TO %I', one, '{table}_from_0_' || one);
  END LOOP;
  CREATE TABLE {table} (LIKE {table}_from_0 INCLUDING DEFAULTS) PARTITION BY RANGE (cursor);
  EXECUTE 'ALTER TABLE {table} ADD CONSTRAINT {table}_pkey ' || keys;
  FOREACH one IN ARRAY made LOOP EXECUTE one; END LOOP;
  EXECUTE format('ALTER TABLE {table} ATTACH PARTITION {table}_from_0'
                 ' FOR VALUES FROM (MINVALUE) TO (%s)', bound);
  ALTER TABLE {table}_from_0 DROP CONSTRAINT {table}_bound;
  CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT;
END $$
"""


def partition(table: str) -> None:
    """Partition a table by its cursor; does nothing when it is."""
    for step in (_BOUND, _PROVE, _EXCHANGE):
        op.execute(step.format(table=table))
