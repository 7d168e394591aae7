"""The contract about looking receipts up, money that goes back, and disputes."""

from typing import Any

import pytest
from contract_ledger import LedgerContract, answered, post, record, reserve
from ledger_samples import ASHA, HOSTILE, NOW, RAHIM, invoice, payment, query, receipt, refusal

from apaycli.core.incoming import Command
from apaycli.core.model import Flag, OrderInfo, ReceiptFilter, User
from apaycli.core.search import parse_word, words_of
from apaycli.store.protocol import Store
from apaycli.store.values_cases import Acceptance, Outcome

FORM = OrderInfo("Abdur Rahim", "8801712345678", "abdur@example.com", '{"city": "ঢাকা"}')
PEOPLE: tuple[dict[str, Any], ...] = (
    {"buyer": User(1001, "Asha", "Rao"), "total_amount": 49900, "currency": "INR", "paid_at": NOW},
    {"buyer": User(1002, "রহিম", "উদ্দিন", "rahim_demo"), "order_info": FORM, "paid_at": NOW + 86_400_000},
    {"buyer": User(1003, "Жасур", "", "100%_sure"), "total_amount": 499, "currency": "JPY"},
    {"buyer": None, "total_amount": None, "currency": None, "flag": Flag.UNMATCHED},
    {"buyer": User(49900, "@rahim", "x\n@rahim", "asha"), "total_amount": 150_000_00, "mode": "live"},
)


def days(day: str) -> tuple[int, int]:
    """A day in these tests: 2026-01-01 begins at NOW."""
    start = NOW + (int(day[-2:]) - 1) * 86_400_000
    return start, start + 86_400_000


def sell(store: Store, *receipts: dict[str, Any]) -> None:
    with store.transaction() as tx:
        for number, changes in enumerate(receipts, 1):
            made = receipt(number, provider_payment_charge_id=f"{number:04x}beef{number:04}", **changes)
            tx.record_receipt(made, number, b"raw %d" % number, NOW)


def found(store: Store, text: str, mode: Any = None, limit: int = 9) -> list[int]:
    words = [parse_word(word, days) for word in words_of(text)]
    return [row.receipt_id for row in store.find_receipts(words, mode, limit)]


