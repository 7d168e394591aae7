"""What a ledger that a backup replaces knows beyond the backup, and how that is written into the backup.

Knows how to read a ledger that may be damaged: each table from both ends up to the damage, each row for itself. The
records of its hooks lie in the same file: outside of it nothing knows a receipt's number but the buyer, and whatever
the merchant's own programs keep.

Numbers: a new receipt stays above `receipt_id_floor`. Where the replaced ledger was read whole and goes on from the
backup, that is the highest number in either. Where it did not (it is damaged, gone, or another one), numbers may have
been given out that nothing here knows: then a million are left out, so that no two buyers can quote the same one.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from apaycli.errors import LedgerError
from apaycli.store.backup import INSTANT_MAX, foreign_connection
from apaycli.store.migrations import migrate
from apaycli.store.sqlite import uri_of
from apaycli.store.sqlite_errors import FAILURES, translated
from apaycli.store.sqlite_schema import schema_problems
from apaycli.store.values import MissingReceipt

_LEFT_OUT = 1_000_000
_NUMBER_MAX = 99_999_999_999  # damage: a tenth of what the schema allows, so that there is room above it

_NUMBERED = ("receipts", "order_info", "receipt_search", "hooks", "refunds", "disputes", "reconciliations")
_HIGHEST = tuple(f"SELECT max(receipt_id) FROM main.{table}" for table in (*_NUMBERED, "missing_receipts"))  # noqa: S608
# Each receipt that the copy does not have. The first line of what `apay find` looks through is the charge id: a receipt
# whose own page is damaged may be readable there.
_RECEIPTS = tuple(
    f"SELECT receipt_id, {charge}, mode, currency, total_amount, buyer_id, paid_at FROM main.{table} AS here"  # noqa: S608
    f" WHERE NOT EXISTS (SELECT 1 FROM copy.receipts AS there WHERE there.telegram_payment_charge_id = {charge})"
    " ORDER BY here.rowid"
    for table, charge in (
        ("receipts", "here.telegram_payment_charge_id"),
        ("receipt_search", "substr(here.text, 1, instr(here.text, char(10)) - 1)"),
        ("missing_receipts", "here.telegram_payment_charge_id"),
    )
)
_HOOKS = (
    "SELECT receipt_id FROM main.hooks WHERE receipt_id NOT IN (SELECT receipt_id FROM copy.receipts)"
    " UNION SELECT receipt_id FROM main.missing_receipts WHERE known_from = 'hook' ORDER BY receipt_id"
)
_GOES_ON = (
    "SELECT NOT EXISTS (SELECT telegram_payment_charge_id FROM copy.receipts"
    " EXCEPT SELECT telegram_payment_charge_id FROM main.receipts)"
    " AND NOT EXISTS (SELECT invoice_id FROM copy.invoices EXCEPT SELECT invoice_id FROM main.invoices)"
    " AND NOT EXISTS (SELECT run_id, started_at FROM copy.listener_runs"
    " EXCEPT SELECT run_id, started_at FROM main.listener_runs)"
)


@dataclass(slots=True)
class Replaced:
    """`whole`: all of it was read, and it goes on from the backup. `receipt_id_max`: the highest number in it."""

    whole: bool = True
    receipt_id_max: int = 0
    missing: list[MissingReceipt] = field(default_factory=list)


def read_replaced(ledger: Path, copy: Path) -> Replaced:
    """What stands in `ledger` and not in `copy`. Never raises for what is wrong with the ledger: that may be why it is
    replaced."""
    found = Replaced()
    try:
        db = foreign_connection(ledger)
        try:
            db.text_factory = lambda text: text.decode("utf-8", "replace")
            db.execute("ATTACH ? AS copy", (f"file:{uri_of(copy)}?mode=ro&immutable=1",))
            _read(db, found)
        finally:
            db.close()
    except FAILURES:
        found.whole = False
    return found


def _read(db: sqlite3.Connection, found: Replaced) -> None:
    known: set[object] = set()
    for sql in _RECEIPTS:
        for row in _rows(db, found, sql):
            missing = _missing(row)
            found.whole &= missing is not None
            if missing is not None and missing.telegram_payment_charge_id not in known:
                known |= {missing.telegram_payment_charge_id, missing.receipt_id}
                found.missing.append(missing)
    readable = {number for (number,) in _rows(db, found, "SELECT receipt_id FROM main.receipts ORDER BY receipt_id")}
    for (receipt_id,) in _rows(db, found, _HOOKS):
        if _number(receipt_id) and receipt_id not in known | readable:
            known.add(receipt_id)
            found.missing.append(MissingReceipt(receipt_id, "hook"))
    numbers: list[int | None] = [0, *(each.receipt_id for each in found.missing)]
    for sql in (*_HIGHEST, _FLOOR):
        numbers += [_number(value) for (value,) in _rows(db, found, sql) if value is not None]
    found.whole &= None not in numbers
    found.receipt_id_max = max(number or 0 for number in numbers)
    found.whole &= list(_rows(db, found, _GOES_ON)) == [(1,)]
    found.whole &= list(_rows(db, found, "PRAGMA main.quick_check(1)")) == [("ok",)]
    found.whole &= not schema_problems(db)  # what a trigger of somebody's has removed cannot be counted


def _rows(db: sqlite3.Connection, found: Replaced, sql: str) -> Iterator[tuple[Any, ...]]:
    """All rows, or those before and behind the damage."""
    for order in ("", " DESC") if "ORDER BY" in sql else ("",):
        try:
            yield from db.execute(sql + order)
        except FAILURES:
            found.whole = False
        else:
            return


def _missing(row: tuple[Any, ...]) -> MissingReceipt | None:
    """A row as far as it can be believed: damage puts anything anywhere."""
    receipt_id, charge, mode, currency, total_amount, buyer_id, paid_at = row
    number = _number(receipt_id)
    if number is None or not isinstance(charge, str) or not charge:
        return None
    return MissingReceipt(
        number,
        "receipt",
        charge,
        mode=mode if isinstance(mode, str) else None,
        currency=currency if isinstance(currency, str) else None,
        total_amount=total_amount if isinstance(total_amount, int) else None,
        buyer_id=buyer_id if isinstance(buyer_id, int) else None,
        paid_at=paid_at if isinstance(paid_at, int) and 0 <= paid_at <= INSTANT_MAX else None,
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= _NUMBER_MAX else None


def record_restore(copy: Path, replaced: Replaced | None, backup_ends_at: int, kept_as: str | None, now: int) -> int:
    """Write into the copy that it was restored, what it lacks, and above which number new receipts stay, which is
    returned. `replaced` is None where no ledger was there. Raises LedgerError."""
    with translated(str(copy)):
        db = foreign_connection(copy, "mode=rw")
        try:
            db.execute("PRAGMA journal_mode = DELETE")  # no log may be left beside it
            migrate(db)
            db.execute("BEGIN IMMEDIATE")
            numbers = [number for sql in _OWN_NUMBERS for (number,) in db.execute(sql)]
            known = max([number for number in numbers if number is not None], default=0)
            whole = replaced is not None and replaced.whole
            floor = max(known, replaced.receipt_id_max if replaced else 0) + (0 if whole else _LEFT_OUT)
            if known > _NUMBER_MAX:
                raise LedgerError(f"receipt numbers as high as {known} cannot be continued")
            values = (backup_ends_at, now, kept_as, whole, floor)
            (restore_id,) = db.execute(_RESTORE, values).fetchone()
            rows = [(restore_id, *astuple(each)) for each in (replaced.missing if replaced else ())]
            db.executemany(_MISSING, rows)
            db.execute("COMMIT")
        finally:
            db.close()
    return floor


_FLOOR = "SELECT max(receipt_id_floor) FROM main.restores"
_OWN_NUMBERS = ("SELECT max(receipt_id) FROM receipts", "SELECT max(receipt_id) FROM missing_receipts", _FLOOR)
_RESTORE = (
    "INSERT INTO restores (backup_ends_at, restored_at, kept_as, replaced_read, receipt_id_floor)"
    " VALUES (?, ?, ?, ?, ?) RETURNING restore_id"
)
_MISSING = (
    "INSERT INTO missing_receipts (restore_id, receipt_id, known_from, telegram_payment_charge_id, mode, currency,"
    " total_amount, buyer_id, paid_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
