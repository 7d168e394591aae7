"""The contract about overselling: whatever happens in whatever order, the sums are a model's and never too large."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from contract_ledger import LedgerContract, facts_of, standing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from ledger_samples import NOW, TTL, accept, invoice, query, receipt, reentry

from apaycli.core.model import Booking, Invoice, Mode, User
from apaycli.store.protocol import AnswerResult, Store

BUYERS = st.integers(1, 3).map(User)
CAPACITIES = st.none() | st.integers(0, 6)
CHOICE = st.integers(0, 10**6)


@dataclass
class Hold:
    """The model's reservation."""

    invoice: Invoice
    buyer: User
    reservation_id: int
    expires_at: int
    entries: list[int]


class LedgerMachine(RuleBasedStateMachine):
    """Merchant, buyers, clock and Telegram at random, against one ledger."""

    open_store: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).open_store()
        self.now = NOW
        self.number = 0
        self.invoices: list[Invoice] = []
        self.holds: list[Hold] = []
        self.paid: list[tuple[Invoice, User]] = []
        self.charges = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def held(self, its_invoice: Invoice) -> int:
        return sum(hold.invoice is its_invoice for hold in self.holds)

    def used(self, its_invoice: Invoice) -> int:
        return sum(each is its_invoice for each, _ in self.paid)

    def units(self, mode: Mode, sku: str | None) -> tuple[int, int]:
        """(held, sold)"""
        held = sum(h.invoice.quantity for h in self.holds if (h.invoice.mode, h.invoice.sku) == (mode, sku))
        sold = sum(each.quantity for each, _ in self.paid if (each.mode, each.sku) == (mode, sku))
        return held, sold

    def free(self, its_invoice: Invoice, capacity: int | None) -> bool:
        uses = its_invoice.uses_max is None or (self.held(its_invoice) + self.used(its_invoice) < its_invoice.uses_max)
        units = (
            its_invoice.sku is None
            or capacity is None
            or (sum(self.units(its_invoice.mode, its_invoice.sku)) + its_invoice.quantity <= capacity)
        )
        return uses and units

    @rule(
        sku=st.sampled_from(["duck", "bear", None]),
        mode=st.sampled_from(["test", "live"]),
        quantity=st.integers(1, 3),
        uses_max=st.none() | st.integers(1, 2),
    )
    @precondition(lambda self: len(self.invoices) < 5)
    def send(self, sku: str | None, mode: Mode, quantity: int, uses_max: int | None) -> None:
        sent = invoice(self.next_number(), sku=sku, mode=mode, quantity=quantity, uses_max=uses_max)
        with self.store.transaction() as tx:
            tx.record_invoice(sent, "sent")
        self.invoices.append(sent)

    @rule(which=CHOICE, buyer=BUYERS, capacity=CAPACITIES)
    @precondition(lambda self: self.invoices)
    def press_pay(self, which: int, buyer: User, capacity: int | None) -> None:
        """The same buyer re-enters; anybody else gets what is free, and nothing else."""
        wanted = self.invoices[which % len(self.invoices)]
        number = self.next_number()
        asked = query(number, buyer=buyer, invoice_payload=wanted.invoice_payload)
        own = next((hold for hold in self.holds if hold.invoice is wanted and hold.buyer == buyer), None)
        deadline = self.now + TTL
        with self.store.transaction() as tx:
            if own:
                assert tx.record_decision(asked, reentry(asked, own.reservation_id, deadline), self.now)
                own.expires_at = max(own.expires_at, deadline)
                own.entries.append(number)
                return
            may = self.free(wanted, capacity)
            decision = accept(asked, wanted, capacity=capacity, expires_at=deadline)
            assert tx.record_decision(asked, decision, self.now) is may
            if may:
                found = facts_of(tx, wanted, buyer).own_reservation
                assert found is not None
                self.holds.append(Hold(wanted, buyer, found.reservation_id, deadline, [number]))

    @rule(which=CHOICE)
    @precondition(lambda self: self.holds)
    def pay(self, which: int) -> None:
        hold = self.holds.pop(which % len(self.holds))
        self.record_receipt(hold.invoice, hold.buyer, Booking.POST, None, hold.reservation_id)
        self.paid.append((hold.invoice, hold.buyer))

    @rule(which=CHOICE, buyer=BUYERS, capacity=CAPACITIES)
    @precondition(lambda self: self.invoices)
    def pay_late(self, which: int, buyer: User, capacity: int | None) -> None:
        """Money without a reservation: booked if it finds room, else recorded all the same."""
        late = self.invoices[which % len(self.invoices)]
        booking = Booking.DIRECT if self.free(late, capacity) else Booking.NONE
        self.record_receipt(late, buyer, booking, capacity, None)
        if booking is Booking.DIRECT:
            self.paid.append((late, buyer))

    def record_receipt(
        self, its_invoice: Invoice, buyer: User, booking: Booking, capacity: int | None, reservation_id: int | None
    ) -> None:
        number = self.next_number()
        paid = replace(
            receipt(number, booking=booking, reservation_id=reservation_id, capacity=capacity, buyer=buyer),
            invoice_id=its_invoice.invoice_id,
            mode=its_invoice.mode,
            sku=its_invoice.sku,
            quantity=its_invoice.quantity,
        )
        with self.store.transaction() as tx:
            tx.record_receipt(paid, number, b"%d" % number, self.now)
        self.charges += 1

    @rule(seconds=st.integers(0, TTL // 1000))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * 1000
        due = [hold for hold in self.holds if hold.expires_at <= self.now]
        assert self.store.reservations_due(self.now) == len(due)
        with self.store.transaction() as tx:
            ended = tx.expire_reservations(self.now)
        assert sorted(each.reservation_id for each in ended) == sorted(hold.reservation_id for hold in due)
        self.holds = [hold for hold in self.holds if hold not in due]

    @rule(which=CHOICE, late=st.booleans())
    @precondition(lambda self: self.number)
    def answer_refused(self, which: int, late: bool) -> None:
        """Any query, an old one too; only a live reservation that rests on it alone goes."""
        number = which % self.number + 1
        result = AnswerResult(f"query-{number}", "too_old" if late else "failed", self.now, 5, release=late)
        with self.store.transaction() as tx:
            tx.record_answers([result])
        if late:
            self.holds = [hold for hold in self.holds if hold.entries != [number]]

    @invariant()
    def the_sums_are_the_models(self) -> None:
        for each in self.invoices:
            expected = (self.held(each), self.used(each), *(self.units(each.mode, each.sku) if each.sku else (0, 0)))
            assert standing(self.store, each) == expected
        modes: tuple[Mode, Mode] = ("test", "live")
        for mode in modes:
            for sku, (sold, held) in self.store.stock_counts(mode).items():
                assert (held, sold) == self.units(mode, sku)

    @invariant()
    def the_ledger_does_not_contradict_itself(self) -> None:
        assert self.store.integrity_problems() == []
        assert sum(self.store.counts(mode).receipts for mode in ("test", "live")) == self.charges

    def teardown(self) -> None:
        self.store.close()


class OversellContract(LedgerContract):
    def test_nothing_is_oversold_in_any_order_of_events(self) -> None:
        class Machine(LedgerMachine):
            open_store = staticmethod(self.open_store)

        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine,
            settings=settings(derandomize=True, database=None, deadline=None, max_examples=60, stateful_step_count=40),
        )
