"""The contract about overselling: whatever happens in whatever order, the sums are a model's and never too large.

25,000 random steps in CI, in shares that start from different seeds; `--machine-steps N` takes more.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from contract_ledger import LedgerContract, facts_of, standing
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from ledger_samples import NOW, TTL, accept, invoice, payment, query, receipt, reentry, refusal

from apaycli.core.hooks import HookKind, HookState
from apaycli.core.model import Booking, Invoice, Mode, ReceiptFilter, User
from apaycli.store.protocol import Store, Unrecordable
from apaycli.store.values import AnswerOutcome, AnswerResult

BUYERS = st.integers(1, 3).map(User)
CAPACITIES = st.none() | st.integers(0, 6)
CHOICE = st.integers(0, 10**6)
KINDS: tuple[HookKind, ...] = ("program", "url")
STATES: tuple[HookState, ...] = ("pending", "waiting", "done", "failed")
FIRST_STATES = st.sampled_from((None, "pending", "waiting"))
LEASE = 60_000
SHARES = 10
STEPS_OF_EXAMPLE = 50
INTEGRITY_EVERY_STEPS = 5


@dataclass
class Hold:
    """The model's reservation."""

    invoice: Invoice
    buyer: User
    reservation_id: int
    expires_at: int
    entries: list[int]


@dataclass
class Answer:
    """The model's decision, and how sending it went."""

    ok: bool
    outcome: AnswerOutcome | None = None
    void: bool = False


@dataclass
class Hook:
    """The model's row of the outbox."""

    receipt_id: int
    kind: HookKind
    state: HookState
    due_at: int
    attempts: int = 0
    lease_until: int | None = None
    hook_id: int | None = None  # known once it was claimed

    def is_due(self, now: int) -> bool:
        return self.state == "pending" and self.due_at <= now and (self.lease_until or 0) <= now


