"""Verbs for invoices on their way out, and for finding them again.

Knows the tables invoices (its sending columns) and moved_chats. Who may pay them is `sqlite_checkout`'s.
"""

import json
import sqlite3
from dataclasses import replace
from typing import Literal

from apaycli.core.model import Invoice, Mode
from apaycli.core.stock import Prices
from apaycli.store.sqlite_checkout import stock_counts
from apaycli.store.sqlite_errors import reading
from apaycli.store.sqlite_rows import invoice_of, invoice_row, one_row, read_invoice
from apaycli.store.values import InvoiceRow, SendState

# Open: not cancelled, expired, used up or refused by Telegram. `total_amount` is that of all units.
_OLD_PRICE = (
    "JOIN json_each(?) AS price ON price.key = sku WHERE mode = ? AND cancelled_at IS NULL AND send_state <> 'refused'"
    " AND (expires_at IS NULL OR expires_at > ?) AND (uses_max IS NULL OR uses_paid < uses_max)"
    " AND (currency <> json_extract(price.value, '$[0]')"
    " OR total_amount <> json_extract(price.value, '$[1]') * quantity)"
)


class SendingVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def invoice_by_start_parameter(self, start_parameter: str) -> Invoice | None:
        # The second condition is that of the index, which SQLite wants to see.
        sql = "SELECT * FROM invoices WHERE start_parameter = ? AND start_parameter NOT GLOB 'p_*'"
        return invoice_of(one_row(self.db, sql, (start_parameter,)))

    def standing_invoice(self, like: Invoice) -> Invoice | None:
        rows = self.db.cursor()
        rows.row_factory = sqlite3.Row
        rows.execute(
            "SELECT * FROM invoices WHERE chat_id = ? AND mode = ? AND sku IS ? AND cancelled_at IS NULL"
            " AND (uses_max IS NULL OR uses_paid < uses_max) ORDER BY created_at DESC LIMIT 1",
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

    def record_invoice(
        self,
        invoice: Invoice,
        send_state: Literal["sending", "sent"] = "sending",
        campaign: str | None = None,
        link: str | None = None,
    ) -> None:
        row = invoice_row(invoice) | {"send_state": send_state, "campaign": campaign, "link": link}
        columns, marks = ", ".join(row), ", ".join(f":{column}" for column in row)
        self.db.execute(f"INSERT INTO invoices ({columns}) VALUES ({marks})", row)  # noqa: S608

    def record_send_outcome(
        self,
        invoice_id: str,
        state: Literal["sent", "refused", "unknown"],
        now: int,
        *,
        message_id: int | None = None,
        link: str | None = None,
        chat_id: str | None = None,
        error: str | None = None,
    ) -> None:
        self.db.execute(
            "UPDATE invoices SET send_state = ?, sent_at = ?, message_id = ?, link = ?,"
            " chat_id = coalesce(?, chat_id), send_error = ? WHERE invoice_id = ?",
            (state, now if state == "sent" else None, message_id, link, chat_id, error, invoice_id),
        )

    def campaign_invoices(self, campaign: str) -> dict[str, tuple[Invoice, SendState]]:
        rows = self.db.cursor()
        rows.row_factory = sqlite3.Row
        rows.execute("SELECT * FROM invoices WHERE campaign = ?", (campaign,))
        return {row["chat_id"]: (read_invoice(row), row["send_state"]) for row in rows}

    def send_again(self, invoice_id: str, expires_at: int | None) -> None:
        self.db.execute(
            "UPDATE invoices SET send_state = 'sending', send_error = NULL, expires_at = ? WHERE invoice_id = ?",
            (expires_at, invoice_id),
        )

    def cancel_invoice(self, invoice_id: str, now: int) -> bool:
        cursor = self.db.execute(
            "UPDATE invoices SET cancelled_at = ? WHERE invoice_id = ? AND cancelled_at IS NULL", (now, invoice_id)
        )
        return cursor.rowcount == 1

    def used_up(self, invoice_id: str) -> tuple[str, int] | None:
        row = one_row(
            self.db,
            "SELECT chat_id, message_id FROM invoices WHERE invoice_id = ? AND message_id IS NOT NULL"
            " AND uses_paid >= uses_max",
            (invoice_id,),
        )
        return (row["chat_id"], row["message_id"]) if row else None

    def migrate_chat(self, chat_id: int, migrate_to_chat_id: int) -> int:
        self.db.execute(
            "INSERT INTO moved_chats VALUES (?, ?)"
            " ON CONFLICT (chat_id) DO UPDATE SET migrate_to_chat_id = excluded.migrate_to_chat_id",
            (str(chat_id), str(migrate_to_chat_id)),
        )
        cursor = self.db.execute(
            "UPDATE OR IGNORE invoices SET chat_id = ? WHERE chat_id = ?", (str(migrate_to_chat_id), str(chat_id))
        )
        return cursor.rowcount


class SendingReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def invoices(self, mode: Mode, limit: int) -> list[InvoiceRow]:
        return self._invoice_rows("WHERE mode = ? ORDER BY created_at DESC, invoice_id LIMIT ?", mode, limit)

    @reading
    def invoice(self, invoice_id: str) -> InvoiceRow | None:
        return next(iter(self._invoice_rows("WHERE invoice_id = ?", invoice_id)), None)

    @reading
    def old_price_invoices(self, mode: Mode, prices: Prices, now: int) -> list[InvoiceRow]:
        return self._invoice_rows(f"{_OLD_PRICE} ORDER BY created_at DESC, invoice_id", json.dumps(prices), mode, now)

    @reading
    def old_price_counts(self, mode: Mode, prices: Prices, now: int) -> dict[str, int]:
        sql = f"SELECT sku, count(*) FROM invoices {_OLD_PRICE} GROUP BY sku ORDER BY sku"  # noqa: S608
        return dict(self.db.execute(sql, (json.dumps(prices), mode, now)).fetchall())

    def _invoice_rows(self, condition: str, *parameters: object) -> list[InvoiceRow]:
        rows = self.db.cursor()
        rows.row_factory = sqlite3.Row
        rows.execute(f"SELECT invoices.* FROM invoices {condition}", parameters)  # noqa: S608 - one of three literals
        return [
            InvoiceRow(
                read_invoice(row),
                send_state=row["send_state"],
                message_id=row["message_id"],
                link=row["link"],
                sent_at=row["sent_at"],
                send_error=row["send_error"],
                uses_held=row["uses_held"],
                uses_paid=row["uses_paid"],
            )
            for row in rows
        ]

    @reading
    def moved_chat(self, chat_id: str) -> str:
        row = one_row(self.db, "SELECT migrate_to_chat_id FROM moved_chats WHERE chat_id = ?", (chat_id,))
        return str(row["migrate_to_chat_id"]) if row else chat_id
