"""Backups: a copy of one moment that was opened again, kept for a while, and put back; nothing is lost by it."""

import gzip
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from apaycli import backups
from apaycli.backups import BackupError, BackupSetting, make_backup
from apaycli.backups_kept import kept_backups
from apaycli.backups_opening import inspect_backup, opened_backup
from apaycli.backups_restore import Restored, replaced_by, restore_backup
from apaycli.errors import LedgerError
from apaycli.store.backup import Inspection, copy_ledger, inspect_copy
from apaycli.store.sqlite import open_sqlite
from ledger_rows import receipt, update_of

NOW = 1_767_261_600_000
XOR = "import sys; sys.stdout.buffer.write(bytes(b ^ 85 for b in sys.stdin.buffer.read()))"
CRYPT = (sys.executable, "-c", XOR)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "apay.db"
    sell(path, 1, 2, 3)
    return path


@pytest.fixture
def setting(tmp_path: Path) -> BackupSetting:
    return BackupSetting(tmp_path / "backups", keep=3)


def sell(path: Path, *numbers: int) -> None:
    store = open_sqlite(path)
    store.bind_bot(4711)
    with store.transaction() as tx:
        for number in numbers:
            tx.record_receipt(receipt(number), number, update_of(receipt(number), number), NOW + number)
    store.close()


def count(path: Path) -> int:
    with sqlite3.connect(path) as db:
        (number,) = db.execute("SELECT count(*) FROM receipts").fetchone()
    db.close()
    return int(number)


def paths(folder: Path, now: int = NOW) -> list[Path]:
    return [each.path for each in kept_backups(folder, now)]


def restored(backup: Path, ledger: Path, now: int = NOW) -> Restored:
    with opened_backup(backup, None, ledger.parent) as plain:
        return restore_backup(plain, inspect_copy(plain), ledger, replaced_by(plain, ledger), now)


def inspected(path: Path, decrypt: tuple[str, ...] | None = None) -> Inspection:
    found = inspect_backup(path, decrypt)
    assert isinstance(found, Inspection), found
    return found


def test_a_backup_holds_what_the_ledger_holds_and_is_private(ledger: Path, setting: BackupSetting) -> None:
    made = make_backup(ledger, setting, NOW)
    assert made.path.name == "apay-20260101T100000Z.db.gz"
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.path.parent.stat().st_mode & 0o777 == 0o700
    assert (made.inspection.receipts, made.inspection.bot_id, made.inspection.problems) == (3, 4711, ())
    assert made.inspection.newest_recorded_at == NOW + 3
    assert inspected(made.path) == made.inspection
    assert [path.name for path in setting.folder.iterdir()] == [made.path.name]
    (kept,) = kept_backups(setting.folder, NOW)
    assert (kept.made_at, kept.bot_id, kept.removable) == (NOW, 4711, True)


def test_two_in_one_second_have_two_names(ledger: Path, setting: BackupSetting) -> None:
    first, second = make_backup(ledger, setting, NOW), make_backup(ledger, setting, NOW)
    assert second.path.name == "apay-20260101T100000Z-2.db.gz"
    assert paths(setting.folder) == [second.path, first.path]


def test_the_oldest_go_and_strangers_files_stay(ledger: Path, setting: BackupSetting) -> None:
    setting.folder.mkdir()
    (setting.folder / "holiday.jpg").touch()
    made = [make_backup(ledger, setting, NOW + day * 86_400_000) for day in range(5)]
    assert paths(setting.folder, NOW + 5 * 86_400_000) == [each.path for each in reversed(made[2:])]
    assert made[4].removed == (made[1].path,)
    assert (setting.folder / "holiday.jpg").exists()


def test_a_copy_under_load_is_one_moment(ledger: Path, setting: BackupSetting) -> None:
    """Somebody sells all the while: each copy adds up, and none has half a sale."""
    stop = threading.Event()

    def trade() -> None:
        store = open_sqlite(ledger)
        number = 10
        while not stop.is_set():
            number += 1
            with store.transaction() as tx:
                tx.record_receipt(receipt(number), number, b"%d" % number, NOW + number)
        store.close()

    trading = threading.Thread(target=trade)
    trading.start()
    try:
        counts = [make_backup(ledger, setting, NOW + second * 1000).inspection for second in range(6)]
    finally:
        stop.set()
        trading.join()
    assert all(inspection.problems == () for inspection in counts)
    assert counts[-1].receipts > counts[0].receipts


