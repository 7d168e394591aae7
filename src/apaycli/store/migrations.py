"""From any older ledger to the current one, in one transaction.

Knows every version that was ever released: `MIGRATIONS[n]` turns version n into n + 1. A released entry is
never edited. Version 1 is `schema.sql`.
"""

import sqlite3
from pathlib import Path

SCHEMA_VERSION = 1


def schema() -> str:
    return Path(__file__).with_name("schema.sql").read_text("utf-8")


def schema_statements() -> list[str]:
    return _statements(schema())


def migrate(db: sqlite3.Connection) -> None:
    """Bring `db` to SCHEMA_VERSION. Two processes may try at once: the second finds it done."""
    db.execute("BEGIN IMMEDIATE")
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in schema_statements():
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk has rolled back already
            db.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """`executescript` would commit between statements; this keeps them in the caller's transaction."""
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
