"""The contract, kept in SQLite; and what is SQLite's own: how a file is opened, and what it says when it is broken."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from contract import StoreContract
from contract_ledger import fill, record, standing
from ledger_samples import NOW, invoice, receipt

from apaycli.core.model import ReceiptFilter
from apaycli.errors import ConfigError, LedgerError
from apaycli.store.migrations import SCHEMA_VERSION
from apaycli.store.protocol import Store
from apaycli.store.sqlite import SqliteStore, _configure, _filesystem, _switch_to_wal, open_in_memory, open_sqlite

posix = pytest.mark.skipif(os.name != "posix", reason="modes and FIFOs are POSIX")


class TestSqliteStore(StoreContract):
    def open_store(self) -> Store:
        return open_in_memory()

    def rows(self, store: Store, sql: str) -> list[tuple[Any, ...]]:
        assert isinstance(store, SqliteStore)
        return store.db.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "apay.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteStore]:
    store = open_sqlite(path)
    yield store
    store.close()


def directory(path: Path) -> None:
    path.mkdir()


def missing_folder(path: Path) -> None:
    path.parent.rmdir()


def text_file(path: Path) -> None:
    path.write_text("This is a shopping list, and not a short one.\n" * 100)


def newer_version(path: Path) -> None:
    open_sqlite(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()


def other_program(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE songs (title TEXT)")
    db.close()


def broken_header(path: Path) -> None:
    open_sqlite(path).close()
    content = bytearray(path.read_bytes())
    content[16:40] = b"\xff" * 24
    path.write_bytes(content)


def half_a_file(path: Path) -> None:
    open_sqlite(path).close()
    path.write_bytes(path.read_bytes()[:5000])


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


@posix
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (directory, "is not a file"),
        (missing_folder, "the folder of the ledger does not exist"),
        (text_file, "file is not a database"),
        (newer_version, rf"was written by a newer apay \(version {SCHEMA_VERSION + 1}; this one knows"),
        (other_program, "is an SQLite file of another program"),
        (broken_header, "cannot be used"),
        (half_a_file, "malformed"),
        (fifo, "is not a file"),
        (loop, "cannot be reached"),
    ],
)
def test_what_is_no_ledger_is_refused_by_name(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    path = tmp_path / "shop" / "apay.db"
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LedgerError, match=said) as caught:
        open_sqlite(path)
    assert str(tmp_path / "shop") in caught.value.message
    assert before == (path.read_bytes() if before is not None else None)


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("x")
    with pytest.raises(LedgerError, match=r"cannot be reached|does not exist"):
        open_sqlite(tmp_path / "shop" / "apay.db")


@pytest.mark.parametrize("path", [Path("/proc/apay.db"), Path("/dev/fd/apay.db")], ids=str)
def test_a_place_where_no_file_can_be_made_is_refused_by_name(path: Path) -> None:
    if not path.parent.is_dir():
        pytest.skip("not on this system")
    with pytest.raises(LedgerError, match=f"the ledger {path} cannot be made or opened: ") as caught:
        open_sqlite(path)
    assert caught.value.exit_code == 9


def test_reading_makes_no_ledger(path: Path) -> None:
    with pytest.raises(LedgerError, match=r"there is no ledger at .* yet") as caught:
        open_sqlite(path, read_only=True)
    assert caught.value.hint
    assert not path.exists()


def test_reading_does_not_upgrade(path: Path) -> None:
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(LedgerError, match="is older than this apay"):
        open_sqlite(path, read_only=True)


def test_a_reader_sees_what_is_committed_and_writes_nothing(path: Path, ledger: SqliteStore) -> None:
    record(ledger, invoice())
    reader = open_sqlite(path, read_only=True)
    with ledger.transaction() as tx:
        tx.record_receipt(receipt(), 1, b"raw", NOW)
        assert list(reader.receipts(ReceiptFilter())) == []
    assert len(list(reader.receipts(ReceiptFilter()))) == 1
    with pytest.raises(LedgerError, match="readonly"), reader.transaction() as tx:
        tx.attest("x", NOW)
    reader.close()


@posix
def test_ledger_and_its_companions_are_private(path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_sqlite(path)
        record(store, invoice())
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == {"apay.db": 0o600, "apay.db-wal": 0o600, "apay.db-shm": 0o600}


@posix
def test_a_ledger_that_others_can_read_is_repaired(path: Path) -> None:
    open_sqlite(path).close()
    path.chmod(0o664)
    open_sqlite(path, read_only=True).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o664  # a reader changes nothing
    open_sqlite(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0), ("mmap_size", 0)],
)
def test_durability_and_safety_are_granted(ledger: SqliteStore, pragma: str, value: object) -> None:
    assert ledger.db.execute(f"PRAGMA {pragma}").fetchone() in [(value,), *([None] if value == 0 else [])]


def test_a_disk_that_grants_no_durability_is_refused(path: Path) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)  # SQLite grants no WAL in memory
    with pytest.raises(LedgerError, match="does not allow a durable ledger"):
        _configure(db, path, read_only=False)
    db.close()


class Contested(sqlite3.Connection):
    """Another process is making the same ledger: SQLite refuses the switch at once, whatever the timeout."""

    refusals = 2
    errorcode = sqlite3.SQLITE_BUSY_RECOVERY

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if "journal_mode" in sql and self.refusals:
            self.refusals -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.errorcode
            raise error
        return super().execute(sql, *parameters)


@pytest.mark.parametrize(("refusals", "granted"), [(0, True), (2, True), (1000, False)])
def test_the_switch_to_a_durable_log_waits_its_turn(path: Path, refusals: int, granted: bool) -> None:
    db = sqlite3.connect(path, isolation_level=None, factory=Contested)
    db.refusals = refusals
    if granted:
        assert _switch_to_wal(db) == "wal"
    else:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            _switch_to_wal(db)
    assert not db.in_transaction
    db.close()


def test_a_disk_that_fails_at_the_switch_is_not_asked_again(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None, factory=Contested)
    db.errorcode = sqlite3.SQLITE_IOERR_FSYNC
    with pytest.raises(sqlite3.OperationalError):
        _switch_to_wal(db)
    assert db.refusals == 1
    db.close()


@pytest.mark.parametrize("apart", [False, True], ids=["plain", "in a savepoint"])
def test_a_full_disk_is_the_ledgers_trouble_and_not_the_updates(ledger: SqliteStore, apart: bool) -> None:
    """Whatever was begun is undone, and the same step succeeds once there is room."""
    fill(ledger)

    def record_much() -> None:
        with ledger.transaction() as tx:
            tx.attest("begun", NOW)
            with tx.savepoint() if apart else nullcontext():
                tx.record_dead_letter(1, "x", False, b"x" * 100_000, NOW)

    (pages,) = ledger.db.execute("PRAGMA page_count").fetchone()
    ledger.db.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(2):
        with pytest.raises(LedgerError, match="full"):
            record_much()
        assert not ledger.db.in_transaction
    assert ledger.attestations() == {}
    assert ledger.integrity_problems() == []
    ledger.db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    record_much()
    assert ledger.attestations() == {"begun": NOW}
    assert ledger.counts("test").dead_letters == 1


def test_another_thread_may_use_it_in_turn(ledger: SqliteStore) -> None:
    """The listener opens the ledger in one thread and writes it in another."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        worker.submit(record, ledger, invoice()).result()
    assert standing(ledger, invoice()) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", ["with space.db", "a?mode=memory.db", "a#b.db", "100%25.db", "আশা.db"])