def test_an_encrypted_one_is_opened_by_its_counterpart_alone(ledger: Path, tmp_path: Path) -> None:
    setting = BackupSetting(tmp_path / "b", keep=3, encrypt=CRYPT, decrypt=CRYPT)
    made = make_backup(ledger, setting, NOW)
    assert made.path.name.endswith(".db.gz.enc")
    assert not made.path.read_bytes().startswith(b"\x1f\x8b")
    assert inspected(made.path, CRYPT).receipts == 3
    error = inspect_backup(made.path, None)
    assert isinstance(error, BackupError)
    assert "is encrypted" in error.message


@pytest.mark.parametrize(
    ("encrypt", "decrypt", "said"),
    [
        (("true",), None, "encrypt wrote nothing"),
        (("true",), ("cat",), "encrypt wrote nothing"),
        (CRYPT, ("cat",), "does not give back what encrypt was given"),
        (CRYPT, ("false",), "decrypt ended with 1"),
    ],
)
def test_what_cannot_be_opened_again_is_no_backup(
    ledger: Path, tmp_path: Path, encrypt: tuple[str, ...], decrypt: tuple[str, ...] | None, said: str
) -> None:
    setting = BackupSetting(tmp_path / "b", keep=3, encrypt=encrypt, decrypt=decrypt)
    with pytest.raises(BackupError, match=said):
        make_backup(ledger, setting, NOW)
    assert list((tmp_path / "b").iterdir()) == []


def test_the_merchants_programs_run_beside_the_config(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    setting = BackupSetting(
        tmp_path / "b",
        keep=3,
        encrypt=("sh", "-c", "pwd > encrypted; cat"),
        decrypt=("sh", "-c", "pwd > decrypted; cat"),
        after=("sh", "-c", 'echo "$0" > copied'),
        run_in=tmp_path / "shop",
    )
    made = make_backup(ledger, setting, NOW)
    assert not isinstance(inspect_backup(made.path, setting.decrypt, setting.run_in), Exception)
    said = {path.name: path.read_text().strip() for path in (tmp_path / "shop").iterdir()}
    folder = str(tmp_path / "shop")
    assert said == {"encrypted": folder, "decrypted": folder, "copied": str(made.path)}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((sys.executable, "-c", "import sys; sys.exit('no \x1b[31mkey')"), r"ended with 1: no \x1b[31mkey"),
        (("/nowhere/age",), "cannot be run: FileNotFoundError"),
    ],
)
def test_a_program_that_fails_leaves_no_backup(
    ledger: Path, tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BackupError) as failed:
        make_backup(ledger, BackupSetting(tmp_path / "b", keep=3, encrypt=command), NOW)
    assert said in failed.value.message
    assert list((tmp_path / "b").iterdir()) == []


