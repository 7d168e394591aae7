"""A dead letter, given to the program again: by the merchant, perhaps after an upgrade.

Knows what may still be done for an update that is hours or weeks old: money, refunds and moved groups are
recorded, whoever asked something has gone. Never decides a pre-checkout query, and never sends anything. The
letter ends in the transaction that records what was in it.
"""

from dataclasses import dataclass
from typing import Literal

from apaycli.core.incoming import (
    ChatMigrated,
    PreCheckoutQuery,
    RefundedPayment,
    SuccessfulPayment,
    Unreadable,
    Update,
)
from apaycli.errors import LedgerError
from apaycli.listen.events import Event, Paid, PaymentRepeated
from apaycli.listen.processor import Processor, Received, Recorded
from apaycli.store.protocol import Transaction

Outcome = Literal["recorded", "known", "conflict", "nothing_to_do", "unreadable", "unrecordable", "too_old", "ended"]
_STAYS_OPEN = ("unreadable", "unrecordable", "too_old")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one letter. `ended`: it was not open any more, and nothing was done."""

    dead_letter_id: int
    outcome: Outcome
    what: str
    receipt_id: int | None = None

    @property
    def stays_open(self) -> bool:
        return self.outcome in _STAYS_OPEN


class Replayer(Processor):
    """The processor, for one letter at a time."""

    def replay(self, dead_letter_id: int) -> Replayed:
        now = self._clock.now()
        with self._store.transaction() as tx:
            found = tx.dead_letter(dead_letter_id)
            if found is None or found[0].state != "open":
                return Replayed(dead_letter_id, "ended", "is not open any more")
            outcome, what, receipt_id = self._again(tx, self.parse([found[1]])[0], now)
            replayed = Replayed(dead_letter_id, outcome, what, receipt_id)
            if not replayed.stays_open:
                tx.end_dead_letter(dead_letter_id, "replayed", now)
            return replayed

    def _again(self, tx: Transaction, received: Received, now: int) -> tuple[Outcome, str, int | None]:
        match received.update:
            case Unreadable(_, reason, _):
                return "unreadable", f"still cannot be read: {reason}", None
            case PreCheckoutQuery():
                return "too_old", "a pre-checkout query that nobody waits for any more: discard it", None
            case SuccessfulPayment() | RefundedPayment() | ChatMigrated():
                return self._record_again(tx, received, now)
            case _:
                return "nothing_to_do", "can be read now, and there is nothing left to do", None

    def _record_again(self, tx: Transaction, received: Received, now: int) -> tuple[Outcome, str, int | None]:
        recorded, payment = Recorded(), received.update
        try:
            with tx.savepoint():
                self._record_one(tx, received, recorded, now, ())
        except LedgerError:
            raise
        except Exception as error:
            unmatched = isinstance(payment, SuccessfulPayment) and self._record_unmatched(
                tx, payment, received.raw, recorded, now
            )
            if not unmatched:
                return "unrecordable", f"still cannot be recorded: {error or type(error).__name__}", None
        return _said(recorded.events, received.update)


def _said(events: list[Event], update: Update) -> tuple[Outcome, str, int | None]:
    for event in events:
        match event:
            case Paid(_, receipt_id, receipt):
                flag = f", flagged {receipt.flag}" if receipt.flag else ""
                return "recorded", f"receipt {receipt_id} recorded{flag}", receipt_id
            case PaymentRepeated(_, charge_id, True):
                return "conflict", f"{charge_id} has a receipt that says otherwise: kept beside it as a conflict", None
            case PaymentRepeated(_, charge_id, _):
                return "known", f"{charge_id} has its receipt already", None
    return "recorded", "a moved group" if isinstance(update, ChatMigrated) else "a refund of Telegram Stars", None
