"""Verbs for invoices on their way out.

Knows the table invoices: its sending columns. Who may pay them is `sqlite_checkout`'s.
"""

import json
import sqlite3
from dataclasses import replace
from typing import Literal

from apaycli.core.model import Invoice, Mode
from apaycli.store.sqlite_reading import stock_counts
from apaycli.store.sqlite_rows import invoice_of, one_row


class SendingVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def invoice_by_start_parameter(self, start_parameter: str) -> Invoice | None:
        return invoice_of(one_row(self.db, "SELECT * FROM invoices WHERE start_parameter = ?", (start_parameter,)))

    def standing_invoice(self, like: Invoice) -> Invoice | None:
        rows = self.db.cursor()
        rows.row_factory = sqlite3.Row
        rows.execute(
            "SELECT * FROM invoices WHERE chat_id = ? AND mode = ? AND sku IS ? AND cancelled_at IS NULL"
            " ORDER BY created_at DESC LIMIT 1",
            (like.chat_id, like.mode, like.sku),
        )
        latest = invoice_of(rows.fetchone())
        same = latest and replace(
            latest,
            invoice_id=like.invoice_id,
            invoice_payload=like.invoice_payload,
            created_at=like.created_at,
        )
        return latest if same == like else None

    def stock_counts(self, mode: Mode) -> dict[str, tuple[int, int]]:
        return stock_counts(self.db, mode)

    def record_invoice(self, invoice: Invoice, send_state: Literal["sending", "sent"] = "sending") -> None:
        self.db.execute(
            "INSERT INTO invoices (invoice_id, mode, invoice_payload, chat_id, sku, title, description, currency,"
            " prices, total_amount, quantity, max_tip_amount, suggested_tip_amounts, photo_url, need, forwarding,"
            " start_parameter, uses_max, buyer_id, created_at, expires_at, send_state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                invoice.invoice_id,
                invoice.mode,
                invoice.invoice_payload,
                invoice.chat_id,
                invoice.sku,
                invoice.title,
                invoice.description,
                invoice.currency,
                json.dumps([[price.label, price.amount] for price in invoice.prices], ensure_ascii=False),
                invoice.total_amount,
                invoice.quantity,
                invoice.tips.max_tip_amount,
                json.dumps(invoice.tips.suggested_tip_amounts),
                invoice.photo_url,
                json.dumps(invoice.need),
                invoice.forwarding,
                invoice.start_parameter,
                invoice.uses_max,
                invoice.buyer_id,
                invoice.created_at,
                invoice.expires_at,
                send_state,
            ),
        )

    def record_send_outcome(
        self,
        invoice_id: str,
        state: Literal["sent", "refused", "unknown"],
        now: int,
        *,
        message_id: int | None = None,
        chat_id: str | None = None,
        error: str | None = None,
    ) -> None:
        self.db.execute(
            "UPDATE invoices SET send_state = ?, sent_at = ?, message_id = ?, chat_id = coalesce(?, chat_id),"
            " send_error = ? WHERE invoice_id = ?",
            (state, now if state == "sent" else None, message_id, chat_id, error, invoice_id),
        )

    def migrate_chat(self, chat_id: int, migrate_to_chat_id: int) -> int:
        cursor = self.db.execute(
            "UPDATE invoices SET chat_id = ? WHERE chat_id = ?", (str(migrate_to_chat_id), str(chat_id))
        )
        return cursor.rowcount
