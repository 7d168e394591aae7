"""Rows of SQLite → frozen values.

Knows the columns of invoices, decisions and receipts; never why somebody asks.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from apaycli.core.model import Decision, DeclineReason, Invoice, LabeledPrice, ReceiptRow, ShippingOption, Tips

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
    return None if row is None else read_invoice(row)


def read_invoice(row: sqlite3.Row) -> Invoice:
    """One row of `invoices`, all columns, as the frozen value."""
    return Invoice(
        invoice_id=row["invoice_id"],
        mode=row["mode"],
        invoice_payload=row["invoice_payload"],
        chat_id=row["chat_id"],
        sku=row["sku"],
        title=row["title"],
        description=row["description"],
        currency=row["currency"],
        prices=_price_lines(json.loads(row["prices"])),
        quantity=row["quantity"],
        forwarding=row["forwarding"],
        created_at=row["created_at"],
        tips=Tips(row["max_tip_amount"], tuple(json.loads(row["suggested_tip_amounts"]))),
        photo_url=row["photo_url"],
        need=tuple(json.loads(row["need"])),
        shipping=tuple(
            ShippingOption(option_id, title, _price_lines(prices), tuple(countries))
            for option_id, title, prices, countries in json.loads(row["shipping"])
        ),
        provider_data=row["provider_data"],
        start_parameter=row["start_parameter"],
        uses_max=row["uses_max"],
        buyer_id=row["buyer_id"],
        expires_at=row["expires_at"],
        cancelled_at=row["cancelled_at"],
    )


def _price_lines(pairs: Sequence[Sequence[Any]]) -> tuple[LabeledPrice, ...]:
    return tuple(LabeledPrice(label, amount) for label, amount in pairs)


def invoice_row(invoice: Invoice) -> dict[str, str | int | None]:
    """The columns of `invoices` that say what it is; `invoice_of` reads them back."""
    return {
        "invoice_id": invoice.invoice_id,
        "mode": invoice.mode,
        "invoice_payload": invoice.invoice_payload,
        "chat_id": invoice.chat_id,
        "sku": invoice.sku,
        "title": invoice.title,
        "description": invoice.description,
        "currency": invoice.currency,
        "prices": _json(_pairs(invoice.prices)),
        "total_amount": invoice.total_amount,
        "quantity": invoice.quantity,
        "max_tip_amount": invoice.tips.max_tip_amount,
        "suggested_tip_amounts": _json(invoice.tips.suggested_tip_amounts),
        "photo_url": invoice.photo_url,
        "need": _json(invoice.need),
        "shipping": _json(
            [[each.option_id, each.title, _pairs(each.prices), each.countries] for each in invoice.shipping]
        ),
        "provider_data": invoice.provider_data,
        "forwarding": invoice.forwarding,
        "start_parameter": invoice.start_parameter,
        "uses_max": invoice.uses_max,
        "buyer_id": invoice.buyer_id,
        "created_at": invoice.created_at,
        "expires_at": invoice.expires_at,
    }


def _pairs(prices: Sequence[LabeledPrice]) -> list[list[str | int]]:
    return [[price.label, price.amount] for price in prices]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


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
