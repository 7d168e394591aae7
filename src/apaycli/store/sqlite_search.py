"""Looking receipts up: the newest, those that came since, and whatever a merchant types.

Knows the tables receipts, order_info and receipt_search, and how a text is looked for in SQLite. Never knows what a
word may mean (`core/search.py`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from apaycli.core.model import Mode, ReceiptFilter, ReceiptRow
from apaycli.store.sqlite_books import receipt_conditions
from apaycli.store.sqlite_errors import reading
from apaycli.store.sqlite_rows import RECEIPT_COLUMNS

if TYPE_CHECKING:
    from apaycli.core.search import Sought  # only named here

_RECEIPTS = f"SELECT {RECEIPT_COLUMNS} FROM receipts LEFT JOIN order_info USING (receipt_id)"  # noqa: S608
_SAMPLE = 1000
_ROWS_FOR_TWO = 50_000  # below, a second thread and connection cost more than they save
_Part = tuple[str, Sequence[object]]


class SearchReading:
    """Part of `SqliteStore`."""

    db: sqlite3.Connection
    path: str

    @reading
    def newest_receipts(self, which: ReceiptFilter, limit: int) -> list[ReceiptRow]:
        conditions, parameters = receipt_conditions(which)
        sql = f"{_RECEIPTS} {conditions} ORDER BY paid_at DESC, receipt_id DESC LIMIT ?"
        return self._receipts(sql, (*parameters, limit))

    @reading
    def last_receipt_id(self) -> int:
        return int(self.db.execute("SELECT coalesce(max(receipt_id), 0) FROM receipts").fetchone()[0])

    @reading
    def receipts_after(self, receipt_id: int, which: ReceiptFilter, limit: int) -> list[ReceiptRow]:
        conditions, parameters = receipt_conditions(which)
        sql = (
            # Not by `paid_at`'s index: that would read the whole span once a second.
            f"SELECT {RECEIPT_COLUMNS} FROM receipts NOT INDEXED LEFT JOIN order_info USING (receipt_id)"  # noqa: S608
            f" {conditions or 'WHERE true'} AND receipt_id > ? ORDER BY receipt_id LIMIT ?"
        )
        return self._receipts(sql, (*parameters, receipt_id, limit))

    @reading
    def receipt(self, receipt_id: int) -> ReceiptRow | None:
        return next(iter(self._receipts(f"{_RECEIPTS} WHERE receipt_id = ?", (receipt_id,))), None)

    @reading
    def find_receipts(self, words: Sequence[Sought], mode: Mode | None, limit: int) -> list[ReceiptRow]:
        """Every row is read, so each question about it is as quick as can be: the rarest word first; and in which line
        a text stands only where it stands somewhere. Use it outside of `snapshot`: of many rows another connection
        reads half."""
        quick = self._rarest_first([_any_of(word, exact=False) for word in words])
        exact = [_any_of(word, exact=True) for word in words if word.anywhere or word.charge_end is not None]
        conditions: list[_Part] = [*([("mode = ?", [mode])] if mode is not None else []), *quick, *exact]
        where = " AND ".join(sql for sql, _ in conditions) or "true"
        parameters = [value for _, values in conditions for value in values]
        numbers = self._in_two_halves(where, parameters, limit)
        found = "(SELECT value FROM json_each(?))"
        return self._receipts(
            f"{_RECEIPTS} WHERE receipt_id IN {found} ORDER BY receipt_id DESC", (json.dumps(numbers),)
        )

    def _in_two_halves(self, where: str, parameters: Sequence[object], limit: int) -> list[int]:
        """The newest first. SQLite reads with one core: of a large ledger another connection reads the older half."""
        last = self.last_receipt_id()
        if last < _ROWS_FOR_TWO:
            return _numbers_found(self.db, where, parameters, (0, last), limit)
        middle = last // 2
        older: list[int] = []

        def read_the_older() -> None:
            with closing(sqlite3.connect(self.path)) as db:
                db.execute("PRAGMA query_only = ON")
                older.extend(_numbers_found(db, where, parameters, (0, middle), limit))

        with _meanwhile(read_the_older):
            newer = _numbers_found(self.db, where, parameters, (middle, last), limit)
        return [*newer, *older][:limit]

    def _rarest_first(self, parts: list[_Part]) -> list[_Part]:
        """By how many of the newest receipts each of them fits."""
        if len(parts) < 2:
            return parts
        sums = ", ".join(f"sum({sql})" for sql, _ in parts)
        counts = self.db.execute(
            f"SELECT {sums} FROM (SELECT * FROM receipt_search ORDER BY receipt_id DESC LIMIT {_SAMPLE})",  # noqa: S608
            [value for _, values in parts for value in values],
        ).fetchone()
        ranks = sorted(range(len(parts)), key=lambda number: counts[number] or 0)
        return [parts[number] for number in ranks]

    def _receipts(self, sql: str, parameters: Sequence[object]) -> list[ReceiptRow]:
        return [ReceiptRow._make(row) for row in self.db.execute(sql, parameters)]


@contextmanager
def _meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """`work` runs beside the block, and is done behind it; its error is raised there."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join()
    if failed:
        raise failed[0]