def test_any_name_is_a_file_of_that_name(tmp_path: Path, name: str) -> None:
    store = open_sqlite(tmp_path / name)
    record(store, invoice())
    store.close()
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_ledger_keeps_its_bot(path: Path) -> None:
    store = open_sqlite(path)
    store.bind_bot(123)
    store.close()
    store = open_sqlite(path)
    with pytest.raises(ConfigError, match=f"{path} is the ledger of bot 123"):
        store.bind_bot(456)
    store.close()


def test_a_crash_loses_nothing_that_was_committed(path: Path, tmp_path: Path, ledger: SqliteStore) -> None:
    """What lies on the disk at this moment, the log included, is what a process after a kill would find."""
    fill(ledger)
    copy = tmp_path / "after" / path.name
    shutil.copytree(path.parent, copy.parent, ignore=shutil.ignore_patterns("after"))
    found = open_sqlite(copy)
    assert found.integrity_problems() == []
    assert list(found.receipts(ReceiptFilter())) == list(ledger.receipts(ReceiptFilter()))
    assert standing(found, invoice()) == (0, 1, 1, 1)
    found.close()


def test_a_ledger_in_other_hands_is_said_to_be_locked(path: Path, ledger: SqliteStore) -> None:
    second = open_sqlite(path)
    second.db.execute("PRAGMA busy_timeout = 0")
    with ledger.transaction() as tx:
        tx.attest("x", NOW)
        with pytest.raises(LedgerError, match="locked"), second.transaction():
            pass
    with second.transaction() as tx:
        tx.attest("y", NOW)
    second.close()
    assert set(ledger.attestations()) == {"x", "y"}


def test_a_ledger_on_a_network_filesystem_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = _filesystem(path.parent)
    monkeypatch.setattr("apaycli.store.sqlite._NETWORK_FILESYSTEMS", {here})
    with pytest.raises(LedgerError, match=rf"lies on a network filesystem \({here}\)") as caught:
        open_sqlite(path)
    assert caught.value.hint == "move it to a local disk"
    assert not path.exists()


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /mnt/shop nfs4 rw 0 0
/dev/sdb1 /mnt/shop/local ext4 rw 0 0
//pc/share /mnt/my\\040files cifs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/shop", "ext4"),
        ("/mnt/shop", "nfs4"),
        ("/mnt/shop/books", "nfs4"),
        ("/mnt/shopping", "ext4"),
        ("/mnt/shop/local/books", "ext4"),
        ("/mnt/my files/books", "cifs"),
    ],
)
def test_the_filesystem_of_a_folder_is_the_nearest_mount(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert _filesystem(Path(folder), mounts) == kind
    assert _filesystem(Path(folder), tmp_path / "none") == ""


def test_a_look_that_sqlite_ended_by_itself_is_left_quietly() -> None:
    store = open_in_memory()
    with store.snapshot():
        store.db.execute("ROLLBACK")  # what SQLite does after an error of the disk
    assert not store.db.in_transaction
    store.close()
