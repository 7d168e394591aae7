"""More verbs of the ledger: what the books are made of, and what A-Pay says about receipts.

Knows what can be asked and recorded; never what *should* stand in a book. `store/protocol.py` joins these to its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from apaycli.core.model import Mode, ReceiptFilter
from apaycli.core.postings import Refund
from apaycli.core.reconcile import Claim, Finding
from apaycli.store.sqlite_books import ReceiptSum


class Reconciling(Protocol):
    """Part of `Transaction`."""

    def record_finding(self, finding: Finding, now: int) -> None:
        """What A-Pay says now. A fee that is known stays where this finding has none; `unknown` replaces no verdict."""
        ...


class BookKeeping(Protocol):
    """Part of `Store`."""

    def returned(self, which: ReceiptFilter) -> Iterator[Refund]:
        """Money that went back in that time, by the merchant's word, the first one first."""
        ...

    def receipt_sums(self, which: ReceiptFilter) -> list[ReceiptSum]: ...

    def unreconciled(
        self, mode: Mode, span: tuple[int | None, int | None], checked_before: int, *, again: bool, limit: int
    ) -> list[Claim]:
        """Receipts paid in `span` that were never asked about, then those that are not confirmed (`again`: all), unless
        they were asked about since `checked_before`. The oldest first."""
        ...

    def unreconciled_count(
        self, mode: Mode, span: tuple[int | None, int | None], checked_before: int, *, again: bool
    ) -> int: ...

    def claims(self, which: ReceiptFilter) -> Iterator[Claim]:
        """Of all these receipts, the oldest first, one at a time."""
        ...
