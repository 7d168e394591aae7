"""What the ledger says about its own restores.

Knows the tables restores and missing_receipts. They are written once, by `store/replaced.py`, into a backup that is
about to take the ledger's place; the owner's review is `RunningVerbs.acknowledge`.
"""

import sqlite3

from apaycli.store.sqlite_errors import reading
from apaycli.store.values import MissingReceipt, Restore


class RestoreReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def restores(self) -> list[Restore]:
        rows = self.db.execute(
            "SELECT backup_ends_at, restored_at, kept_as, replaced_read FROM restores WHERE reviewed_at IS NULL"
            " ORDER BY restore_id"
        )
        return [Restore(ends_at, restored_at, kept_as, bool(read)) for ends_at, restored_at, kept_as, read in rows]

    @reading
    def missing_receipts(self, limit: int = -1) -> list[MissingReceipt]:
        rows = self.db.execute(
            "SELECT m.receipt_id, known_from, m.telegram_payment_charge_id, m.mode, m.currency, m.total_amount,"
            " m.buyer_id, m.paid_at FROM missing_receipts AS m JOIN restores USING (restore_id)"
            " WHERE reviewed_at IS NULL AND NOT EXISTS (SELECT 1 FROM receipts AS r"
            " WHERE r.telegram_payment_charge_id = m.telegram_payment_charge_id)"
            " ORDER BY m.receipt_id, missing_id LIMIT ?",
            (limit,),
        )
        return [MissingReceipt(*row) for row in rows]
