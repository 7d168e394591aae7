"""What the books are made of: receipts, what went back, and sums.

Knows the tables receipts, order_info and refunds, and which index yields receipts in order. Never knows columns of an
export, accounts or files.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from apaycli.core.model import ReceiptFilter, ReceiptRow
from apaycli.core.postings import Refund
from apaycli.store.sqlite_errors import reading, translated
from apaycli.store.sqlite_rows import RECEIPT_COLUMNS


class ReceiptSum(NamedTuple):
    """The receipts of one currency. `readable` are those whose amount is known; `total_amount` is theirs."""

    currency: str | None
    receipts: int
    readable: int
    total_amount: int


class BookReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    def receipts(self, which: ReceiptFilter) -> Iterator[ReceiptRow]:
        conditions, parameters = receipt_conditions(which)
        sql = (
            f"SELECT {RECEIPT_COLUMNS} FROM receipts LEFT JOIN order_info USING (receipt_id)"  # noqa: S608
            f" {conditions} ORDER BY paid_at, receipt_id"
        )
        with translated(self.path):
            yield from map(ReceiptRow._make, self.db.execute(sql, parameters))

    def returned(self, which: ReceiptFilter) -> Iterator[Refund]:
        others, parameters = receipt_conditions(replace(which, paid_from=None, paid_before=None))
        sql = (
            f"SELECT {RECEIPT_COLUMNS}, reference, moved_at, came_back FROM"  # noqa: S608
            " (SELECT receipt_id, reference, done_at AS moved_at, 0 AS came_back, refund_id FROM refunds UNION ALL"
            " SELECT receipt_id, reference, came_back_at, 1, refund_id FROM refunds WHERE came_back_at IS NOT NULL)"
            f" JOIN receipts USING (receipt_id) LEFT JOIN order_info USING (receipt_id) {others or 'WHERE true'}"
            " AND moved_at >= coalesce(?, moved_at) AND (moved_at < ? OR ? IS NULL)"
            " ORDER BY moved_at, refund_id, came_back"
        )
        span = (which.paid_from, which.paid_before, which.paid_before)
        with translated(self.path):
            for row in self.db.execute(sql, (*parameters, *span)):
                yield Refund(ReceiptRow._make(row[:-3]), row[-3], row[-2], bool(row[-1]))

    @reading
    def receipt_sums(self, which: ReceiptFilter) -> list[ReceiptSum]:
        conditions, parameters = receipt_conditions(which)
        rows = self.db.execute(
            f"SELECT currency, count(*), count(total_amount), coalesce(sum(total_amount), 0) FROM receipts"  # noqa: S608
            f" {conditions} GROUP BY currency ORDER BY currency",
            parameters,
        )
        return [ReceiptSum(*row) for row in rows]


# The `+` keeps SQLite from another index than the one that yields receipts in order, without sorting them.
def receipt_conditions(which: ReceiptFilter) -> tuple[str, list[object]]:
    pairs: list[tuple[str, object]] = [
        ("+mode = ?", which.mode),
        ("paid_at >= ?", which.paid_from),
        ("paid_at < ?", which.paid_before),
        ("+sku = ?", which.sku),
        ("currency = ?", which.currency),
        ("coalesce(flag, 'none') = ?", which.flag),
    ]
    used = [(sql, value) for sql, value in pairs if value is not None]
    return ("WHERE " + " AND ".join(sql for sql, _ in used) if used else ""), [value for _, value in used]
