"""Verbs for what buyers said: which terms they agreed to, and what they asked the shop.

Knows the tables acceptances, terms_texts, support_requests and support_replies. Never knows which terms are in force.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from apaycli.store.digests import digest_of
from apaycli.store.sqlite_errors import reading
from apaycli.store.sqlite_rows import one_row
from apaycli.store.values import SupportReply, SupportRequest

if TYPE_CHECKING:
    from apaycli.core.incoming import Command  # only named here

_REQUEST = (
    "SELECT request_id, buyer_id, buyer_username, buyer_name, language_code, text, received_at, closed_at"
    " FROM support_requests"
)


def accepted_versions(db: sqlite3.Connection, buyer_id: int) -> frozenset[str]:
    """Every version of the terms that this buyer has ever agreed to."""
    return frozenset(text for (text,) in db.execute("SELECT version FROM acceptances WHERE buyer_id = ?", (buyer_id,)))


class PeopleVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def accepted_versions(self, buyer_id: int) -> frozenset[str]:
        return accepted_versions(self.db, buyer_id)

    def record_acceptance(self, buyer_id: int, version: str, text: str, now: int) -> None:
        digest = digest_of(text.encode())
        self.db.execute("INSERT INTO terms_texts VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, text))
        sql = "INSERT INTO acceptances (buyer_id, version, accepted_at, terms_digest) VALUES (?, ?, ?, ?)"
        self.db.execute(f"{sql} ON CONFLICT DO NOTHING", (buyer_id, version, now, digest))

    def open_support_requests(self, buyer_id: int) -> int:
        sql = "SELECT count(*) FROM support_requests WHERE buyer_id = ? AND closed_at IS NULL"
        return int(self.db.execute(sql, (buyer_id,)).fetchone()[0])

    def support_request_of(self, buyer_id: int, message_id: int) -> int | None:
        sql = "SELECT request_id FROM support_requests WHERE buyer_id = ? AND message_id = ?"
        row = one_row(self.db, sql, (buyer_id, message_id))
        return int(row["request_id"]) if row else None

    def record_support_request(self, command: Command, now: int) -> int:
        buyer = command.user
        if buyer is None:
            raise sqlite3.IntegrityError("a request without a buyer")
        cursor = self.db.execute(
            "INSERT INTO support_requests (buyer_id, message_id, buyer_username, buyer_name, language_code, text,"
            " received_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                buyer.user_id,
                command.message_id,
                buyer.username,
                buyer.name,
                buyer.language_code,
                command.text,
                now,
            ),
        )
        return int(cursor.lastrowid or 0)

    def close_support_request(self, request_id: int, now: int) -> bool:
        cursor = self.db.execute(
            "UPDATE support_requests SET closed_at = ? WHERE request_id = ? AND closed_at IS NULL", (now, request_id)
        )
        return cursor.rowcount == 1

    def record_support_reply(self, request_id: int, text: str, now: int) -> int:
        cursor = self.db.execute(
            "INSERT INTO support_replies (request_id, text, created_at, send_state) VALUES (?, ?, ?, 'sending')",
            (request_id, text, now),
        )
        return int(cursor.lastrowid or 0)

    def record_reply_outcome(
        self, reply_id: int, state: Literal["sent", "refused", "unknown"], error: str | None
    ) -> None:
        self.db.execute(
            "UPDATE support_replies SET send_state = ?, send_error = ? WHERE reply_id = ?", (state, error, reply_id)
        )


class PeopleReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def support_requests(self, *, closed: bool = False) -> list[SupportRequest]:
        condition = "NOT NULL" if closed else "NULL"
        rows = self.db.execute(f"{_REQUEST} WHERE closed_at IS {condition} ORDER BY request_id LIMIT 1000")
        return [SupportRequest(*row) for row in rows]

    @reading
    def support_request(self, request_id: int) -> SupportRequest | None:
        row = self.db.execute(f"{_REQUEST} WHERE request_id = ?", (request_id,)).fetchone()
        return replace(SupportRequest(*row), replies=self._replies(request_id)) if row else None

    def _replies(self, request_id: int) -> tuple[SupportReply, ...]:
        rows: Sequence[tuple[int, str, int, Literal["sent"], str | None]] = self.db.execute(
            "SELECT reply_id, text, created_at, send_state, send_error FROM support_replies"
            " WHERE request_id = ? ORDER BY reply_id",
            (request_id,),
        ).fetchall()
        return tuple(SupportReply(*row) for row in rows)
