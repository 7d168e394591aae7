"""What can be asked of the ledger without changing it.

Knows every table; never judges what it finds, save for the sums that must add up (`integrity_problems`, the
quick look; `sqlite_audit` reads everything).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import TYPE_CHECKING

from apaycli.core.model import Mode
from apaycli.store.sqlite_audit import AuditVerbs
from apaycli.store.sqlite_books import BookReading
from apaycli.store.sqlite_checkout import stock_counts
from apaycli.store.sqlite_dossier import DossierReading
from apaycli.store.sqlite_errors import reading
from apaycli.store.sqlite_letters import LetterReading
from apaycli.store.sqlite_people import PeopleReading
from apaycli.store.sqlite_purge import PurgeReading
from apaycli.store.sqlite_reconcile import ReconcileReading
from apaycli.store.sqlite_restores import RestoreReading
from apaycli.store.sqlite_rows import decision_of, one_row
from apaycli.store.sqlite_sending import SendingReading
from apaycli.store.sqlite_stats import StatsReading
from apaycli.store.sqlite_sums import SUMS
from apaycli.store.values import Gap, HookRow, LedgerCounts, ListenerRun, Notice, OpenAnswer, ReservedUnits

if TYPE_CHECKING:
    from apaycli.core.hooks import HookState  # only named here

_ACKNOWLEDGED_AT = "(SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = 'acknowledged_at')"

_SHIPPING = f"FROM shipping_troubles WHERE happened_at > {_ACKNOWLEDGED_AT}"


class ReadingVerbs(
    AuditVerbs,
    BookReading,
    DossierReading,
    LetterReading,
    PeopleReading,
    PurgeReading,
    ReconcileReading,
    RestoreReading,
    SendingReading,
    StatsReading,
):
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def bot_id(self) -> int | None:
        row = one_row(self.db, "SELECT value FROM meta WHERE key = 'bot_id'", ())
        return int(row["value"]) if row else None

    @reading
    def ledger_id(self) -> str | None:
        return self.remembered("ledger_id")

    @reading
    def remembered(self, key: str) -> str | None:
        row = one_row(self.db, "SELECT value FROM meta WHERE key = ?", (key,))
        return str(row["value"]) if row else None

    @reading
    def open_answers(self, decided_from: int) -> list[OpenAnswer]:
        cursor = self.db.cursor()
        cursor.row_factory = sqlite3.Row
        rows = cursor.execute(
            "SELECT pre_checkout_query_id, ok, reason, error_message, buyer_id, decided_at FROM decisions"
            " WHERE answer_outcome IS NULL AND decided_at >= ? ORDER BY decided_at",
            (decided_from,),
        ).fetchall()
        return [
            OpenAnswer(decision_of(row["pre_checkout_query_id"], row), row["buyer_id"], row["decided_at"])
            for row in rows
        ]

    @reading
    def reservations_due(self, now: int) -> int:
        sql = "SELECT count(*) FROM reservations WHERE state = 'pending' AND expires_at <= ?"
        return self._number(sql, now)

    @reading
    def stock_counts(self, mode: Mode) -> dict[str, tuple[int, int]]:
        return stock_counts(self.db, mode)

    @reading
    def reserved_units(self, mode: Mode, units_min: int) -> list[ReservedUnits]:
        rows = self.db.execute(
            "SELECT sku, buyer_id, sum(quantity), count(*), min(created_at) FROM reservations"
            " WHERE mode = ? AND state = 'pending' AND sku IS NOT NULL GROUP BY sku, buyer_id"
            " HAVING sum(quantity) >= ? ORDER BY 3 DESC, 1, 2",
            (mode, units_min),
        )
        return [ReservedUnits(*row) for row in rows]

    @reading
    def hooks_due(self, now: int) -> int:
        sql = "SELECT count(*) FROM hooks WHERE state = 'pending' AND due_at <= ? AND coalesce(lease_until, 0) <= ?"
        return self._number(sql, now, now)

    @reading
    def hooks(self, state: HookState | None = None, receipt_id: int | None = None) -> list[HookRow]:
        rows = self.db.execute(
            "SELECT receipt_id, kind, hooks.state, attempts, due_at, last_attempt_at, failure, flag,"
            " telegram_payment_charge_id FROM hooks JOIN receipts USING (receipt_id)"
            " WHERE (?1 IS NULL OR hooks.state = ?1) AND (?2 IS NULL OR receipt_id = ?2)"
            " ORDER BY receipt_id DESC, kind LIMIT 1000",
            (state, receipt_id),
        )
        return [HookRow(*row) for row in rows]

    @reading
    def last_run(self) -> ListenerRun | None:
        row = one_row(
            self.db,
            "SELECT pid, mode, started_at, alive_at, last_contact_at, stopped_at FROM listener_runs"
            " ORDER BY run_id DESC LIMIT 1",
            (),
        )
        return ListenerRun(*row) if row else None

    @reading
    def runs_since(self, instant: int) -> list[ListenerRun]:
        rows = self.db.execute(
            "SELECT pid, mode, started_at, alive_at, last_contact_at, stopped_at FROM listener_runs"
            " WHERE alive_at >= ? ORDER BY run_id",
            (instant,),
        )
        return [ListenerRun(*row) for row in rows]

    @reading
    def gaps(self) -> list[Gap]:
        rows = self.db.execute(f"SELECT from_at, until_at FROM gaps WHERE until_at > {_ACKNOWLEDGED_AT} ORDER BY 1")  # noqa: S608
        return [Gap(*row) for row in rows]

    @reading
    def notices(self, limit: int, but: Collection[str] = ()) -> list[Notice]:
        rows = self.db.execute(
            "SELECT notice_id, chat_id, audience, text, created_at FROM notices"
            " WHERE chat_id NOT IN (SELECT value FROM json_each(?)) ORDER BY notice_id LIMIT ?",
            (json.dumps(list(but)), limit),
        )
        return [Notice(*row) for row in rows]

    @reading
    def counts(self, mode: Mode) -> LedgerCounts:
        slowest = self.db.execute(
            "SELECT max(answer_milliseconds) FROM decisions JOIN invoices USING (invoice_id)"
            " WHERE answer_outcome = 'sent' AND mode = ?",
            (mode,),
        ).fetchone()[0]
        return LedgerCounts(
            receipts=self._number("SELECT count(*) FROM receipts WHERE mode = ?", mode),
            receipts_flagged=self._number("SELECT count(*) FROM receipts WHERE mode = ? AND flag IS NOT NULL", mode),
            reservations_pending=self._number(
                "SELECT count(*) FROM reservations WHERE mode = ? AND state = 'pending'", mode
            ),
            units_held=self._number("SELECT coalesce(sum(held), 0) FROM stock WHERE mode = ?", mode),
            dead_letters=self._number("SELECT count(*) FROM dead_letters WHERE state = 'open'"),
            dead_letters_with_payment=self._number(
                "SELECT count(*) FROM dead_letters WHERE state = 'open' AND mentions_payment = 1"
            ),
            conflicts=self._number(
                f"SELECT count(*) FROM evidence WHERE kind = 'conflict' AND received_at > {_ACKNOWLEDGED_AT}"  # noqa: S608
            ),
            query_conflicts=self._number(
                f"SELECT count(*) FROM query_conflicts WHERE received_at > {_ACKNOWLEDGED_AT}"  # noqa: S608
            ),
            hooks_failed=self._number("SELECT count(*) FROM hooks WHERE state = 'failed'"),
            hooks_waiting=self._number("SELECT count(*) FROM hooks WHERE state = 'waiting'"),
            refunds_due=self._number("SELECT count(*) FROM receipts WHERE mode = ? AND refund_state = 'due'", mode),
            notices=self._number("SELECT count(*) FROM notices WHERE audience = 'merchant'"),
            support_requests=self._number("SELECT count(*) FROM support_requests WHERE closed_at IS NULL"),
            support_oldest_at=self.db.execute(
                "SELECT min(received_at) FROM support_requests WHERE closed_at IS NULL"
            ).fetchone()[0],
            answers_slowest_milliseconds=slowest,
            shipping_failures=self._number(f"SELECT count(*) {_SHIPPING} AND kind <> 'free_left_out'"),
            shipping_free_left_out=self._number(f"SELECT count(*) {_SHIPPING} AND kind = 'free_left_out'"),
            shipping_error=self._shipping_error(),
        )

    def _shipping_error(self) -> str | None:
        row = self.db.execute(f"SELECT error {_SHIPPING} ORDER BY happened_at DESC LIMIT 1").fetchone()
        return str(row[0]) if row else None

    def _number(self, sql: str, *parameters: object) -> int:
        return int(self.db.execute(sql, parameters).fetchone()[0])

    @reading
    def standing(self, mode: Mode, paid_from: int) -> tuple[dict[str, int], int]:
        rows = self.db.execute(
            "SELECT currency, sum(total_amount) FROM receipts WHERE +mode = ? AND paid_at >= ?"
            " AND currency IS NOT NULL AND total_amount IS NOT NULL AND refund_state IS NULL GROUP BY currency",
            (mode, paid_from),
        )
        return dict(rows.fetchall()), self._number("SELECT coalesce(sum(held), 0) FROM stock WHERE mode = ?", mode)

    @reading
    def attestations(self) -> dict[str, int]:
        return dict(self.db.execute("SELECT name, attested_at FROM attestations").fetchall())

    @reading
    def integrity_problems(self) -> list[str]:
        problems = [text for (text,) in self.db.execute("PRAGMA quick_check") if text != "ok"]
        if self.db.execute("PRAGMA foreign_key_check").fetchone():
            problems.append("a row refers to one that is missing")
        for _, meaning, sql in SUMS:
            rows = self.db.execute(sql).fetchmany(3)
            if rows:
                problems.append(f"{meaning}: {', '.join(map(str, rows))}")
        return problems
