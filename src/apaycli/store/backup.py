"""A consistent copy of the ledger, and what a copy holds.

Knows SQLite's own backup, which reads one moment of a ledger whoever writes meanwhile, and that a copy is one file
without a log beside it. Never knows where copies are kept, or how long (`backups.py`).
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from apaycli.errors import LedgerError
from apaycli.store.migrations import SCHEMA_VERSION
from apaycli.store.sqlite import SqliteStore, private_file, uri_of
from apaycli.store.sqlite_errors import translated

_PROBLEMS_TOLD_MAX = 20


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a copy holds. `problems` is empty for a good one; sums are by mode and currency."""

    bot_id: int | None
    receipts: int
    newest_recorded_at: int | None
    last_contact_at: int | None
    sums: tuple[tuple[str, str | None, int], ...]
    problems: tuple[str, ...]


def copy_ledger(source: Path, target: Path) -> None:
    """Copy one moment of `source` into the new file `target` (0600). Raises LedgerError."""
    private_file(target)
    with translated(str(source)):
        live = sqlite3.connect(f"file:{uri_of(source)}?mode=ro", uri=True)
        try:
            copy = sqlite3.connect(f"file:{uri_of(target)}?mode=rw", uri=True, isolation_level=None)
            try:
                live.backup(copy)  # all pages in one step: one read transaction, nobody is kept waiting
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, that can be read where nothing may be written
            finally:
                copy.close()
        finally:
            live.close()


def inspect_copy(path: Path) -> Inspection:
    """Open a copy and count it again: pages, states, sums. Raises LedgerError where it is no ledger at all."""
    with translated(str(path)):
        db = sqlite3.connect(f"file:{uri_of(path)}?mode=ro&immutable=1", uri=True, isolation_level=None)
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if not 1 <= version <= SCHEMA_VERSION:
                raise LedgerError(f"{path} is no ledger that this apay can read (version {version})")
            return _inspected(SqliteStore(db, str(path)))
        finally:
            db.close()


def _inspected(store: SqliteStore) -> Inspection:
    with store.snapshot():
        problems = [
            f"{problem.check}: {problem.what}"
            for look in (store.file_problems, store.sum_problems)
            for problem in look()
        ]
        receipts, newest = store.db.execute("SELECT count(*), max(recorded_at) FROM receipts").fetchone()
        (contact,) = store.db.execute("SELECT max(last_contact_at) FROM listener_runs").fetchone()
        sums = store.db.execute(
            "SELECT mode, currency, coalesce(sum(total_amount), 0) FROM receipts GROUP BY mode, currency ORDER BY 1, 2"
        ).fetchall()
    return Inspection(store.bot_id(), receipts, newest, contact, tuple(sums), tuple(problems[:_PROBLEMS_TOLD_MAX]))


def receipts_not_in(copy: Path, ledger: Path) -> int:
    """How many receipts of the ledger the copy has not. Raises LedgerError where the ledger cannot be read."""
    sql = (
        "SELECT count(*) FROM main.receipts AS r WHERE NOT EXISTS (SELECT 1 FROM copy.receipts AS c"
        " WHERE c.telegram_payment_charge_id = r.telegram_payment_charge_id)"
    )
    with translated(str(ledger)):
        db = sqlite3.connect(f"file:{uri_of(ledger)}?mode=ro", uri=True, isolation_level=None)
        try:
            db.execute("ATTACH ? AS copy", (f"file:{uri_of(copy)}?mode=ro&immutable=1",))
            return int(db.execute(sql).fetchone()[0])
        finally:
            db.close()


def settle_log(path: Path) -> bool:
    """Write what stands in the ledger's log into the ledger, and remove the log. False: it cannot be opened, or is in
    use."""
    try:
        db = sqlite3.connect(f"file:{uri_of(path)}?mode=rw", uri=True, isolation_level=None)
        try:
            (journal,) = db.execute("PRAGMA journal_mode = DELETE").fetchone()
        finally:
            db.close()
    except sqlite3.Error:
        return False
    return bool(journal == "delete")
