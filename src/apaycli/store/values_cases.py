"""Everything that is known of one receipt, as frozen values: for whoever asks "what happened there?".

Knows the names; never how they are kept, or what is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from apaycli.core.model import ReceiptRow
from apaycli.store.values import AnswerOutcome, HookRow, InvoiceRow, SupportRequest

if TYPE_CHECKING:
    from apaycli.core.reconcile import Finding  # only named here

Outcome = Literal["won", "lost", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Reserved:
    """The reservation that a receipt was paid from."""

    reservation_id: int
    state: str
    quantity: int
    entries: int
    created_at: int
    expires_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A pre-checkout query of this buyer for this invoice, the decision, and how its answer went."""

    pre_checkout_query_id: str
    ok: bool
    reason: str | None
    error_message: str | None
    currency: str | None
    total_amount: int | None
    decided_at: int
    answer_outcome: AnswerOutcome | None
    answered_at: int | None
    answer_milliseconds: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Received bytes; none where personal data was purged."""

    kind: Literal["receipt", "conflict", "refund"]
    digest: str
    update_id: int
    received_at: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class RefundCase:
    """Why money goes, or went, back, in the merchant's words; and the reference of what was sent."""

    reason: str | None = None
    reference: str | None = None
    done_at: int | None = None


@dataclass(frozen=True, slots=True)
class DueRefund:
    """`reason` is None where the flag says it all."""

    receipt: ReceiptRow
    reason: str | None


@dataclass(frozen=True, slots=True)
class DisputeNote:
    text: str
    written_at: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """`outcome` is None while it is open."""

    dispute_id: int
    receipt_id: int
    reason: str
    opened_at: int
    outcome: Outcome | None
    closed_at: int | None
    notes: tuple[DisputeNote, ...] = ()

    @property
    def state(self) -> str:
        return self.outcome or "open"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A buyer agreed to the terms: to which version, when first, and its words."""

    version: str
    accepted_at: int
    text: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """One receipt with all that hangs on it; lists are the oldest first."""

    receipt: ReceiptRow
    update_id: int
    source: str
    digest: str
    invoice: InvoiceRow | None
    reservation: Reserved | None
    asked: tuple[Asked, ...]
    hooks: tuple[HookRow, ...]
    evidence: tuple[Evidence, ...]
    refund: RefundCase
    disputes: tuple[Dispute, ...]
    finding: Finding | None  # A-Pay's answer
    finding_at: int | None
    acceptances: tuple[Acceptance, ...]
    requests: tuple[SupportRequest, ...]
