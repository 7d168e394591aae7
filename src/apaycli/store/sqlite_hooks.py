"""Verbs for the outbox: what is to be done for a receipt.

Knows the table hooks, and `hook_state` of receipts, which sums it up. Never decides when to try again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from apaycli.core.model import ReceiptRow
from apaycli.store.sqlite_rows import RECEIPT_COLUMNS
from apaycli.store.values import DueHook

if TYPE_CHECKING:
    from apaycli.core.hooks import HookKind, HookState  # only named here

# The state of a receipt's hook that needs most attention.
HOOK_STATE = (
    "(SELECT state FROM hooks WHERE hooks.receipt_id = receipts.receipt_id"
    " ORDER BY CASE state WHEN 'failed' THEN 0 WHEN 'waiting' THEN 1 WHEN 'pending' THEN 2 ELSE 3 END LIMIT 1)"
)


class HookVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def queue_hooks(self, receipt_id: int, states: Mapping[HookKind, HookState], now: int) -> None:
        self.db.executemany(
            "INSERT INTO hooks (receipt_id, kind, state, due_at) VALUES (?, ?, ?, ?)",
            [(receipt_id, kind, state, now) for kind, state in states.items()],
        )
        self._sum_up(receipt_id)

    def claim_hooks(
        self, now: int, lease_until: int, kinds: Sequence[HookKind], limit: int, running: Collection[int] = ()
    ) -> list[DueHook]:
        claimed = self.db.execute(
            "UPDATE hooks SET attempts = attempts + 1, lease_until = ?, last_attempt_at = ?,"
            " first_attempt_at = coalesce(first_attempt_at, ?) WHERE hook_id IN ("
            "SELECT hook_id FROM hooks WHERE state = 'pending' AND due_at <= ? AND coalesce(lease_until, 0) <= ?"
            " AND kind IN (SELECT value FROM json_each(?)) AND hook_id NOT IN (SELECT value FROM json_each(?))"
            " ORDER BY due_at LIMIT ?)"
            " RETURNING hook_id, kind, attempts, first_attempt_at, receipt_id",
            (lease_until, now, now, now, now, json.dumps(kinds), json.dumps(list(running)), limit),
        ).fetchall()
        return [
            DueHook(hook_id, kind, attempts, first_at, self._receipt(receipt_id))
            for hook_id, kind, attempts, first_at, receipt_id in claimed
        ]

    def _receipt(self, receipt_id: int) -> ReceiptRow:
        row = self.db.execute(
            f"SELECT {RECEIPT_COLUMNS} FROM receipts LEFT JOIN order_info USING (receipt_id)"  # noqa: S608
            " WHERE receipt_id = ?",
            (receipt_id,),
        ).fetchone()
        return ReceiptRow._make(row)

    def record_hook(self, hook_id: int, *, failure: str | None, again_at: int | None) -> None:
        state: HookState = "done" if failure is None else "failed" if again_at is None else "pending"
        (receipt_id,) = self.db.execute(
            "UPDATE hooks SET state = ?, failure = ?, due_at = coalesce(?, due_at), lease_until = NULL"
            " WHERE hook_id = ? RETURNING receipt_id",
            (state, failure, again_at, hook_id),
        ).fetchone()
        self._sum_up(receipt_id)

    def free_claims(self, kinds: Sequence[HookKind]) -> None:
        self.db.execute(
            "UPDATE hooks SET lease_until = NULL WHERE state = 'pending' AND lease_until IS NOT NULL"
            " AND kind IN (SELECT value FROM json_each(?))",
            (json.dumps(kinds),),
        )

    def rerun_hooks(self, receipt_id: int, states: Sequence[HookState], now: int) -> int:
        cursor = self.db.execute(
            "UPDATE hooks SET state = 'pending', due_at = ?, lease_until = NULL, attempts = 0, first_attempt_at = NULL"
            " WHERE receipt_id = ? AND state IN (SELECT value FROM json_each(?))",
            (now, receipt_id, json.dumps(states)),
        )
        self._sum_up(receipt_id)
        return cursor.rowcount

    def _sum_up(self, receipt_id: int) -> None:
        """`hook_state`: the state of the one that needs most attention; NULL where there is no hook."""
        self.db.execute(
            f"UPDATE receipts SET hook_state = {HOOK_STATE} WHERE receipt_id = ?",  # noqa: S608
            (receipt_id,),
        )
