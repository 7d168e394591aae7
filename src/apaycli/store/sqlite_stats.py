"""Verbs that count: sales per bucket of time, declined queries, answer times.

Knows the tables receipts, decisions, invoices. Never knows what a day is (edges of time are handed in) and never
what counts as takings or as lost: `core/stats.py` says that.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from apaycli.core.model import Mode
from apaycli.store.sqlite_errors import reading, translated

if TYPE_CHECKING:
    from apaycli.core.stats import Declined, Sales  # imported where they are made: most commands count nothing

# One query a bucket: a range of the index, and a group so small that nothing is sorted on disk. Over a million
# receipts a third faster than one query that groups by the bucket, and right whatever a bucket is.
_SALES = (
    "SELECT ?1, CASE WHEN total_amount IS NOT NULL THEN currency END AS readable, sku, flag, refund_state, count(*),"
    " sum(quantity), coalesce(sum(total_amount), 0), sum(tip_amount), sum(shipping_amount)"
    " FROM receipts WHERE +mode = ?2 AND paid_at >= ?3 AND paid_at < ?4 GROUP BY readable, sku, flag, refund_state"
)
# A query without an invoice has no mode: it is counted in both.
_DECLINED = (
    "SELECT d.decided_at, d.reason, d.invoice_id, d.buyer_id, i.sku, i.quantity, d.currency, d.total_amount,"
    " EXISTS (SELECT 1 FROM receipts r WHERE r.mode = ?1 AND r.sku IS i.sku AND r.buyer_id = d.buyer_id"
    " AND r.paid_at >= d.decided_at / 1000 * 1000 AND (i.sku IS NOT NULL OR r.invoice_id = d.invoice_id))"
    " FROM decisions d LEFT JOIN invoices i USING (invoice_id) WHERE d.ok = 0"
    " AND (d.invoice_id IS NULL OR i.mode = ?1) AND d.decided_at >= ?2 AND d.decided_at < ?3 ORDER BY d.rowid"
)
_ANSWERS = (
    "SELECT d.answer_outcome, d.answer_milliseconds, count(*) FROM decisions d LEFT JOIN invoices i USING (invoice_id)"
    " WHERE d.answer_outcome IN ('sent', 'too_old', 'unconfirmed')"
    " AND (d.invoice_id IS NULL OR i.mode = ?1) AND d.decided_at >= ?2 AND d.decided_at < ?3 GROUP BY 1, 2"
)


class StatsReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def sales(self, mode: Mode, edges: Sequence[int]) -> "list[Sales]":
        """Receipts added up between each two neighbours of `edges`; the first is bucket 0."""
        from apaycli.core.stats import Sales

        rows: list[Sales] = []
        for bucket, (from_at, before_at) in enumerate(pairwise(edges)):
            rows += map(Sales._make, self.db.execute(_SALES, (bucket, mode, from_at, before_at)))
        return rows

    def declined(self, mode: Mode, from_at: int, before_at: int) -> "Iterator[Declined]":
        """In the order in which they were declined, one at a time."""
        from apaycli.core.stats import Declined

        with translated(self.path):
            for row in self.db.execute(_DECLINED, (mode, from_at, before_at)):
                yield Declined._make((*row[:-1], bool(row[-1])))

    @reading
    def answer_histogram(self, mode: Mode, from_at: int, before_at: int) -> tuple[dict[int, int], int, int]:
        """How many answers that reached Telegram took so many milliseconds; how many were too late; and of how many
        Telegram's reply was lost."""
        histogram: dict[int, int] = {}
        others = {"too_old": 0, "unconfirmed": 0}
        for outcome, milliseconds, count in self.db.execute(_ANSWERS, (mode, from_at, before_at)):
            if outcome in others:
                others[outcome] += count
            else:
                histogram[milliseconds] = count
        return histogram, others["too_old"], others["unconfirmed"]

    @reading
    def first_activity(self, mode: Mode) -> int | None:
        """When the first receipt of the mode was paid, or the ledger's first query was decided; None: neither."""
        (paid_at,) = self.db.execute(
            "SELECT (SELECT paid_at FROM receipts WHERE +mode = ? ORDER BY paid_at LIMIT 1)", (mode,)
        ).fetchone()
        (decided_at,) = self.db.execute("SELECT (SELECT decided_at FROM decisions ORDER BY rowid LIMIT 1)").fetchone()
        known = [instant for instant in (paid_at, decided_at) if instant is not None]
        return min(known, default=None)
