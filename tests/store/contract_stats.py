"""The contract about counting: sales by buckets of time, declined queries, answer times."""

from typing import Any

import pytest
from contract_ledger import LedgerContract, answered, record, reserve
from ledger_samples import ASHA, NOW, RAHIM, accept, invoice, query, receipt, refusal

from apaycli.core.model import DeclineReason, Flag
from apaycli.core.stats import Declined, Sales
from apaycli.store.protocol import Store
from apaycli.store.values import AnswerResult

HOUR = 3_600_000
EVER = 2**52


def paid(store: Store, *receipts: dict[str, Any]) -> None:
    with store.transaction() as tx:
        for number, changes in enumerate(receipts, 1):
            tx.record_receipt(receipt(number, **changes), number, b"raw %d" % number, NOW)


def declined(store: Store, *queries: tuple[Any, DeclineReason, int]) -> None:
    with store.transaction() as tx:
        for asked, reason, at in queries:
            tx.record_decision(asked, refusal(asked, reason), at)


class StatsContract(LedgerContract):
    def test_an_empty_ledger_has_nothing_to_count(self, store: Store) -> None:
        assert store.sales("test", (0, NOW, EVER)) == []
        assert store.sales("test", (0,)) == []
        assert store.sales("test", ()) == []
        assert list(store.declined("test", 0, EVER)) == []
        assert store.answer_histogram("test", 0, EVER) == ({}, 0, 0)
        assert store.first_activity("test") is None

    def test_what_agrees_is_added_up(self, store: Store) -> None:
        paid(
            store,
            {"total_amount": 55000, "tip_amount": 5000, "quantity": 2},
            {"total_amount": 55900, "shipping_amount": 6000},
        )
        assert store.sales("test", (NOW, NOW + 1)) == [Sales(0, "INR", "duck", None, None, 2, 3, 110900, 5000, 6000)]

    @pytest.mark.parametrize(
        "change",
        [
            {"currency": "BDT"},
            {"sku": "bear"},
            {"sku": None},
            {"flag": Flag.LATE},
            {"flag": Flag.OVERSOLD},
            {"currency": None, "total_amount": None},
        ],
    )
    def test_what_differs_is_counted_apart(self, store: Store, change: dict[str, Any]) -> None:
        paid(store, {}, change, change)
        rows = store.sales("test", (NOW, NOW + 1))
        assert sorted(row.receipts for row in rows) == [1, 2]

    def test_an_amount_that_could_not_be_read_has_no_currency_and_no_money(self, store: Store) -> None:
        paid(store, {"total_amount": None, "flag": Flag.UNMATCHED})
        (row,) = store.sales("test", (NOW, NOW + 1))
        assert (row.currency, row.total_amount, row.receipts) == (None, 0, 1)

    def test_a_bucket_holds_its_first_millisecond_and_not_its_end(self, store: Store) -> None:
        paid(store, *({"paid_at": at} for at in (NOW - 1, NOW, NOW + HOUR - 1, NOW + HOUR, NOW + 3 * HOUR)))
        rows = store.sales("test", (NOW, NOW + HOUR, NOW + 3 * HOUR))
        assert [(row.bucket, row.receipts) for row in rows] == [(0, 2), (1, 1)]

    def test_modes_are_counted_apart(self, store: Store) -> None:
        paid(store, {}, {"mode": "live", "total_amount": 7})
        (live,) = store.sales("live", (NOW, NOW + 1))
        (test,) = store.sales("test", (NOW, NOW + 1))
        assert (live.total_amount, test.total_amount) == (7, 49900)

    def test_a_declined_query_comes_with_what_was_asked_for(self, store: Store) -> None:
        record(store, invoice(1, quantity=3))
        declined(store, (query(1, buyer=RAHIM), DeclineReason.SOLD_OUT, NOW))
        assert list(store.declined("test", NOW, NOW + 1)) == [
            Declined(NOW, "sold_out", "inv-1", RAHIM.user_id, "duck", 3, "INR", 49900, False)
        ]

    def test_declined_queries_are_those_of_the_time_and_mode(self, store: Store) -> None:
        record(store, invoice(1), invoice(2, mode="live"))
        for number, at in enumerate((NOW - 1, NOW, NOW + 9, NOW + 10), 1):
            declined(store, (query(number), DeclineReason.SOLD_OUT, at))
        declined(store, (query(9, invoice_payload="payload-2"), DeclineReason.EXPIRED, NOW))
        assert [each.decided_at for each in store.declined("test", NOW, NOW + 10)] == [NOW, NOW + 9]
        assert [each.reason for each in store.declined("live", NOW, NOW + 10)] == ["expired"]

    def test_a_query_without_an_invoice_is_of_both_modes(self, store: Store) -> None:
        declined(store, (query(1, invoice_payload="nobody's"), DeclineReason.UNKNOWN_INVOICE, NOW))
        for mode in ("test", "live"):
            (each,) = store.declined(mode, NOW, NOW + 1)
            assert (each.invoice_id, each.sku, each.quantity) == (None, None, None)

    def test_accepted_queries_are_no_refusals(self, store: Store) -> None:
        record(store, invoice(1))
        with store.transaction() as tx:
            reserve(tx, invoice(1))
        assert list(store.declined("test", 0, EVER)) == []

    @pytest.mark.parametrize(
        ("bought", "later"),
        [
            ({"paid_at": NOW}, True),  # Telegram tells seconds, we know milliseconds
            ({"paid_at": NOW + 60_000}, True),
            ({"paid_at": NOW + 60_000, "invoice_id": "inv-2", "invoice_payload": "payload-2"}, True),
            ({"paid_at": NOW - 1000}, False),
            ({"paid_at": NOW + 60_000, "buyer": RAHIM}, False),
            ({"paid_at": NOW + 60_000, "sku": "bear"}, False),
            ({"paid_at": NOW + 60_000, "sku": None}, False),
            ({"paid_at": NOW + 60_000, "mode": "live"}, False),
        ],
    )
    def test_who_paid_for_the_same_product_afterwards_is_known(
        self, store: Store, bought: dict[str, Any], later: bool
    ) -> None:
        record(store, invoice(1), invoice(2))
        declined(store, (query(1, buyer=ASHA), DeclineReason.BEING_PAID, NOW + 500))
        paid(store, bought)
        (each,) = store.declined("test", 0, EVER)
        assert each.paid_later is later

    def test_without_a_product_only_the_same_invoice_counts(self, store: Store) -> None:
        record(store, invoice(1, sku=None), invoice(2, sku=None))
        declined(store, (query(1), DeclineReason.BEING_PAID, NOW))
        paid(store, {"sku": None, "invoice_id": "inv-2", "invoice_payload": "payload-2"})
        assert [each.paid_later for each in store.declined("test", 0, EVER)] == [False]
        with store.transaction() as tx:
            tx.record_receipt(receipt(2, sku=None, invoice_id="inv-1"), 2, b"raw 2", NOW)
        assert [each.paid_later for each in store.declined("test", 0, EVER)] == [True]

    def test_answers_are_counted_by_their_milliseconds(self, store: Store) -> None:
        record(store, invoice(1), invoice(2, mode="live"))
        with store.transaction() as tx:
            for number in range(1, 7):
                asked = query(number, invoice_payload="payload-2" if number == 6 else "payload-1")
                its = invoice(2, mode="live") if number == 6 else invoice(1)
                tx.record_decision(asked, accept(asked, its) if number in {1, 6} else refusal(asked), NOW)
            tx.record_answers(
                [
                    AnswerResult("query-1", "sent", NOW, 5),
                    AnswerResult("query-2", "sent", NOW, 5),
                    AnswerResult("query-3", "sent", NOW, 7),
                    answered(4, "too_old"),
                    answered(5, "unconfirmed"),
                    AnswerResult("query-6", "sent", NOW, 900),
                ]
            )
        assert store.answer_histogram("test", NOW, NOW + 1) == ({5: 2, 7: 1}, 1, 1)
        assert store.answer_histogram("live", NOW, NOW + 1) == ({900: 1}, 0, 0)
        assert store.answer_histogram("test", NOW + 1, EVER) == ({}, 0, 0)

    def test_activity_begins_with_the_first_receipt_or_query(self, store: Store) -> None:
        paid(store, {"paid_at": NOW + 50}, {"paid_at": NOW + 20}, {"paid_at": NOW, "mode": "live"})
        assert store.first_activity("test") == NOW + 20
        assert store.first_activity("live") == NOW
        declined(store, (query(1, invoice_payload="nobody's"), DeclineReason.UNKNOWN_INVOICE, NOW - 5))
        assert store.first_activity("test") == NOW - 5
