"""`apay backup`, `apay restore`, `apay purge`: what they say, what they ask, and what is found in the file's bytes."""

import shutil
from pathlib import Path

import pytest

from apaycli.core.model import OrderInfo, ReceiptFilter, User
from apaycli.store.lock import ledger_lock
from ledger_rows import receipt, update_of
from shop import Shop

NAME, PHONE, TYPED = "Zebulon Quackenbush", "+8801987654321", "wherever is my zebra"


def sell(shop: Shop, *numbers: int, paid_at: int = 0) -> None:
    buyer = User(1001, NAME, username="zebulon_q")
    with shop.store() as store, store.transaction() as tx:
        for number in numbers:
            form = OrderInfo(NAME, PHONE, "z@example.com", "{}")
            one = receipt(number, buyer=buyer, order_info=form, paid_at=paid_at // 1000 * 1000)
            receipt_id = tx.record_receipt(one, number, update_of(one, number), paid_at)
            tx.queue_hooks(receipt_id, {"program": "pending"}, paid_at)


def configure(shop: Shop) -> Path:
    shop.write_config(f'[backup]\ndir = "{shop.folder / "backups"}"\nkeep = 2\n')
    return shop.folder / "backups"


def test_a_backup_is_made_listed_and_restored(shop: Shop) -> None:
    folder = configure(shop)
    sell(shop, 1, 2)
    made = shop.run("backup", "--json").json
    assert (made["receipts"], made["removed"], made["after_failure"]) == (2, [], None)
    (row,) = shop.run("backup", "--list", "--json").json
    assert row["path"] == made["path"]
    assert Path(row["path"]).parent == folder
    sell(shop, 3)
    done = shop.run("restore", "--yes", "--json")
    assert (done.json["receipts"], done.json["receipts_missing"]) == (2, 1)
    assert Path(done.json["kept"]).exists()
    assert "compare the rest with the A-Pay dashboard" in done.err
    with shop.store() as store:
        assert store.counts("test").receipts == 2


def test_it_asks_before_it_replaces_anything(shop: Shop) -> None:
    configure(shop)
    sell(shop, 1)
    shop.run("backup")
    sell(shop, 2)
    assert shop.run("restore").code == 8
    assert shop.run("restore", stdin="n\n", terminal=True).code == 8
    assert shop.run("restore", "--dry-run").code == 0
    with shop.store() as store:
        assert store.counts("test").receipts == 2
    assert shop.run("restore", stdin="y\n", terminal=True).code == 0


def test_while_somebody_listens_nothing_is_restored_or_purged(shop: Shop) -> None:
    configure(shop)
    sell(shop, 1)
    shop.run("backup")
    with ledger_lock(shop.ledger, "apay listen", shop.clock.now()):
        assert shop.run("restore", "--yes").code == 7
        assert shop.run("purge", "--before", "2026-01-01", "--yes").code == 7
        assert shop.run("backup").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("backup",), 2, "[backup] dir"),
        (("restore",), 2, "[backup] dir"),
        (("restore", "nowhere.db.gz", "--yes"), 9, "nowhere.db.gz"),
        (("purge", "--before", "yesterday"), 2, "--before takes a day such as 2026-11-30"),
        (("purge", "--before", "2999-01-01"), 2, "--before takes a day that has begun"),
        (("purge",), 2, "--before"),
    ],
)
def test_what_cannot_be_done_says_why(shop: Shop, arguments: tuple[str, ...], code: int, said: str) -> None:
    sell(shop, 1)
    done = shop.run(*arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_a_backup_of_another_bot_is_refused(shop: Shop, tmp_path: Path) -> None:
    configure(shop)
    sell(shop, 1)
    shop.run("backup")
    (tmp_path / "other").mkdir()
    other = Shop(tmp_path / "other")
    done = other.run("restore", str(next((shop.folder / "backups").iterdir())), "--yes")
    assert done.code == 0  # a ledger that was never bound belongs to nobody
    with shop.store() as store:
        store.bind_bot(99)
    shop.clock.advance(5)
    shop.run("backup", "--to", str(tmp_path / "bound"))
    done = other.run("restore", str(next((tmp_path / "bound").iterdir())), "--yes")
    assert done.code == 2
    assert "is the ledger of bot 99" in done.err


def test_what_would_be_lost_is_said_before_anybody_agrees(shop: Shop) -> None:
    configure(shop)
    sell(shop, 1)
    shop.run("backup")
    sell(shop, 2)
    for options in (("--dry-run",), ()):
        done = shop.run("restore", *options)
        assert done.code == (0 if options else 8)
        assert f"{shop.ledger} knows of 1 receipt that this backup does not have" in done.err
    done = shop.run("restore", "--yes")
    kept = next(shop.folder.glob("apay.db.before-*"))
    assert f"  APAY_STORE={kept} apay receipts list --mode all\n" in done.err
    assert len(shop.run("receipts", "list", APAY_STORE=str(kept)).out.splitlines()) == 2
    done = shop.run("purge", "--before", "2025-12-01", "--yes")
    assert f"1 ledger(s) that apay restore kept still hold it, too: {kept}" in done.err


def test_a_log_that_was_left_behind_never_meets_the_restored_ledger(shop: Shop) -> None:
    """SQLite would take the log for the ledger's own, whichever ledger it is."""
    configure(shop)
    sell(shop, 1)
    shop.run("backup")
    shop.ledger.unlink()
    log = Path(f"{shop.ledger}-wal")
    log.write_bytes(b"of another ledger")
    done = shop.run("restore", "--yes")
    assert done.code == 0, done.err
    (kept,) = shop.folder.glob("apay.db.before-*-wal")
    assert kept.read_bytes() == b"of another ledger"
    with shop.store() as store:
        assert len(list(store.receipts(ReceiptFilter()))) == 1


def test_a_backup_is_tried_while_somebody_listens(shop: Shop) -> None:
    configure(shop)
    sell(shop, 1)
    shop.run("backup")
    with ledger_lock(shop.ledger, "apay listen", shop.clock.now()):
        assert shop.run("restore", "--dry-run").code == 0
        done = shop.run("restore", "nowhere.db.gz")
        assert (done.code, "there is no nowhere.db.gz" in done.err) == (9, True)


@pytest.mark.parametrize("content", [b"", b"not a ledger" * 1000])
def test_a_file_that_is_no_ledger_is_called_by_its_own_name(shop: Shop, content: bytes) -> None:
    wrong = shop.folder / "holiday.db"
    wrong.write_bytes(content)
    done = shop.run("restore", str(wrong), "--yes")
    assert (done.code, done.out) == (9, "")
    assert f"{wrong} holds no sound ledger" in done.err
    assert "copy.db" not in done.err


def bytes_of(shop: Shop) -> bytes:
    return b"".join(path.read_bytes() for path in shop.folder.glob("apay.db*"))


def test_after_a_purge_a_search_in_the_bytes_finds_nothing(shop: Shop) -> None:
    old, young = shop.clock.now() - 100 * 86_400_000, shop.clock.now()
    sell(shop, 1, 2, paid_at=old)
    with shop.store() as store, store.transaction() as tx:
        for hook in tx.claim_hooks(young, young + 1, ("program",), 9):
            tx.record_hook(hook.hook_id, failure=f"no account of {NAME}", again_at=None)
        tx.record_dead_letter(7, "broken", True, f"successful_payment {NAME}".encode(), old)
        tx.queue_notice("1001", "buyer", f"Thank you, {NAME}", old)
        for receipt_id, note in ((1, f"{NAME} rang"), (2, "is still open")):
            dispute = tx.open_dispute(receipt_id, f"{NAME} says no" if receipt_id == 1 else "no parcel", old)
            assert dispute is not None
            tx.note_dispute(dispute, note, old)
        tx.close_dispute(1, "won", old)
        tx.close_dispute(2, "lost", old)
    assert bytes_of(shop).count(NAME.encode()) > 5
    day = "2025-12-01"
    counted = shop.run("purge", "--before", day, "--dry-run", "--json").json
    assert counted == {
        "receipts": 2, "forms": 2, "evidence": 2, "dead_letters": 1, "hooks": 2, "support_requests": 0, "disputes": 2,
        "notices": 1, "query_conflicts": 0, "unsettled": 0,
    }  # fmt: skip
    assert bytes_of(shop).count(NAME.encode()) > 5
    done = shop.run("purge", "--before", day, "--yes", "--json")
    assert done.json == counted
    for word in (NAME, PHONE, "zebulon_q", "z@example.com"):
        assert word.encode() not in bytes_of(shop), word
    with shop.store() as store:
        written = store.db.execute("SELECT reason, text FROM disputes JOIN dispute_notes USING (dispute_id)").fetchall()
        assert written == [("(purged)", "(purged)")] * 2
    exported = shop.run("export", "--csv", "--personal")
    assert exported.out.count("499.00") == 2
    assert "tg-charge-1" in exported.out
    assert shop.run("purge", "--before", day, "--yes", "--json").json == dict.fromkeys(counted, 0)


def test_what_a_refund_or_a_dispute_needs_stays_until_it_is_settled(shop: Shop) -> None:
    old = shop.clock.now() - 100 * 86_400_000
    sell(shop, 1, 2, 3, paid_at=old)
    with shop.store() as store, store.transaction() as tx:
        tx.refund_due(1, "came back broken", old)
        tx.open_dispute(2, "never came", old)
    done = shop.run("purge", "--before", "2025-12-01", "--yes", "--json")
    assert (done.json["receipts"], done.json["forms"], done.json["evidence"], done.json["unsettled"]) == (1, 1, 1, 2)
    assert "2 receipt(s) stay whole" in done.err
    assert [row["buyer_name"] for row in shop.run("receipts", "list", "--json").json].count(NAME) == 2
    assert "evidence-1-receipt.json" in shop.run("disputes", "folder", "1", str(shop.folder / "d")).out
    with shop.store() as store, store.transaction() as tx:
        tx.refund_done(1, "TX-1", old)
        tx.close_dispute(1, "withdrawn", old)
    shutil.rmtree(shop.folder / "d")
    assert shop.run("purge", "--before", "2025-12-01", "--yes", "--json").json["unsettled"] == 0
    for word in (NAME, PHONE, "never came"):
        assert word.encode() not in bytes_of(shop), word


def test_what_is_younger_stays_and_verify_goes_on_checking(shop: Shop) -> None:
    old, young = shop.clock.now() - 100 * 86_400_000, shop.clock.now()
    sell(shop, 1, paid_at=old)
    sell(shop, 2, paid_at=young)
    shop.run("purge", "--before", "2025-12-01", "--yes")
    with shop.store() as store:
        rows = store.db.execute("SELECT receipt_id, buyer_name FROM receipts ORDER BY 1").fetchall()
        assert rows == [(1, None), (2, NAME)]
        kept = store.db.execute("SELECT length(raw) > 0 FROM evidence ORDER BY update_id").fetchall()
        assert kept == [(0,), (1,)]
        problems = " ".join(shop.run("verify", "--json").out.split())
        assert "receipt 1 (tg-charge-1)" not in problems  # its digest still speaks for it
        store.db.execute("UPDATE receipts SET total_amount = 1 WHERE receipt_id = 1")
    assert "receipt 1 (tg-charge-1): changed after it was recorded" in shop.run("verify").out


def test_backups_made_before_are_named_as_the_owners_own(shop: Shop) -> None:
    configure(shop)
    sell(shop, 1, paid_at=1)
    shop.run("backup")
    done = shop.run("purge", "--before", "2025-12-01", "--yes")
    assert "1 backup(s)" in done.err
    assert "yours to remove" in done.err


def test_it_asks_before_it_removes_anything(shop: Shop) -> None:
    sell(shop, 1, paid_at=1)
    assert shop.run("purge", "--before", "2025-12-01").code == 8
    assert NAME.encode() in bytes_of(shop)
    assert shop.run("purge", "--before", "2025-12-01", stdin="y\n", terminal=True).code == 0
