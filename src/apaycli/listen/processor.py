"""The path of an update: raw bytes in, durable decisions and receipts out.

Knows the order of steps; never a rule (`core/decide.py`), SQL (`store`) or how things look.

Theory. A batch is recorded in one transaction, and only what is committed is ever said to anybody:

    parse each update alone                     broken ones become dead letters, without their neighbours
    BEGIN IMMEDIATE
      a decision or receipt for this id?        repeat it, never decide twice
      facts from the ledger                     read once, in this very transaction
      decide                                    core
      record                                    conditional UPDATEs; a lost race is decided again
    COMMIT                                      durable: the moment that counts
    answers to the sender, then confirm         side by side

Queries go first, in a transaction of their own when receipts wait beside them: a buyer is waiting.

One update that the ledger will not take (a bug, or poison that got past the parser) is undone alone, kept as
a dead letter, and its query declined. Trouble with the disk is another thing: nothing of the batch is said,
nothing is confirmed, and the process ends, to decide again from what is on disk.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from apaycli.clock import Clock
from apaycli.core.conversation import AnswerShippingQuery, Effect, RemoveKeyboard, refuse_shipping_query
from apaycli.core.decide import Shop, decide_payment, decide_pre_checkout, decline
from apaycli.core.hooks import first_state
from apaycli.core.incoming import (
    CallbackQuery,
    ChatMigrated,
    Command,
    Ignored,
    InlineQuery,
    PreCheckoutQuery,
    RefundedPayment,
    ShippingQuery,
    SuccessfulPayment,
    Unreadable,
    Update,
)
from apaycli.core.invoice import NewIds
from apaycli.core.model import Decision, DeclineReason, Invoice, PaymentFacts, User
from apaycli.core.notices import (
    buyer_notice,
    conflict_notice,
    dead_letter_notice,
    query_conflict_notice,
    receipt_notice,
)
from apaycli.core.update import may_hold_payment, parse_update
from apaycli.crashpoints import reach
from apaycli.errors import LedgerError
from apaycli.listen.conversing import Conversing
from apaycli.listen.events import DeadLetter, Event, Paid, Passed, PaymentRepeated, QueryConflict, StarsRefunded
from apaycli.store.protocol import Store, Transaction


@dataclass(frozen=True, slots=True)
class Received:
    """One update as it came, and what was read from it."""

    raw: bytes
    update: Update


@dataclass(frozen=True, slots=True)
class Answer:
    """A decided query, ready to be sent. `fresh`: decided just now, so that no earlier attempt can exist. `recorded`:
    the decision is in the ledger; a refusal may go without."""

    query: PreCheckoutQuery
    decision: Decision
    invoice: Invoice | None
    fresh: bool
    recorded: bool = True


@dataclass(slots=True)
class Recorded:
    """What one transaction made durable: to be sent, and to be shown."""

    answers: list[Answer] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class Processor:
    """Turns batches into records. `shop` is replaced whole when the stock file changes."""

    def __init__(self, store: Store, shop: Shop, clock: Clock, new_ids: NewIds, bot_username: str = "") -> None:
        self._store = store
        self._clock = clock
        self._new_ids = new_ids
        self.shop = shop
        self.bot_username = bot_username  # known once Telegram was reached; commands may name it

    def parse(self, raws: Sequence[bytes]) -> list[Received]:
        return [Received(raw, parse_update(raw, self.bot_username)) for raw in raws]

    def record(self, batch: Sequence[Received], declined: Collection[str] = ()) -> Recorded:
        """One transaction for the batch. Raises LedgerError: then nothing may be said or confirmed.

        `declined`: queries that were refused without a record, while the ledger could promise nothing; what they
        were told becomes their decision.
        """
        recorded, now = Recorded(), self._clock.now()
        with self._store.transaction() as tx:
            reach("transaction_begun")
            for received in batch:
                self._record_alone(tx, received, recorded, now, declined)
            reach("before_commit")
        return recorded

    def _record_alone(
        self, tx: Transaction, received: Received, recorded: Recorded, now: int, declined: Collection[str]
    ) -> None:
        """One update inside its own savepoint: what fails is undone, kept raw, and does not stop the others."""
        try:
            with tx.savepoint():
                self._record_one(tx, received, recorded, now, declined)
        except LedgerError:
            raise
        except Exception as error:
            if isinstance(received.update, SuccessfulPayment) and self._record_unmatched(
                tx, received.update, received.raw, recorded, now
            ):
                return
            update_id = received.update.update_id
            self._dead_letter(tx, received, recorded, now, update_id, f"cannot be recorded: {type(error).__name__}")
            if isinstance(received.update, PreCheckoutQuery):
                recorded.answers.append(self.refuse_unrecorded(received.update))
            elif isinstance(received.update, ShippingQuery):
                recorded.effects.append(self.refuse_shipping(received.update))

    def _record_unmatched(
        self, tx: Transaction, payment: SuccessfulPayment, raw: bytes, recorded: Recorded, now: int
    ) -> bool:
        """Money is never refused: what cannot be matched, because a row that it needs is damaged, is a receipt too."""
        try:
            with tx.savepoint():
                event = self._record_receipt(tx, payment, PaymentFacts(None), raw, now)
        except LedgerError:
            raise
        except Exception:
            return False
        recorded.events.append(event)
        return True

    def refuse_unrecorded(self, query: PreCheckoutQuery) -> Answer:
        """For a query that has no record, or cannot have one in time."""
        refusal = decline(query, DeclineReason.UNAVAILABLE, self.shop)
        return Answer(query, refusal, None, fresh=True, recorded=False)

    def refuse_shipping(self, query: ShippingQuery) -> AnswerShippingQuery:
        return refuse_shipping_query(query, self.shop)

    def _record_one(
        self, tx: Transaction, received: Received, recorded: Recorded, now: int, declined: Collection[str]
    ) -> None:
        match received.update:
            case PreCheckoutQuery() as query:
                self._compare_query(tx, query, received.raw, now, recorded)
                answers = self._record_query(tx, query, now, query.pre_checkout_query_id in declined)
                recorded.answers += answers
                if not answers:
                    recorded.events.append(Passed(now, query.update_id, "pre_checkout_query, answered before"))
            case SuccessfulPayment() as payment:
                recorded.events.append(self._record_payment(tx, payment, received.raw, now, recorded))
            case RefundedPayment() as refund:
                tx.record_refund(refund.telegram_payment_charge_id, refund.update_id, received.raw, now)
                recorded.events.append(StarsRefunded(now, refund.telegram_payment_charge_id))
            case ChatMigrated() as migrated:
                tx.migrate_chat(migrated.chat_id, migrated.migrate_to_chat_id)
            case Command() as command:
                recorded.effects += self._conversing(tx, now).command(command)
            case CallbackQuery() as press:
                recorded.effects += self._conversing(tx, now).press(press)
            case InlineQuery() as query:
                recorded.effects.append(self._conversing(tx, now).inline(query))
            case ShippingQuery() as query:
                recorded.effects.append(self._conversing(tx, now).shipping(query))
            case Ignored(update_id, kind):
                recorded.events.append(Passed(now, update_id, kind))
            case Unreadable() as unreadable:
                self._dead_letter(tx, received, recorded, now, unreadable.update_id, unreadable.reason)
                self._refuse_unreadable(tx, unreadable, recorded)

    def _refuse_unreadable(self, tx: Transaction, unreadable: Unreadable, recorded: Recorded) -> None:
        """Somebody waits at the other end, whoever it is."""
        for query in asked_in(unreadable):
            if isinstance(query, ShippingQuery):
                recorded.effects.append(self.refuse_shipping(query))
            else:
                again = self._repeat(tx, query, None)  # an earlier, readable copy may have been decided
                recorded.answers += [self.refuse_unrecorded(query)] if again is None else again

    def _compare_query(
        self, tx: Transaction, query: PreCheckoutQuery, raw: bytes, now: int, recorded: Recorded
    ) -> None:
        """A decided id with other content: the decision stands, and it is said."""
        differs = tx.differences_of_query(query)
        if differs and tx.record_query_conflict(query, differs, raw, now):
            recorded.events.append(QueryConflict(now, query.pre_checkout_query_id, tuple(differs)))
            self._notify(tx, query_conflict_notice(query.pre_checkout_query_id, differs), now)

    def _record_query(self, tx: Transaction, query: PreCheckoutQuery, now: int, declined: bool) -> list[Answer]:
        facts = tx.checkout_facts(query)
        again = self._repeat(tx, query, facts.invoice)
        if again is not None:
            return again
        if declined:
            tx.record_decision(query, decline(query, DeclineReason.UNAVAILABLE, self.shop), now)
            return []
        decision = decide_pre_checkout(query, facts, self.shop, now)
        if not tx.record_decision(query, decision, now):
            # Another writer took the last unit between facts and record: possible where several may write.
            decision = decline(query, DeclineReason.SOLD_OUT, self.shop)
            tx.record_decision(query, decision, now)
        reach("decision_recorded")
        return [Answer(query, decision, facts.invoice, fresh=True)]

    def _repeat(self, tx: Transaction, query: PreCheckoutQuery, invoice: Invoice | None) -> list[Answer] | None:
        """The recorded answer once more, unless Telegram has it or takes it no more; None where nothing was decided."""
        before = tx.recorded_decision(query.pre_checkout_query_id)
        if before is None:
            return None
        decision, outcome = before
        return [] if outcome in ("sent", "too_old") else [Answer(query, decision, invoice, fresh=False)]

    def _conversing(self, tx: Transaction, now: int) -> Conversing:
        return Conversing(tx, self.shop, now, self._new_ids, self.bot_username)

    def _record_payment(
        self, tx: Transaction, payment: SuccessfulPayment, raw: bytes, now: int, recorded: Recorded
    ) -> Event:
        repeat = tx.repeat_of_payment(payment)
        if repeat != "new":
            if repeat == "conflict":
                tx.record_conflict(payment, raw, now)
                self._notify(tx, conflict_notice(payment.telegram_payment_charge_id), now)
            return PaymentRepeated(now, payment.telegram_payment_charge_id, repeat == "conflict")
        facts = tx.payment_facts(payment)
        event = self._record_receipt(tx, payment, facts, raw, now)
        if self.shop.close_when_paid and facts.invoice is not None:
            used_up = tx.used_up(facts.invoice.invoice_id)
            recorded.effects += [RemoveKeyboard(*used_up)] if used_up else []
        return event

    def _record_receipt(
        self, tx: Transaction, payment: SuccessfulPayment, facts: PaymentFacts, raw: bytes, now: int
    ) -> Event:
        receipt = decide_payment(payment, facts, self.shop, now)
        receipt_id = tx.record_receipt(receipt, payment.update_id, raw, now)
        reach("receipt_recorded")
        tx.queue_hooks(receipt_id, dict.fromkeys(self.shop.hooks, first_state(receipt.flag)), now)
        self._notify(tx, receipt_notice(receipt_id, receipt), now)
        if receipt.buyer is not None:
            thanks = buyer_notice(receipt_id, receipt, self.shop.messages)
            tx.queue_notice(str(receipt.buyer.user_id), "buyer", thanks, now)
        return Paid(now, receipt_id, receipt)

    def _notify(self, tx: Transaction, sentence: str, now: int) -> None:
        if self.shop.notify_chat is not None:
            tx.queue_notice(self.shop.notify_chat, "merchant", sentence, now)

    def _dead_letter(
        self, tx: Transaction, received: Received, recorded: Recorded, now: int, update_id: int | None, reason: str
    ) -> None:
        mentions_payment = may_hold_payment(received.raw)
        if tx.record_dead_letter(update_id, reason, mentions_payment, received.raw, now):
            recorded.events.append(DeadLetter(now, update_id, reason, mentions_payment))
            if mentions_payment:
                self._notify(tx, dead_letter_notice(reason), now)


def asked_in(update: Update) -> tuple[PreCheckoutQuery | ShippingQuery, ...]:
    """Whoever waits for an answer because of this update. Of what cannot be read, at least the ids may be known."""
    match update:
        case PreCheckoutQuery() | ShippingQuery():
            return (update,)
        case Unreadable(update_id, _, _, query_id, shipping_id):
            nobody = User(0)
            query = PreCheckoutQuery(update_id or 0, query_id or "", nobody, None, None, "")
            shipping = ShippingQuery(update_id or 0, shipping_id or "", nobody, "", "")
            return (*((query,) if query_id else ()), *((shipping,) if shipping_id else ()))
    return ()


def key_of(query: PreCheckoutQuery | ShippingQuery) -> str:
    """Its id; a shipping query's is marked, because the two are counted apart."""
    return query.pre_checkout_query_id if isinstance(query, PreCheckoutQuery) else f"shipping {query.shipping_query_id}"


def queries_first(batch: Sequence[Received]) -> list[list[Received]]:
    """The batch in the order in which it is recorded: whoever waits for an answer goes first."""
    queries = [received for received in batch if asked_in(received.update)]
    others = [received for received in batch if not asked_in(received.update)]
    return [group for group in (queries, others) if group]
