"""`apay status`: how the shop stands, in words, as JSON, and as an exit code for a monitor."""

import pytest

from apaycli.core.incoming import PreCheckoutQuery
from apaycli.core.model import Decision, DeclineReason, Flag, User
from apaycli.listen.inbox import Inbox, inbox_of
from apaycli.store.values import Gap
from ledger_rows import receipt
from shop import Shop, Stream

HOUR = 3_600_000


def heard(shop: Shop, ago: int = 0, *, stopped: bool = False) -> None:
    with shop.store() as store, store.transaction() as tx:
        now = shop.clock.now()
        run = tx.start_run(4711, "test", now - ago)
        tx.record_life(run, now - ago, now - ago)
        if stopped:
            tx.stop_run(run, now - ago)


def test_a_ledger_that_is_missing_where_one_is_known_is_an_alarm(shop: Shop) -> None:
    heard(shop)
    shop.env(Stream(), Stream(), Stream(), {}).open_store().close()  # as each command that writes
    away = shop.ledger.rename(shop.folder / "away.db")
    done = shop.run("status")
    assert (done.code, done.out.count("ALARM")) == (6, 1)
    assert f"ledger\t{shop.ledger} (missing)\n" in done.out
    assert "ALARM\tledger\tthe ledger " in done.out
    assert "apay restore" in done.out
    assert "receipts" not in done.out
    document = shop.run("status", "--json").json
    assert (document["counts"], document["listening"]) == (None, False)
    assert [alarm["name"] for alarm in document["alarms"]] == ["ledger"]
    assert shop.run("status", "--acknowledge").code == 9
    assert shop.run("stock").code == 9
    assert not shop.ledger.exists()
    away.rename(shop.ledger)
    assert shop.run("status").code == 0


def test_another_ledger_in_its_place_is_an_alarm_until_one_is_restored_on_purpose(shop: Shop) -> None:
    heard(shop)
    shop.env(Stream(), Stream(), Stream(), {}).open_store().close()
    shop.ledger.unlink()
    heard(shop)
    done = shop.run("status")
    assert done.code == 6
    assert "ALARM\tledger\t" in done.out
    assert "is not the ledger that was there before" in done.out
    backups = shop.folder / "backups"
    assert shop.run("backup", "--to", str(backups)).code == 0
    assert shop.run("restore", str(next(backups.iterdir())), "--yes").code == 0
    done = shop.run("status")
    assert (done.code, "ALARM\tledger\t" in done.out, "ALARM\trestore\t" in done.out) == (6, False, True)
    assert shop.run("status", "--acknowledge").code == 0


def test_where_there_never_was_a_ledger_status_says_so(shop: Shop) -> None:
    done = shop.run("status")
    assert (done.code, done.out) == (9, "")
    assert "there is no ledger at" in done.err


def test_a_running_listener_is_good(shop: Shop) -> None:
    heard(shop)
    done = shop.run("status")
    assert (done.code, done.err) == (0, "")
    assert "listener\trunning in test mode since " in done.out
    assert "(pid 4711)" in done.out
    assert "ALARM" not in done.out


@pytest.mark.parametrize(("ago", "options", "code"), [(5, (), 0), (7, (), 6), (7, ("--max-gap", "8h"), 0)])
def test_a_stopped_one_is_good_until_the_gap_is_too_long(
    shop: Shop, ago: int, options: tuple[str, ...], code: int
) -> None:
    heard(shop, ago * HOUR, stopped=True)
    done = shop.run("status", *options)
    assert done.code == code
    assert "listener\tstopped at " in done.out
    assert ("ALARM\tlistener\t" in done.out) is (code == 6)


def test_the_cure_is_about_the_shop_that_was_asked_about(shop: Shop) -> None:
    heard(shop, 7 * HOUR, stopped=True)
    config = shop.write_config("")
    done = shop.run("status", "--config", str(config))
    assert f"start apay --config {config} listen" in done.out
    assert "start apay listen" in shop.run("status").out


