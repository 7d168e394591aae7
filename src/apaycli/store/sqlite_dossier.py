"""Everything that hangs on one receipt, out of every table.

Knows what points to a receipt, and what belongs to its buyer and invoice. Never judges what it finds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from apaycli.core.model import ReceiptRow
from apaycli.store.sqlite_cases import CaseReading
from apaycli.store.sqlite_errors import reading
from apaycli.store.sqlite_people import PeopleReading
from apaycli.store.sqlite_reconcile import ReconcileReading
from apaycli.store.sqlite_search import SearchReading
from apaycli.store.sqlite_sending import SendingReading
from apaycli.store.values import HookRow, SupportRequest

if TYPE_CHECKING:  # imported where they are used: every command that opens the ledger starts with this module
    from apaycli.store.values_cases import Acceptance, Asked, Dossier, Evidence, RefundCase, Reserved


class DossierReading(CaseReading, SearchReading, PeopleReading, ReconcileReading, SendingReading):
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def dossier(self, receipt_id: int) -> Dossier | None:
        from apaycli.store.values_cases import Dossier

        receipt = self.receipt(receipt_id)
        if receipt is None:
            return None
        update_id, source, digest, reservation_id = self.db.execute(
            "SELECT update_id, source, digest, reservation_id FROM receipts WHERE receipt_id = ?", (receipt_id,)
        ).fetchone()
        checked = self.checked_finding(receipt_id)
        return Dossier(
            receipt=receipt,
            update_id=update_id,
            source=source,
            digest=digest,
            invoice=None if receipt.invoice_id is None else self.invoice(receipt.invoice_id),
            reservation=self._reservation(reservation_id),
            asked=tuple(self._asked(receipt, reservation_id)),
            hooks=tuple(self._hooks(receipt)),
            evidence=tuple(self._evidence(receipt)),
            refund=self._refund(receipt_id),
            disputes=self.disputes_of(receipt_id),
            finding=None if checked is None else checked[0],
            finding_at=None if checked is None else checked[1],
            acceptances=tuple(self._acceptances(receipt.buyer_id)),
            requests=tuple(self._requests(receipt.buyer_id)),
        )

    def _reservation(self, reservation_id: int | None) -> Reserved | None:
        from apaycli.store.values_cases import Reserved

        row = self.db.execute(
            "SELECT reservation_id, state, quantity, entries, created_at, expires_at, ended_at FROM reservations"
            " WHERE reservation_id = ?",
            (reservation_id,),
        ).fetchone()
        return Reserved(*row) if row else None

    def _asked(self, receipt: ReceiptRow, reservation_id: int | None) -> Iterator[Asked]:
        """What was asked about its reservation; without one, what this buyer was asked about the invoice until then.

        Read through, without an index: one would be paid for at each answer, and this is looked at now and then."""
        from apaycli.store.values_cases import Asked

        which = "reservation_id = ?"
        parameters: tuple[object, ...] = (reservation_id,)
        if reservation_id is None:
            which = "buyer_id = ? AND invoice_id = ? AND decided_at <= ?"
            parameters = (receipt.buyer_id, receipt.invoice_id, receipt.recorded_at)
        rows = self.db.execute(
            "SELECT pre_checkout_query_id, ok, reason, error_message, currency, total_amount, decided_at,"  # noqa: S608
            " answer_outcome, answered_at, answer_milliseconds FROM decisions"
            f" WHERE {which} ORDER BY decided_at, pre_checkout_query_id",
            parameters,
        )
        for query_id, ok, *rest in rows:
            yield Asked(query_id, bool(ok), *rest)

    def _hooks(self, receipt: ReceiptRow) -> Iterator[HookRow]:
        rows = self.db.execute(
            "SELECT receipt_id, kind, state, attempts, due_at, last_attempt_at, failure, ?, ? FROM hooks"
            " WHERE receipt_id = ? ORDER BY kind",
            (receipt.flag, receipt.telegram_payment_charge_id, receipt.receipt_id),
        )
        yield from (HookRow(*row) for row in rows)

    def _evidence(self, receipt: ReceiptRow) -> Iterator[Evidence]:
        """The receipt's own by its digest, which has an index; others are few, and are read through."""
        from apaycli.store.values_cases import Evidence

        rows = self.db.execute(
            "SELECT kind, digest, update_id, received_at, raw FROM evidence WHERE kind = 'receipt'"
            " AND digest = (SELECT digest FROM receipts WHERE receipt_id = ?) UNION ALL"
            " SELECT kind, digest, update_id, received_at, raw FROM evidence"
            " WHERE kind IN ('conflict', 'refund') AND telegram_payment_charge_id = ?",
            (receipt.receipt_id, receipt.telegram_payment_charge_id),
        )
        yield from (Evidence(*row) for row in rows)

    def _refund(self, receipt_id: int) -> RefundCase:
        from apaycli.store.values_cases import RefundCase

        row = self.db.execute(
            "SELECT refund_reason, reference, done_at FROM receipts LEFT JOIN"
            " (SELECT * FROM refunds WHERE came_back_at IS NULL) USING (receipt_id) WHERE receipt_id = ?",
            (receipt_id,),
        ).fetchone()
        return RefundCase(*row)

    def _acceptances(self, buyer_id: int | None) -> Iterator[Acceptance]:
        from apaycli.store.values_cases import Acceptance

        rows = self.db.execute(
            "SELECT version, accepted_at, text FROM acceptances JOIN terms_texts ON digest = terms_digest"
            " WHERE buyer_id = ? ORDER BY accepted_at",
            (buyer_id,),
        )
        yield from (Acceptance(*row) for row in rows)

    def _requests(self, buyer_id: int | None) -> Iterator[SupportRequest]:
        sql = "SELECT request_id FROM support_requests WHERE buyer_id = ? ORDER BY request_id LIMIT 1000"
        requests = [self.support_request(request_id) for (request_id,) in self.db.execute(sql, (buyer_id,)).fetchall()]
        yield from filter(None, requests)
