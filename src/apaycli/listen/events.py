"""What happened, for whoever shows it.

Knows the kinds of events of the listener and their facts; never how they look (`cli/listen_output.py`).
`at` is the wall clock in milliseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from apaycli.core.hooks import HookKind
from apaycli.core.incoming import PreCheckoutQuery
from apaycli.core.model import Decision, Invoice, Mode, Receipt, Reservation
from apaycli.store.values import AnswerOutcome


@dataclass(frozen=True, slots=True)
class Started:
    """Before the first poll. `away_milliseconds` is None where no earlier run is known."""

    at: int
    mode: Mode
    away_milliseconds: int | None
    answers_to_resend: int
    reservations_expired: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Telegram has answered the first getUpdates."""

    at: int
    bot_username: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A pre-checkout query was decided and its answer sent, or not. `milliseconds`: arrival to Telegram's reply."""

    at: int
    query: PreCheckoutQuery
    decision: Decision
    invoice: Invoice | None
    outcome: AnswerOutcome
    milliseconds: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Paid:
    at: int
    receipt_id: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class PaymentRepeated:
    """Telegram told of a known payment again. `conflict`: with other content; the first record stands."""

    at: int
    telegram_payment_charge_id: str
    conflict: bool


@dataclass(frozen=True, slots=True)
class QueryConflict:
    """A decided query came again with other content: `differs` names the fields. The first decision stands."""

    at: int
    pre_checkout_query_id: str
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StarsRefunded:
    """`refunded_payment`, which exists for Telegram Stars only: kept apart."""

    at: int
    telegram_payment_charge_id: str


@dataclass(frozen=True, slots=True)
class Expired:
    at: int
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class DeadLetter:
    at: int
    update_id: int | None
    reason: str
    mentions_payment: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """An update that apay has no use for."""

    at: int
    update_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Replied:
    """A message or answer of the bot's conversation was sent, or refused."""

    at: int
    method: str
    error: str | None


@dataclass(frozen=True, slots=True)
class ShippingFailed:
    """A buyer's address got no answer that Telegram takes, or not every option: the kinds of `ShippingTrouble`."""

    at: int
    shipping_query_id: str
    kind: str
    error: str


@dataclass(frozen=True, slots=True)
class RepliesDropped:
    """So many commands got no reply: too many at once."""

    at: int
    count: int


@dataclass(frozen=True, slots=True)
class StockTaken:
    """A changed stock file is in force."""

    at: int
    products: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OldPrices:
    """A changed stock file gave a product another price or currency: so many open invoices were sent with the old one,
    and are paid as they were sent."""

    at: int
    sku: str
    invoices: int


@dataclass(frozen=True, slots=True)
class StockRefused:
    """A changed stock file is broken; the last good one stays in force."""

    at: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something between us and Telegram; the listener goes on. `next_try_seconds` from now."""

    at: int
    message: str
    hint: str | None
    next_try_seconds: float


@dataclass(frozen=True, slots=True)
class TokenTaken:
    """Telegram had refused the bot token; a new one of the same bot was found, and is used from now on."""

    at: int


@dataclass(frozen=True, slots=True)
class HookRan:
    """A hook was tried. `failure` is None when it was good; `again_at` is None when that was the last try."""

    at: int
    receipt_id: int
    kind: HookKind
    attempt: int
    failure: str | None
    again_at: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand, told again and again to whoever watches: `takings` since local midnight, by currency."""

    at: int
    last_contact_at: int | None
    takings: Mapping[str, int]
    units_held: int


@dataclass(frozen=True, slots=True)
class LedgerStopped:
    """The ledger cannot be written for now: queries are declined, receipts wait at Telegram."""

    at: int
    message: str


@dataclass(frozen=True, slots=True)
class LedgerBack:
    """The ledger can be written again, after `milliseconds`."""

    at: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class GapFound:
    """A time without a word from Telegram, longer than it keeps receipts; told until it is acknowledged."""

    at: int
    from_at: int
    until_at: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Many updates wait at Telegram: it drops what is beyond 100,000."""

    at: int
    pending_update_count: int


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """The wall clock was set, forward or (negative) back, by so many seconds."""

    at: int
    seconds: int


@dataclass(frozen=True, slots=True)
class DiskLow:
    """Little room is left where the ledger lies."""

    at: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class HooksWait:
    """A hook's program of an earlier run cannot be ended. No program is started beside it."""

    at: int


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup was made, opened again and counted; `after_failure`: the program that copies it elsewhere failed."""

    at: int
    path: str
    receipts: int
    after_failure: str | None


@dataclass(frozen=True, slots=True)
class BackupFailed:
    """No backup could be made. It is tried again."""

    at: int
    message: str


@dataclass(frozen=True, slots=True)
class NoticesRefused:
    """Telegram does not take the messages to the merchant's own chat. They are kept for a day."""

    at: int
    waiting: int
    message: str


@dataclass(frozen=True, slots=True)
class Stopped:
    at: int


Event = (
    Started
    | Ready
    | Answered
    | Paid
    | PaymentRepeated
    | QueryConflict
    | StarsRefunded
    | Expired
    | DeadLetter
    | Passed
    | Replied
    | ShippingFailed
    | RepliesDropped
    | StockTaken
    | OldPrices
    | StockRefused
    | Trouble
    | TokenTaken
    | HookRan
    | Standing
    | LedgerStopped
    | LedgerBack
    | GapFound
    | Backlog
    | ClockJumped
    | DiskLow
    | HooksWait
    | BackedUp
    | BackupFailed
    | NoticesRefused
    | Stopped
)
Emit = Callable[[Event], None]
