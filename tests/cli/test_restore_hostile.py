"""A backup may be anything: a ledger that somebody changed, a bomb, a device, a stranger's file with a good name."""

import gzip
import os
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from apaycli import backups_opening
from shop import Shop
from sold_ledger import Day, payment

NOBODYS = ("tg-charge-1", "tg-charge-2", "tg-charge-3")

# What somebody did to a ledger, and a part of what is said about it.
CHANGES: tuple[tuple[str, str], ...] = (
    ("CREATE TRIGGER x AFTER INSERT ON receipts BEGIN DELETE FROM receipts; END", "the trigger x is none of apay's"),
    ('CREATE TRIGGER "a b" AFTER UPDATE ON stock BEGIN SELECT 1; END', "the trigger a b is none of apay's"),
    ("CREATE VIEW v AS SELECT 1; CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN SELECT 1; END", "the trigger t is none"),
    ("CREATE UNIQUE INDEX x ON receipts (paid_at)", "the index x is none of apay's"),
    ("CREATE TABLE x (r REFERENCES receipts)", "the table x is none of apay's"),
    ("CREATE VIRTUAL TABLE x USING fts5(y)", "is none of apay's"),
    ("DROP INDEX reservations_live", "reservations_live is missing"),
    ("DROP TRIGGER receipt_search_recorded", "receipt_search_recorded is missing"),
    ("ALTER TABLE receipts ADD COLUMN note TEXT", "receipts is not as apay made it"),
    (
        "DROP VIEW receipt_search_wanted; CREATE VIEW receipt_search_wanted AS SELECT 1",
        "receipt_search_wanted is not as",
    ),
    (
        "ALTER TABLE receipts RENAME TO r; CREATE VIEW receipts AS SELECT * FROM r WHERE 0",
        "the table r is none of apay's",
    ),
    (
        "UPDATE sqlite_master SET sql = replace(sql, ' CHECK (total_amount BETWEEN 0 AND 999999999999)', '')",
        "receipts is not as apay made it",
    ),
    (
        "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL UNIQUE', 'NOT NULL') WHERE name = 'invoices'",
        "",  # SQLite itself calls it malformed: the key's index has nothing to belong to
    ),
    (
        # The columns beside the words say that it is one of ours.
        "INSERT INTO sqlite_master VALUES ('index', 'receipts_paid', 'receipts', 0,"
        " 'CREATE TRIGGER evil AFTER INSERT ON receipts BEGIN DELETE FROM receipts; END')",
        "",  # SQLite itself compares some of them
    ),
)


@pytest.fixture
def sold(shop: Shop) -> Shop:
    with shop.store() as store:
        store.bind_bot(int(shop.world.bot_token.partition(":")[0]))
        day = Day(store)
        day.clock.advance(3600)
        day.take(*(payment(number, "nobody's", 1) for number in (1, 2, 3)))
    return shop


def backed_up(shop: Shop) -> Path:
    shop.clock.advance(60)
    return Path(shop.run("backup", "--to", str(shop.folder / "b"), "--json").json["path"])


def changed(path: Path, script: str) -> Path:
    db = sqlite3.connect(path, isolation_level=None)
    for line in ("PRAGMA foreign_keys = OFF", "PRAGMA writable_schema = ON", "PRAGMA legacy_alter_table = ON"):
        db.execute(line)
    db.executescript(script)
    db.close()
    return path


def unpacked(backup: Path) -> Path:
    plain = backup.with_name("changed.db")
    plain.write_bytes(gzip.decompress(backup.read_bytes()))
    return plain


def packed(content: bytes, path: Path) -> Path:
    path.write_bytes(gzip.compress(content))
    return path


def charges(shop: Shop) -> set[str]:
    return {row["telegram_payment_charge_id"] for row in shop.run("receipts", "list", "--json").json}


def restore_refused(shop: Shop, path: Path, said: str) -> None:
    """Neither tried nor done, nothing left behind, and the ledger is what it was."""
    before = shop.ledger.stat().st_ino
    for options in (("--dry-run",), ("--yes",)):
        done = shop.run("restore", str(path), *options)
        assert (done.code, done.out) == (9, ""), done.err
        assert said in done.err
        assert "copy.db" not in done.err
    assert shop.ledger.stat().st_ino == before
    assert [each for each in shop.folder.iterdir() if each.name.startswith((".apay", "apay.db.before"))] == []
    assert charges(shop) == set(NOBODYS)


@pytest.mark.parametrize(("script", "said"), CHANGES, ids=[script[:60] for script, _ in CHANGES])
def test_a_backup_with_another_schema_is_refused(sold: Shop, script: str, said: str) -> None:
    restore_refused(sold, changed(unpacked(backed_up(sold)), script), said)


