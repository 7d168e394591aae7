"""Trouble that passes and trouble that does not: locks, a full disk, files that disappear."""

import errno
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ledger_samples import invoice

from apaycli.errors import LedgerError, LedgerLost, LedgerUnavailable
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


def receipts_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM invoices").fetchone()[0])


def put_away(path: Path) -> None:
    path.rename(path.with_name("away.db"))


def replaced(path: Path) -> None:
    path.rename(path.with_name("away.db"))
    path.write_bytes(b"somebody else's")


def folder_moved(path: Path) -> None:
    path.parent.rename(path.parent.with_name("away"))


def copied_over(path: Path) -> None:
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SqliteStore]:
    """A ledger in a folder of its own, whose rows stand in the log alone."""
    (tmp_path / "shop").mkdir()
    store = open_sqlite(tmp_path / "shop" / "apay.db", spare_folder=tmp_path / "spare")
    with store.transaction() as tx:
        tx.record_invoice(invoice(1))
    yield store
    store.db.close()


@pytest.mark.parametrize(
    ("lose", "found"),
    [
        (put_away, "shop/away.db"),
        (replaced, "shop/away.db"),
        (folder_moved, "away/apay.db"),
        (Path.unlink, "shop/apay.db.rescued"),
        (copied_over, "shop/apay.db.rescued"),
        (lambda path: shutil.rmtree(path.parent), "spare/apay.db.rescued"),
    ],
)
def test_a_lost_ledger_is_complete_in_the_file_that_is_named(
    shop: SqliteStore, tmp_path: Path, lose: Callable[[Path], None], found: str
) -> None:
    path = Path(shop.path)
    lose(path)
    with pytest.raises(LedgerLost), shop.transaction() as tx:  # it was too late to notice before the commit
        tx.record_invoice(invoice(2))
    there = path.read_bytes() if path.exists() else None
    with pytest.raises(LedgerLost) as caught:
        shop.close()
    whole = tmp_path / found
    assert str(whole) in caught.value.message
    assert f"mv {whole} {path}" in (caught.value.hint or "")
    assert ("move away what lies there now" in (caught.value.hint or "")) is (there is not None)
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600
    assert (path.read_bytes() if path.exists() else None) == there
    for suffix in ("-wal", "-shm"):
        whole.with_name(whole.name + suffix).unlink(missing_ok=True)
    assert receipts_of(whole) == 2
    shop.close()  # once is enough


def test_a_lost_log_is_worked_off_into_the_ledger_that_is_still_there(shop: SqliteStore) -> None:
    path = Path(shop.path)
    Path(f"{path}-wal").unlink()
    with pytest.raises(LedgerLost), shop.transaction() as tx:
        tx.record_invoice(invoice(2))
    with pytest.raises(LedgerLost, match=rf"every record is in {path}$"):
        shop.close()
    with closing(open_sqlite(path)) as again:
        assert again.db.execute("SELECT count(*) FROM invoices").fetchone() == (2,)


def test_where_a_reader_keeps_the_log_in_use_everything_is_copied(
    shop: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apaycli.store.sqlite_rescue._BUSY_MILLISECONDS", 1)
    with closing(sqlite3.connect(shop.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM invoices").fetchone()
        with shop.transaction() as tx:
            tx.record_invoice(invoice(2))
        put_away(Path(shop.path))
        with pytest.raises(LedgerLost, match=r"was saved to .*apay\.db\.rescued$"):
            shop.close()
    assert receipts_of(tmp_path / "shop" / "apay.db.rescued") == 2


def test_a_ledger_that_cannot_be_saved_is_said_to_be_so(shop: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "spare").write_text("in the way")
    shutil.rmtree(tmp_path / "shop")
    with pytest.raises(LedgerLost, match="could not be saved"):
        shop.close()


def test_without_a_spare_folder_too(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    store = open_sqlite(tmp_path / "shop" / "apay.db")
    shutil.rmtree(tmp_path / "shop")
    with pytest.raises(LedgerLost, match="could not be saved"):
        store.close()


def test_an_earlier_rescue_is_not_written_over(shop: SqliteStore, tmp_path: Path) -> None:
    earlier = tmp_path / "shop" / "apay.db.rescued"
    earlier.write_text("of last week")
    Path(shop.path).unlink()
    with shop.db:
        shop.db.execute("BEGIN")  # what was begun is undone first
    shop.db.execute("BEGIN")
    with pytest.raises(LedgerLost, match=r"was saved to .*apay\.db\.rescued-2$"):
        shop.close()
    assert (earlier.read_text(), receipts_of(tmp_path / "shop" / "apay.db.rescued-2")) == ("of last week", 1)


def test_a_copy_that_cannot_be_finished_leaves_nothing(
    shop: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("apaycli.store.sqlite_rescue.sqlite3.connect", no_room)
    Path(shop.path).unlink()
    with pytest.raises(LedgerLost, match="could not be saved: database or disk is full"):
        shop.close()
    assert [path for folder in ("shop", "spare") for path in (tmp_path / folder).glob("*.rescued*")] == []


def test_a_log_that_cannot_be_worked_off_is_copied(shop: SqliteStore) -> None:
    put_away(Path(shop.path))
    shop.db.close()  # a checkpoint fails, and so does the copy: said, not raised as something else
    with pytest.raises(LedgerLost, match="could not be saved"):
        shop.close()


@pytest.mark.parametrize("kind", ["no list of descriptors", "no names", "another name"])
def test_where_the_system_does_not_say_where_a_file_went_it_is_copied(
    shop: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    put_away(Path(shop.path))
    if kind == "no list of descriptors":
        monkeypatch.setattr("apaycli.store.sqlite_files._DESCRIPTORS", str(tmp_path / "none"))
    else:

        def elsewhere(_path: Path) -> Path:
            if kind == "no names":
                raise OSError(errno.EINVAL, "Invalid argument")
            return tmp_path

        monkeypatch.setattr(Path, "readlink", elsewhere)
    with pytest.raises(LedgerLost, match=r"was saved to .*apay\.db\.rescued$"):
        shop.close()


def test_a_link_is_watched_where_it_leads(tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to("apay.db")
    with closing(open_sqlite(tmp_path / "apay.db")) as first:
        first.bind_bot(1)
    store = open_sqlite(link)
    store.refuse_lost_files()
    (tmp_path / "apay.db-wal").rename(tmp_path / "away")
    with pytest.raises(LedgerLost):
        store.refuse_lost_files()
    store.db.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_the_baseline_is_the_file_that_was_opened_not_the_one_that_is_there_now(tmp_path: Path, suffix: str) -> None:
    """Replaced after SQLite has opened it and before anybody has looked at it once."""
    path = tmp_path / "apay.db"
    open_sqlite(path).close()
    real = place._configure

    def configure_and_lose(db: sqlite3.Connection, *more: object) -> None:
        real(db, *more)  # type: ignore[arg-type]
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        name = Path(f"{path}{suffix}")
        content = name.read_bytes()
        name.rename(tmp_path / "away")
        name.write_bytes(content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "_configure", configure_and_lose)
        with pytest.raises(LedgerLost, match="was replaced while it was opened"):
            open_sqlite(path)


def test_a_restored_copy_beside_an_old_log_can_be_read_and_written(tmp_path: Path) -> None:
    """A copy is one file; the log of the ledger before it may still lie there, without a byte."""
    path = tmp_path / "apay.db"
    with closing(open_sqlite(path)) as store:
        store.bind_bot(1)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").touch()
    for read_only in (True, False):
        with closing(open_sqlite(path, read_only=read_only)) as store:
            assert store.bot_id() == 1
            store.refuse_lost_files()


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
