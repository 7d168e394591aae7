"""Rows of SQLite → frozen values.

Knows the columns of invoices, decisions and receipts; never why somebody asks.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from apaycli.core.model import Decision, DeclineReason, Invoice, LabeledPrice, ReceiptRow, Tips

# The columns of a ReceiptRow, in its order, from receipts and order_info.
RECEIPT_COLUMNS = ", ".join(
    {
        "order_name": "name",
        "order_phone": "phone_number",
        "order_email": "email",
        "order_address": "shipping_address",
    }.get(column, column)
    for column in ReceiptRow._fields
)


def invoice_of(row: sqlite3.Row | None) -> Invoice | None:
    """One row of `invoices`, all columns, as the frozen value."""
    if row is None:
        return None
    return Invoice(
        invoice_id=row["invoice_id"],
        mode=row["mode"],
        invoice_payload=row["invoice_payload"],
        chat_id=row["chat_id"],
        sku=row["sku"],
        title=row["title"],
        description=row["description"],
        currency=row["currency"],
        prices=tuple(LabeledPrice(label, amount) for label, amount in json.loads(row["prices"])),
        quantity=row["quantity"],
        forwarding=row["forwarding"],
        created_at=row["created_at"],
        tips=Tips(row["max_tip_amount"], tuple(json.loads(row["suggested_tip_amounts"]))),
        photo_url=row["photo_url"],
        need=tuple(json.loads(row["need"])),
        start_parameter=row["start_parameter"],
        uses_max=row["uses_max"],
        buyer_id=row["buyer_id"],
        expires_at=row["expires_at"],
        cancelled_at=row["cancelled_at"],
    )


def one_row(db: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> sqlite3.Row | None:
    """The only row, by column name, or None. More than one is a broken invariant."""
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    rows: list[sqlite3.Row] = cursor.execute(sql, parameters).fetchmany(2)
    if len(rows) > 1:
        raise sqlite3.IntegrityError("more than one row where one was expected")
    return rows[0] if rows else None


def decision_of(pre_checkout_query_id: str, row: sqlite3.Row) -> Decision:
    """A recorded decision, to be repeated: its effect was applied when it was recorded."""
    reason = DeclineReason(row["reason"]) if row["reason"] else None
    return Decision(pre_checkout_query_id, bool(row["ok"]), reason, row["error_message"])
