"""Trouble that passes and trouble that does not: locks, a full disk, files that disappear."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ledger_samples import invoice

from apaycli.errors import LedgerError, LedgerUnavailable
from apaycli.store import sqlite as place
from apaycli.store.sqlite import SqliteStore, open_in_memory, open_sqlite
from apaycli.store.sqlite_errors import ledger_error
from apaycli.store.sqlite_rows import one_row


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    monkeypatch.setattr(place, "_BUSY_MILLISECONDS", 40)
    monkeypatch.setattr(place, "_BUSY_AGAIN_MILLISECONDS", 1)
    with closing(open_sqlite(tmp_path / "apay.db")) as store:
        yield store


def patience(store: SqliteStore) -> int:
    return int(store.db.execute("PRAGMA busy_timeout").fetchone()[0])


def test_who_met_a_lock_does_not_wait_again_until_it_is_gone(ledger: SqliteStore) -> None:
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
        assert patience(ledger) == 40
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match="locked"), ledger.transaction():
                pass
            assert patience(ledger) == 1
        other.execute("ROLLBACK")
    with ledger.transaction() as tx:
        tx.record_invoice(invoice(1))
    assert patience(ledger) == 40


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_file_that_was_removed_or_replaced_is_noticed(ledger: SqliteStore, suffix: str) -> None:
    with ledger.transaction() as tx:
        tx.record_invoice(invoice(1))
    ledger.refuse_lost_files()
    ledger.refuse_lost_files()
    file = Path(ledger.path + suffix)
    content = file.read_bytes()
    keeper = file.rename(file.with_suffix(".aside"))  # so that the new one cannot get the old one's number
    with pytest.raises(LedgerError, match="removed or replaced"):
        ledger.refuse_lost_files()
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="removed or replaced"):
        ledger.refuse_lost_files()
    keeper.rename(file)
    ledger.refuse_lost_files()


def test_a_ledger_in_memory_has_no_files_to_lose() -> None:
    with closing(open_in_memory()) as store:
        store.refuse_lost_files()


@pytest.mark.parametrize(
    ("code", "passing"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR_FSYNC, False),
        (sqlite3.SQLITE_CORRUPT, False),
        (None, False),
    ],
)
def test_only_a_lock_and_a_full_disk_pass_by_themselves(code: int | None, passing: bool) -> None:
    error = sqlite3.OperationalError("trouble")
    if code is not None:
        error.sqlite_errorcode = code
    assert isinstance(ledger_error(error, "x"), LedgerUnavailable) is passing


def test_two_rows_where_one_was_expected_are_an_error(ledger: SqliteStore) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="more than one row"):
        one_row(ledger.db, "SELECT 1 UNION ALL SELECT 2", ())
