"""After a restore no number is given out twice, and what may be missing stays in sight until the owner has compared."""

from pathlib import Path

import pytest

from shop import Done, Shop
from sold_ledger import Day, payment

CHARGES = {n: f"tg-charge-{n}" for n in range(1, 60)}


def pay(shop: Shop, *numbers: int) -> None:
    with shop.store() as store:
        store.bind_bot(int(shop.world.bot_token.partition(":")[0]))
        day = Day(store)
        day.clock.advance(3600)
        day.take(*(payment(number, "nobody's", 1) for number in numbers))


def numbers(shop: Shop) -> dict[str, int]:
    """Receipt numbers by charge."""
    rows = shop.run("receipts", "list", "--json").json
    return {row["telegram_payment_charge_id"]: int(row["receipt_id"]) for row in rows}


def backed_up(shop: Shop, *paid: int) -> Path:
    """A backup with these payments in it."""
    pay(shop, *paid)
    shop.clock.advance(60)
    backup = Path(shop.run("backup", "--to", str(shop.folder / "b"), "--json").json["path"])
    shop.clock.advance(60)
    return backup


def restored(shop: Shop, backup: Path) -> Done:
    done = shop.run("restore", str(backup), "--yes", "--json")
    assert done.code == 0, done.err
    shop.clock.advance(60)
    return done


def tamper(shop: Shop, script: str) -> None:
    with shop.store() as store:
        store.db.execute("PRAGMA foreign_keys = OFF")
        store.db.executescript(script)


def test_numbers_go_on_above_those_of_the_replaced_ledger(shop: Shop) -> None:
    backup = backed_up(shop, 1, 2, 3)
    pay(shop, 4, 5)
    done = restored(shop, backup)
    assert (done.json["receipt_id_floor"], done.json["replaced_read"]) == (5, True)
    pay(shop, 6, 7)
    assert numbers(shop) == {CHARGES[n]: n for n in (1, 2, 3, 6, 7)}
    assert shop.run("verify").code == 0


def test_a_payment_that_comes_again_keeps_the_number_that_its_buyer_knows(shop: Shop) -> None:
    backup = backed_up(shop, 1, 2, 3)
    pay(shop, 4, 5)
    restored(shop, backup)
    pay(shop, 6, 5)  # Telegram repeats one of the two
    assert numbers(shop) == {CHARGES[n]: n for n in (1, 2, 3, 5, 6)}
    (missing,) = shop.run("status", "--json").json["missing_receipts"]
    assert missing["telegram_payment_charge_id"] == CHARGES[4]
    assert shop.run("verify").code == 0


def test_it_is_an_alarm_until_it_is_reviewed_and_lists_what_is_known(shop: Shop) -> None:
    backup = backed_up(shop, 1)
    pay(shop, 2)
    said = shop.run("restore", str(backup), "--yes").err
    assert "1 receipt known only from the replaced ledger" in said
    assert "2\t₹499.00 (test)\tbuyer 1002\ttg-charge-2" in said
    shown = shop.run("status")
    assert shown.code == 6
    assert "ALARM\trestore\tthe ledger was restored at " in shown.out
    assert "MISSING\t2\t₹499.00 (test)\tbuyer 1002\ttg-charge-2" in shown.out
    document = shop.run("status", "--json").json
    (restore,) = document["restores"]
    assert (restore["backup_ends_at"], restore["replaced_read"]) == ("2026-01-01T11:00:00Z", True)
    assert restore["kept_as"].startswith("apay.db.before-")
    assert document["missing_receipts"] == [
        {
            "receipt_id": 2, "known_from": "receipt", "mode": "test", "currency": "INR", "total_amount": 49900,
            "buyer_id": 1002, "telegram_payment_charge_id": "tg-charge-2", "paid_at": "2026-01-01T10:00:02Z",
        }
    ]  # fmt: skip
    after = shop.run("status", "--acknowledge").out
    assert "restore" not in after
    assert "MISSING" not in after
    pay(shop, 3)
    assert numbers(shop)[CHARGES[3]] == 3  # the number outlives the review


def test_a_receipt_that_only_its_hook_remembers_is_listed(shop: Shop) -> None:
    backup = backed_up(shop, 1)
    pay(shop, 2, 3)
    tamper(
        shop,
        "DELETE FROM receipts WHERE receipt_id = 3; DELETE FROM receipt_search WHERE receipt_id = 3",
    )
    done = restored(shop, backup)
    assert [(row["receipt_id"], row["known_from"]) for row in done.json["missing_receipts"]] == [
        (2, "receipt"), (3, "hook"),
    ]  # fmt: skip
    assert "MISSING\t3\tknown from its hook alone" in shop.run("status").out
    pay(shop, 4)
    assert numbers(shop)[CHARGES[4]] == 4


def test_a_receipt_that_only_the_search_remembers_is_listed_whole(shop: Shop) -> None:
    backup = backed_up(shop, 1)
    pay(shop, 2)
    tamper(shop, "DELETE FROM receipts WHERE receipt_id = 2")
    (missing,) = restored(shop, backup).json["missing_receipts"]
    assert (missing["receipt_id"], missing["telegram_payment_charge_id"]) == (2, "tg-charge-2")
    assert (missing["total_amount"], missing["buyer_id"]) == (49900, 1002)


