"""A consistent copy of the ledger, and what a copy holds.

Knows SQLite's own backup, which reads one moment of a ledger whoever writes meanwhile, that a copy is one file
without a log beside it, and how a file is opened that may be somebody else's work. Never knows where copies are kept,
or how long (`backups.py`).
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from apaycli.errors import LedgerError
from apaycli.store.migrations import SCHEMA_VERSION
from apaycli.store.sqlite import SqliteStore, private_file, uri_of
from apaycli.store.sqlite_errors import translated
from apaycli.store.sqlite_schema import refuse_foreign_schema
from apaycli.store.values import Problem

_PROBLEMS_TOLD_MAX = 20
INSTANT_MAX = 253_402_300_799_999  # the last millisecond of the year 9999: later ones cannot be written down

Judge = Callable[[SqliteStore], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a copy holds. `problems` is empty for a good one; sums are by mode and currency; `newest_at` is the last
    instant in it, whatever happened then."""

    bot_id: int | None
    receipts: int
    newest_recorded_at: int | None
    newest_at: int | None
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


def foreign_connection(path: Path, how: str = "mode=ro") -> sqlite3.Connection:
    """A file that may be damaged, or made to harm: nothing in its schema may call what is not harmless."""
    db = sqlite3.connect(f"file:{uri_of(path)}?{how}", uri=True, isolation_level=None)
    db.execute("PRAGMA trusted_schema = OFF")  # neither reads the file, so neither can fail
    db.execute("PRAGMA cell_size_check = ON")
    return db


@contextmanager
def opened_copy(path: Path) -> Iterator[SqliteStore]:
    """A copy, for reading alone. Raises LedgerError where it is no ledger, or its tables are not apay's."""
    with translated(str(path)):
        db = foreign_connection(path, "mode=ro&immutable=1")
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if not 1 <= version <= SCHEMA_VERSION:
                raise LedgerError(f"{path} is no ledger that this apay can read (version {version})")
            refuse_foreign_schema(db, str(path))
            yield SqliteStore(db, str(path))
        finally:
            db.close()


def storage_problems(store: SqliteStore) -> Iterator[Problem]:
    """The quick judge: pages, states, sums. Not the receipts beside their evidence."""
    with store.snapshot():
        yield from store.file_problems()
        yield from store.sum_problems()


def inspect_copy(path: Path, judge: Judge = storage_problems) -> Inspection:
    """Open a copy, judge it and count it. Raises LedgerError where it is no ledger at all."""
    with opened_copy(path) as store:
        problems = tuple(f"{each.check}: {each.what}" for each in islice(judge(store), _PROBLEMS_TOLD_MAX))
        with store.snapshot():
            receipts, newest = store.db.execute("SELECT count(*), max(recorded_at) FROM receipts").fetchone()
            sums = store.db.execute(
                "SELECT mode, currency, coalesce(sum(total_amount), 0) FROM receipts GROUP BY mode, currency"
                " ORDER BY 1, 2"
            ).fetchall()
            (newest_at,) = store.db.execute(_NEWEST).fetchone()
        newest, newest_at = (None if at is None else min(max(at, 0), INSTANT_MAX) for at in (newest, newest_at))
        return Inspection(_bot_id(store), receipts, newest, newest_at, tuple(sums), problems)


_NEWEST = (
    "SELECT max(at) FROM (SELECT max(recorded_at) AS at FROM receipts UNION ALL SELECT max(decided_at) FROM decisions"
    " UNION ALL SELECT max(alive_at) FROM listener_runs UNION ALL SELECT max(last_contact_at) FROM listener_runs"
    " UNION ALL SELECT max(created_at) FROM invoices UNION ALL SELECT max(restored_at) FROM restores)"
)


def _bot_id(store: SqliteStore) -> int | None:
    try:
        return store.bot_id()
    except ValueError:
        raise LedgerError(f"{store.path} does not say whose ledger it is") from None


def settle_log(path: Path) -> bool:
    """Write what stands in the ledger's log into the ledger, and remove the log. False: it cannot be opened, or is in
    use."""
    try:
        db = foreign_connection(path, "mode=rw")
        try:
            (journal,) = db.execute("PRAGMA journal_mode = DELETE").fetchone()
        finally:
            db.close()
    except sqlite3.Error:
        return False
    return bool(journal == "delete")
