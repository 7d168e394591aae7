"""Receipts → columns → CSV, JSON, JSON Lines.

Knows the columns, in an order that never changes, and the formats. Never knows where receipts come from or
who asked; it is handed an iterator and something to write to, and holds one receipt at a time.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from apaycli.clock import render_instant
from apaycli.core.model import ReceiptRow
from apaycli.money import currencies, format_amount
from apaycli.text import json_text, show

Format = Literal["csv", "json", "jsonl"]
Value = str | int | None

# Cells that a spreadsheet would run: formulas, and whatever pushes one into the next cell.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CELL_CHARACTERS_MAX = 1_000_000


def _major(receipt: ReceiptRow) -> str | None:
    """`499.00`; empty where the currency is unknown: an unscaled number would be read as major units."""
    if receipt.total_amount is None or receipt.currency not in currencies():
        return None
    return format_amount(receipt.total_amount, receipt.currency)


_COLUMNS: dict[str, Callable[[ReceiptRow], Value]] = {
    "receipt_id": lambda r: str(r.receipt_id),
    "mode": lambda r: r.mode,
    "paid_at": lambda r: render_instant(r.paid_at),
    "recorded_at": lambda r: render_instant(r.recorded_at),
    "flag": lambda r: r.flag,
    "sku": lambda r: r.sku,
    "title": lambda r: r.title,
    "quantity": lambda r: r.quantity,
    "currency": lambda r: r.currency,
    "total_amount": lambda r: r.total_amount,
    "amount": _major,
    "tip_amount": lambda r: r.tip_amount,
    "shipping_amount": lambda r: r.shipping_amount,
    "shipping_option_id": lambda r: r.shipping_option_id,
    "buyer_id": lambda r: None if r.buyer_id is None else str(r.buyer_id),
    "buyer_username": lambda r: r.buyer_username,
    "buyer_name": lambda r: r.buyer_name,
    "telegram_payment_charge_id": lambda r: r.telegram_payment_charge_id,
    "provider_payment_charge_id": lambda r: r.provider_payment_charge_id,
    "invoice_id": lambda r: r.invoice_id,
    "invoice_payload": lambda r: r.invoice_payload,
    "refund_state": lambda r: r.refund_state,
    "dispute_state": lambda r: r.dispute_state,
    "hook_state": lambda r: r.hook_state,
}
_PERSONAL: dict[str, Callable[[ReceiptRow], Value]] = {
    "order_name": lambda r: r.order_name,
    "order_phone": lambda r: r.order_phone,
    "order_email": lambda r: r.order_email,
    "order_address": lambda r: r.order_address,
}
COLUMNS = tuple(_COLUMNS)
PERSONAL_COLUMNS = tuple(_PERSONAL)


def render_export(
    receipts: Iterable[ReceiptRow], columns: Sequence[str], form: Format, *, raw: bool = False
) -> Iterator[str]:
    """The export in pieces of text, each written as soon as it is there.

    `raw`: cells exactly as they are, formulas and control characters too (CSV; JSON is always exact).
    """
    getters = [(_COLUMNS | _PERSONAL)[column] for column in columns]
    values = ([get(receipt) for get in getters] for receipt in receipts)
    match form:
        case "csv":
            return _csv(columns, values, raw=raw)
        case "jsonl":
            return (json_text(dict(zip(columns, row, strict=True))) + "\n" for row in values)
        case "json":
            return _json(columns, values)


def _csv(columns: Sequence[str], values: Iterable[list[Value]], *, raw: bool) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    quoting = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in values:
        if not raw:
            writer.writerow([harmless(value) for value in row])
        else:  # before Python 3.13 a lone carriage return went unquoted and ended the row for its readers
            bare = not any(isinstance(value, str) and "\r" in value for value in row)
            (writer if bare else quoting).writerow(row)
        if buffer.tell() > 65_536:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def harmless(value: Value) -> Value:
    """A text that a spreadsheet will show and not run, and a terminal show and not obey."""
    if not isinstance(value, str):
        return value
    shown = value if value.isascii() and value.isprintable() else show(value, _CELL_CHARACTERS_MAX)
    return "'" + shown if value.startswith(_FORMULA_STARTS) else shown


def _json(columns: Sequence[str], values: Iterable[list[Value]]) -> Iterator[str]:
    before = "[\n"
    for row in values:
        document: dict[str, Any] = dict(zip(columns, row, strict=True))
        yield before + json_text(document)
        before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"
