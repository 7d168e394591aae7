"""Verbs for what A-Pay says about receipts.

Knows the table reconciliations. Never compares anything: a finding is handed in.
"""

import sqlite3
from collections.abc import Iterator

from apaycli.core.model import Mode, ReceiptFilter
from apaycli.core.reconcile import Claim, Finding
from apaycli.store.sqlite_books import receipt_conditions
from apaycli.store.sqlite_errors import reading, translated

_CLAIM = "receipt_id, telegram_payment_charge_id, provider_payment_charge_id, receipts.currency, total_amount, paid_at"
_FINDING = "receipt_id, state, found_by, apay_order_id, currency, amount, fee_amount, detail"
_WORD = (
    "state = excluded.state, found_by = excluded.found_by, apay_order_id = excluded.apay_order_id,"
    " currency = excluded.currency, amount = excluded.amount, fee_amount = coalesce(excluded.fee_amount, fee_amount),"
    " detail = excluded.detail, checked_at = excluded.checked_at"
)
_SILENCE = (  # what was said before stands
    "detail = CASE state WHEN 'unknown' THEN excluded.detail ELSE detail END, checked_at = excluded.checked_at"
)
_OPEN = (
    " FROM receipts LEFT JOIN reconciliations USING (receipt_id)"
    " WHERE mode = :mode AND paid_at >= coalesce(:paid_from, paid_at)"
    " AND (paid_at < :paid_before OR :paid_before IS NULL)"
    " AND (reconciliations.state IS NULL OR ((state <> 'confirmed' OR :again) AND checked_at < :checked_before))"
)


class ReconcileVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def record_finding(self, finding: Finding, now: int) -> None:
        self.db.execute(
            f"INSERT INTO reconciliations ({_FINDING}, checked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
            f" ON CONFLICT (receipt_id) DO UPDATE SET {_SILENCE if finding.state == 'unknown' else _WORD}",
            (
                finding.receipt_id,
                finding.state,
                finding.found_by,
                finding.apay_order_id,
                finding.currency,
                finding.amount,
                finding.fee_amount,
                finding.detail,
                now,
            ),
        )


class ReconcileReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def unreconciled(
        self, mode: Mode, span: tuple[int | None, int | None], checked_before: int, *, again: bool, limit: int
    ) -> list[Claim]:
        rows = self.db.execute(
            f"SELECT {_CLAIM} {_OPEN} ORDER BY checked_at IS NOT NULL, paid_at, receipt_id LIMIT :limit",
            _parameters(mode, span, checked_before, again) | {"limit": limit},
        )
        return [Claim(*row) for row in rows]

    @reading
    def unreconciled_count(
        self, mode: Mode, span: tuple[int | None, int | None], checked_before: int, *, again: bool
    ) -> int:
        sql = f"SELECT count(*) {_OPEN}"
        return int(self.db.execute(sql, _parameters(mode, span, checked_before, again)).fetchone()[0])

    def claims(self, which: ReceiptFilter) -> Iterator[Claim]:
        conditions, parameters = receipt_conditions(which)
        sql = f"SELECT {_CLAIM} FROM receipts {conditions} ORDER BY paid_at, receipt_id"  # noqa: S608
        with translated(self.path):
            yield from map(Claim._make, self.db.execute(sql, parameters))

    def checked_finding(self, receipt_id: int) -> tuple[Finding, int] | None:
        """And when A-Pay was asked."""
        row = self.db.execute(
            f"SELECT {_FINDING}, checked_at FROM reconciliations WHERE receipt_id = ?",  # noqa: S608
            (receipt_id,),
        ).fetchone()
        return (Finding(*row[:-1]), row[-1]) if row else None


def _parameters(
    mode: Mode, span: tuple[int | None, int | None], checked_before: int, again: bool
) -> dict[str, str | int | None]:
    return {
        "mode": mode,
        "paid_from": span[0],
        "paid_before": span[1],
        "checked_before": checked_before,
        "again": again,
    }
