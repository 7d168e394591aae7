"""What `apay verify` reads: everything that the ledger says twice, and every receipt beside its evidence.

Knows the file, the tables and `sqlite_sums`; yields one row after the other, so that memory does not grow with
them. Never judges what stands in the received bytes.
"""

import itertools
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter

from apaycli.core.model import ReceiptRow
from apaycli.store.digests import DIGESTED_COLUMNS, row_digest
from apaycli.store.sqlite_errors import translated
from apaycli.store.sqlite_rows import RECEIPT_COLUMNS
from apaycli.store.sqlite_schema import schema_problems, wanted_objects
from apaycli.store.sqlite_sums import FURTHER_SUMS, SUMS
from apaycli.store.values import EvidencedReceipt, KeptBytes, Problem

_FILE_PROBLEMS_MAX = 1000
_CACHE_KIB = 32 * 1024  # the integrity check looks every row up in every index
_BESIDE_RECEIPT = ("update_id", "digest", "row_digest", "reservation_id", "booked_units", "booked_uses")
_NAMES = (*ReceiptRow._fields, *_BESIDE_RECEIPT)
_digested = itemgetter(*(_NAMES.index(column) for column in DIGESTED_COLUMNS))


class AuditVerbs:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with translated(self.path):
            self.db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            # A damaged byte in a name must not hide the rows behind it: it is seen by the digests.
            self.db.text_factory = _tolerant
            self.db.execute("BEGIN")
            try:
                self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it stands still
                yield
            finally:
                self.db.text_factory = str
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")

    def file_problems(self) -> Iterator[Problem]:
        with translated(self.path):
            for (text,) in self.db.execute(f"PRAGMA integrity_check({_FILE_PROBLEMS_MAX})"):
                if text != "ok":
                    yield Problem("file", text)
            yield from (Problem("schema", what) for what in schema_problems(self.db))
            for table, row_id, parent, _ in self.db.execute("PRAGMA foreign_key_check"):
                yield Problem("references", f"row {row_id} of {table} refers to a row of {parent} that is missing")
            for table, sql in wanted_objects().items():
                yield from self._constraint_problems(table, _constraints(sql))

    def _constraint_problems(self, table: str, constraints: list[str]) -> Iterator[Problem]:
        """The table's CHECKs, in one pass.

        `integrity_check` looks at them only where the file is open for writing: SQLite does not load them otherwise
        (`sqlite3AddCheckConstraint` in build.c asks `sqlite3BtreeIsReadonly`). Seen with 3.40.1.
        """
        if constraints:
            sums = ", ".join(f"coalesce(sum(NOT {constraint}), 0)" for constraint in constraints)
            counts = self.db.execute(f"SELECT {sums} FROM {table}").fetchone()  # noqa: S608 - our own schema's words
            for constraint, count in zip(constraints, counts, strict=True):
                if count:
                    yield Problem("constraints", f"{count} row(s) of {table} break CHECK {constraint}")

    def sum_problems(self) -> Iterator[Problem]:
        for name, meaning, sql in (*SUMS, *FURTHER_SUMS):
            with translated(self.path):
                rows = self.db.execute(sql)
                columns = [column[0] for column in rows.description]
                for row in rows:
                    pairs = zip(columns, row, strict=True)
                    yield Problem(name, f"{meaning}: {', '.join(f'{column} {value}' for column, value in pairs)}")

    def evidenced_receipts(self) -> Iterator[EvidencedReceipt]:
        sql = (
            f"SELECT {RECEIPT_COLUMNS}, {', '.join(_BESIDE_RECEIPT)},"  # noqa: S608
            " (SELECT raw FROM evidence WHERE kind = 'receipt' AND evidence.digest = receipts.digest)"
            " FROM receipts LEFT JOIN order_info USING (receipt_id) ORDER BY receipt_id"
        )
        width = len(ReceiptRow._fields)
        with translated(self.path):
            for row in self.db.execute(sql):
                update_id, digest, stored = row[width : width + 3]
                receipt = ReceiptRow._make(row[:width])
                yield EvidencedReceipt(receipt, update_id, digest, stored, row_digest(_digested(row)), row[-1])

    def kept_bytes(self) -> Iterator[KeptBytes]:
        with translated(self.path):
            yield from map(
                KeptBytes._make,
                self.db.execute(
                    "SELECT 'evidence', kind || ' ' || telegram_payment_charge_id, digest, raw, NULL FROM evidence"
                    " WHERE kind <> 'receipt' UNION ALL"
                    " SELECT 'dead letter', dead_letter_id, digest, raw, mentions_payment FROM dead_letters UNION ALL"
                    " SELECT 'query', pre_checkout_query_id, digest, raw, NULL FROM query_conflicts UNION ALL"
                    " SELECT 'terms', digest, digest, CAST(text AS BLOB), NULL FROM terms_texts"
                ),
            )


def _tolerant(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _constraints(sql: str) -> list[str]:
    """The brackets behind each CHECK, with what stands in them. No text of ours has a bracket inside quotes."""
    found = []
    for match in re.finditer(r"CHECK (?=\()", sql):
        rest = sql[match.end() :]
        depths = itertools.accumulate((symbol == "(") - (symbol == ")") for symbol in rest)
        end = next(place for place, depth in enumerate(depths) if depth == 0)
        found.append(rest[: end + 1])
    return found
