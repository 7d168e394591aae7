"""More verbs of the ledger: looking a receipt up, money that goes back, disputes.

Knows what can be asked and recorded; never what *should* happen. `store/protocol.py` joins these to its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from apaycli.core.model import Mode, ReceiptFilter, ReceiptRow

if TYPE_CHECKING:
    from apaycli.core.search import Sought  # only named here
    from apaycli.store.values_cases import Dispute, Dossier, DueRefund, Outcome


class CaseKeeping(Protocol):
    """Part of `Transaction`."""

    def refund_due(self, receipt_id: int, reason: str, now: int) -> bool:
        """It must go back; where it was said to be done, the transfer came back. False: there is no such receipt, or it
        is due already."""
        ...

    def refund_done(self, receipt_id: int, reference: str, now: int) -> bool:
        """It went back, whether it was due or not. False: there is no such receipt, or it is done already."""
        ...

    def open_dispute(self, receipt_id: int, reason: str, now: int) -> int | None:
        """Its number. None: there is no such receipt, or a dispute about it is open."""
        ...

    def note_dispute(self, dispute_id: int, text: str, now: int) -> bool:
        """False: there is no such dispute. A closed one takes notes, too."""
        ...

    def close_dispute(self, dispute_id: int, outcome: Outcome, now: int) -> bool:
        """False: it is not there, or was closed before."""
        ...


class CaseLookup(Protocol):
    """Part of `Store`."""

    def newest_receipts(self, which: ReceiptFilter, limit: int) -> list[ReceiptRow]:
        """By payment, the newest first."""
        ...

    def last_receipt_id(self) -> int:
        """0 where there is none."""
        ...

    def receipts_after(self, receipt_id: int, which: ReceiptFilter, limit: int) -> list[ReceiptRow]:
        """Those that were recorded later, in that order."""
        ...

    def receipt(self, receipt_id: int) -> ReceiptRow | None: ...

    def find_receipts(self, words: Sequence[Sought], mode: Mode | None, limit: int) -> list[ReceiptRow]:
        """Those that fit every word, the last recorded first."""
        ...

    def dossier(self, receipt_id: int) -> Dossier | None:
        """All that hangs on one receipt; consistent inside `snapshot`."""
        ...

    def refunds_due(self, mode: Mode | None) -> list[DueRefund]:
        """By payment, the oldest first."""
        ...

    def disputes(self, *, only_open: bool = False) -> list[Dispute]:
        """Open ones first, then the newest; at most 1000, without their notes."""
        ...

    def dispute(self, dispute_id: int) -> Dispute | None: ...