def test_a_listener_in_the_other_mode_rings(shop: Shop) -> None:
    heard(shop)
    done = shop.run("status", "--live")
    assert done.code == 6
    assert (
        "the listener runs in test mode: who pays a live invoice is declined\tstop it, and start apay listen --live"
        in done.out
    )


def test_a_killed_one_is_said_to_be_so(shop: Shop) -> None:
    heard(shop, HOUR)
    assert (
        "listener\tnot running; it ended by an error, was killed, or the machine went down after "
        in shop.run("status").out
    )


def test_json_has_every_number_and_every_alarm(shop: Shop) -> None:
    heard(shop)
    with shop.store() as store, store.transaction() as tx:
        tx.record_dead_letter(7, "no JSON", True, b"{", 1)
        tx.record_receipt(receipt(1, flag=Flag.LATE), 1, b"{}", 1)
    done = shop.run("status", "--json")
    assert done.code == 6
    assert done.json["listening"] is True
    assert done.json["pid"] == 4711
    assert done.json["gap_seconds"] == 0
    assert done.json["counts"]["receipts_flagged"] == 1
    (alarm,) = done.json["alarms"]
    assert alarm["name"] == "dead_letters"


def test_a_gap_rings_until_it_is_acknowledged(shop: Shop) -> None:
    heard(shop)
    now = shop.clock.now()
    with shop.store() as store, store.transaction() as tx:
        tx.record_gap(Gap(now - 30 * HOUR, now - HOUR))
    rung = shop.run("status")
    assert rung.code == 6
    assert "may be gone at Telegram; compare with the A-Pay dashboard" in rung.out
    assert shop.run("status", "--acknowledge").code == 0
    assert shop.run("status").code == 0


def test_a_contradicting_query_rings_until_it_is_acknowledged(shop: Shop) -> None:
    heard(shop)
    query = PreCheckoutQuery(1, "q1", User(5), "INR", 1, "p")
    decision = Decision("q1", ok=False, reason=DeclineReason.UNKNOWN_INVOICE, error_message="no")
    with shop.store() as store, store.transaction() as tx:
        tx.record_decision(query, decision, shop.clock.now())
        tx.record_query_conflict(query, ["total_amount"], b"raw", shop.clock.now())
    rung = shop.run("status")
    assert rung.code == 6
    assert "1 decided query came again with other content" in rung.out
    assert shop.run("status", "--acknowledge").code == 0


def test_updates_that_were_kept_beside_a_locked_ledger_ring_when_nobody_listens(shop: Shop) -> None:
    heard(shop, stopped=True)
    path = inbox_of(shop.ledger)
    Inbox(path).keep([b"{}", b"{ }"])
    rung = shop.run("status")
    assert rung.code == 6
    assert "2 updates, kept beside the ledger while it was locked" in rung.out
    path.unlink()
    assert shop.run("status").code == 0


def test_a_broken_stock_file_rings_and_is_shown_harmless(shop: Shop) -> None:
    heard(shop)
    shop.stock_file.write_text('currency = "INR"\n[products.duck]\ntitle = "\\u001b[2J"\n')
    done = shop.run("status")
    assert done.code == 6
    assert "ALARM\tstock\t" in done.out
    assert "\x1b" not in done.out


def test_without_a_ledger_there_is_no_status(shop: Shop) -> None:
    assert shop.run("status").code == 9


def test_on_a_terminal_an_alarm_stands_out(shop: Shop) -> None:
    heard(shop, 9 * HOUR)
    done = shop.run("status", terminal=True)
    assert "\x1b[31mALARM listener\x1b[0m\n        nobody has heard Telegram since" in done.out
    assert "        next: start apay listen\n" in done.out
    assert "receipts          0\n" in done.out


@pytest.mark.parametrize("words", ["6", "six", "-1h", ""])
def test_an_odd_gap_is_refused_with_an_example(shop: Shop, words: str) -> None:
    done = shop.run("status", "--max-gap", words)
    assert done.code == 2
    assert "30m" in done.err
