"""What every part of the contract stands on: an empty ledger, and the few moves that the parts share."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from ledger_samples import ASHA, NOW, accept, invoice, query, receipt, refusal

from apaycli.core.model import Booking, CheckoutFacts, Invoice, PaymentFacts, Reservation, User
from apaycli.store.protocol import Store, Transaction
from apaycli.store.values import AnswerOutcome, AnswerResult


class LedgerContract:
    """A storage's test class says these two things."""

    def open_store(self) -> Store:
        """A new, empty ledger."""
        raise NotImplementedError

    def rows(self, store: Store, sql: str) -> list[tuple[Any, ...]]:
        """What stands in the tables, for what no verb tells: evidence, order_info, states."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = self.open_store()
        yield store
        assert store.integrity_problems() == []
        store.close()


def record(store: Store, *invoices: Invoice) -> None:
    with store.transaction() as tx:
        for each in invoices:
            tx.record_invoice(each, "sent")


def reserve(tx: Transaction, its_invoice: Invoice, buyer: User = ASHA, number: int = 1, **terms: Any) -> int:
    """A reservation that must be granted; its id."""
    asked = query(number, buyer=buyer, invoice_payload=its_invoice.invoice_payload)
    assert tx.record_decision(asked, accept(asked, its_invoice, **terms), NOW)
    return own_reservation(tx, its_invoice, buyer).reservation_id


def own_reservation(tx: Transaction, its_invoice: Invoice, buyer: User = ASHA) -> Reservation:
    own = facts_of(tx, its_invoice, buyer).own_reservation
    assert own is not None
    return own


def facts_of(tx: Transaction, its_invoice: Invoice, buyer: User = ASHA) -> CheckoutFacts:
    return tx.checkout_facts(query(buyer=buyer, invoice_payload=its_invoice.invoice_payload))


def standing(store: Store, its_invoice: Invoice, buyer: User = ASHA) -> tuple[int, int, int, int]:
    """(uses held, uses paid, units held, units sold), as the next decision will see them."""
    with store.transaction() as tx:
        facts = facts_of(tx, its_invoice, buyer)
    return sums(facts)


def sums(facts: CheckoutFacts | PaymentFacts) -> tuple[int, int, int, int]:
    return facts.uses_held, facts.uses_paid, facts.stock_held, facts.stock_sold


def post(tx: Transaction, its_invoice: Invoice, reservation_id: int, number: int = 1, buyer: User = ASHA) -> int:
    """The receipt of a payment that fits its reservation."""
    paid = receipt(
        number,
        booking=Booking.POST,
        invoice_id=its_invoice.invoice_id,
        reservation_id=reservation_id,
        sku=its_invoice.sku,
        quantity=its_invoice.quantity,
        mode=its_invoice.mode,
        buyer=buyer,
    )
    return tx.record_receipt(paid, number, b"raw %d" % number, NOW)


def answered(number: int, outcome: AnswerOutcome, *, release: bool = False, at: int = NOW) -> AnswerResult:
    return AnswerResult(f"query-{number}", outcome, at, 12, release=release)


Ending = Literal["posted", "expired", "voided"]
ENDINGS: tuple[Ending, ...] = ("posted", "expired", "voided")


def fill(store: Store, count: int = 40) -> None:
    """Receipts, a reservation and a decision of each kind."""
    record(store, invoice(), invoice(2, uses_max=1))
    with store.transaction() as tx:
        for number in range(1, count + 1):
            tx.record_receipt(receipt(number), number, b"raw %d " % number * 20, NOW)
        post(tx, invoice(), reserve(tx, invoice(), number=1), count + 1)
        reserve(tx, invoice(2, uses_max=1), number=2)
        tx.record_decision(query(3), refusal(query(3)), NOW)
