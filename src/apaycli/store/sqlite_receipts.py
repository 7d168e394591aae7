"""Verbs for money that arrived.

Knows the tables receipts, order_info, evidence; dead letters stand in `sqlite_letters`. Never decides a flag;
unique keys, not code, say which payment was first.
"""

import sqlite3

from apaycli.core.incoming import SuccessfulPayment
from apaycli.core.model import Booking, PaymentFacts, Receipt
from apaycli.store.digests import DIGESTED_COLUMNS, digest_of, row_digest
from apaycli.store.sqlite_checkout import CheckoutVerbs
from apaycli.store.sqlite_letters import LetterVerbs
from apaycli.store.sqlite_rows import invoice_of, one_row
from apaycli.store.values import Repeat

# The number that a replaced ledger gave this payment, so that its buyer may go on quoting it; else one above every
# number that is known, here or from before a restore. SQLite's own choice would give numbers out again after a restore.
_NUMBER = (
    "coalesce((SELECT receipt_id FROM missing_receipts AS missing"
    " WHERE telegram_payment_charge_id = :telegram_payment_charge_id"
    " AND NOT EXISTS (SELECT 1 FROM receipts WHERE receipts.receipt_id = missing.receipt_id)),"
    " 1 + max(coalesce((SELECT max(receipt_id) FROM receipts), 0),"
    " coalesce((SELECT max(receipt_id_floor) FROM restores), 0)))"
)


class ReceiptVerbs(CheckoutVerbs, LetterVerbs):
    """Part of `SqliteTransaction`."""

    def repeat_of_payment(self, payment: SuccessfulPayment) -> Repeat:
        row = one_row(
            self.db,
            "SELECT currency, total_amount, invoice_payload, provider_payment_charge_id, buyer_id FROM receipts"
            " WHERE telegram_payment_charge_id = ?",
            (payment.telegram_payment_charge_id,),
        )
        if row is None:
            return "new"
        seen = (
            payment.currency,
            payment.total_amount,
            payment.invoice_payload,
            payment.provider_payment_charge_id,
            payment.buyer.user_id if payment.buyer else None,
        )
        return "same" if tuple(row) == seen else "conflict"

    def payment_facts(self, payment: SuccessfulPayment) -> PaymentFacts:
        row = self.invoice_row(payment.invoice_payload)
        invoice = invoice_of(row)
        if row is None or invoice is None:
            return PaymentFacts(None)
        held, sold = self.stock_row(invoice)
        buyer_id = payment.buyer.user_id if payment.buyer else None
        return PaymentFacts(
            invoice=invoice,
            uses_held=row["uses_held"],
            uses_paid=row["uses_paid"],
            own_reservation=self.live_reservation(invoice.invoice_id, buyer_id),
            stock_held=held,
            stock_sold=sold,
        )

    def record_receipt(self, receipt: Receipt, update_id: int, raw: bytes, now: int) -> int:
        booked = self._book(receipt, now)
        row = _row_of(receipt, booked, update_id, digest_of(raw), now)
        columns, marks = ", ".join(row), ", ".join(f":{column}" for column in row)
        sql = f"INSERT INTO receipts (receipt_id, {columns}) VALUES ({_NUMBER}, {marks}) RETURNING receipt_id"  # noqa: S608
        (receipt_id,) = self.db.execute(sql, row).fetchone()
        self._record_order_info(receipt_id, receipt)
        self._record_evidence("receipt", receipt.telegram_payment_charge_id, update_id, raw, now)
        return int(receipt_id)

    def _book(self, receipt: Receipt, now: int) -> bool:
        """Units and use from held or free to paid, as the receipt says. An impossible booking is a bug."""
        if receipt.booking is Booking.NONE:
            return False
        if receipt.booking is Booking.POST:
            booked = receipt.reservation_id is not None and self.end_reservation(receipt.reservation_id, "posted", now)
        else:
            booked = receipt.invoice_id is not None and self.take_use(receipt.invoice_id, "uses_paid")
            booked = booked and self.take_units(receipt.mode, receipt.sku, receipt.quantity, receipt.capacity, "sold")
        if not booked:
            raise sqlite3.IntegrityError(f"receipt cannot be booked: {receipt.booking}")
        return True

    def _record_order_info(self, receipt_id: int, receipt: Receipt) -> None:
        info = receipt.order_info
        if info is not None:
            self.db.execute(
                "INSERT INTO order_info VALUES (?, ?, ?, ?, ?)",
                (receipt_id, info.name, info.phone_number, info.email, info.shipping_address),
            )

    def _record_evidence(self, kind: str, charge_id: str, update_id: int, raw: bytes, now: int) -> None:
        self.db.execute(
            "INSERT INTO evidence (digest, kind, telegram_payment_charge_id, update_id, raw, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (digest_of(raw), kind, charge_id, update_id, raw, now),
        )

    def record_conflict(self, payment: SuccessfulPayment, raw: bytes, now: int) -> None:
        self._record_evidence("conflict", payment.telegram_payment_charge_id, payment.update_id, raw, now)

    def record_refund(self, telegram_payment_charge_id: str, update_id: int, raw: bytes, now: int) -> None:
        self._record_evidence("refund", telegram_payment_charge_id, update_id, raw, now)


def _row_of(receipt: Receipt, booked: bool, update_id: int, digest: str, now: int) -> dict[str, str | int | None]:
    """The columns of `receipts` that are known when it is recorded."""
    row: dict[str, str | int | None] = {
        "telegram_payment_charge_id": receipt.telegram_payment_charge_id,
        "provider_payment_charge_id": receipt.provider_payment_charge_id,
        "mode": receipt.mode,
        "flag": receipt.flag,
        "invoice_id": receipt.invoice_id,
        "reservation_id": receipt.reservation_id,
        "invoice_payload": receipt.invoice_payload,
        "sku": receipt.sku,
        "title": receipt.title,
        "quantity": receipt.quantity,
        "booked_units": receipt.quantity if booked else 0,
        "booked_uses": int(booked),
        "currency": receipt.currency,
        "total_amount": receipt.total_amount,
        "tip_amount": receipt.tip_amount,
        "shipping_amount": receipt.shipping_amount,
        "shipping_option_id": receipt.shipping_option_id,
        "buyer_id": receipt.buyer.user_id if receipt.buyer else None,
        "buyer_username": receipt.buyer.username if receipt.buyer else None,
        "buyer_name": receipt.buyer.name if receipt.buyer else None,
        "paid_at": receipt.paid_at,
        "recorded_at": now,
        "update_id": update_id,
        "source": "polling",
        "digest": digest,
        "refund_state": "due" if receipt.refund_due else None,
    }
    return row | {"row_digest": row_digest([row[column] for column in DIGESTED_COLUMNS])}
