"""Verbs for what comes after the sale: money that goes back, and disputes.

Knows the tables refunds, disputes and dispute_notes, and what of them stands in a receipt. Never knows when money
should go back.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from apaycli.core.model import Mode, ReceiptRow
from apaycli.store.sqlite_errors import reading
from apaycli.store.sqlite_rows import RECEIPT_COLUMNS

if TYPE_CHECKING:  # imported where it is used: every command that opens the ledger starts with this module
    from apaycli.store.values_cases import Dispute, DueRefund, Outcome

_DISPUTE = "SELECT dispute_id, receipt_id, reason, opened_at, outcome, closed_at FROM disputes"


class CaseVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def refund_due(self, receipt_id: int, reason: str, now: int) -> bool:
        changed = self.db.execute(
            "UPDATE receipts SET refund_state = 'due', refund_reason = ? WHERE receipt_id = ?"
            " AND refund_state IS NOT 'due'",
            (reason, receipt_id),
        )
        if changed.rowcount != 1:
            return False
        self.db.execute(
            "UPDATE refunds SET came_back_at = ? WHERE receipt_id = ? AND came_back_at IS NULL", (now, receipt_id)
        )
        return True

    def refund_done(self, receipt_id: int, reference: str, now: int) -> bool:
        changed = self.db.execute(
            "UPDATE receipts SET refund_state = 'done' WHERE receipt_id = ? AND refund_state IS NOT 'done'",
            (receipt_id,),
        )
        if changed.rowcount != 1:
            return False
        sql = "INSERT INTO refunds (receipt_id, reference, done_at) VALUES (?, ?, ?)"
        self.db.execute(sql, (receipt_id, reference, now))
        return True

    def open_dispute(self, receipt_id: int, reason: str, now: int) -> int | None:
        row = self.db.execute(
            "INSERT INTO disputes (receipt_id, reason, opened_at) SELECT receipt_id, ?, ? FROM receipts r"
            " WHERE receipt_id = ? AND NOT EXISTS"
            " (SELECT 1 FROM disputes d WHERE d.receipt_id = r.receipt_id AND closed_at IS NULL) RETURNING dispute_id",
            (reason, now, receipt_id),
        ).fetchone()
        if row is None:
            return None
        self._note_state(receipt_id, "open")
        return int(row[0])

    def note_dispute(self, dispute_id: int, text: str, now: int) -> bool:
        cursor = self.db.execute(
            "INSERT INTO dispute_notes (dispute_id, text, written_at) SELECT dispute_id, ?, ? FROM disputes"
            " WHERE dispute_id = ?",
            (text, now, dispute_id),
        )
        return cursor.rowcount == 1

    def close_dispute(self, dispute_id: int, outcome: Outcome, now: int) -> bool:
        row = self.db.execute(
            "UPDATE disputes SET outcome = ?, closed_at = ? WHERE dispute_id = ? AND closed_at IS NULL"
            " RETURNING receipt_id",
            (outcome, now, dispute_id),
        ).fetchone()
        if row is None:
            return False
        self._note_state(row[0], outcome)
        return True

    def _note_state(self, receipt_id: int, state: str) -> None:
        self.db.execute("UPDATE receipts SET dispute_state = ? WHERE receipt_id = ?", (state, receipt_id))


class CaseReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def refunds_due(self, mode: Mode | None) -> list[DueRefund]:
        from apaycli.store.values_cases import DueRefund

        rows = self.db.execute(
            f"SELECT {RECEIPT_COLUMNS}, refund_reason FROM receipts"  # noqa: S608
            " LEFT JOIN order_info USING (receipt_id)"
            " WHERE refund_state = 'due' AND (+mode = ?1 OR ?1 IS NULL) ORDER BY paid_at, receipt_id",
            (mode,),
        )
        return [DueRefund(ReceiptRow._make(row[:-1]), row[-1]) for row in rows]

    @reading
    def disputes(self, *, only_open: bool = False) -> list[Dispute]:
        """Without their notes."""
        from apaycli.store.values_cases import Dispute

        rows = self.db.execute(
            f"{_DISPUTE} WHERE closed_at IS NULL OR NOT ? ORDER BY closed_at IS NOT NULL, dispute_id DESC LIMIT 1000",
            (only_open,),
        )
        return [Dispute(*row) for row in rows]

    @reading
    def dispute(self, dispute_id: int) -> Dispute | None:
        row = self.db.execute(f"{_DISPUTE} WHERE dispute_id = ?", (dispute_id,)).fetchone()
        return self._with_notes(row) if row else None

    def disputes_of(self, receipt_id: int) -> tuple[Dispute, ...]:
        rows = self.db.execute(f"{_DISPUTE} WHERE receipt_id = ? ORDER BY dispute_id", (receipt_id,)).fetchall()
        return tuple(self._with_notes(row) for row in rows)

    def _with_notes(self, row: tuple[int, int, str, int, Outcome | None, int | None]) -> Dispute:
        from apaycli.store.values_cases import Dispute, DisputeNote

        notes = self.db.execute(
            "SELECT text, written_at FROM dispute_notes WHERE dispute_id = ? ORDER BY note_id", (row[0],)
        )
        return Dispute(*row, notes=tuple(DisputeNote(*note) for note in notes))
