"""A dead letter given to the program again: money is recorded once, whoever asked something has gone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apaycli.checks.verify import verify
from apaycli.clock import ManualClock
from apaycli.core.invoice import Ids
from apaycli.core.model import ReceiptFilter
from apaycli.errors import LedgerError
from apaycli.listen.replay import Replayed, Replayer
from apaycli.store.sqlite import SqliteStore, open_in_memory, open_sqlite
from sold_ledger import BROKEN, REFUNDED, SHOP, Day, invoice, payment, query

COMMAND = b'{"update_id":9,"message":{"message_id":1,"chat":{"id":5},"text":"/terms","entities":[{"type":"bot_command",\
"offset":0,"length":6}]}}'
MOVED = b'{"update_id":9,"message":{"message_id":1,"chat":{"id":-5},"migrate_to_chat_id":-1005}}'
INLINE = b'{"update_id":9,"inline_query":{"id":"1","from":{"id":5},"query":"","offset":""}}'
SHIPPING = b'{"update_id":9,"shipping_query":{"id":"1","from":{"id":5},"invoice_payload":"x"}}'


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    with closing(open_in_memory()) as store:
        Day(store).record(invoice(1, chat_id="-5"))
        yield store
        assert verify(store).problems == []


def keep(store: SqliteStore, raw: bytes, number: int = 1) -> int:
    with store.transaction() as tx:
        assert tx.record_dead_letter(number, "an older apay could not", b"successful_payment" in raw, raw, number)
    return store.open_dead_letters()[-1]


def replayer(store: SqliteStore) -> Replayer:
    return Replayer(store, SHOP, ManualClock(), lambda: Ids("inv_new", "payload-new"))


def replay(store: SqliteStore, raw: bytes) -> Replayed:
    return replayer(store).replay(keep(store, raw))


def state_of(store: SqliteStore, number: int = 1) -> str:
    found = store.dead_letter(number)
    assert found is not None
    return found[0].state


def test_a_payment_becomes_a_receipt_with_its_hooks_and_evidence(store: SqliteStore) -> None:
    day = Day(store)
    day.take(query(2, "payload-1", 1))
    replayed = replay(store, payment(3, "payload-1", 1))
    assert (replayed.outcome, replayed.what, replayed.stays_open) == ("recorded", "receipt 1 recorded", False)
    (receipt,) = store.receipts(ReceiptFilter())
    assert (receipt.receipt_id, replayed.receipt_id, receipt.flag) == (1, 1, None)
    assert receipt.telegram_payment_charge_id == "tg-charge-3"
    assert [row.state for row in store.hooks()] == ["pending", "pending"]
    assert store.stock_counts("test") == {"duck": (1, 0)}
    assert state_of(store) == "replayed"


def test_money_without_a_place_is_recorded_and_flagged(store: SqliteStore) -> None:
    assert replay(store, payment(3, "nobody's", 1)).what == "receipt 1 recorded, flagged unmatched"
    assert [row.state for row in store.hooks()] == ["waiting", "waiting"]


def test_a_known_charge_is_not_recorded_again(store: SqliteStore) -> None:
    Day(store).take(payment(3, "payload-1", 1))
    replayed = replay(store, payment(3, "payload-1", 1) + b" ")
    assert (replayed.outcome, replayed.what) == ("known", "tg-charge-3 has its receipt already")
    assert len(list(store.receipts(ReceiptFilter()))) == 1
    assert store.counts("test").conflicts == 0
    assert state_of(store) == "replayed"


def test_a_known_charge_with_other_content_is_a_conflict(store: SqliteStore) -> None:
    Day(store).take(payment(3, "payload-1", 1))
    assert replay(store, payment(3, "payload-1", 1, total_amount=5)).outcome == "conflict"
    assert store.counts("test").conflicts == 1
    assert next(store.receipts(ReceiptFilter())).total_amount == 49900


@pytest.mark.parametrize(
    ("raw", "outcome", "said"),
    [
        (BROKEN, "unreadable", "still cannot be read: no JSON that can be used: JSONDecodeError"),
        (query(2, "payload-1", 1), "too_old", "discard it"),
    ],
)
def test_what_cannot_be_done_stays_open(store: SqliteStore, raw: bytes, outcome: str, said: str) -> None:
    replayed = replay(store, raw)
    assert (replayed.outcome, replayed.stays_open) == (outcome, True)
    assert said in replayed.what
    assert state_of(store) == "open"
    assert store.stock_counts("test") == {}
    assert store.db.execute("SELECT count(*) FROM decisions").fetchone() == (0,)


def test_what_the_ledger_will_not_take_stays_open_and_leaves_nothing(store: SqliteStore) -> None:
    store.db.execute("CREATE TRIGGER poison BEFORE INSERT ON evidence BEGIN SELECT raise(ABORT, 'no room'); END")
    replayed = replay(store, payment(3, "payload-1", 1))
    store.db.execute("DROP TRIGGER poison")
    assert (replayed.outcome, replayed.what) == ("unrecordable", "still cannot be recorded: no room")
    assert list(store.receipts(ReceiptFilter())) == []
    assert store.stock_counts("test") == {}
    assert state_of(store) == "open"


def test_money_whose_invoice_is_damaged_is_recorded_without_it(store: SqliteStore) -> None:
    store.db.execute("UPDATE invoices SET prices = 'x'")
    assert replay(store, payment(3, "payload-1", 1)).what == "receipt 1 recorded, flagged unmatched"
    store.db.execute("""UPDATE invoices SET prices = '[["Duck", 49900]]'""")
    assert state_of(store) == "replayed"


@pytest.mark.parametrize("raw", [COMMAND, INLINE, SHIPPING, b'{"update_id":9,"poll":{}}', b'{"update_id":9}'])
def test_who_asked_something_has_gone(store: SqliteStore, raw: bytes) -> None:
    replayed = replay(store, raw)
    assert (replayed.outcome, replayed.stays_open) == ("nothing_to_do", False)
    assert state_of(store) == "replayed"
    assert store.db.execute("SELECT count(*) FROM invoices").fetchone() == (1,)


def test_a_moved_group_takes_its_invoices_along(store: SqliteStore) -> None:
    assert replay(store, MOVED).outcome == "recorded"
    assert store.db.execute("SELECT chat_id FROM invoices").fetchall() == [("-1005",)]


def test_a_refund_of_stars_is_kept(store: SqliteStore) -> None:
    assert replay(store, REFUNDED).outcome == "recorded"
    assert store.db.execute("SELECT kind FROM evidence").fetchall() == [("refund",)]


def test_a_letter_that_has_ended_is_left_alone(store: SqliteStore) -> None:
    number = keep(store, payment(3, "payload-1", 1))
    with store.transaction() as tx:
        tx.end_dead_letter(number, "discarded", 5)
    assert replayer(store).replay(number).outcome == "ended"
    assert replayer(store).replay(99).outcome == "ended"
    assert list(store.receipts(ReceiptFilter())) == []
    assert state_of(store) == "discarded"


def test_receipt_and_end_of_the_letter_are_one_step(store: SqliteStore) -> None:
    """A crash between them would leave a letter that says it was done, or a receipt and an open letter."""
    number = keep(store, payment(3, "payload-1", 1))
    store.db.execute("CREATE TRIGGER crash BEFORE UPDATE ON dead_letters BEGIN SELECT raise(ABORT, 'crash'); END")
    with pytest.raises(LedgerError, match="crash"):
        replayer(store).replay(number)
    store.db.execute("DROP TRIGGER crash")
    assert list(store.receipts(ReceiptFilter())) == []
    assert state_of(store) == "open"
    assert replayer(store).replay(number).outcome == "recorded"


def test_beside_a_listener_money_is_recorded_once(tmp_path: Path) -> None:
    """Telegram repeats the update while the merchant replays it: two connections, one receipt, whoever is first."""
    path = tmp_path / "apay.db"
    raw = payment(3, "payload-1", 1)
    for listener_first in (True, False):
        path.unlink(missing_ok=True)
        with closing(open_sqlite(path)) as listening, closing(open_sqlite(path)) as merchant:
            day = Day(listening)
            day.record(invoice(1))
            number = keep(merchant, raw)
            if listener_first:
                day.take(raw)
            outcome = replayer(merchant).replay(number).outcome
            day.take(raw)
            assert outcome == ("known" if listener_first else "recorded")
            assert len(list(merchant.receipts(ReceiptFilter()))) == 1
            assert listening.counts("test").dead_letters == 0
            assert verify(merchant).good
