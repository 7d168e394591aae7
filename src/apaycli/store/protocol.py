"""The verbs of the ledger: what every storage offers, in accounting words.

Knows what can be asked and recorded; never what *should* happen: it stores, it does not judge. Errors of
the storage arrive as `LedgerError`; after one inside a transaction nothing of that transaction is durable,
or its outcome is unknown and the next start reads it from disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol

from apaycli.core.model import (
    CheckoutFacts,
    Decision,
    Invoice,
    Mode,
    PaymentFacts,
    Receipt,
    ReceiptFilter,
    ReceiptRow,
    Reservation,
)
from apaycli.store.protocol_books import BookKeeping, Reconciling
from apaycli.store.protocol_cases import CaseKeeping, CaseLookup
from apaycli.store.protocol_stats import Counting
from apaycli.store.protocol_talk import LookingUp, TalkVerbs
from apaycli.store.sqlite_purge import PurgeCounts
from apaycli.store.values import (
    AnswerOutcome,
    AnswerResult,
    Audience,
    DeadLetter,
    DueHook,
    EvidencedReceipt,
    Gap,
    HookRow,
    KeptBytes,
    LedgerCounts,
    ListenerRun,
    MissingReceipt,
    Notice,
    OpenAnswer,
    Problem,
    Repeat,
    ReservedUnits,
    Restore,
    ShippingTrouble,
)

if TYPE_CHECKING:
    from apaycli.core.hooks import HookKind, HookState
    from apaycli.core.incoming import PreCheckoutQuery, SuccessfulPayment  # only named here


class Unrecordable(Exception):
    """One update breaks a constraint of the ledger: a poisoned update, or a bug. Nothing of it was recorded."""


class Transaction(TalkVerbs, CaseKeeping, Reconciling, Protocol):
    """One atomic step. Nothing said here may be promised to anybody before it is committed."""

    def recorded_decision(self, pre_checkout_query_id: str) -> tuple[Decision, AnswerOutcome | None] | None:
        """The decision that was recorded for this query, to be repeated, and how its answer went: `too_old` where it
        certainly never took effect, and its units were given back."""
        ...

    def differences_of_query(self, query: PreCheckoutQuery) -> list[str]:
        """Which fields of this query are others than those that its decision was made about; none where it has none."""
        ...

    def record_query_conflict(self, query: PreCheckoutQuery, differs: Sequence[str], raw: bytes, now: int) -> bool:
        """Keep the bytes of a query with a decided id and other content. False if the very same are there already."""
        ...

    def checkout_facts(self, query: PreCheckoutQuery) -> CheckoutFacts: ...

    def prospect_facts(self, invoice: Invoice, buyer_id: int) -> CheckoutFacts:
        """The same for an invoice that this buyer has not been shown; it may not be in the ledger yet."""
        ...

    def invoice_by_payload(self, invoice_payload: str) -> Invoice | None: ...

    def record_decision(self, query: PreCheckoutQuery, decision: Decision, now: int) -> bool:
        """Record the answer and take what it reserves. False, and nothing recorded: the units or uses are gone."""
        ...

    def repeat_of_payment(self, payment: SuccessfulPayment) -> Repeat:
        """Whether this charge id has a receipt already, and whether that one says the same."""
        ...

    def payment_facts(self, payment: SuccessfulPayment) -> PaymentFacts: ...

    def record_receipt(self, receipt: Receipt, update_id: int, raw: bytes, now: int) -> int:
        """Record the money and book it as the receipt says. Returns the receipt_id."""
        ...

    def queue_hooks(self, receipt_id: int, states: Mapping[HookKind, HookState], now: int) -> None:
        """What is to be done for this receipt: in the transaction that records it."""
        ...

    def claim_hooks(
        self, now: int, lease_until: int, kinds: Sequence[HookKind], limit: int, running: Collection[int] = ()
    ) -> list[DueHook]:
        """Due rows that are not running, oldest first: from now until `lease_until` they are ours. `running`: the
        caller's own runs, which are never claimed, whatever the clock or another command has made of their claim."""
        ...

    def record_hook(self, hook_id: int, *, failure: str | None, again_at: int | None) -> None:
        """How a run went. A failure without `again_at` is the last one: the row is `failed`."""
        ...

    def free_claims(self, kinds: Sequence[HookKind]) -> None:
        """At a start: nothing that ran hooks of these kinds before is left; what it had claimed is due again."""
        ...

    def rerun_hooks(self, receipt_id: int, states: Sequence[HookState], now: int) -> int:
        """The merchant's word: rows in one of `states` are due now, with all their tries. Returns how many."""
        ...

    def record_conflict(self, payment: SuccessfulPayment, raw: bytes, now: int) -> None:
        """Keep the bytes of a second payment with a known charge id and other content; the first row stands."""
        ...

    def record_refund(self, telegram_payment_charge_id: str, update_id: int, raw: bytes, now: int) -> None: ...

    def record_dead_letter(
        self, update_id: int | None, reason: str, mentions_payment: bool, raw: bytes, now: int
    ) -> bool:
        """Keep unreadable bytes. False if the very same are there already."""
        ...

    def dead_letter(self, dead_letter_id: int) -> tuple[DeadLetter, bytes] | None: ...

    def end_dead_letter(self, dead_letter_id: int, state: Literal["replayed", "discarded"], now: int) -> bool:
        """End an open letter; its bytes stay. False: it is not there, or has ended before."""
        ...

    def record_answers(self, results: Sequence[AnswerResult]) -> None: ...

    def expire_reservations(self, now: int) -> list[Reservation]: ...

    def migrate_chat(self, chat_id: int, migrate_to_chat_id: int) -> int:
        """Remember a group's new id, and rewrite the old one wherever invoices were sent to it. Returns how many."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """What is inside is undone alone when it raises; the transaction goes on. A value or a constraint
        that the ledger refuses arrives as Unrecordable."""
        ...

    def invoice_by_start_parameter(self, start_parameter: str) -> Invoice | None: ...

    def standing_invoice(self, like: Invoice) -> Invoice | None:
        """An invoice to the same chat that says the same, save for its ids and time."""
        ...

    def stock_counts(self, mode: Mode) -> dict[str, tuple[int, int]]:
        """(sold, held) by SKU."""
        ...

    def record_invoice(
        self,
        invoice: Invoice,
        send_state: Literal["sending", "sent"] = "sending",
        campaign: str | None = None,
    ) -> None: ...

    def record_send_outcome(
        self,
        invoice_id: str,
        state: Literal["sent", "refused", "unknown"],
        now: int,
        *,
        message_id: int | None = None,
        link: str | None = None,
        chat_id: str | None = None,
        error: str | None = None,
    ) -> None: ...

    def start_run(self, pid: int, mode: Mode, now: int) -> int: ...

    def record_life(self, run_id: int, alive_at: int, last_contact_at: int | None) -> None: ...

    def record_gap(self, gap: Gap) -> None: ...

    def record_shipping_trouble(self, trouble: ShippingTrouble) -> None:
        """The first of a query stands."""
        ...

    def acknowledge(self, now: int) -> None:
        """The owner has seen every gap, conflict, restore and trouble with shipping up to now."""
        ...

    def queue_notice(self, chat_id: str, audience: Audience, text: str, now: int) -> None: ...

    def remove_notices(self, notice_ids: Sequence[int]) -> None:
        """They are delivered, or too old to be worth it."""
        ...

    def stop_run(self, run_id: int, now: int) -> None: ...

    def attest(self, name: str, now: int) -> None: ...

    def purge(self, before: int) -> PurgeCounts:
        """Personal data from before that instant goes; amounts and ids stay. Remembered as `purged_before`."""
        ...

    def remember(self, key: str, value: str) -> None:
        """A fact about the ledger, or something that was asked elsewhere and need not be asked again at once."""
        ...


class Store(LookingUp, BookKeeping, CaseLookup, Counting, Protocol):
    """A ledger that is open. Reads stand outside of transactions and may be a moment old."""

    def transaction(self) -> AbstractContextManager[Transaction]: ...

    def bind_bot(self, bot_id: int) -> None:
        """One ledger is one bot's: raises ConfigError if this one belongs to another."""
        ...

    def bot_id(self) -> int | None:
        """Whose ledger this is, or None."""
        ...

    def ledger_id(self) -> str | None:
        """Made with the ledger, and the same in every copy of it; None in a damaged one."""
        ...

    def open_answers(self, decided_from: int) -> list[OpenAnswer]: ...

    def reservations_due(self, now: int) -> int: ...

    def stock_counts(self, mode: Mode) -> dict[str, tuple[int, int]]:
        """(sold, held) by SKU."""
        ...

    def reserved_units(self, mode: Mode, units_min: int) -> list[ReservedUnits]:
        """Who has at least so many units of a product reserved, the most first."""
        ...

    def receipts(self, which: ReceiptFilter) -> Iterator[ReceiptRow]:
        """Oldest first, one at a time: memory does not grow with their number."""
        ...

    def hooks_due(self, now: int) -> int: ...

    def hooks(self, state: HookState | None = None, receipt_id: int | None = None) -> list[HookRow]:
        """The newest first, at most 1000."""
        ...

    def last_run(self) -> ListenerRun | None: ...

    def runs_since(self, instant: int) -> list[ListenerRun]:
        """Those that lived at `instant` or later, the oldest first."""
        ...

    def gaps(self) -> list[Gap]:
        """Those that the owner has not acknowledged, the oldest first."""
        ...

    def restores(self) -> list[Restore]:
        """Those that the owner has not reviewed, the oldest first."""
        ...

    def missing_receipts(self, limit: int = -1) -> list[MissingReceipt]:
        """What is known of receipts that no backup had and that have not come again, by number."""
        ...

    def notices(self, limit: int, but: Collection[str] = ()) -> list[Notice]:
        """The oldest first, without those to chats in `but`."""
        ...

    def refuse_lost_files(self) -> None:
        """Raise LedgerLost when a file of the open ledger was moved, removed or replaced. Cheap, safe in any thread,
        and done by `transaction` after each commit."""
        ...

    def counts(self, mode: Mode) -> LedgerCounts: ...

    def standing(self, mode: Mode, paid_from: int) -> tuple[dict[str, int], int]:
        """Takings since then, by currency, without what must go back; and the units that are held now."""
        ...

    def attestations(self) -> dict[str, int]:
        """When each statement was made."""
        ...

    def integrity_problems(self) -> list[str]:
        """What the storage and the sums of the ledger say against themselves; empty is good. A quick look."""
        ...

    def dead_letters(self, *, ended: bool = False) -> list[DeadLetter]:
        """Those that mention a payment first, then the newest; at most 1000. `ended`: the others, too."""
        ...

    def open_dead_letters(self) -> list[int]:
        """Their ids, oldest first."""
        ...

    def dead_letter(self, dead_letter_id: int) -> tuple[DeadLetter, bytes] | None: ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Inside, the four that follow see one moment, whoever writes meanwhile."""
        ...

    def file_problems(self) -> Iterator[Problem]:
        """The storage itself: pages, indexes, constraints, tables, references."""
        ...

    def sum_problems(self) -> Iterator[Problem]:
        """Whatever stands in two places and differs, and states that do not fit each other."""
        ...

    def evidenced_receipts(self) -> Iterator[EvidencedReceipt]:
        """All receipts in the order of their numbers, one at a time."""
        ...

    def kept_bytes(self) -> Iterator[KeptBytes]: ...

    def close(self) -> None: ...
