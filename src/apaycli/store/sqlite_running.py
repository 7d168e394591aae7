"""Verbs for the listener's own life, and for what its owner is told and has said.

Knows the tables listener_runs, gaps, restores, shipping_troubles, notices, attestations, and `acknowledged_at` of meta.
"""

import json
import sqlite3
from collections.abc import Sequence

from apaycli.core.model import Mode
from apaycli.store.values import Audience, Gap, ShippingTrouble


class RunningVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def start_run(self, pid: int, mode: Mode, now: int) -> int:
        cursor = self.db.execute(
            "INSERT INTO listener_runs (pid, mode, started_at, alive_at) VALUES (?, ?, ?, ?)", (pid, mode, now, now)
        )
        return int(cursor.lastrowid or 0)

    def record_life(self, run_id: int, alive_at: int, last_contact_at: int | None) -> None:
        self.db.execute(
            "UPDATE listener_runs SET alive_at = ?, last_contact_at = coalesce(?, last_contact_at) WHERE run_id = ?",
            (alive_at, last_contact_at, run_id),
        )

    def stop_run(self, run_id: int, now: int) -> None:
        self.db.execute("UPDATE listener_runs SET stopped_at = ? WHERE run_id = ?", (now, run_id))

    def record_gap(self, gap: Gap) -> None:
        self.db.execute("INSERT INTO gaps (from_at, until_at) VALUES (?, ?)", (gap.from_at, gap.until_at))

    def record_shipping_trouble(self, trouble: ShippingTrouble) -> None:
        self.db.execute(
            "INSERT INTO shipping_troubles VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (trouble.shipping_query_id, trouble.kind, trouble.error, trouble.happened_at),
        )

    def acknowledge(self, now: int) -> None:
        self.remember("acknowledged_at", str(now))
        self.db.execute("UPDATE restores SET reviewed_at = ? WHERE reviewed_at IS NULL", (now,))

    def queue_notice(self, chat_id: str, audience: Audience, text: str, now: int) -> None:
        self.db.execute(
            "INSERT INTO notices (chat_id, audience, text, created_at) VALUES (?, ?, ?, ?)",
            (chat_id, audience, text, now),
        )

    def remove_notices(self, notice_ids: Sequence[int]) -> None:
        self.db.execute(
            "DELETE FROM notices WHERE notice_id IN (SELECT value FROM json_each(?))", (json.dumps(list(notice_ids)),)
        )

    def remember(self, key: str, value: str) -> None:
        self.db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
        )

    def attest(self, name: str, now: int) -> None:
        self.db.execute(
            "INSERT INTO attestations VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET attested_at = excluded.attested_at",
            (name, now),
        )
