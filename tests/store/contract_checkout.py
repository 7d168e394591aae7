"""The contract about queries: facts, decisions, reservations, answers."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from contract_ledger import (
    ENDINGS,
    Ending,
    LedgerContract,
    answered,
    facts_of,
    own_reservation,
    post,
    record,
    reserve,
    standing,
)
from ledger_samples import (
    ASHA,
    HOSTILE,
    NOW,
    RAHIM,
    TTL,
    accept,
    full_invoice,
    invoice,
    payment,
    query,
    receipt,
    reentry,
    refusal,
)

from apaycli.core.model import Booking, CheckoutFacts, Decision, DeclineReason, PaymentFacts, Reservation
from apaycli.store.protocol import Store, Transaction, Unrecordable
from apaycli.store.values import AnswerOutcome, KeptBytes, OpenAnswer, ReservedUnits


def end(tx: Transaction, ending: Ending, reservation_id: int, number: int) -> None:
    """End the reservation of `query-1`, as the payment, the clock or a refused answer would."""
    if ending == "posted":
        post(tx, invoice(), reservation_id, number)
    elif ending == "expired":
        tx.expire_reservations(NOW + TTL)
    else:
        tx.record_answers([answered(1, "too_old", release=True)])


class CheckoutContract(LedgerContract):
    def test_an_unknown_payload_has_no_facts(self, store: Store) -> None:
        with store.transaction() as tx:
            assert tx.checkout_facts(query(invoice_payload=HOSTILE)) == CheckoutFacts(None)
            assert tx.recorded_decision("query-1") is None

    def test_an_invoice_comes_back_as_it_was_recorded(self, store: Store) -> None:
        record(store, invoice(), full_invoice(2))
        with store.transaction() as tx:
            assert facts_of(tx, invoice()) == CheckoutFacts(invoice())
            assert facts_of(tx, full_invoice(2)) == CheckoutFacts(full_invoice(2))
            assert tx.invoice_by_start_parameter("link-2") == full_invoice(2)
            assert tx.invoice_by_start_parameter("link-1") is None

    @pytest.mark.parametrize(
        "other", [{"invoice_id": "inv-1"}, {"invoice_payload": "payload-1"}, {"start_parameter": "taken"}]
    )
    def test_ids_payloads_and_links_of_invoices_are_unique(self, store: Store, other: dict[str, str]) -> None:
        record(store, invoice(start_parameter="taken"))
        with store.transaction() as tx, pytest.raises(Unrecordable), tx.savepoint():
            tx.record_invoice(invoice(2, **other))

    def test_an_accept_holds_a_use_and_the_units_for_its_buyer(self, store: Store) -> None:
        duck = invoice(quantity=2, uses_max=3)
        record(store, duck)
        with store.transaction() as tx:
            reservation_id = reserve(tx, duck)
            own = Reservation(reservation_id, "inv-1", ASHA.user_id, "duck", 2, NOW + TTL, NOW)
            assert facts_of(tx, duck) == CheckoutFacts(duck, 1, 0, own, 2, 2, 0)
            assert facts_of(tx, duck, RAHIM) == CheckoutFacts(duck, 1, 0, None, 0, 2, 0)
        assert store.stock_counts("test") == {"duck": (0, 2)}
        assert store.stock_counts("live") == {}

    @pytest.mark.parametrize(
        ("quantity", "capacity", "granted"),
        [(1, 3, 3), (2, 3, 1), (2, 4, 2), (4, 3, 0), (1, 0, 0), (1, -5, 0), (1, None, 5)],
    )
    def test_units_are_held_only_as_far_as_the_capacity_reaches(
        self, store: Store, quantity: int, capacity: int | None, granted: int
    ) -> None:
        ducks = [invoice(number, quantity=quantity) for number in range(1, 6)]
        record(store, *ducks)
        outcomes = []
        for number, duck in enumerate(ducks, 1):
            asked = query(number, invoice_payload=duck.invoice_payload)
            with store.transaction() as tx:
                outcomes.append(tx.record_decision(asked, accept(asked, duck, capacity=capacity), NOW))
                assert (tx.recorded_decision(asked.pre_checkout_query_id) is not None) is outcomes[-1]
            assert standing(store, duck) == (outcomes[-1], 0, quantity * sum(outcomes), 0)
        assert outcomes == [True] * granted + [False] * (5 - granted)

    def test_a_use_is_held_only_if_one_is_free_and_units_stay_free_without_it(self, store: Store) -> None:
        single = invoice(uses_max=1)
        record(store, single)
        with store.transaction() as tx:
            reserve(tx, single)
            asked = query(2, buyer=RAHIM)
            assert not tx.record_decision(asked, accept(asked, single), NOW)
            assert tx.recorded_decision("query-2") is None
        assert standing(store, single) == (1, 0, 1, 0)

    def test_what_others_bought_counts_against_the_capacity(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            post(tx, invoice(), reserve(tx, invoice()))
            asked = query(2, buyer=RAHIM)
            assert not tx.record_decision(asked, accept(asked, invoice(), capacity=1), NOW)
            assert tx.record_decision(asked, accept(asked, invoice(), capacity=2), NOW)

    def test_an_invoice_without_a_product_holds_uses_alone(self, store: Store) -> None:
        free = invoice(sku=None, uses_max=2)
        record(store, free)
        with store.transaction() as tx:
            reserve(tx, free, capacity=None)
        assert standing(store, free) == (1, 0, 0, 0)
        assert store.stock_counts("test") == {}

    def test_test_and_live_are_counted_apart(self, store: Store) -> None:
        practice, real = invoice(1), invoice(2, mode="live")
        record(store, practice, real)
        with store.transaction() as tx:
            reserve(tx, practice, number=1, capacity=1)
            reserve(tx, real, number=2, capacity=1)
            assert facts_of(tx, practice).buyer_units == facts_of(tx, real).buyer_units == 1
        assert store.stock_counts("test") == store.stock_counts("live") == {"duck": (0, 1)}

    def test_what_a_buyer_has_reserved_elsewhere_is_a_fact(self, store: Store) -> None:
        other, bear, live = invoice(2, quantity=2), invoice(3, sku="bear"), invoice(4, mode="live")
        record(store, invoice(), other, bear, live, invoice(5))
        with store.transaction() as tx:
            for number, each in enumerate((invoice(), other, bear, live), 1):
                reserve(tx, each, number=number)
            assert [facts_of(tx, each).buyer_reserved for each in (invoice(), other, bear, live)] == [2, 1, 0, 0]
            assert facts_of(tx, invoice(5)).buyer_reserved == 3
            assert facts_of(tx, invoice(5), RAHIM).buyer_reserved == 0
        assert store.reserved_units("test", 1) == [
            ReservedUnits("duck", ASHA.user_id, 3, 2, NOW),
            ReservedUnits("bear", ASHA.user_id, 1, 1, NOW),
        ]
        assert store.reserved_units("test", 3) == [ReservedUnits("duck", ASHA.user_id, 3, 2, NOW)]

    def test_what_a_buyer_had_reserved_and_did_not_pay_is_a_fact(self, store: Store) -> None:
        record(store, invoice(), invoice(2), invoice(3, sku="bear"))
        with store.transaction() as tx:
            reserve(tx, invoice(), number=1)
            reserve(tx, invoice(3, sku="bear"), number=2)
            assert facts_of(tx, invoice(2)).buyer_expired == ()
            tx.expire_reservations(NOW + TTL)
            for its_invoice in (invoice(), invoice(2)):
                assert facts_of(tx, its_invoice).buyer_expired == ((NOW, NOW + TTL),)
            assert facts_of(tx, invoice(), RAHIM).buyer_expired == ()

    @pytest.mark.parametrize(("reserved_max", "granted"), [(None, 4), (1, 1), (3, 2), (4, 2), (5, 3)])
    def test_a_buyer_gets_no_more_units_than_were_allowed_them(
        self, store: Store, reserved_max: int | None, granted: int
    ) -> None:
        """Two units each: whoever has less than the bound gets one reservation more, also where several may write."""
        ducks = [invoice(number, quantity=2, uses_max=1) for number in range(1, 5)]
        record(store, *ducks)
        outcomes = []
        for number, duck in enumerate(ducks, 1):
            asked = query(number, invoice_payload=duck.invoice_payload)
            with store.transaction() as tx:
                decision = accept(asked, duck, reserved_max=reserved_max)
                outcomes.append(tx.record_decision(asked, decision, NOW))
            assert standing(store, duck) == (outcomes[-1], 0, 2 * sum(outcomes), 0)
        assert outcomes == [True] * granted + [False] * (4 - granted)
        rival = query(9, buyer=RAHIM, invoice_payload="payload-5")
        record(store, invoice(5))
        with store.transaction() as tx:
            assert tx.record_decision(rival, accept(rival, invoice(5), reserved_max=1), NOW)

    def test_one_buyer_holds_an_invoice_once(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reserve(tx, invoice())
            asked = query(2)
            with pytest.raises(Unrecordable), tx.savepoint():
                tx.record_decision(asked, accept(asked, invoice()), NOW)
        assert standing(store, invoice()) == (1, 0, 1, 0)

    def test_the_units_of_a_buyer_are_bought_and_held_ones_of_that_sku_and_mode(self, store: Store) -> None:
        bear, live = invoice(3, sku="bear"), invoice(4, mode="live")
        record(store, invoice(1), invoice(2, quantity=2), bear, live)
        with store.transaction() as tx:
            post(tx, invoice(1), reserve(tx, invoice(1), number=1))
            reserve(tx, invoice(2, quantity=2), number=2)
            reserve(tx, bear, number=3)
            reserve(tx, live, number=4)
            reserve(tx, invoice(1), RAHIM, number=5)
            tx.record_receipt(receipt(6), 6, b"not booked", NOW)
            assert [facts_of(tx, invoice(1), buyer).buyer_units for buyer in (ASHA, RAHIM)] == [3, 1]
            assert [facts_of(tx, each).buyer_units for each in (bear, live)] == [1, 1]

    @pytest.mark.parametrize(
        "decision",
        [
            Decision("query-1", ok=True),
            refusal(query()),
            refusal(query(), DeclineReason.UNAVAILABLE),
        ],
        ids=["accept", "sold out", "unavailable"],
    )
    def test_a_decision_is_repeated_word_for_word(self, store: Store, decision: Decision) -> None:
        with store.transaction() as tx:
            assert tx.record_decision(query(currency=None, total_amount=None), decision, NOW)
            assert tx.recorded_decision("query-1") == (decision, None)
        with store.transaction() as tx:
            assert tx.recorded_decision("query-1") == (decision, None)

    def test_a_decision_never_changes(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reserve(tx, invoice())
            with pytest.raises(Unrecordable), tx.savepoint():
                tx.record_decision(query(), refusal(query()), NOW)
            assert tx.recorded_decision("query-1") == (Decision("query-1", ok=True), None)

    def test_reentry_moves_the_deadline_and_nothing_else(self, store: Store) -> None:
        single = invoice(uses_max=1)
        record(store, single)
        with store.transaction() as tx:
            reservation_id = reserve(tx, single, capacity=1)
            for number, deadline in ((2, NOW + 2 * TTL), (3, NOW)):
                asked = query(number)
                assert tx.record_decision(asked, reentry(asked, reservation_id, deadline), NOW)
                assert own_reservation(tx, single).expires_at == NOW + 2 * TTL
            assert tx.expire_reservations(NOW + TTL) == []
        assert standing(store, single) == (1, 0, 1, 0)

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_what_has_ended_cannot_be_reentered(self, store: Store, ending: Ending) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reservation_id = reserve(tx, invoice())
            end(tx, ending, reservation_id, 1)
            asked = query(2)
            assert not tx.record_decision(asked, reentry(asked, reservation_id, NOW + TTL), NOW)
            assert tx.recorded_decision("query-2") is None
            assert facts_of(tx, invoice()).own_reservation is None

    @pytest.mark.parametrize("second", ENDINGS)
    @pytest.mark.parametrize("first", ENDINGS)
    def test_a_reservation_ends_once(self, store: Store, first: Ending, second: Ending) -> None:
        record(store, invoice(quantity=2))
        after = (0, 1, 0, 2) if first == "posted" else (0, 0, 0, 0)
        with store.transaction() as tx:
            reservation_id = reserve(tx, invoice(quantity=2))
            paid = receipt(booking=Booking.POST, invoice_id="inv-1", reservation_id=reservation_id, quantity=2)
            if first == "posted":
                tx.record_receipt(paid, 1, b"raw", NOW)
            else:
                end(tx, first, reservation_id, 1)
            if second == "posted":
                with pytest.raises(Unrecordable), tx.savepoint():
                    end(tx, second, reservation_id, 2)
            else:
                end(tx, second, reservation_id, 2)
            assert tx.expire_reservations(NOW + 10 * TTL) == []
        assert standing(store, invoice(quantity=2)) == after

    def test_only_what_is_due_expires_and_is_told_once(self, store: Store) -> None:
        early, late = invoice(1, quantity=2), invoice(2)
        record(store, early, late)
        with store.transaction() as tx:
            first = reserve(tx, early, number=1, expires_at=NOW + 10)
            reserve(tx, late, number=2, expires_at=NOW + 20)
        assert [store.reservations_due(NOW + each) for each in (9, 10, 20)] == [0, 1, 2]
        with store.transaction() as tx:
            assert tx.expire_reservations(NOW + 9) == []
            ended = [Reservation(first, "inv-1", ASHA.user_id, "duck", 2, NOW + 10, NOW)]
            assert tx.expire_reservations(NOW + 10) == ended
            assert tx.expire_reservations(NOW + 10) == []
        assert store.reservations_due(NOW + 10) == 0
        assert store.stock_counts("test") == {"duck": (0, 1)}

    def test_all_that_is_due_expires_at_once(self, store: Store) -> None:
        ducks = [invoice(number) for number in range(1, 31)]
        record(store, *ducks)
        with store.transaction() as tx:
            for number, duck in enumerate(ducks, 1):
                reserve(tx, duck, number=number, capacity=30, expires_at=NOW + number)
            ended = tx.expire_reservations(NOW + 30)
        assert [each.expires_at for each in ended] == [NOW + number for number in range(1, 31)]
        assert store.stock_counts("test") == {"duck": (0, 0)}

    def test_an_ended_reservation_makes_room(self, store: Store) -> None:
        single = invoice(uses_max=1)
        record(store, single)
        with store.transaction() as tx:
            reserve(tx, single, capacity=1)
            tx.expire_reservations(NOW + TTL)
            reserve(tx, single, RAHIM, number=2, capacity=1)
        assert standing(store, single) == (1, 0, 1, 0)

    def test_a_definite_refusal_gives_back_what_rests_on_that_query_alone(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reservation_id = reserve(tx, invoice())
            reserve(tx, invoice(), RAHIM, number=2)
            asked = query(3)
            tx.record_decision(asked, reentry(asked, reservation_id, NOW + TTL), NOW)
            tx.record_answers([answered(3, "too_old", release=True)] * 2)
            assert facts_of(tx, invoice()).own_reservation is not None
            tx.record_answers([answered(2, "too_old", release=True)] * 2)
            assert facts_of(tx, invoice(), RAHIM).own_reservation is None
        assert standing(store, invoice()) == (1, 0, 1, 0)

    def test_what_several_queries_rest_on_is_given_back_with_the_last_of_them(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reservation_id = reserve(tx, invoice())
            asked = query(2)
            tx.record_decision(asked, reentry(asked, reservation_id, NOW + TTL), NOW)
            tx.record_answers([answered(1, "failed", release=True)])
            assert facts_of(tx, invoice()).own_reservation is not None
            tx.record_answers([answered(2, "failed", release=True)])
            assert facts_of(tx, invoice()).own_reservation is None
            assert [tx.recorded_decision(f"query-{n}") for n in (1, 2)] == [
                (Decision(f"query-{n}", ok=True), "too_old") for n in (1, 2)
            ]
        assert standing(store, invoice()) == (0, 0, 0, 0)
        with store.snapshot():
            assert list(store.sum_problems()) == []

    def test_a_refusal_rests_on_nothing(self, store: Store) -> None:
        with store.transaction() as tx:
            tx.record_decision(query(), refusal(query()), NOW)
            tx.record_answers([answered(1, "failed", release=True)])
            assert tx.recorded_decision("query-1") == (refusal(query()), "failed")

    @pytest.mark.parametrize(
        ("changes", "differs"),
        [
            ({}, []),
            ({"update_id": 99}, []),
            ({"buyer": replace(ASHA, first_name="A.")}, []),
            ({"buyer": RAHIM}, ["buyer_id"]),
            ({"currency": "BDT"}, ["currency"]),
            ({"total_amount": None}, ["total_amount"]),
            ({"invoice_payload": "payload-2"}, ["invoice_payload"]),
            ({"shipping_option_id": "post", "total_amount": 1}, ["total_amount", "shipping_option_id"]),
        ],
    )
    def test_a_decided_query_is_compared_with_what_it_was_decided_about(
        self, store: Store, changes: dict[str, Any], differs: list[str]
    ) -> None:
        with store.transaction() as tx:
            assert tx.differences_of_query(query(**changes)) == []
            tx.record_decision(query(), refusal(query()), NOW)
            assert tx.differences_of_query(query(**changes)) == differs

    def test_a_contradicting_query_is_kept_once_until_it_is_acknowledged(self, store: Store) -> None:
        other = query(total_amount=1)
        with store.transaction() as tx:
            tx.record_decision(query(), refusal(query()), NOW)
            assert tx.record_query_conflict(other, ["total_amount"], b"raw", NOW)
            assert not tx.record_query_conflict(other, ["total_amount"], b"raw", NOW)
        assert store.counts("test").query_conflicts == 1
        with store.snapshot():
            kept = list(store.kept_bytes())
        assert kept == [KeptBytes("query", "query-1", hashlib.sha256(b"raw").hexdigest(), b"raw", None)]
        with store.transaction() as tx:
            tx.acknowledge(NOW)
            assert tx.purge(NOW + 1).query_conflicts == 1
        assert store.counts("test").query_conflicts == 0
        with store.snapshot():
            assert [kept.raw for kept in store.kept_bytes()] == [b""]

    @pytest.mark.parametrize("outcome", ["sent", "unconfirmed", "too_old", "failed"])
    def test_without_a_definite_refusal_the_units_stay_held(self, store: Store, outcome: AnswerOutcome) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reserve(tx, invoice())
            tx.record_answers([answered(1, outcome)])
        assert standing(store, invoice()) == (1, 0, 1, 0)

    def test_an_answer_that_was_sent_stays_sent_and_keeps_its_units(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reserve(tx, invoice())
            for outcome, recorded in (("failed", "failed"), ("sent", "sent"), ("too_old", "sent"), ("failed", "sent")):
                tx.record_answers([answered(1, outcome, release=outcome == "too_old")])
                found = tx.recorded_decision("query-1")
                assert found is not None
                assert found[1] == recorded
        assert standing(store, invoice()) == (1, 0, 1, 0)

    def test_answers_that_may_not_have_arrived_are_open(self, store: Store) -> None:
        with store.transaction() as tx:
            for number, decided_at in ((1, NOW), (2, NOW + 2), (3, NOW + 1), (4, NOW + 3)):
                tx.record_decision(query(number, buyer=RAHIM), refusal(query(number)), decided_at)
            tx.record_answers([answered(4, "failed")])
        opened = [OpenAnswer(refusal(query(n)), RAHIM.user_id, at) for n, at in ((3, NOW + 1), (2, NOW + 2))]
        assert store.open_answers(NOW + 1) == opened

    def test_facts_for_a_payment_are_those_of_its_payer(self, store: Store) -> None:
        record(store, invoice())
        with store.transaction() as tx:
            reserve(tx, invoice())
            own = own_reservation(tx, invoice())
            assert tx.payment_facts(payment()) == PaymentFacts(invoice(), 1, 0, own, 1, 0)
            assert tx.payment_facts(payment(buyer=RAHIM)) == PaymentFacts(invoice(), 1, 0, None, 1, 0)
            assert tx.payment_facts(payment(buyer=None)) == PaymentFacts(invoice(), 1, 0, None, 1, 0)
            assert tx.payment_facts(payment(invoice_payload="?")) == PaymentFacts(None)
