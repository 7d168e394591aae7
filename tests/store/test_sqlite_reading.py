"""A ledger that contradicts itself says so, and a damaged file is an error of the ledger, never a traceback."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract_ledger import fill
from ledger_samples import NOW

from apaycli.core.model import ReceiptFilter
from apaycli.errors import LedgerError
from apaycli.store.sqlite import SqliteStore, open_in_memory, open_sqlite


@pytest.fixture
def ledger() -> Iterator[SqliteStore]:
    store = open_in_memory()
    fill(store)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE stock SET sold = sold + 1", "units sold of a SKU differ from its receipts"),
        ("UPDATE stock SET held = 0", "units held of a SKU differ from its pending reservations"),
        ("DELETE FROM stock", "the units of a SKU are not counted at all: ('test', 'duck')"),
        ("DELETE FROM stock; DELETE FROM receipts", "the units of a SKU are not counted at all: ('test', 'duck')"),
        ("UPDATE invoices SET uses_paid = 0", "paid uses of an invoice differ from its receipts"),
        ("UPDATE invoices SET uses_held = 0", "held uses of an invoice differ from its pending reservations"),
        ("DELETE FROM receipts WHERE reservation_id IS NOT NULL", "a posted reservation has no receipt"),
        ("DELETE FROM decisions; DELETE FROM reservations", "a row refers to one that is missing"),
        ("UPDATE receipts SET booked_uses = 1 WHERE receipt_id = 1", ""),
    ],
)
def test_a_ledger_that_contradicts_itself_says_so(ledger: SqliteStore, tampering: str, said: str) -> None:
    ledger.db.execute("PRAGMA foreign_keys = OFF")
    ledger.db.executescript(tampering)
    problems = ledger.integrity_problems()
    assert any(said in problem for problem in problems) if said else problems == []


@pytest.mark.parametrize("value", [0.5, "many", b"1"])
def test_no_fraction_and_no_word_slips_into_an_amount(ledger: SqliteStore, value: object) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store"):
        ledger.db.execute("UPDATE receipts SET total_amount = ?", (value,))


def test_a_damaged_file_is_an_error_of_the_ledger_or_harmless(tmp_path: Path) -> None:
    """Bytes flipped anywhere: reading either works or says that the ledger is broken; nothing else escapes."""
    path = tmp_path / "apay.db"
    store = open_sqlite(path)
    fill(store)
    store.close()
    sound, chance, broken = path.read_bytes(), random.Random(11), 0
    for _ in range(300):
        content = bytearray(sound)
        for _ in range(4):
            content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        path.write_bytes(content)
        try:
            damaged = open_sqlite(path)
        except LedgerError:
            broken += 1
            continue
        broken += reading_fails(damaged)
        damaged.close()
    assert broken > 20


def reading_fails(store: SqliteStore) -> bool:
    readings: list[Callable[[], object]] = [
        store.integrity_problems,
        lambda: list(store.receipts(ReceiptFilter())),
        lambda: store.counts("test"),
        lambda: store.standing("test", 0),
        lambda: store.stock_counts("test"),
        lambda: store.reservations_due(NOW),
        store.last_run,
        lambda: store.runs_since(0),
        store.attestations,
    ]
    failures = 0
    for reading in readings:
        try:
            failures += bool(reading()) and reading == store.integrity_problems
        except LedgerError as error:
            assert error.hint
            failures += 1
    return failures > 0