class BookkeepingContract(LedgerContract):
    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("asha", [5, 1]),  # a name; a username
            ("ASHA rao", [1]),
            ("rao asha", [1]),
            ("asha rahim", [5]),
            ("@asha", [5]),
            ("@ash", [5]),
            ("@sha", []),  # a username is known from its beginning
            ("@rahim", [2]),  # a name that looks like one is none
            ("রহিম", [2]),
            ("жасур", [3]),
            ("ЖАСУР", [3]),
            ("abdur", [2]),  # on the form
            ("abdur@example.com", [2]),
            ("01712345678", [2]),
            ("+8801712-345678", [2]),
            ("+880 1712", [2]),
            ("+880 1712 345 678", [2]),
            ("(01712) 345678", [2]),
            ("(01712) 345678 rahim", [2]),
            ("1234", [2]),
            ("123", []),  # three digits somewhere mean nothing
            ("100%", [3]),
            ("0%_s", [3]),
            ("1_0", []),  # no wildcard
            ("499", [3, 2, 1]),
            ("499.00", [2, 1]),
            ("₹499", [3, 2, 1]),
            ("1,50,000", [5]),
            ("49900", [5]),  # a buyer's id; no amount here
            ("499 inr", [2, 1]),
            ("4990", []),
            ("1001", [1]),
            ("#1", [1]),
            ("1", [1]),
            ("2026-01-02", [2]),
            ("2026-01-01 rao", [1]),
            ("2026-01-03", []),
            ("beef0004", [4]),
            ("eef0004", [4]),
            ("beef", []),  # not the end
            ("charge-3", [3]),
            ("harge-3", [3]),
            ("0004beef0004", [4]),
            ("e-5", []),  # too short for an end
            ("nobody", []),
            ("asha nobody", []),
            ("'; DROP TABLE receipts; --", []),
            ("\\", []),
            ("@", [5, 2]),  # in a name, in an e-mail's address
        ],
    )
    def test_a_receipt_is_found_by_what_people_know(self, store: Store, text: str, numbers: list[int]) -> None:
        sell(store, *PEOPLE)
        assert found(store, text) == numbers

    def test_what_is_found_is_of_the_mode_the_newest_first_and_no_more_than_asked_for(self, store: Store) -> None:
        sell(store, *PEOPLE)
        assert found(store, "asha", "test") == [1]
        assert found(store, "asha", "live") == [5]
        assert found(store, "asha", limit=1) == [5]
        assert found(store, "") == [5, 4, 3, 2, 1]

    def test_digits_and_dashes_may_be_a_phone_number_or_the_end_of_a_charge_id(self, store: Store) -> None:
        sell(store, {"telegram_payment_charge_id": "tg-2000-0777"}, {"buyer": None})
        assert found(store, "00-0777") == [1]

    def test_a_phone_number_is_found_however_it_was_written_down(self, store: Store) -> None:
        sell(store, {"order_info": OrderInfo(None, "+880 (1712) 345-678", None, None)})
        for text in ("01712345678", "+880 1712", "1712345", "8801712345678"):
            assert found(store, text) == [1], text

    def test_names_that_break_lines_hide_nothing(self, store: Store) -> None:
        hostile = User(7, "first\nsecond", "last\n@rahim", None)
        sell(store, {"buyer": hostile, "order_info": OrderInfo("on\nthe form", "\n@88017", "a\nb", None)})
        for text in ("second", "last", "form", "charge-1", "0001beef0001"):
            assert found(store, text) == [1], text
        assert found(store, "@rahim") == found(store, "@88017") == []

    def test_what_was_purged_is_found_no_more_by_name(self, store: Store) -> None:
        sell(store, *PEOPLE)
        with store.transaction() as tx:
            tx.purge(NOW + 3 * 86_400_000)
        for text in ("asha", "abdur", "rahim", "01712345678", "রহিম"):
            assert found(store, text) == [], text
        assert found(store, "harge-2") == [2]
        assert found(store, "1001") == [1]

    def test_the_newest_receipts_come_first(self, store: Store) -> None:
        sell(store, {"paid_at": NOW + 5}, {"sku": "bear"}, {"paid_at": NOW + 5, "mode": "live"}, {"flag": Flag.LATE})
        numbers = [row.receipt_id for row in store.newest_receipts(ReceiptFilter(), 9)]
        assert numbers == [3, 1, 4, 2]
        assert [row.receipt_id for row in store.newest_receipts(ReceiptFilter("test"), 2)] == [1, 4]
        assert [row.receipt_id for row in store.newest_receipts(ReceiptFilter(sku="bear", flag="none"), 9)] == [2]

    def test_receipts_come_as_they_are_recorded(self, store: Store) -> None:
        assert store.last_receipt_id() == 0
        sell(store, {"paid_at": NOW + 5}, {"mode": "live"}, {"paid_at": NOW - 5})
        assert store.last_receipt_id() == 3
        assert [row.receipt_id for row in store.receipts_after(0, ReceiptFilter(), 2)] == [1, 2]
        assert [row.receipt_id for row in store.receipts_after(1, ReceiptFilter("test"), 9)] == [3]
        assert [row.receipt_id for row in store.receipts_after(0, ReceiptFilter(paid_from=NOW), 9)] == [1, 2]
        assert store.receipts_after(3, ReceiptFilter(), 9) == []

    def test_one_receipt_by_its_number(self, store: Store) -> None:
        sell(store, *PEOPLE)
        row = store.receipt(2)
        assert row is not None
        assert (row.buyer_username, row.order_phone) == ("rahim_demo", "8801712345678")
        assert store.receipt(6) is None

    # -- money that goes back -----------------------------------------------------------------------------------------

    def test_what_must_go_back_comes_oldest_first_with_its_reason(self, store: Store) -> None:
        sell(store, {"flag": Flag.OVERSOLD, "paid_at": NOW + 5}, {}, {"flag": Flag.DUPLICATE, "mode": "live"}, {})
        with store.transaction() as tx:
            assert tx.refund_due(2, HOSTILE, NOW + 8)
            assert not tx.refund_due(2, "again", NOW + 8)
            assert not tx.refund_due(1, "it is due by its flag", NOW + 8)
            assert not tx.refund_due(9, "no such receipt", NOW + 8)
        due = store.refunds_due(None)
        assert [(row.receipt.receipt_id, row.reason) for row in due] == [(2, HOSTILE), (3, None), (1, None)]
        assert [row.receipt.receipt_id for row in store.refunds_due("test")] == [2, 1]
        assert store.counts("test").refunds_due == 2

    def test_what_went_back_has_its_reference_and_is_due_no_more(self, store: Store) -> None:
        sell(store, {"flag": Flag.OVERSOLD}, {})
        with store.transaction() as tx:
            assert tx.refund_done(1, HOSTILE, NOW + 7)
            assert not tx.refund_done(1, "again", NOW + 8)
            assert tx.refund_done(2, "given without need", NOW + 9)
            assert not tx.refund_done(9, "no such receipt", NOW)
        assert store.refunds_due(None) == []
        assert self.rows(store, "SELECT receipt_id, reference, done_at FROM refunds ORDER BY 1") == [
            (1, HOSTILE, NOW + 7),
            (2, "given without need", NOW + 9),
        ]
        row = store.receipt(1)
        assert row is not None
        assert row.refund_state == "done"

    def test_a_transfer_that_came_back_is_due_again(self, store: Store) -> None:
        sell(store, {})
        with store.transaction() as tx:
            tx.refund_due(1, "first", NOW + 8)
            tx.refund_done(1, "TX-1", NOW)
            assert tx.refund_due(1, "the account was closed", NOW + 8)
        (due,) = store.refunds_due("test")
        assert due.reason == "the account was closed"
        dossier = store.dossier(1)
        assert dossier is not None
        assert dossier.refund.reference is None
        with store.transaction() as tx:
            assert tx.refund_done(1, "TX-2", NOW + 9)
            assert tx.refund_due(1, "again", NOW + 10)
            assert tx.refund_done(1, "TX-3", NOW + 11)
        assert self.rows(store, "SELECT reference, done_at, came_back_at FROM refunds ORDER BY 2") == [
            ("TX-1", NOW, NOW + 8),
            ("TX-2", NOW + 9, NOW + 10),
            ("TX-3", NOW + 11, None),
        ]
        dossier = store.dossier(1)
        assert dossier is not None
        assert dossier.refund.reference == "TX-3"

    # -- disputes -----------------------------------------------------------------------------------------------------

    def test_one_dispute_a_receipt_is_open_at_a_time_and_its_state_follows(self, store: Store) -> None:
        sell(store, {})
        states = []
        outcomes: tuple[Outcome, ...] = ("lost", "won", "withdrawn")
        for outcome in outcomes:
            with store.transaction() as tx:
                number = tx.open_dispute(1, outcome, NOW)
                assert number is not None
                assert tx.open_dispute(1, "a second one", NOW) is None
            states.append(self.state(store))
            with store.transaction() as tx:
                assert tx.close_dispute(number, outcome, NOW + 1)
                assert not tx.close_dispute(number, "won", NOW + 2)
            states.append(self.state(store))
        assert states == ["open", "lost", "open", "won", "open", "withdrawn"]
        with store.transaction() as tx:
            assert tx.open_dispute(9, "no such receipt", NOW) is None
            assert not tx.close_dispute(9, "won", NOW)

    def state(self, store: Store) -> str | None:
        row = store.receipt(1)
        assert row is not None
        return row.dispute_state

    def test_disputes_keep_notes_also_when_they_are_closed(self, store: Store) -> None:
        sell(store, {}, {})
        with store.transaction() as tx:
            first, second = tx.open_dispute(1, HOSTILE, NOW), tx.open_dispute(2, "late", NOW + 1)
            assert first is not None
            assert second is not None
            assert tx.note_dispute(first, HOSTILE, NOW + 2)
            assert tx.close_dispute(second, "won", NOW + 3)
            assert tx.note_dispute(second, "the bank wrote", NOW + 4)
            assert not tx.note_dispute(99, "nobody's", NOW)
        found = store.dispute(first)
        assert found is not None
        assert (found.reason, found.state, [(note.text, note.written_at) for note in found.notes]) == (
            HOSTILE, "open", [(HOSTILE, NOW + 2)],
        )  # fmt: skip
        assert store.dispute(99) is None
        assert [(each.dispute_id, each.state) for each in store.disputes()] == [(first, "open"), (second, "won")]
        assert [each.dispute_id for each in store.disputes(only_open=True)] == [first]

    # -- all of it ----------------------------------------------------------------------------------------------------

    def test_a_dossier_holds_all_that_hangs_on_a_receipt(self, store: Store) -> None:
        record(store, invoice(uses_max=None))
        with store.transaction() as tx:
            tx.record_acceptance(ASHA.user_id, "1", "Be kind.", NOW - 5)
            tx.record_acceptance(RAHIM.user_id, "1", "Be kind.", NOW - 5)
            tx.record_decision(query(7), refusal(query(7)), NOW - 3)
            reservation = reserve(tx, invoice())
            tx.record_answers([answered(1, "sent")])
            number = post(tx, invoice(), reservation)
            tx.queue_hooks(number, {"program": "pending", "url": "waiting"}, NOW)
            tx.record_conflict(payment(1), b"other", NOW + 1)
            other = reserve(tx, invoice(), number=2)  # the same buyer buys again: another sale
            post(tx, invoice(), other, 2)
            tx.record_support_request(Command(1, ASHA.user_id, 5, "support", "Where is it?", ASHA), NOW)
            tx.refund_due(number, "broken", NOW + 8)
            tx.open_dispute(number, "late", NOW)
        dossier = store.dossier(number)
        assert dossier is not None
        assert dossier.receipt == store.receipt(number)
        assert dossier.invoice == store.invoice("inv-1")
        assert dossier.reservation is not None
        assert (dossier.reservation.reservation_id, dossier.reservation.state) == (reservation, "posted")
        assert [(each.pre_checkout_query_id, each.ok, each.answer_milliseconds) for each in dossier.asked] == [
            ("query-1", True, 12)
        ]
        assert [(hook.kind, hook.state) for hook in dossier.hooks] == [("program", "pending"), ("url", "waiting")]
        assert [(each.kind, each.raw) for each in dossier.evidence] == [("receipt", b"raw 1"), ("conflict", b"other")]
        assert dossier.evidence[0].digest == dossier.digest
        assert (dossier.refund.reason, dossier.refund.reference) == ("broken", None)
        assert [each.reason for each in dossier.disputes] == ["late"]
        assert dossier.acceptances == (Acceptance("1", NOW - 5, "Be kind."),)
        assert [each.text for each in dossier.requests] == ["Where is it?"]
        assert (dossier.finding, dossier.finding_at) == (None, None)

    def test_without_a_reservation_the_buyers_own_queries_until_then_are_in_it(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            tx.record_decision(query(1), refusal(query(1)), NOW - 3)
            tx.record_decision(query(2, buyer=RAHIM), refusal(query(2, buyer=RAHIM)), NOW - 2)
            tx.record_decision(query(3), refusal(query(3)), NOW + 1)
            number = tx.record_receipt(receipt(1, invoice_id="inv-1", flag=Flag.DUPLICATE), 1, b"raw", NOW)
        dossier = store.dossier(number)
        assert dossier is not None
        assert dossier.reservation is None
        assert [(each.pre_checkout_query_id, each.ok, each.reason) for each in dossier.asked] == [
            ("query-1", False, "sold_out")
        ]

    def test_a_dossier_of_a_payment_that_nobody_knows(self, store: Store) -> None:
        sell(store, {"buyer": None, "flag": Flag.UNMATCHED})
        dossier = store.dossier(1)
        assert dossier is not None
        assert (dossier.invoice, dossier.reservation, dossier.asked, dossier.requests) == (None, None, (), ())
        assert store.dossier(2) is None
