"""What goes into the ledger and comes out of it, beside the words of `core/model.py`, as frozen values.

Knows the names; never how they are kept, or what is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from apaycli.core.model import Decision, Invoice, Mode, ReceiptRow

if TYPE_CHECKING:
    from apaycli.core.hooks import HookKind, HookState  # only named here

AnswerOutcome = Literal["sent", "unconfirmed", "too_old", "failed"]
Repeat = Literal["new", "same", "conflict"]
TroubleKind = Literal["refused", "unanswered", "free_left_out"]
Audience = Literal["merchant", "buyer"]
SendState = Literal["sending", "sent", "refused", "unknown"]
LetterState = Literal["open", "replayed", "discarded"]


class DeadLetter(NamedTuple):
    """An update that could not be read or recorded, without its bytes."""

    dead_letter_id: int
    update_id: int | None
    reason: str
    mentions_payment: bool
    state: LetterState
    received_at: int
    ended_at: int | None
    size_bytes: int
    digest: str


class Problem(NamedTuple):
    """Something that the ledger says against itself. `check` is a heading of docs/ledger.md."""

    check: str
    what: str


class EvidencedReceipt(NamedTuple):
    """A receipt, its digests, stored and counted again, and the bytes that it was read from (None: not there)."""

    receipt: ReceiptRow
    update_id: int
    digest: str
    row_digest: str
    row_digest_counted: str
    raw: bytes | None


class KeptBytes(NamedTuple):
    """Other bytes that are kept: of conflicts and refunds, of queries that contradict their decision, the words of
    terms, and dead letters, which say if they mention a payment."""

    kind: str
    name: str | int
    digest: str
    raw: bytes
    mentions_payment: int | None


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """How sending one answer went. `release`: it certainly never took effect, and gives the units back."""

    pre_checkout_query_id: str
    outcome: AnswerOutcome
    answered_at: int
    milliseconds: int
    release: bool = False


@dataclass(frozen=True, slots=True)
class ShippingTrouble:
    """A shipping query that Telegram took no answer to (`refused`, or `unanswered` in time), or one without the options
    that cost nothing (`free_left_out`)."""

    shipping_query_id: str
    kind: TroubleKind
    error: str
    happened_at: int


@dataclass(frozen=True, slots=True)
class DueHook:
    """A claimed row of the outbox, with the receipt that it is about. `attempts` counts this one."""

    hook_id: int
    kind: HookKind
    attempts: int
    first_attempt_at: int
    receipt: ReceiptRow


@dataclass(frozen=True, slots=True)
class HookRow:
    """A row of the outbox, for people."""

    receipt_id: int
    kind: HookKind
    state: HookState
    attempts: int
    due_at: int
    last_attempt_at: int | None
    failure: str | None
    flag: str | None
    telegram_payment_charge_id: str


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """A decision whose answer may not have reached Telegram."""

    decision: Decision
    buyer_id: int
    decided_at: int


@dataclass(frozen=True, slots=True)
class ListenerRun:
    """One run of the listener; `stopped_at` is None while it runs, and for ever after a crash."""

    pid: int
    mode: Mode
    started_at: int
    alive_at: int
    last_contact_at: int | None
    stopped_at: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a word from Telegram, longer than Telegram keeps receipts."""

    from_at: int
    until_at: int


@dataclass(frozen=True, slots=True)
class Restore:
    """A ledger that was put back from a backup: what happened between the two instants may be missing in it."""

    backup_ends_at: int  # 0: nothing was in it
    restored_at: int
    kept_as: str | None  # the replaced ledger
    replaced_read: bool  # False: it may have known of more receipts than are listed


@dataclass(frozen=True, slots=True)
class MissingReceipt:
    """What a replaced ledger knew of a receipt that the ledger of today does not have. Known from a hook: its number
    alone."""

    receipt_id: int
    known_from: Literal["receipt", "hook"]
    telegram_payment_charge_id: str | None = None
    mode: str | None = None
    currency: str | None = None
    total_amount: int | None = None
    buyer_id: int | None = None
    paid_at: int | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that waits to be told."""

    notice_id: int
    chat_id: str
    audience: Audience
    text: str
    created_at: int


class ReservedUnits(NamedTuple):
    """What one buyer has reserved of one product and not paid, in so many reservations; the first was made `since`."""

    sku: str
    buyer_id: int
    units: int
    reservations: int
    since: int


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """What lies in the ledger, for people and for check-live."""

    receipts: int
    receipts_flagged: int
    reservations_pending: int
    units_held: int
    dead_letters: int  # open ones, here and below
    dead_letters_with_payment: int
    conflicts: int
    hooks_failed: int
    hooks_waiting: int
    refunds_due: int
    notices: int  # to the merchant
    answers_slowest_milliseconds: int | None
    support_requests: int = 0  # open ones
    support_oldest_at: int | None = None  # of those
    shipping_failures: int = 0  # not acknowledged, here and below
    shipping_free_left_out: int = 0
    shipping_error: str | None = None  # the last one
    query_conflicts: int = 0


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice, what came of sending it, and how often it is being and has been paid."""

    invoice: Invoice
    send_state: SendState
    message_id: int | None
    link: str | None
    sent_at: int | None
    send_error: str | None
    uses_held: int
    uses_paid: int


@dataclass(frozen=True, slots=True)
class SupportReply:
    reply_id: int
    text: str
    created_at: int
    send_state: SendState
    send_error: str | None


@dataclass(frozen=True, slots=True)
class SupportRequest:
    """What a buyer wrote behind /support; `replies` are the shop's, the oldest first."""

    request_id: int
    buyer_id: int
    buyer_username: str | None
    buyer_name: str | None
    language_code: str | None
    text: str
    received_at: int
    closed_at: int | None
    replies: tuple[SupportReply, ...] = ()