class LedgerMachine(RuleBasedStateMachine):
    """Merchant, buyers, clock and Telegram at random, against one ledger."""

    open_store: Callable[[], Store]
    reopen: Callable[[Store], Store]
    steps = 0  # of all examples

    def __init__(self) -> None:
        super().__init__()
        type(self).steps -= 1  # the invariants are checked before the first step, too
        self.store = type(self).open_store()
        self.now = NOW
        self.number = 0
        self.invoices: list[Invoice] = []
        self.holds: list[Hold] = []
        self.paid: list[tuple[Invoice, User]] = []
        self.answers: dict[int, Answer] = {}
        self.charges: dict[int, tuple[int, User]] = {}  # number → receipt_id and payer
        self.conflicts: set[int] = set()
        self.dead_letters: set[bytes] = set()
        self.hooks: list[Hook] = []

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
                self.answers[number] = Answer(ok=True)
                return
            may = self.free(wanted, capacity)
            decision = accept(asked, wanted, capacity=capacity, expires_at=deadline)
            assert tx.record_decision(asked, decision, self.now) is may
            self.answers[number] = Answer(ok=may)
            if not may:
                assert tx.record_decision(asked, refusal(asked), self.now)
            else:
                found = facts_of(tx, wanted, buyer).own_reservation
                assert found is not None
                self.holds.append(Hold(wanted, buyer, found.reservation_id, deadline, [number]))

    @rule(which=CHOICE)
    @precondition(lambda self: self.answers)
    def ask_again(self, which: int) -> None:
        """A repeated query meets its decision, for ever the same."""
        number, answer = list(self.answers.items())[which % len(self.answers)]
        with self.store.transaction() as tx:
            recorded = tx.recorded_decision(f"query-{number}")
            assert tx.recorded_decision("query-0") is None
        assert recorded is not None
        told = "too_old" if answer.void and answer.outcome != "sent" else answer.outcome
        assert (recorded[0].ok, recorded[1]) == (answer.ok, told)

    @rule(which=CHOICE, hook=FIRST_STATES)
    @precondition(lambda self: self.holds)
    def pay(self, which: int, hook: HookState | None) -> None:
        hold = self.holds.pop(which % len(self.holds))
        self.record_receipt(hold.invoice, hold.buyer, hook, booking=Booking.POST, reservation_id=hold.reservation_id)
        self.paid.append((hold.invoice, hold.buyer))

    @rule(which=CHOICE, buyer=BUYERS, capacity=CAPACITIES, hook=FIRST_STATES)
    @precondition(lambda self: self.invoices)
    def pay_late(self, which: int, buyer: User, capacity: int | None, hook: HookState | None) -> None:
        """Money without a reservation: booked if it finds room, else recorded all the same."""
        late = self.invoices[which % len(self.invoices)]
        booking = Booking.DIRECT if self.free(late, capacity) else Booking.NONE
        self.record_receipt(late, buyer, hook, booking=booking, capacity=capacity)
        if booking is Booking.DIRECT:
            self.paid.append((late, buyer))

    def record_receipt(self, paid_for: Invoice, buyer: User, hook: HookState | None, **booking: Any) -> None:
        number = self.next_number()
        invoiced = {name: getattr(paid_for, name) for name in ("invoice_id", "mode", "sku", "quantity")}
        paid = receipt(number, buyer=buyer, **invoiced, **booking)
        kinds = KINDS[: 1 + number % 2] if hook else ()
        with self.store.transaction() as tx:
            receipt_id = tx.record_receipt(paid, number, b"%d" % number, self.now)
            if hook:
                tx.queue_hooks(receipt_id, dict.fromkeys(kinds, hook), self.now)
                self.hooks += [Hook(receipt_id, kind, hook, self.now) for kind in kinds]
        self.charges[number] = (receipt_id, buyer)

    @rule(which=CHOICE, differs=st.booleans())
    @precondition(lambda self: self.charges)
    def pay_again(self, which: int, differs: bool) -> None:
        """The same charge once more: known, compared, and never a second receipt."""
        number, (_, buyer) = list(self.charges.items())[which % len(self.charges)]
        again = payment(number, buyer=buyer, update_id=0, total_amount=1 if differs else 49900)
        with self.store.transaction() as tx:
            assert tx.repeat_of_payment(again) == ("conflict" if differs else "same")
            assert tx.repeat_of_payment(payment(0)) == "new"
            if differs:
                tx.record_conflict(again, b"conflict %d" % number, self.now)
                self.conflicts.add(number)
            with pytest.raises(Unrecordable), tx.savepoint():
                tx.record_receipt(receipt(number, buyer=buyer), 0, b"again", self.now)

    @rule(which=st.integers(0, 9))
    def receive_rubbish(self, which: int) -> None:
        raw = b"rubbish %d" % which
        with self.store.transaction() as tx:
            assert tx.record_dead_letter(which, "why", which < 5, raw, self.now) is (raw not in self.dead_letters)
        self.dead_letters.add(raw)

    @rule(seconds=st.integers(0, TTL // 1000) | st.sampled_from((1, 59, 60)))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * 1000
        due = [hold for hold in self.holds if hold.expires_at <= self.now]
        assert self.store.reservations_due(self.now) == len(due)
        with self.store.transaction() as tx:
            ended = tx.expire_reservations(self.now)
        assert sorted(each.reservation_id for each in ended) == sorted(hold.reservation_id for hold in due)
        self.holds = [hold for hold in self.holds if hold not in due]

    @rule(which=CHOICE, outcome=st.sampled_from(("sent", "too_old", "failed")))
    @precondition(lambda self: self.answers)
    def answer(self, which: int, outcome: AnswerOutcome) -> None:
        """Any query, an old one too; a live reservation ends with the refusal of the last query that rests on it."""
        number, answer = list(self.answers.items())[which % len(self.answers)]
        release = outcome == "too_old"
        result = AnswerResult(f"query-{number}", outcome, self.now, 5, release=release)
        with self.store.transaction() as tx:
            tx.record_answers([result])
        if answer.outcome == "sent":
            return
        answer.outcome = outcome
        if release and answer.ok:
            answer.void = True
            self.holds = [hold for hold in self.holds if not all(self.answers[n].void for n in hold.entries)]

    @rule(kinds=st.sampled_from((KINDS, KINDS[:1], KINDS[1:])), limit=st.integers(1, 3))
    def claim_hooks(self, kinds: Sequence[HookKind], limit: int) -> None:
        due = [hook for hook in self.hooks if hook.is_due(self.now) and hook.kind in kinds]
        with self.store.transaction() as tx:
            claimed = tx.claim_hooks(self.now, self.now + LEASE, kinds, limit)
        ours = {(each.receipt.receipt_id, each.kind): each for each in claimed}
        taken = [hook for hook in due if (hook.receipt_id, hook.kind) in ours]
        assert len(taken) == len(claimed) == min(limit, len(due))
        assert sorted(hook.due_at for hook in taken) == sorted(hook.due_at for hook in due)[:limit]
        for hook in taken:
            hook.attempts, hook.lease_until = hook.attempts + 1, self.now + LEASE
            hook.hook_id = ours[hook.receipt_id, hook.kind].hook_id
            assert ours[hook.receipt_id, hook.kind].attempts == hook.attempts

    @rule(which=CHOICE, result=st.sampled_from(("done", "again", "failed")), seconds=st.integers(0, 600))
    @precondition(lambda self: any(hook.lease_until for hook in self.hooks))
    def finish_hook(self, which: int, result: str, seconds: int) -> None:
        running = [hook for hook in self.hooks if hook.lease_until]
        hook = running[which % len(running)]
        assert hook.hook_id is not None
        again_at = self.now + seconds * 1000 if result == "again" else None
        with self.store.transaction() as tx:
            tx.record_hook(hook.hook_id, failure=None if result == "done" else "exit code 1", again_at=again_at)
        hook.state = "done" if result == "done" else "failed" if result == "failed" else "pending"
        hook.due_at, hook.lease_until = again_at or hook.due_at, None

    @rule(which=CHOICE, states=st.sets(st.sampled_from(STATES)))
    @precondition(lambda self: self.charges)
    def rerun_hooks(self, which: int, states: set[HookState]) -> None:
        receipt_id, _ = list(self.charges.values())[which % len(self.charges)]
        chosen = [hook for hook in self.hooks if hook.receipt_id == receipt_id and hook.state in states]
        with self.store.transaction() as tx:
            assert tx.rerun_hooks(receipt_id, sorted(states), self.now) == len(chosen)
        for hook in chosen:
            hook.state, hook.due_at, hook.attempts, hook.lease_until = "pending", self.now, 0, None

    @rule()
    def start_again(self) -> None:
        """The process is another one; what was claimed is due again."""
        self.store = type(self).reopen(self.store)
        with self.store.transaction() as tx:
            tx.free_claims(KINDS)
        for hook in self.hooks:
            hook.lease_until = None

    @invariant()
    def the_sums_are_the_models(self) -> None:
        type(self).steps += 1
        for each in self.invoices:
            expected = (self.held(each), self.used(each), *(self.units(each.mode, each.sku) if each.sku else (0, 0)))
            assert standing(self.store, each) == expected
        modes: tuple[Mode, Mode] = ("test", "live")
        for mode in modes:
            for sku, (sold, held) in self.store.stock_counts(mode).items():
                assert (held, sold) == self.units(mode, sku)

    @invariant()
    def the_outbox_is_the_models(self) -> None:
        assert self.store.hooks_due(self.now) == sum(hook.is_due(self.now) for hook in self.hooks)
        rows = {(row.receipt_id, row.kind): (row.state, row.due_at, row.attempts) for row in self.store.hooks()}
        assert rows == {(hook.receipt_id, hook.kind): (hook.state, hook.due_at, hook.attempts) for hook in self.hooks}

    @invariant()
    def the_ledger_does_not_contradict_itself(self) -> None:
        if type(self).steps % INTEGRITY_EVERY_STEPS == 0:
            self.check_all()

    def check_all(self) -> None:
        """What is slow to ask."""
        assert self.store.integrity_problems() == []
        assert {row.receipt_id for row in self.store.receipts(ReceiptFilter())} == {
            receipt_id for receipt_id, _ in self.charges.values()
        }
        assert len(self.store.open_answers(0)) == sum(answer.outcome is None for answer in self.answers.values())
        counts = self.store.counts("test")
        assert (counts.conflicts, counts.dead_letters) == (len(self.conflicts), len(self.dead_letters))

    def teardown(self) -> None:
        self.check_all()
        self.store.close()


class OversellContract(LedgerContract):
    def reopen(self, store: Store) -> Store:
        """The same ledger, as the next process finds it; what lives in memory stays open."""
        return store

    @pytest.fixture
    def steps(self, pytestconfig: pytest.Config) -> int:
        """Of one share."""
        return math.ceil(pytestconfig.getoption("--machine-steps") / SHARES)

    @pytest.mark.parametrize("share", range(SHARES))
    def test_nothing_is_oversold_in_any_order_of_events(self, share: int, steps: int) -> None:
        @seed(share)
        class Machine(LedgerMachine):
            open_store = staticmethod(self.open_store)
            reopen = staticmethod(self.reopen)

        fixed = settings(derandomize=True, database=None, deadline=None, stateful_step_count=STEPS_OF_EXAMPLE)
        examples = math.ceil(steps / STEPS_OF_EXAMPLE * 1.4)  # some are short
        run_state_machine_as_test(Machine, settings=settings(fixed, max_examples=examples))
        assert Machine.steps >= steps
