"""The contract about money that arrived: once, with its evidence, booked as the receipt says, and never lost."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from contract_ledger import LedgerContract, facts_of, post, record, reserve, standing, sums
from ledger_samples import ASHA, HOSTILE, NOW, RAHIM, TTL, full_invoice, invoice, payment, receipt

from apaycli.core.model import Booking, Flag, OrderInfo, ReceiptFilter, ReceiptRow, User
from apaycli.store.protocol import Store, Unrecordable

EVERYTHING = ReceiptFilter()
RAW = bytes(range(256)) + b'{"update_id":1}'


def all_receipts(store: Store) -> list[ReceiptRow]:
    return list(store.receipts(EVERYTHING))


class ReceiptContract(LedgerContract):
    def test_a_receipt_comes_back_with_every_column(self, store: Store) -> None:
        sold = full_invoice()
        record(store, sold)
        with store.transaction() as tx:
            reservation_id = reserve(tx, sold, RAHIM, capacity=None)
            paid = receipt(
                mode="live",
                booking=Booking.POST,
                invoice_id=sold.invoice_id,
                reservation_id=reservation_id,
                invoice_payload=sold.invoice_payload,
                title=sold.title,
                quantity=3,
                total_amount=54900,
                tip_amount=5000,
                buyer=replace(RAHIM, first_name=HOSTILE),
                shipping_option_id="post",
                order_info=OrderInfo("=1+1", "8801712345678", "a@b", '{"city": "Dhaka"}'),
            )
            receipt_id = tx.record_receipt(paid, 7, RAW, NOW + 5)
        assert all_receipts(store) == [
            ReceiptRow(
                receipt_id=receipt_id,
                mode="live",
                paid_at=NOW,
                recorded_at=NOW + 5,
                flag=None,
                sku="duck",
                title=sold.title,
                quantity=3,
                currency="INR",
                total_amount=54900,
                tip_amount=5000,
                shipping_amount=0,
                shipping_option_id="post",
                buyer_id=RAHIM.user_id,
                buyer_username="rahim_demo",
                buyer_name=f"{HOSTILE} Uddin",
                telegram_payment_charge_id="charge-1",
                provider_payment_charge_id="apay-1",
                invoice_id=sold.invoice_id,
                invoice_payload=sold.invoice_payload,
                refund_state=None,
                dispute_state=None,
                hook_state=all_receipts(store)[0].hook_state,
                order_name="=1+1",
                order_phone="8801712345678",
                order_email="a@b",
                order_address='{"city": "Dhaka"}',
            )
        ]

    def test_money_of_which_hardly_anything_is_known_is_recorded(self, store: Store) -> None:
        bare = receipt(
            flag=Flag.UNMATCHED,
            provider_payment_charge_id="",
            invoice_payload="",
            sku=None,
            title=None,
            currency=None,
            total_amount=None,
            buyer=None,
        )
        with store.transaction() as tx:
            tx.record_receipt(bare, 1, RAW, NOW)
        (row,) = all_receipts(store)
        assert (row.currency, row.total_amount, row.buyer_id, row.buyer_name) == (None, None, None, None)
        assert (row.flag, row.quantity, row.order_name) == ("unmatched", 1, None)

    @pytest.mark.parametrize(
        ("changes", "repeat"),
        [
            ({}, "same"),
            ({"update_id": 99, "paid_at": None, "shipping_option_id": "x"}, "same"),
            ({"buyer": replace(ASHA, first_name="Renamed")}, "same"),
            ({"total_amount": 49901}, "conflict"),
            ({"total_amount": None}, "conflict"),
            ({"currency": "BDT"}, "conflict"),
            ({"invoice_payload": "payload-2"}, "conflict"),
            ({"provider_payment_charge_id": "apay-2"}, "conflict"),
            ({"buyer": RAHIM}, "conflict"),
            ({"buyer": None}, "conflict"),
            ({"telegram_payment_charge_id": "charge-2"}, "new"),
        ],
    )
    def test_a_charge_is_known_by_its_id_and_compared_by_its_content(
        self, store: Store, changes: dict[str, Any], repeat: str
    ) -> None:
        with store.transaction() as tx:
            assert tx.repeat_of_payment(payment()) == "new"
            tx.record_receipt(receipt(), 1, RAW, NOW)
            assert tx.repeat_of_payment(payment(**changes)) == repeat

    def test_unreadable_money_repeats_as_the_same(self, store: Store) -> None:
        unreadable = {"currency": None, "total_amount": None, "buyer": None}
        with store.transaction() as tx:
            tx.record_receipt(receipt(**unreadable), 1, RAW, NOW)
            assert tx.repeat_of_payment(payment(**unreadable)) == "same"

    def test_a_charge_has_one_receipt(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reservation_id = reserve(tx, invoice())
            tx.record_receipt(receipt(), 1, RAW, NOW)
            with pytest.raises(Unrecordable), tx.savepoint():
                post(tx, invoice(), reservation_id, 1)
            assert facts_of(tx, invoice()).own_reservation is not None
        assert len(all_receipts(store)) == 1
        assert standing(store, invoice()) == (1, 0, 1, 0)

    def test_the_received_bytes_are_kept_as_they_came(self, store: Store) -> None:
        with store.transaction() as tx:
            tx.record_receipt(receipt(), 1, RAW, NOW)
            tx.record_conflict(payment(total_amount=1), RAW + b"c", NOW + 1)
            tx.record_conflict(payment(total_amount=1), RAW + b"c", NOW + 2)
            tx.record_refund("charge-9", 3, RAW + b"r", NOW + 3)
            tx.record_refund("charge-9", 3, RAW + b"r", NOW + 4)
        assert self.rows(
            store,
            "SELECT kind, telegram_payment_charge_id, raw, digest, received_at FROM evidence ORDER BY received_at",
        ) == [
            (kind, charge_id, raw, hashlib.sha256(raw).hexdigest(), at)
            for kind, charge_id, raw, at in (
                ("receipt", "charge-1", RAW, NOW),
                ("conflict", "charge-1", RAW + b"c", NOW + 1),
                ("refund", "charge-9", RAW + b"r", NOW + 3),
            )
        ]
        assert store.counts("test").conflicts == 1
        assert len(all_receipts(store)) == 1

    def test_what_buyers_typed_stands_apart_from_the_money(self, store: Store) -> None:
        info = OrderInfo("Rahim Uddin", None, "rahim@example.com", None)
        with store.transaction() as tx:
            with_form = tx.record_receipt(receipt(1, order_info=info), 1, RAW, NOW)
            tx.record_receipt(receipt(2), 2, RAW + b"2", NOW)
        assert self.rows(store, "SELECT * FROM order_info") == [
            (with_form, "Rahim Uddin", None, "rahim@example.com", None)
        ]
        first, second = all_receipts(store)
        assert (first.order_name, first.order_email, second.order_name) == ("Rahim Uddin", "rahim@example.com", None)

    def test_a_posted_reservation_moves_from_held_to_sold(self, store: Store) -> None:
        duck = invoice(quantity=2, uses_max=1)
        record(store, duck)
        with store.transaction() as tx:
            post(tx, duck, reserve(tx, duck))
        assert standing(store, duck) == (0, 1, 0, 2)

    @pytest.mark.parametrize(
        ("quantity", "capacity", "uses_max", "fits"),
        [(1, 1, None, True), (2, 1, None, False), (1, None, None, True), (1, 0, None, False), (1, 5, 1, True)],
    )
    def test_a_late_payment_takes_what_is_free_and_no_more(
        self, store: Store, quantity: int, capacity: int | None, uses_max: int | None, fits: bool
    ) -> None:
        duck = invoice(quantity=quantity, uses_max=uses_max)
        record(store, duck)
        late = receipt(flag=Flag.LATE, booking=Booking.DIRECT, invoice_id="inv-1", quantity=quantity, capacity=capacity)
        with store.transaction() as tx:
            if fits:
                tx.record_receipt(late, 1, RAW, NOW)
            else:
                with pytest.raises(Unrecordable), tx.savepoint():
                    tx.record_receipt(late, 1, RAW, NOW)
        assert standing(store, duck) == ((0, 1, 0, quantity) if fits else (0, 0, 0, 0))
        assert len(all_receipts(store)) == fits

    def test_a_late_payment_never_takes_what_is_held(self, store: Store) -> None:
        single, other = invoice(1, uses_max=1), invoice(2)
        record(store, single, other)
        with store.transaction() as tx:
            reserve(tx, single, RAHIM)
            for invoice_id, capacity in (("inv-1", 10), ("inv-2", 1)):
                late = receipt(booking=Booking.DIRECT, invoice_id=invoice_id, capacity=capacity)
                with pytest.raises(Unrecordable), tx.savepoint():
                    tx.record_receipt(late, 1, RAW, NOW)
        assert standing(store, single) == (1, 0, 1, 0)
        assert standing(store, other) == (0, 0, 1, 0)

    @pytest.mark.parametrize("flag", [None, *Flag])
    def test_money_that_is_not_booked_moves_nothing_and_says_if_it_is_due_back(
        self, store: Store, flag: Flag | None
    ) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            tx.record_receipt(receipt(flag=flag, invoice_id="inv-1"), 1, RAW, NOW)
        assert standing(store, invoice()) == (0, 0, 0, 0)
        (row,) = all_receipts(store)
        assert row.flag == flag
        assert row.refund_state == ("due" if flag in {Flag.OVERSOLD, Flag.DUPLICATE} else None)

    @pytest.mark.parametrize(
        "impossible",
        [
            {"booking": Booking.POST, "reservation_id": 99, "invoice_id": "inv-1"},
            {"booking": Booking.POST, "reservation_id": None, "invoice_id": "inv-1"},
            {"booking": Booking.DIRECT, "invoice_id": "nobody's"},
            {"booking": Booking.DIRECT, "invoice_id": None},
            {"invoice_id": "nobody's"},
            {"total_amount": -1},
            {"total_amount": 10**12},
            {"total_amount": 2**63},
            {"tip_amount": -1},
            {"quantity": 0},
            {"mode": "practice"},
            {"flag": "odd"},
            {"invoice_payload": "lone \ud800"},
            {"paid_at": 10**400},
        ],
    )
    def test_what_breaks_a_constraint_is_refused_whole(self, store: Store, impossible: dict[str, Any]) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            with pytest.raises(Unrecordable), tx.savepoint():
                tx.record_receipt(receipt(**impossible), 1, RAW, NOW)
            tx.record_receipt(receipt(2), 2, RAW + b"2", NOW)
        assert [row.telegram_payment_charge_id for row in all_receipts(store)] == ["charge-2"]
        assert self.rows(store, "SELECT count(*) FROM evidence") == [(1,)]
        assert standing(store, invoice()) == (0, 0, 0, 0)

    def test_facts_after_each_step_are_what_the_next_payment_sees(self, store: Store) -> None:
        pair = invoice(uses_max=2)
        record(store, pair)
        with store.transaction() as tx:
            first = reserve(tx, pair, ASHA, number=1)
            reserve(tx, pair, RAHIM, number=2)
            assert sums(tx.payment_facts(payment())) == (2, 0, 2, 0)
            post(tx, pair, first)
            assert sums(tx.payment_facts(payment())) == (1, 1, 1, 1)
            assert tx.payment_facts(payment()).own_reservation is None
            tx.expire_reservations(NOW + TTL)
            assert sums(tx.payment_facts(payment())) == (0, 1, 0, 1)
            late = receipt(2, flag=Flag.LATE, booking=Booking.DIRECT, invoice_id="inv-1", buyer=User(5))
            tx.record_receipt(late, 2, RAW, NOW)
            assert sums(tx.payment_facts(payment())) == (0, 2, 0, 2)

    def test_the_same_unreadable_bytes_are_kept_once(self, store: Store) -> None:
        with store.transaction() as tx:
            assert tx.record_dead_letter(5, "why", True, RAW, NOW)
            assert not tx.record_dead_letter(6, "another why", False, RAW, NOW + 1)
            assert tx.record_dead_letter(None, HOSTILE, False, b"", NOW)
        assert self.rows(
            store, "SELECT update_id, reason, mentions_payment, raw FROM dead_letters ORDER BY dead_letter_id"
        ) == [(5, "why", 1, RAW), (None, HOSTILE, 0, b"")]
        counts = store.counts("test")
        assert (counts.dead_letters, counts.dead_letters_with_payment) == (2, 1)
