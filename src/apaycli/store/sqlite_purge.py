"""Personal data out of the ledger, in one transaction; amounts and ids stay.

Knows every table that holds a name, a phone number or the received bytes. Never knows how long anything must be kept.
What was removed is overwritten (`secure_delete`) and leaves no page behind (`VACUUM`): a search in the file's bytes
finds nothing. Copies of the file are not reached: backups are their owner's.
"""

import sqlite3
from typing import NamedTuple

from apaycli.store.sqlite_errors import reading

PURGED = "(purged)"


class PurgeCounts(NamedTuple):
    """What holds, or held, personal data from before the instant."""

    receipts: int  # names beside the money
    forms: int  # order_info
    evidence: int  # received bytes
    dead_letters: int
    hooks: int  # what a merchant's program said
    support_requests: int
    disputes: int  # closed ones: what the merchant wrote about them
    notices: int
    query_conflicts: int


# Whom the money goes to, and what a bank asks for, is needed until that is settled.
_SETTLED = "coalesce(refund_state, '') <> 'due' AND coalesce(dispute_state, '') <> 'open'"
_OF_SETTLED = f"receipt_id IN (SELECT receipt_id FROM receipts WHERE paid_at < ? AND {_SETTLED})"  # noqa: S608

# Per field of PurgeCounts: table, condition, what is set (None: the row goes). `?` is the instant.
_STEPS: tuple[tuple[str, str, str | None], ...] = (
    (
        "receipts",
        f"paid_at < ? AND {_SETTLED} AND (buyer_name IS NOT NULL OR buyer_username IS NOT NULL)",
        "buyer_name = NULL, buyer_username = NULL",
    ),
    ("order_info", _OF_SETTLED, None),
    (
        "evidence",
        "raw <> x'' AND CASE kind WHEN 'receipt'"  # noqa: S608
        f" THEN digest IN (SELECT digest FROM receipts WHERE paid_at < ?1 AND {_SETTLED}) ELSE received_at < ?1 END",
        "raw = x''",
    ),
    ("dead_letters", "received_at < ? AND raw <> x''", "raw = x''"),
    (
        "hooks",
        f"failure <> '{PURGED}' AND {_OF_SETTLED}",
        f"failure = '{PURGED}'",
    ),
    (
        "support_requests",
        f"received_at < ? AND closed_at IS NOT NULL AND text <> '{PURGED}'",
        f"text = '{PURGED}', buyer_name = NULL, buyer_username = NULL",
    ),
    (
        "disputes",
        f"closed_at IS NOT NULL AND reason <> '{PURGED}' AND {_OF_SETTLED}",
        f"reason = '{PURGED}'",
    ),
    ("notices", "created_at < ?", None),
    ("query_conflicts", "received_at < ? AND raw <> x''", "raw = x''"),
)
# What hangs on those.
_REPLIES = (
    "UPDATE support_replies SET text = ? WHERE request_id IN (SELECT request_id FROM support_requests WHERE text = ?)"
)
_NOTES = "UPDATE dispute_notes SET text = ? WHERE dispute_id IN (SELECT dispute_id FROM disputes WHERE reason = ?)"


class PurgeVerbs:
    """Part of `SqliteTransaction`."""

    db: sqlite3.Connection

    def purge(self, before: int) -> PurgeCounts:
        """Remove it, and remember up to when. The listener must not be running: see `compact`."""
        counts = []
        for table, condition, change in _STEPS:
            sql = f"DELETE FROM {table}" if change is None else f"UPDATE {table} SET {change}"  # noqa: S608 - our own words
            counts.append(self.db.execute(f"{sql} WHERE {condition}", (before,)).rowcount)
        self.db.execute(_REPLIES, (PURGED, PURGED))
        self.db.execute(_NOTES, (PURGED, PURGED))
        self.db.execute(
            "INSERT INTO meta VALUES ('purged_before', ?) ON CONFLICT (key) DO UPDATE SET"
            " value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))",
            (str(before),),
        )
        return PurgeCounts(*counts)


class PurgeReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def purgeable(self, before: int) -> PurgeCounts:
        """What `purge` would remove."""
        return PurgeCounts(
            *(
                self.db.execute(f"SELECT count(*) FROM {table} WHERE {condition}", (before,)).fetchone()[0]  # noqa: S608
                for table, condition, _ in _STEPS
            )
        )

    @reading
    def unsettled(self, before: int) -> int:
        """Receipts that `purge` leaves whole: money must go back, or a dispute is open."""
        sql = f"SELECT count(*) FROM receipts WHERE paid_at < ? AND NOT ({_SETTLED})"  # noqa: S608
        return int(self.db.execute(sql, (before,)).fetchone()[0])

    @reading
    def overwrite_what_is_removed(self) -> None:
        """From now on this connection writes zeros over what it removes. Outside of a transaction."""
        self.db.execute("PRAGMA secure_delete = ON")

    @reading
    def compact(self) -> None:
        """Write the file anew without what was removed, and empty its log. Takes as long as a copy; others wait."""
        self.db.execute("VACUUM")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