@pytest.mark.parametrize(("script", "said"), CHANGES, ids=[script[:60] for script, _ in CHANGES])
def test_a_ledger_with_another_schema_is_not_opened_and_verify_says_why(sold: Shop, script: str, said: str) -> None:
    with closing(sqlite3.connect(sold.ledger)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    changed(sold.ledger, script)
    for command in (("receipts", "list"), ("status",), ("stock", "--json"), ("send-invoice", "bear", "--to", "1001")):
        done = sold.run(*command)
        assert (done.code, done.out) == (9, ""), (command, done)
        assert said in done.err
    verified = sold.run("verify")
    assert verified.code in ((6,) if said else (6, 9))
    assert said in verified.out + verified.err
    assert sold.run("backup", "--to", str(sold.folder / "b")).code == 9


def test_a_view_of_a_users_own_may_stay(sold: Shop) -> None:
    with sold.store() as store:
        store.db.execute("CREATE VIEW v_mine AS SELECT receipt_id, total_amount / 100 FROM receipts")
        store.db.execute("ANALYZE")
    backup = backed_up(sold)
    assert sold.run("verify").code == 0
    assert sold.run("restore", str(backup), "--yes").code == 0
    with sold.store() as store:
        assert store.db.execute("SELECT count(*) FROM v_mine").fetchone() == (3,)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("UPDATE receipts SET recorded_at = recorded_at + 1 WHERE receipt_id = 2", "receipt-digest"),
        ("DELETE FROM evidence WHERE telegram_payment_charge_id = 'tg-charge-2'", "receipt-evidence"),
        ("INSERT INTO stock VALUES ('test', 'bear', 0, 5)", "units-sold"),
        ("INSERT OR REPLACE INTO meta VALUES ('bot_id', 'x')", "does not say whose ledger it is"),
    ],
)
def test_a_backup_that_verify_would_call_wrong_is_refused(sold: Shop, script: str, said: str) -> None:
    restore_refused(sold, changed(unpacked(backed_up(sold)), script), said)


def test_what_is_no_regular_file_is_refused(sold: Shop) -> None:
    fifo = sold.folder / "b.db"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), sold.folder, Path("/dev/null")):
        restore_refused(sold, path, "is not a regular file")


def bomb(head: bytes, size: int) -> bytes:
    return head + bytes(size - len(head))


def header(pages: int, *, valid: bool = True) -> bytes:
    made = bytearray(100)
    made[:16] = b"SQLite format 3\0"
    struct.pack_into(">H", made, 16, 4096)
    struct.pack_into(">II", made, 24, 7, pages)
    struct.pack_into(">I", made, 92, 7 if valid else 8)
    return bytes(made)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb(b"\0", 50_000_000), "it is no SQLite file"),
        (b"SQLite format 3\0", "it is no SQLite file"),
        (bomb(header(10), 50_000_000), "unpacks to more than the 40960 bytes that it records"),
        (bomb(header(10), 40_959), "is cut off: it records 40960 bytes and has 40959"),
        (bomb(header(10, valid=False), 40_960), "does not record how large it is"),
        (bomb(header(0), 40_960), "does not record how large it is"),
        (bomb(header(2**31), 40_960), "MiB free"),
        (bomb(header(10), 40_960), "holds no sound ledger"),
    ],
)
def test_a_bomb_is_not_unpacked(sold: Shop, content: bytes, said: str) -> None:
    restore_refused(sold, packed(content, sold.folder / "bomb.db.gz"), said)