def _numbers_found(
    db: sqlite3.Connection, where: str, parameters: Sequence[object], span: tuple[int, int], limit: int
) -> list[int]:
    sql = (
        "SELECT receipt_id FROM receipt_search WHERE receipt_id > ? AND receipt_id <= ?"  # noqa: S608
        f" AND {where} ORDER BY receipt_id DESC LIMIT ?"
    )
    return [number for (number,) in db.execute(sql, (*span, *parameters, limit))]


def _any_of(word: Sought, *, exact: bool) -> _Part:
    """Cheap comparisons first: SQLite stops at the first that fits. Not `exact`: all of those, and perhaps more."""
    parts = [*_numbers(word), *(_places(word) if exact else _texts(word))]
    if not parts:
        return "false", []
    return "(" + " OR ".join(sql for sql, _ in parts) + ")", [value for _, values in parts for value in values]


def _numbers(word: Sought) -> Iterator[_Part]:
    if word.receipt_id is not None:
        yield "receipt_id = ?", [word.receipt_id]
    if word.number is not None:
        yield "receipt_id = ? OR buyer_id = ?", [word.number, word.number]
    if word.paid is not None:
        yield "(paid_at >= ? AND paid_at < ?)", list(word.paid)
    if word.currency is not None:
        yield "currency = ?", [word.currency]
    if word.amounts:
        yield _amounts(word.amounts)


def _texts(word: Sought) -> Iterator[_Part]:
    """Anywhere in the row's text."""
    charge_end = word.charge_end
    for text in word.anywhere:
        yield _like("%", text, "%")
        if charge_end is not None and text in charge_end:
            charge_end = None
    if charge_end is not None:
        yield _like("%", charge_end, "\n%")
    if word.username is not None:
        yield _like("%\n@", word.username, "%")


def _places(word: Sought) -> Iterator[_Part]:
    """In the right line of it: people stand behind the @, and a charge id ends with its line."""
    for text in word.anywhere:
        yield _like("%\n@%", text, "%")
    if word.charge_end is not None:
        yield _like("%", word.charge_end, "\n%")


def _amounts(amounts: Iterable[tuple[str, int]]) -> _Part:
    """Most rows have none of the few numbers; only where one fits, its currency is looked at. Most are below all."""
    pairs = list(amounts)
    numbers = sorted({amount for _, amount in pairs})
    any_number = " OR ".join(["total_amount = ?"] * len(numbers))  # IN would be looked up in a list of its own
    known = "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
    sql = f"(total_amount >= ? AND ({any_number}) AND (currency, total_amount) IN {known})"
    return sql, [numbers[0], *numbers, json.dumps(pairs)]


def _like(before: str, text: str, behind: str) -> _Part:
    """With ESCAPE only where it is needed: a sixth slower."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    sql = "text LIKE ?" if escaped == text else r"text LIKE ? ESCAPE '\'"
    return sql, [f"{before}{escaped}{behind}"]
