"""A large ledger is searched in two halves at once: the answer is that of one search."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_samples import NOW, receipt

from apaycli.core.search import parse_word
from apaycli.errors import LedgerError
from apaycli.store import sqlite_search
from apaycli.store.sqlite import SqliteStore, open_sqlite

RECEIPTS = 9


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteStore]:
    store = open_sqlite(tmp_path / "apay.db")
    with store.transaction() as tx:
        for number in range(1, RECEIPTS + 1):
            made = receipt(number, telegram_payment_charge_id=f"tg-{number % 2}-{number:04}")
            tx.record_receipt(made, number, b"raw", NOW)
    yield store
    store.close()


def found(store: SqliteStore, text: str, limit: int = 99) -> list[int]:
    words = [parse_word(word, lambda _: (0, 0)) for word in text.split()]
    return [row.receipt_id for row in store.find_receipts(words, None, limit)]


@pytest.mark.parametrize("rows_for_two", [2, 9, 10])
@pytest.mark.parametrize("limit", [1, 4, 5, 99])
def test_two_halves_are_one_answer(
    ledger: SqliteStore, monkeypatch: pytest.MonkeyPatch, rows_for_two: int, limit: int
) -> None:
    monkeypatch.setattr(sqlite_search, "_ROWS_FOR_TWO", rows_for_two)
    assert found(ledger, "", limit) == list(range(RECEIPTS, 0, -1))[:limit]
    assert found(ledger, "499", limit) == list(range(RECEIPTS, 0, -1))[:limit]
    for number in range(1, RECEIPTS + 1):
        assert found(ledger, f"-{number:04}", limit) == [number]
    assert found(ledger, "nobody", limit) == []


def test_the_older_half_is_read_on_another_connection(ledger: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def counted(path: str) -> sqlite3.Connection:
        opened.append(connect(path, check_same_thread=False))
        return opened[-1]

    monkeypatch.setattr(sqlite_search.sqlite3, "connect", counted)
    assert len(found(ledger, "")) == RECEIPTS
    assert opened == []
    monkeypatch.setattr(sqlite_search, "_ROWS_FOR_TWO", 2)
    assert len(found(ledger, "")) == RECEIPTS
    (other,) = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        other.execute("SELECT 1")


def test_what_the_other_connection_meets_is_an_error_and_no_short_answer(
    ledger: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(_: str) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite_search, "_ROWS_FOR_TWO", 2)
    monkeypatch.setattr(sqlite_search.sqlite3, "connect", torn)
    with pytest.raises(LedgerError, match="disk I/O error"):
        found(ledger, "")