def test_the_programs_of_a_backup_see_no_token(ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APAY_BOT_TOKEN", "APAY_LIVE_PROVIDER_TOKEN", "SOME_SECRET"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("GNUPGHOME", "/keys")
    see = "env > {}; cat"
    setting = BackupSetting(
        tmp_path / "b",
        keep=3,
        encrypt=("sh", "-c", see.format("encrypt")),
        decrypt=("sh", "-c", see.format("decrypt")),
        after=("sh", "-c", "env > after"),
        run_in=tmp_path,
    )
    assert make_backup(ledger, setting, NOW).after_failure is None
    for name in ("encrypt", "decrypt", "after"):
        seen = (tmp_path / name).read_text()
        assert "canary" not in seen
        assert "GNUPGHOME=/keys" in seen


def test_the_after_program_gets_the_path_and_its_failure_is_told(ledger: Path, tmp_path: Path) -> None:
    note = tmp_path / "note"
    good = (sys.executable, "-c", f"import sys; open({str(note)!r}, 'w').write(sys.argv[-1])")
    made = make_backup(ledger, BackupSetting(tmp_path / "b", keep=3, after=good), NOW)
    assert (note.read_text(), made.after_failure) == (str(made.path), None)
    bad = (sys.executable, "-c", "raise SystemExit('disk full')")
    made = make_backup(ledger, BackupSetting(tmp_path / "b", keep=3, after=bad), NOW + 1000)
    assert made.after_failure == "it ended with 1: disk full"
    assert made.path.exists()


def test_a_damaged_ledger_is_not_taken_for_a_backup(ledger: Path, setting: BackupSetting) -> None:
    with sqlite3.connect(ledger) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE receipts SET tip_amount = -5 WHERE receipt_id = 1")
    db.close()
    with pytest.raises(BackupError, match="is not sound"):
        make_backup(ledger, setting, NOW)
    assert list(setting.folder.iterdir()) == []


def test_what_does_not_read_back_is_no_backup(
    ledger: Path, setting: BackupSetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "_compress", lambda source, target, *_: target.write_bytes(gzip.compress(b"other")))
    with pytest.raises(BackupError, match="does not read back"):
        make_backup(ledger, setting, NOW)
    assert list(setting.folder.iterdir()) == []


def test_without_room_nothing_is_begun(ledger: Path, setting: BackupSetting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "free_bytes", lambda folder: 1000)
    with pytest.raises(BackupError, match="0 MiB free, a backup needs about"):
        make_backup(ledger, setting, NOW)


def test_without_a_ledger_or_a_folder_it_says_so(ledger: Path, setting: BackupSetting, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no ledger"):
        make_backup(tmp_path / "none.db", setting, NOW)
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match="cannot be made"):
        make_backup(ledger, BackupSetting(tmp_path / "file" / "b", keep=1), NOW)
    assert kept_backups(tmp_path / "nowhere", NOW) == []


@pytest.mark.parametrize("cut", [10, 200, -9])
def test_a_torn_backup_is_an_error_and_nothing_else(ledger: Path, setting: BackupSetting, cut: int) -> None:
    path = make_backup(ledger, setting, NOW).path
    path.write_bytes(path.read_bytes()[:cut])
    error = inspect_backup(path, None)
    assert isinstance(error, LedgerError)


@pytest.mark.parametrize("content", [b"", b"x" * 5000])
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    assert isinstance(inspect_backup(tmp_path / "x.db", None), LedgerError)
    assert isinstance(inspect_backup(tmp_path / "nowhere.db.gz", None), LedgerError)


def test_a_ledger_of_another_version_is_not_read(ledger: Path, tmp_path: Path) -> None:
    copy_ledger(ledger, tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LedgerError, match="version 99"):
        inspect_copy(tmp_path / "copy.db")


# -- back again --------------------------------------------------------------------------------------------------------


def test_a_restored_ledger_is_the_backup_and_the_other_is_kept(ledger: Path, setting: BackupSetting) -> None:
    made = make_backup(ledger, setting, NOW)
    sell(ledger, 4, 5)
    done = restored(made.path, ledger, NOW + 9000)
    assert done.replaced is not None
    assert (count(ledger), len(done.replaced.missing), done.replaced.whole) == (3, 2, True)
    assert done.kept is not None
    assert count(done.kept) == 5
    assert ledger.stat().st_mode & 0o777 == 0o600
    sell(ledger, 6)  # it works: the log is its own
    assert count(ledger) == 4
    assert not list(ledger.parent.glob(".apay*"))


def test_a_ledger_with_a_living_log_is_settled_first(ledger: Path, setting: BackupSetting) -> None:
    made = make_backup(ledger, setting, NOW)
    store = open_sqlite(ledger)
    with store.transaction() as tx:
        tx.record_receipt(receipt(9), 9, b"9", NOW)
    store.db.execute("PRAGMA wal_autocheckpoint = 0")
    store.close()
    done = restored(made.path, ledger)
    assert not ledger.with_name("apay.db-wal").exists()
    assert done.kept is not None
    assert (count(done.kept), count(ledger)) == (4, 3)


def test_a_ledger_that_cannot_be_opened_moves_away_whole(ledger: Path, setting: BackupSetting) -> None:
    made = make_backup(ledger, setting, NOW)
    ledger.write_bytes(b"garbage" * 1000)
    ledger.with_name("apay.db-wal").write_bytes(b"old log")
    first, done = (restored(made.path, ledger) for _ in range(2))
    assert first.replaced is not None
    assert (first.replaced.whole, first.replaced.missing) == (False, [])
    assert count(ledger) == 3
    kept = sorted(path.name for path in ledger.parent.glob("apay.db.before*"))
    assert kept[0] == "apay.db.before-20260101T100000Z"
    assert "apay.db.before-20260101T100000Z-2" in kept
    assert done.replaced is not None
    assert done.replaced.missing == []


def test_where_there_was_no_ledger_nothing_is_kept(ledger: Path, setting: BackupSetting, tmp_path: Path) -> None:
    made = make_backup(ledger, setting, NOW)
    done = restored(made.path, tmp_path / "new.db")
    assert (done.kept, done.replaced, count(tmp_path / "new.db")) == (None, None, 3)
