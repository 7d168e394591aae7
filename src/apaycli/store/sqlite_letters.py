"""Verbs for dead letters: updates that could not be read or recorded, kept as they came.

Knows the table dead_letters and that a letter ends once: open → replayed or discarded. Never knows what is in
one, nor whether it should end.
"""

import sqlite3
from typing import Literal

from apaycli.store.digests import digest_of
from apaycli.store.sqlite_errors import reading
from apaycli.store.sqlite_rows import one_row
from apaycli.store.values import DeadLetter

_COLUMNS = "dead_letter_id, update_id, reason, mentions_payment, state, received_at, ended_at, length(raw), digest"
_LISTED_MAX = 1000


def _letter(row: "tuple[object, ...] | sqlite3.Row") -> DeadLetter:
    letter = DeadLetter(*row)
    return letter._replace(mentions_payment=bool(letter.mentions_payment))


def _with_bytes(db: sqlite3.Connection, dead_letter_id: int) -> tuple[DeadLetter, bytes] | None:
    row = one_row(db, f"SELECT {_COLUMNS}, raw FROM dead_letters WHERE dead_letter_id = ?", (dead_letter_id,))  # noqa: S608
    return (_letter(tuple(row)[:-1]), row["raw"]) if row else None


class LetterVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def record_dead_letter(
        self, update_id: int | None, reason: str, mentions_payment: bool, raw: bytes, now: int
    ) -> bool:
        cursor = self.db.execute(
            "INSERT INTO dead_letters (update_id, reason, mentions_payment, digest, raw, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (update_id, reason, int(mentions_payment), digest_of(raw), raw, now),
        )
        return cursor.rowcount == 1

    def dead_letter(self, dead_letter_id: int) -> tuple[DeadLetter, bytes] | None:
        return _with_bytes(self.db, dead_letter_id)

    def end_dead_letter(self, dead_letter_id: int, state: Literal["replayed", "discarded"], now: int) -> bool:
        cursor = self.db.execute(
            "UPDATE dead_letters SET state = ?, ended_at = ? WHERE dead_letter_id = ? AND state = 'open'",
            (state, now, dead_letter_id),
        )
        return cursor.rowcount == 1


class LetterReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def dead_letters(self, *, ended: bool = False) -> list[DeadLetter]:
        rows = self.db.execute(
            f"SELECT {_COLUMNS} FROM dead_letters WHERE state = 'open' OR ?"  # noqa: S608
            " ORDER BY mentions_payment DESC, dead_letter_id DESC LIMIT ?",
            (ended, _LISTED_MAX),
        )
        return [_letter(row) for row in rows]

    @reading
    def open_dead_letters(self) -> list[int]:
        rows = self.db.execute("SELECT dead_letter_id FROM dead_letters WHERE state = 'open' ORDER BY dead_letter_id")
        return [dead_letter_id for (dead_letter_id,) in rows]

    @reading
    def dead_letter(self, dead_letter_id: int) -> tuple[DeadLetter, bytes] | None:
        return _with_bytes(self.db, dead_letter_id)
