"""More verbs of the ledger: what buyers said, and what the merchant looks up or removes.

Knows what can be asked and recorded; never what *should* happen. `store/protocol.py` has the verbs of a sale and joins
these to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from apaycli.core.model import Invoice, Mode
from apaycli.core.stock import Prices
from apaycli.store.sqlite_purge import PurgeCounts
from apaycli.store.values import InvoiceRow, SendState, SupportRequest

if TYPE_CHECKING:
    from apaycli.core.incoming import Command  # only named here


class TalkVerbs(Protocol):
    """Part of `Transaction`: invoices to many chats, consent, requests."""

    def campaign_invoices(self, campaign: str) -> dict[str, tuple[Invoice, SendState]]:
        """What one sending to many chats has in the ledger, by chat."""
        ...

    def send_again(self, invoice_id: str, expires_at: int | None) -> None:
        """It is `sending` once more, and lives until then."""
        ...

    def cancel_invoice(self, invoice_id: str, now: int) -> bool:
        """False: it is not there, or was cancelled before."""
        ...

    def used_up(self, invoice_id: str) -> tuple[str, int] | None:
        """Chat and message of an invoice whose last use is paid."""
        ...

    def accepted_versions(self, buyer_id: int) -> frozenset[str]:
        """Of the terms."""
        ...

    def record_acceptance(self, buyer_id: int, version: str, text: str, now: int) -> None:
        """To these very words; the first time stays."""
        ...

    def open_support_requests(self, buyer_id: int) -> int: ...

    def support_request_of(self, buyer_id: int, message_id: int) -> int | None:
        """The request that this very message was recorded as."""
        ...

    def record_support_request(self, command: Command, now: int) -> int: ...

    def close_support_request(self, request_id: int, now: int) -> bool:
        """False: it is not there, or was closed before."""
        ...

    def record_support_reply(self, request_id: int, text: str, now: int) -> int: ...

    def record_reply_outcome(
        self, reply_id: int, state: Literal["sent", "refused", "unknown"], error: str | None
    ) -> None: ...


class LookingUp(Protocol):
    """Part of `Store`."""

    def invoices(self, mode: Mode, limit: int) -> list[InvoiceRow]:
        """The newest first."""
        ...

    def invoice(self, invoice_id: str) -> InvoiceRow | None: ...

    def old_price_invoices(self, mode: Mode, prices: Prices, now: int) -> list[InvoiceRow]:
        """Those of these SKUs that can still be paid and were sent with another price or currency, the newest first."""
        ...

    def old_price_counts(self, mode: Mode, prices: Prices, now: int) -> dict[str, int]:
        """How many those are, by SKU; only what is not 0."""
        ...

    def moved_chat(self, chat_id: str) -> str:
        """The id under which this group lives on; `chat_id` itself where it has not moved."""
        ...

    def support_requests(self, *, closed: bool = False) -> list[SupportRequest]:
        """Open (or closed) ones, the oldest first, at most 1000, without their replies."""
        ...

    def support_request(self, request_id: int) -> SupportRequest | None: ...

    def purgeable(self, before: int) -> PurgeCounts:
        """What `purge` would remove."""
        ...

    def unsettled(self, before: int) -> int:
        """Receipts that `purge` leaves whole: money must go back, or a dispute is open."""
        ...

    def overwrite_what_is_removed(self) -> None:
        """From now on, nothing that is removed can be read in the file."""
        ...

    def compact(self) -> None:
        """The storage without what was removed; nobody else may be using it."""
        ...

    def remembered(self, key: str) -> str | None: ...