@pytest.mark.parametrize("damage", ["garbage", "gone", "another", "trigger"])
def test_where_the_replaced_ledger_cannot_tell_a_million_numbers_are_left_out(shop: Shop, damage: str) -> None:
    backup = backed_up(shop, 1, 2)
    pay(shop, 3, 4)
    if damage == "garbage":
        shop.ledger.write_bytes(b"ruined" * 1000)
    elif damage == "trigger":
        tamper(shop, "CREATE TRIGGER x AFTER INSERT ON receipts BEGIN DELETE FROM receipts; END")
    else:
        shop.ledger.unlink()
        if damage == "another":  # a listener that was started after the loss has made an empty one
            with shop.store() as store:
                store.bind_bot(int(shop.world.bot_token.partition(":")[0]))
    done = restored(shop, backup)
    assert done.json["replaced_read"] is False
    assert "was missing or could not be read whole, so there may be more" in shop.run("status").out
    pay(shop, 5)
    assert numbers(shop)[CHARGES[5]] == (1_000_005 if damage == "trigger" else 1_000_003)


def test_a_damaged_page_hides_only_what_is_on_it(shop: Shop) -> None:
    backup = backed_up(shop, 1)
    pay(shop, *range(2, 50))
    with shop.store() as store:
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = store.db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'receipts'").fetchone()
        pages = (
            [
                page
                for (page,) in store.db.execute(
                    "SELECT pageno FROM dbstat WHERE name = 'receipts' AND pagetype = 'leaf'"
                )
            ]
            if _has_dbstat(store)
            else []
        )
    if not pages:
        pytest.skip(f"this SQLite has no dbstat (root {root})")
    with shop.ledger.open("r+b") as file:
        file.seek((sorted(pages)[len(pages) // 2] - 1) * 4096)
        file.write(b"\xff" * 4096)
    done = restored(shop, backup)
    assert done.json["replaced_read"] is False
    listed = {row["receipt_id"] for row in done.json["missing_receipts"]}
    assert listed == set(range(2, 50))  # the search's own table has those of the damaged page
    pay(shop, 50)
    assert numbers(shop)[CHARGES[50]] == 1_000_050


def _has_dbstat(store: object) -> bool:
    try:
        store.db.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()  # type: ignore[attr-defined]
    except Exception:
        return False
    return True


def test_a_second_restore_forgets_nothing_of_the_first(shop: Shop) -> None:
    old = backed_up(shop, 1)
    young = backed_up(shop, 2)
    pay(shop, 3, 4)
    restored(shop, young)
    pay(shop, 5)
    done = restored(shop, old)
    assert [row["receipt_id"] for row in done.json["missing_receipts"]] == [2, 5, 3, 4]
    assert [row["receipt_id"] for row in shop.run("status", "--json").json["missing_receipts"]] == [2, 3, 4, 5]
    pay(shop, 6)
    assert numbers(shop) == {CHARGES[1]: 1, CHARGES[6]: 6}


def test_a_number_that_only_damage_can_have_made_is_not_continued(shop: Shop) -> None:
    backup = backed_up(shop, 1)
    pay(shop, 2, 3)
    tamper(shop, "UPDATE receipts SET receipt_id = 999999999999 WHERE receipt_id = 2;")
    done = restored(shop, backup)
    assert (done.json["receipt_id_floor"], done.json["replaced_read"]) == (1_000_003, False)


def test_a_backup_with_impossible_numbers_is_refused(shop: Shop) -> None:
    backed_up(shop, 1, 2)
    tamper(shop, "DELETE FROM hooks; UPDATE receipts SET hook_state = NULL")
    tamper(shop, "UPDATE receipts SET receipt_id = 999999999999 WHERE receipt_id = 2;")
    tamper(shop, "DELETE FROM receipt_search WHERE receipt_id = 2; UPDATE receipts SET currency = currency")
    backup = backed_up(shop)
    before = shop.ledger.stat().st_ino
    done = shop.run("restore", str(backup), "--yes")
    assert (done.code, "receipt numbers as high as 999999999999 cannot be continued" in done.err) == (9, True)
    assert shop.ledger.stat().st_ino == before


def test_a_ledger_behind_a_link_stays_behind_it(shop: Shop) -> None:
    backup = backed_up(shop, 1)
    (shop.folder / "disk").mkdir()
    real = shop.folder / "disk" / "real.db"
    shop.ledger.rename(real)
    shop.ledger.symlink_to("disk/real.db")
    pay(shop, 2)
    done = restored(shop, backup)
    assert shop.ledger.is_symlink()
    assert shop.ledger.resolve() == real
    kept = Path(done.json["kept"])
    assert (kept.parent, kept.name.startswith("real.db.before-")) == (real.parent, True)
    assert numbers(shop) == {CHARGES[1]: 1}
    real.unlink()  # the link leads nowhere: the file is made where it points
    restored(shop, backup)
    assert shop.ledger.is_symlink()
    assert real.exists()


def test_a_log_without_its_ledger_does_not_meet_the_restored_one(shop: Shop) -> None:
    backup = backed_up(shop, 1)
    with shop.store() as store:
        day = Day(store)
        day.take(payment(2, "nobody's", 1))
        log = shop.ledger.with_name("apay.db-wal")
        content = log.read_bytes()
    shop.ledger.unlink()
    log.write_bytes(content)
    restored(shop, backup)
    assert numbers(shop) == {CHARGES[1]: 1}
    assert shop.run("verify").code == 0
    (kept,) = shop.folder.glob("apay.db.before-*-wal")
    assert kept.read_bytes() == content