@pytest.mark.parametrize("compressed", [True, False])
def test_without_room_nothing_is_written(sold: Shop, compressed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = backed_up(sold)
    path = backup if compressed else unpacked(backup)
    written: list[Path] = []
    room = gzip.decompress(backup.read_bytes()).__len__() + 16 * 2**20
    monkeypatch.setattr(backups_opening, "free_bytes", lambda folder: written.append(folder) or room - 1)
    restore_refused(sold, path, "15 MiB free" if room < 2**24 else "MiB free")
    assert written == [sold.folder, sold.folder]
    monkeypatch.setattr(backups_opening, "free_bytes", lambda folder: room)
    assert sold.run("restore", str(path), "--dry-run").code == 0


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_decrypted_bomb_is_not_unpacked_either(sold: Shop, ending: str) -> None:
    sold.write_config(f'[backup]\ndir = "{sold.folder / "b"}"\ndecrypt = ["cat"]\n')
    bombs = {"": bomb(header(10), 9_000_000), ".gz": gzip.compress(bomb(header(10), 9_000_000))}
    path = sold.folder / "x.db.enc"
    path.write_bytes(bombs[ending])
    restore_refused(sold, path, "unpacks to more than the 40960 bytes")
    path.write_bytes(b"")
    restore_refused(sold, path, "it is no SQLite file")
    sold.write_config('[backup]\ndir = "b"\ndecrypt = ["cat", "/nowhere/key"]\n')
    restore_refused(sold, path, "[backup] decrypt ended with 1: ")


# -- which one is the newest -------------------------------------------------------------------------------------------


def configured(shop: Shop, more: str = "") -> Path:
    folder = shop.folder / "b"
    shop.write_config(f'[backup]\ndir = "{folder}"\nkeep = 2\nevery = "1h"\n{more}')
    return folder


def sell(shop: Shop, *numbers: int) -> None:
    with shop.store() as store:
        Day(store).take(*(payment(number, "nobody's", 1) for number in numbers))


def test_a_name_makes_no_backup_the_newest(sold: Shop) -> None:
    folder = configured(sold)
    old = backed_up(sold)
    sell(sold, 4)
    young = backed_up(sold)
    (folder / "apay-20990101T000000Z.db.gz").write_bytes(old.read_bytes())
    packed(unpacked(young).read_bytes(), folder / "apay-20990102T000000Z.db.gz")  # says: now, and not that it is ours
    (folder / "apay-20990103T000000Z.db.gz").mkdir()
    os.mkfifo(folder / "apay-20990104T000000Z.db.gz")
    assert f"{young}: 4 receipts" in sold.run("restore", "--dry-run").err
    listed = sold.run("backup", "--list", "--json")
    names = [Path(row["path"]).name for row in listed.json]
    assert (names[0], set(names[1:])) == (young.name, {"apay-20990101T000000Z.db.gz", old.name})
    assert listed.err.count("does not count") == 3
    with sold.store() as store, store.transaction() as tx:
        tx.start_run(1, "test", sold.clock.now())
    sold.clock.advance(3 * 3600)
    assert "the newest backup is of 2026-01-01T10:02:00Z" in sold.run("status").out


def test_the_oldest_by_what_they_say_go_and_never_a_strangers(sold: Shop) -> None:
    folder = configured(sold)
    backup = backed_up(sold)
    false = folder / "apay-20200101T000000Z.db.gz"
    packed(b"holiday", false)
    other = folder / "apay-20200102T000000Z.db.gz"  # of another bot
    other.write_bytes(backup.read_bytes().replace(b"apay-ledger-of-", b"apay-ledger-of-9", 1))
    renamed = backup.rename(folder / "apay-20990101T000000Z.db.gz")
    made = [Path(sold.run("backup", "--json").json["path"]) for _ in range(2)]
    assert set(folder.iterdir()) == {false, other, *made}
    assert not renamed.exists()


def test_one_that_says_it_is_from_the_future_goes_first_and_is_never_the_newest(sold: Shop) -> None:
    folder = configured(sold)
    now = sold.clock.now()
    sold.clock.advance(10 * 365 * 86_400)  # a clock that is wrong for a moment
    future = backed_up(sold)
    sold.clock.advance((now - sold.clock.now()) // 1000)
    assert f"{future} is passed over" in sold.run("restore").err
    made = [backed_up(sold) for _ in range(2)]
    assert set(folder.iterdir()) == set(made)


def test_a_clock_that_was_set_back_does_not_make_a_backup_each_minute(sold: Shop) -> None:
    import asyncio

    from apaycli.cli.backup_task import backup_task
    from shop import Stream

    configured(sold)
    backed_up(sold)
    sold.clock.advance(-40_000)

    async def ask() -> list[bool]:
        task = backup_task(sold.env(Stream(), Stream(), Stream(), {}))
        assert task is not None
        return [await task() is not None for _ in range(3)]

    assert asyncio.run(ask()) == [True, False, False]


def test_an_encrypted_one_is_asked_before_its_name_is_believed(sold: Shop) -> None:
    folder = configured(sold, 'encrypt = ["rev"]\ndecrypt = ["rev"]\n'.replace("rev", "cat"))
    old = backed_up(sold)
    sell(sold, 4)
    young = backed_up(sold)
    assert young.name.endswith(".enc")
    sold.clock.advance(3600)
    (folder / "apay-20260101T103000Z.db.gz.enc").write_bytes(old.read_bytes())
    (folder / "apay-20260101T104000Z.db.gz.enc").write_bytes(gzip.compress(b"holiday"))
    assert f"{young}: 4 receipts" in sold.run("restore", "--dry-run").err
