"""The contract about everything else: reading the books, sending, runs, statements, and what one step is."""

from typing import Any

import pytest
from contract_ledger import LedgerContract, answered, post, record, reserve, standing
from ledger_samples import ASHA, HOSTILE, NOW, RAHIM, accept, full_invoice, invoice, payment, query, receipt, refusal

from apaycli.core.model import Booking, Flag, ReceiptFilter
from apaycli.errors import ConfigError
from apaycli.store.protocol import Store, Unrecordable
from apaycli.store.values import Gap, LedgerCounts, ListenerRun


class Stop(Exception):
    """Something else than the storage went wrong."""


BOOKS: tuple[dict[str, Any], ...] = (
    {"paid_at": NOW + 20},
    {"paid_at": NOW, "sku": "bear", "flag": Flag.LATE},
    {"paid_at": NOW + 10, "currency": "BDT", "flag": Flag.OVERSOLD},
    {"paid_at": NOW, "mode": "live"},
    {"paid_at": NOW + 10, "sku": None, "currency": None, "total_amount": None, "flag": Flag.UNMATCHED},
)


class BooksContract(LedgerContract):
    @pytest.mark.parametrize(
        ("which", "numbers"),
        [
            ({}, [2, 4, 3, 5, 1]),  # by payment, then as they were recorded
            ({"mode": "test"}, [2, 3, 5, 1]),
            ({"mode": "live"}, [4]),
            ({"paid_from": NOW + 10}, [3, 5, 1]),
            ({"paid_before": NOW + 10}, [2, 4]),
            ({"paid_from": NOW + 10, "paid_before": NOW + 20}, [3, 5]),
            ({"sku": "bear"}, [2]),
            ({"sku": "'; --"}, []),
            ({"currency": "BDT"}, [3]),
            ({"flag": "late"}, [2]),
            ({"flag": "none"}, [4, 1]),
            ({"mode": "test", "sku": "duck", "currency": "INR", "flag": "none"}, [1]),
        ],
    )
    def test_receipts_come_oldest_first_and_filtered(
        self, store: Store, which: dict[str, Any], numbers: list[int]
    ) -> None:
        with store.transaction() as tx:
            for number, changes in enumerate(BOOKS, 1):
                tx.record_receipt(receipt(number, **changes), number, b"%d" % number, NOW)
        found = [row.telegram_payment_charge_id for row in store.receipts(ReceiptFilter(**which))]
        assert found == [f"charge-{number}" for number in numbers]

    def test_receipts_come_one_at_a_time(self, store: Store) -> None:
        with store.transaction() as tx:
            for number in range(1, 4):
                tx.record_receipt(receipt(number), number, b"%d" % number, NOW)
        rows = store.receipts(ReceiptFilter())
        assert next(rows).telegram_payment_charge_id == "charge-1"
        assert not isinstance(rows, list)
        assert [row.telegram_payment_charge_id for row in rows] == ["charge-2", "charge-3"]

    def test_how_things_stand_is_sums_by_currency_since_an_instant_and_units_held(self, store: Store) -> None:
        record(store, invoice(quantity=3), full_invoice(2))
        with store.transaction() as tx:
            for number, changes in enumerate(BOOKS, 1):
                tx.record_receipt(receipt(number, **changes), number, b"%d" % number, NOW)
            tx.record_receipt(receipt(9, currency="USD", total_amount=500), 9, b"9", NOW)
            tx.record_receipt(receipt(8, flag=Flag.DUPLICATE), 8, b"8", NOW)  # goes back, as what was oversold does
            reserve(tx, invoice(quantity=3))
        assert store.standing("test", NOW) == ({"INR": 99800, "USD": 500}, 3)
        assert store.standing("test", NOW + 20) == ({"INR": 49900}, 3)
        assert store.standing("live", NOW) == ({"INR": 49900}, 0)
        assert store.standing("live", NOW + 1) == ({}, 0)

    def test_sums_beyond_a_single_amount_are_exact(self, store: Store) -> None:
        with store.transaction() as tx:
            for number in range(1, 21):
                tx.record_receipt(receipt(number, total_amount=999_999_999_999), number, b"%d" % number, NOW)
        assert store.standing("test", 0)[0] == {"INR": 19_999_999_999_980}

    def test_counts_say_what_lies_in_the_ledger(self, store: Store) -> None:
        assert store.counts("test") == LedgerCounts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None)
        record(store, invoice(1, quantity=3), invoice(2), invoice(3, mode="live"))
        with store.transaction() as tx:
            reserve(tx, invoice(1, quantity=3), number=1)
            post(tx, invoice(2), reserve(tx, invoice(2), number=2), number=9)
            for number in (3, 4):
                reserve(tx, invoice(3, mode="live"), (ASHA, RAHIM)[number - 3], number=number)
            tx.record_receipt(receipt(1), 1, b"1", NOW)
            tx.record_receipt(receipt(2, flag=Flag.LATE), 2, b"2", NOW)
            for number in (3, 4):
                tx.record_receipt(receipt(number, mode="live", flag=Flag.LATE), 3, b"%d" % number, NOW)
            oversold = tx.record_receipt(receipt(5, flag=Flag.OVERSOLD, booking=Booking.NONE), 5, b"5", NOW)
            tx.queue_hooks(oversold, {"program": "waiting", "url": "failed"}, NOW)
            tx.queue_notice("77", "merchant", "Paid", NOW)
            tx.queue_notice("1001", "buyer", "Thanks", NOW)
            tx.record_dead_letter(None, "x", True, b"x", NOW)
            tx.record_answers([answered(1, "sent")])
            assert tx.stock_counts("test") == store.stock_counts("test") == {"duck": (1, 3)}
            assert tx.stock_counts("live") == {"duck": (0, 2)}
        assert store.counts("test") == LedgerCounts(4, 2, 1, 3, 1, 1, 0, 1, 1, 1, 1, 12)
        assert store.counts("live") == LedgerCounts(2, 2, 2, 2, 1, 1, 0, 1, 1, 0, 1, None)

    def test_an_answer_that_was_not_sent_has_no_speed(self, store: Store) -> None:
        with store.transaction() as tx:
            tx.record_decision(query(), refusal(query()), NOW)
            tx.record_answers([answered(1, "failed")])
        assert store.counts("test").answers_slowest_milliseconds is None

    def test_a_standing_invoice_says_the_same_to_the_same_chat(self, store: Store) -> None:
        record(store, invoice(1))
        with store.transaction() as tx:
            assert tx.standing_invoice(invoice(2, created_at=NOW + 9)) == invoice(1)
            for other in (
                {"chat_id": "@others"},
                {"mode": "live"},
                {"sku": "bear"},
                {"title": "Blue duck"},
                {"uses_max": 1},
                {"quantity": 2},
                {"photo_url": "https://a.example/x.jpg"},
            ):
                assert tx.standing_invoice(invoice(2, **other)) is None

    def test_invoices_of_other_chats_modes_and_products_do_not_hide_it(self, store: Store) -> None:
        others: tuple[dict[str, Any], ...] = ({"chat_id": "@others"}, {"mode": "live"}, {"sku": "bear"}, {"sku": None})
        later = [invoice(number, created_at=NOW + number, **other) for number, other in enumerate(others, 2)]
        record(store, invoice(1), *later)
        with store.transaction() as tx:
            assert tx.standing_invoice(invoice(9)) == invoice(1)

    def test_only_the_latest_invoice_of_a_chat_stands(self, store: Store) -> None:
        record(store, invoice(1), invoice(2, title="Blue duck", created_at=NOW + 1))
        with store.transaction() as tx:
            assert tx.standing_invoice(invoice(3)) is None

    def test_an_invoice_without_a_product_can_stand_too(self, store: Store) -> None:
        record(store, invoice(1, sku=None))
        with store.transaction() as tx:
            assert tx.standing_invoice(invoice(2, sku=None)) == invoice(1, sku=None)

    @pytest.mark.parametrize(
        ("state", "details", "row"),
        [
            ("sent", {"message_id": 42}, ("sent", NOW, 42, "@ducks", None)),
            ("sent", {"chat_id": "-1005"}, ("sent", NOW, None, "-1005", None)),
            ("refused", {"error": "no"}, ("refused", None, None, "@ducks", "no")),
            ("unknown", {"error": HOSTILE}, ("unknown", None, None, "@ducks", HOSTILE)),
        ],
    )
    def test_what_came_of_sending_is_kept(
        self, store: Store, state: Any, details: dict[str, Any], row: tuple[object, ...]
    ) -> None:
        columns = "SELECT send_state, sent_at, message_id, chat_id, send_error FROM invoices"
        with store.transaction() as tx:
            tx.record_invoice(invoice())
        assert self.rows(store, columns) == [("sending", None, None, "@ducks", None)]
        with store.transaction() as tx:
            tx.record_send_outcome("inv-1", state, NOW, **details)
        assert self.rows(store, columns) == [row]

    def test_a_group_that_moved_takes_its_invoices_along(self, store: Store) -> None:
        record(store, invoice(1, chat_id="-5"), invoice(2, chat_id="-5"), invoice(3, chat_id="-55"))
        with store.transaction() as tx:
            assert tx.migrate_chat(-5, -1005) == 2
            assert tx.migrate_chat(-5, -1005) == 0
        assert self.rows(store, "SELECT chat_id FROM invoices ORDER BY invoice_id") == [
            ("-1005",), ("-1005",), ("-55",),
        ]  # fmt: skip

    def test_the_last_run_shows_its_signs_of_life(self, store: Store) -> None:
        assert store.last_run() is None
        with store.transaction() as tx:
            first = tx.start_run(11, "test", NOW)
            tx.record_life(first, NOW + 1, NOW)
            tx.record_life(first, NOW + 2, None)
            tx.stop_run(first, NOW + 2)
        assert store.last_run() == ListenerRun(11, "test", NOW, NOW + 2, NOW, NOW + 2)
        with store.transaction() as tx:
            second = tx.start_run(12, "live", NOW + 3)
        assert second != first
        assert store.last_run() == ListenerRun(12, "live", NOW + 3, NOW + 3, None, None)
        ended, now = ListenerRun(11, "test", NOW, NOW + 2, NOW, NOW + 2), store.last_run()
        assert store.runs_since(NOW + 2) == [ended, now]
        assert store.runs_since(NOW + 3) == [now]
        assert store.runs_since(NOW + 4) == []

    def test_gaps_and_conflicts_stay_until_they_are_acknowledged(self, store: Store) -> None:
        first, second = Gap(NOW - 9, NOW), Gap(NOW + 1, NOW + 5)
        with store.transaction() as tx:
            tx.record_gap(second)
            tx.record_gap(first)
            tx.record_conflict(payment(1), b"other", NOW)
        assert store.gaps() == [first, second]
        assert store.counts("test").conflicts == 1
        with store.transaction() as tx:
            tx.acknowledge(NOW)
        assert store.gaps() == [second]
        assert store.counts("test").conflicts == 0

    def test_notices_wait_in_order_until_they_are_removed(self, store: Store) -> None:
        with store.transaction() as tx:
            for number in range(3):
                tx.queue_notice(str(number), "buyer", f"notice {number}", NOW + number)
        one, two, three = store.notices(9)
        assert [one.text, two.text, three.created_at] == ["notice 0", "notice 1", NOW + 2]
        with store.transaction() as tx:
            tx.remove_notices([one.notice_id, three.notice_id])
        assert store.notices(9) == [two]
        assert store.notices(0) == []
        assert store.notices(9, ["1"]) == []
        assert store.notices(9, ["0", "2"]) == [two]

    def test_statements_are_dated_and_renewed(self, store: Store) -> None:
        assert store.attestations() == {}
        with store.transaction() as tx:
            tx.attest("two-step", NOW)
            tx.attest("disputes", NOW)
            tx.attest("two-step", NOW + 1)
        assert store.attestations() == {"two-step": NOW + 1, "disputes": NOW}

    def test_one_ledger_is_one_bots(self, store: Store) -> None:
        assert store.bot_id() is None
        store.bind_bot(123)
        store.bind_bot(123)
        with pytest.raises(ConfigError, match="is the ledger of bot 123, and the bot token belongs to bot 456") as said:
            store.bind_bot(456)
        assert said.value.hint
        assert store.bot_id() == 123

    @pytest.mark.parametrize("failure", [Stop, KeyboardInterrupt])
    def test_a_step_that_fails_leaves_nothing(self, store: Store, failure: type[BaseException]) -> None:
        record(store, invoice())
        with pytest.raises(failure), store.transaction() as tx:
            post(tx, invoice(), reserve(tx, invoice()))
            tx.record_dead_letter(1, "x", False, b"x", NOW)
            raise failure
        assert standing(store, invoice()) == (0, 0, 0, 0)
        assert list(store.receipts(ReceiptFilter())) == []
        with store.transaction() as tx:
            assert tx.recorded_decision("query-1") is None

    def test_what_fails_inside_a_savepoint_is_undone_alone(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            first = reserve(tx, invoice(), ASHA, number=1)
            with pytest.raises(Stop), tx.savepoint():
                reserve(tx, invoice(), RAHIM, number=2)
                post(tx, invoice(), first)
                raise Stop
            with pytest.raises(Unrecordable) as refused, tx.savepoint():
                post(tx, invoice(), first)
                tx.record_invoice(invoice())
            assert str(refused.value)
            with tx.savepoint():
                reserve(tx, invoice(), RAHIM, number=3)
        assert standing(store, invoice()) == (2, 0, 2, 0)
        assert list(store.receipts(ReceiptFilter())) == []

    def test_a_refused_reservation_inside_a_savepoint_keeps_the_savepoint(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx, tx.savepoint():
            reserve(tx, invoice(), ASHA, number=1)
            asked = query(2, buyer=RAHIM)
            assert not tx.record_decision(asked, accept(asked, invoice(), capacity=1), NOW)
        assert standing(store, invoice()) == (1, 0, 1, 0)
