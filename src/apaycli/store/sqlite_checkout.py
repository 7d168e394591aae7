"""Verbs for pre-checkout queries: facts, decisions, reservations, answers.

Knows the tables invoices, stock, reservations, decisions. Never decides; a reservation is taken by
conditional UPDATEs whose row count says whether there was something to take.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from apaycli.core.model import (
    CheckoutFacts,
    Decision,
    Invoice,
    Mode,
    Reenter,
    Reservation,
    Reserve,
)
from apaycli.store.digests import digest_of
from apaycli.store.sqlite_people import accepted_versions
from apaycli.store.sqlite_rows import decision_of, invoice_of, one_row

if TYPE_CHECKING:  # only named here
    from apaycli.core.incoming import PreCheckoutQuery
    from apaycli.store.values import AnswerOutcome, AnswerResult


_CONTENT = ("buyer_id", "currency", "total_amount", "invoice_payload", "shipping_option_id")


def _content_of(query: PreCheckoutQuery) -> dict[str, str | int | None]:
    """What the buyer asked, by the columns of `decisions`."""
    values = (query.buyer.user_id, query.currency, query.total_amount, query.invoice_payload, query.shipping_option_id)
    return dict(zip(_CONTENT, values, strict=True))


def stock_counts(db: sqlite3.Connection, mode: Mode) -> dict[str, tuple[int, int]]:
    """(sold, held) by SKU."""
    rows = db.execute("SELECT sku, sold, held FROM stock WHERE mode = ?", (mode,))
    return {sku: (sold, held) for sku, sold, held in rows}


class CheckoutVerbs:
    """Part of `SqliteTransaction`."""

    def __init__(self, db: sqlite3.Connection, path: str) -> None:
        self.db = db
        self.path = path

    def recorded_decision(self, pre_checkout_query_id: str) -> tuple[Decision, AnswerOutcome | None] | None:
        row = one_row(
            self.db,
            "SELECT ok, reason, error_message, CASE WHEN void AND answer_outcome IS NOT 'sent' THEN 'too_old'"
            " ELSE answer_outcome END AS answer_outcome FROM decisions WHERE pre_checkout_query_id = ?",
            (pre_checkout_query_id,),
        )
        if row is None:
            return None
        return decision_of(pre_checkout_query_id, row), row["answer_outcome"]

    def differences_of_query(self, query: PreCheckoutQuery) -> list[str]:
        row = one_row(
            self.db,
            f"SELECT {', '.join(_CONTENT)} FROM decisions WHERE pre_checkout_query_id = ?",  # noqa: S608 - our own words
            (query.pre_checkout_query_id,),
        )
        return [] if row is None else [name for name, value in _content_of(query).items() if row[name] != value]

    def record_query_conflict(self, query: PreCheckoutQuery, differs: Sequence[str], raw: bytes, now: int) -> bool:
        cursor = self.db.execute(
            "INSERT INTO query_conflicts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (digest_of(raw), query.pre_checkout_query_id, query.update_id, ", ".join(differs), raw, now),
        )
        return cursor.rowcount == 1

    def checkout_facts(self, query: PreCheckoutQuery) -> CheckoutFacts:
        row = self.invoice_row(query.invoice_payload)
        invoice = invoice_of(row)
        return self._facts(invoice, row, query.buyer.user_id) if invoice else CheckoutFacts(None)

    def prospect_facts(self, invoice: Invoice, buyer_id: int) -> CheckoutFacts:
        return self._facts(invoice, self.invoice_row(invoice.invoice_payload), buyer_id)

    def _facts(self, invoice: Invoice, row: sqlite3.Row | None, buyer_id: int) -> CheckoutFacts:
        held, sold = self.stock_row(invoice)
        return CheckoutFacts(
            invoice=invoice,
            uses_held=row["uses_held"] if row else 0,
            uses_paid=row["uses_paid"] if row else 0,
            own_reservation=self.live_reservation(invoice.invoice_id, buyer_id),
            buyer_units=self._buyer_units(invoice, buyer_id),
            stock_held=held,
            stock_sold=sold,
            accepted_versions=accepted_versions(self.db, buyer_id),
            buyer_reserved=self._buyer_reserved(invoice, buyer_id),
            buyer_expired=self._buyer_expired(invoice, buyer_id),
        )

    def invoice_by_payload(self, invoice_payload: str) -> Invoice | None:
        return invoice_of(self.invoice_row(invoice_payload))

    def invoice_row(self, invoice_payload: str) -> sqlite3.Row | None:
        return one_row(self.db, "SELECT * FROM invoices WHERE invoice_payload = ?", (invoice_payload,))

    def stock_row(self, invoice: Invoice) -> tuple[int, int]:
        """(held, sold) of the invoice's SKU in its mode."""
        sql = "SELECT held, sold FROM stock WHERE mode = ? AND sku = ?"
        row = one_row(self.db, sql, (invoice.mode, invoice.sku))
        return (row["held"], row["sold"]) if row else (0, 0)

    def live_reservation(self, invoice_id: str, buyer_id: int | None) -> Reservation | None:
        row = one_row(
            self.db,
            "SELECT reservation_id, invoice_id, buyer_id, sku, quantity, expires_at, created_at FROM reservations"
            " WHERE invoice_id = ? AND buyer_id = ? AND state = 'pending'",
            (invoice_id, buyer_id),
        )
        return None if row is None else Reservation(*row)

    def _buyer_units(self, invoice: Invoice, buyer_id: int) -> int:
        if invoice.sku is None:
            return 0
        (units,) = self.db.execute(
            "SELECT (SELECT coalesce(sum(booked_units), 0) FROM receipts WHERE mode = :mode AND sku = :sku"
            " AND buyer_id = :buyer) + (SELECT coalesce(sum(quantity), 0) FROM reservations"
            " WHERE mode = :mode AND sku = :sku AND buyer_id = :buyer AND state = 'pending')",
            {"mode": invoice.mode, "sku": invoice.sku, "buyer": buyer_id},
        ).fetchone()
        return int(units)

    def _buyer_reserved(self, invoice: Invoice, buyer_id: int) -> int:
        (units,) = self.db.execute(
            "SELECT coalesce(sum(quantity), 0) FROM reservations WHERE mode = ? AND sku = ? AND buyer_id = ?"
            " AND state = 'pending' AND invoice_id <> ?",
            (invoice.mode, invoice.sku, buyer_id, invoice.invoice_id),
        ).fetchone()
        return int(units)

    def _buyer_expired(self, invoice: Invoice, buyer_id: int) -> tuple[tuple[int, int], ...]:
        rows = self.db.execute(
            "SELECT created_at, ended_at FROM reservations WHERE mode = ? AND sku = ? AND buyer_id = ?"
            " AND state = 'expired' ORDER BY ended_at DESC LIMIT 20",
            (invoice.mode, invoice.sku, buyer_id),
        )
        return tuple(rows.fetchall())

    def record_decision(self, query: PreCheckoutQuery, decision: Decision, now: int) -> bool:
        reservation_id: int | None = None
        if isinstance(decision.effect, Reserve):
            reservation_id = self._reserve(decision.effect, now)
            if reservation_id is None:
                return False
        elif isinstance(decision.effect, Reenter):
            reservation_id = decision.effect.reservation_id
            if not self._reenter(decision.effect):
                return False
        self.db.execute(
            "INSERT INTO decisions (pre_checkout_query_id, update_id, ok, reason, error_message, invoice_id,"
            " reservation_id, decided_at, buyer_id, currency, total_amount, invoice_payload, shipping_option_id)"
            " VALUES (?, ?, ?, ?, ?, (SELECT invoice_id FROM invoices WHERE invoice_payload = ?), ?, ?, ?, ?, ?, ?, ?)",
            (
                query.pre_checkout_query_id,
                query.update_id,
                int(decision.ok),
                decision.reason,
                decision.error_message,
                query.invoice_payload,
                reservation_id,
                now,
                *_content_of(query).values(),
            ),
        )
        return True

    def _reserve(self, effect: Reserve, now: int) -> int | None:
        """Take a use and the units, both or none. The savepoint undoes a use whose units are gone, or would be more
        than this buyer may have reserved."""
        self.db.execute("SAVEPOINT reserve")
        taken = self.take_use(effect.invoice_id, "uses_held") and self.take_units(
            effect.mode, effect.sku, effect.quantity, effect.capacity, "held"
        )
        reservation_id = self._insert_reservation(effect, now) if taken else None
        if reservation_id is None:
            self.db.execute("ROLLBACK TO reserve")
        self.db.execute("RELEASE reserve")
        return reservation_id

    def _insert_reservation(self, effect: Reserve, now: int) -> int | None:
        cursor = self.db.execute(
            "INSERT INTO reservations (invoice_id, buyer_id, mode, sku, quantity, state, created_at, expires_at)"
            " SELECT :invoice_id, :buyer_id, :mode, :sku, :quantity, 'pending', :now, :expires_at"
            " WHERE :reserved_max IS NULL OR :reserved_max > (SELECT coalesce(sum(quantity), 0) FROM reservations"
            " WHERE mode = :mode AND sku = :sku AND buyer_id = :buyer_id AND state = 'pending')",
            {
                "invoice_id": effect.invoice_id,
                "buyer_id": effect.buyer_id,
                "mode": effect.mode,
                "sku": effect.sku,
                "quantity": effect.quantity,
                "now": now,
                "expires_at": effect.expires_at,
                "reserved_max": effect.reserved_max,
            },
        )
        return cursor.lastrowid if cursor.rowcount == 1 else None

    def _reenter(self, effect: Reenter) -> bool:
        cursor = self.db.execute(
            "UPDATE reservations SET entries = entries + 1, expires_at = max(expires_at, ?)"
            " WHERE reservation_id = ? AND state = 'pending'",
            (effect.expires_at, effect.reservation_id),
        )
        return cursor.rowcount == 1

    def take_use(self, invoice_id: str, column: str) -> bool:
        """One use of the invoice from free to `uses_held` or `uses_paid`, if one is free."""
        cursor = self.db.execute(
            f"UPDATE invoices SET {column} = {column} + 1"  # noqa: S608 - column is one of two literals
            " WHERE invoice_id = ? AND (uses_max IS NULL OR uses_held + uses_paid < uses_max)",
            (invoice_id,),
        )
        return cursor.rowcount == 1

    def take_units(self, mode: str, sku: str | None, quantity: int, capacity: int | None, column: str) -> bool:
        """`quantity` units from free to `held` or `sold`, if that many are free."""
        if sku is None:
            return True
        self.db.execute("INSERT INTO stock (mode, sku) VALUES (?, ?) ON CONFLICT DO NOTHING", (mode, sku))
        cursor = self.db.execute(
            f"UPDATE stock SET {column} = {column} + :quantity WHERE mode = :mode AND sku = :sku"  # noqa: S608
            " AND (:capacity IS NULL OR held + sold + :quantity <= :capacity)",
            {"mode": mode, "sku": sku, "quantity": quantity, "capacity": capacity},
        )
        return cursor.rowcount == 1

    def end_reservation(self, reservation_id: int, state: str, now: int) -> bool:
        """pending → posted, voided or expired, once. Units and use go to paid, or back to free."""
        row = one_row(
            self.db,
            "UPDATE reservations SET state = ?, ended_at = ? WHERE reservation_id = ? AND state = 'pending'"
            " RETURNING invoice_id, mode, sku, quantity",
            (state, now, reservation_id),
        )
        if row is None:
            return False
        paid = int(state == "posted")
        self.db.execute(
            "UPDATE invoices SET uses_held = uses_held - 1, uses_paid = uses_paid + ? WHERE invoice_id = ?",
            (paid, row["invoice_id"]),
        )
        if row["sku"] is not None:
            self.db.execute(
                "UPDATE stock SET held = held - :quantity, sold = sold + :quantity * :paid"
                " WHERE mode = :mode AND sku = :sku",
                {"quantity": row["quantity"], "paid": paid, "mode": row["mode"], "sku": row["sku"]},
            )
        return True

    def expire_reservations(self, now: int) -> list[Reservation]:
        rows = self.db.execute(
            "SELECT reservation_id, invoice_id, buyer_id, sku, quantity, expires_at, created_at FROM reservations"
            " WHERE state = 'pending' AND expires_at <= ? ORDER BY expires_at LIMIT 1000",
            (now,),
        ).fetchall()
        due = [Reservation(*row) for row in rows]
        for reservation in due:
            self.end_reservation(reservation.reservation_id, "expired", now)
        return due

    def record_answers(self, results: Sequence[AnswerResult]) -> None:
        for result in results:
            cursor = self.db.execute(
                "UPDATE decisions SET answer_outcome = ?, answered_at = ?, answer_milliseconds = ?"
                " WHERE pre_checkout_query_id = ? AND answer_outcome IS NOT 'sent'",
                (result.outcome, result.answered_at, result.milliseconds, result.pre_checkout_query_id),
            )
            if result.release and cursor.rowcount == 1:
                self._release(result)

    def _release(self, result: AnswerResult) -> None:
        """This yes never took effect. The reservation is voided with the last of the queries that rest on it."""
        row = one_row(
            self.db,
            "UPDATE decisions SET void = 1 WHERE pre_checkout_query_id = ? AND ok = 1 AND void = 0"
            " RETURNING reservation_id",
            (result.pre_checkout_query_id,),
        )
        if row is None:
            return
        rests = one_row(
            self.db,
            "UPDATE reservations SET entries_void = entries_void + 1 WHERE reservation_id = ?"
            " RETURNING reservation_id, entries_void = entries AS all_void",
            (row["reservation_id"],),
        )
        if rests is not None and rests["all_void"]:
            self.end_reservation(rests["reservation_id"], "voided", result.answered_at)
