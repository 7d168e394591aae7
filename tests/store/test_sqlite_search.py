"""A large ledger is searched in two halves at once: the answer is that of one search."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_samples import NOW, receipt

from apaycli.core.model import OrderInfo, ReceiptFilter, User
from apaycli.core.search import parse_word, words_of
from apaycli.errors import LedgerError
from apaycli.store import sqlite_search
from apaycli.store.sqlite import SqliteStore, open_sqlite
from apaycli.text import INVISIBLE

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
    words = [parse_word(word, lambda _: (0, 0)) for word in words_of(text)]
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


def test_the_characters_that_are_left_out_are_those_that_are_shown_as_codes(ledger: SqliteStore) -> None:
    assert ledger.db.execute("SELECT class FROM invisible_characters").fetchone() == (f"[{INVISIBLE}]",)


@pytest.mark.parametrize(
    "name",
    ["Ra\u200bhim", "\u00adRahim\ufeff", "R\u2060a\u2064h\U000e0041im", "Rah\u180eim\ufe0f",
     "\u202eRahim", "Ra\u3164him", "Rahim\u200d\u200c"],
    ids=ascii,
)  # fmt: skip
def test_a_name_is_found_as_it_is_seen(ledger: SqliteStore, name: str) -> None:
    buyers = (User(5, name, "Uddin"), User(6, "Asha", "Rao"))
    with ledger.transaction() as tx:
        for number, buyer in enumerate(buyers, 1):
            form = OrderInfo(name=f"{name} on the form", email=f"{number}\u200b@example.org")
            tx.record_receipt(receipt(20 + number, buyer=buyer, order_info=form), 20 + number, b"raw", NOW)
    first, second = RECEIPTS + 1, RECEIPTS + 2
    assert found(ledger, "rahim uddin") == [first]
    assert found(ledger, f"{name} uddin\u200b") == [first]
    assert found(ledger, "rahim form") == [second, first]
    assert found(ledger, "2@example.org") == [second]
    assert [problem for problem in ledger.sum_problems() if problem.check == "receipt-search"] == []
    assert {row.buyer_name for row in ledger.newest_receipts(ReceiptFilter(), 2)} == {f"{name} Uddin", "Asha Rao"}


def test_bengali_is_found_with_and_without_its_joiners(ledger: SqliteStore) -> None:
    with ledger.transaction() as tx:
        tx.record_receipt(receipt(30, buyer=User(5, "র\u200d্যাব ❤\ufe0f")), 30, b"raw", NOW)
    for words in ("র\u200d্যাব", "র্যাব", "❤", "❤\ufe0f", "র্যাব ❤\ufe0f"):
        assert found(ledger, words) == [RECEIPTS + 1]


@pytest.mark.parametrize("name", ["x\u200b" * 3000, "\u200b" * 9000, "a\0\u200bb", "\u200b"])
def test_the_strangest_names_are_recorded_and_verify_agrees(ledger: SqliteStore, name: str) -> None:
    with ledger.transaction() as tx:
        tx.record_receipt(receipt(31, buyer=User(5, name)), 31, b"raw", NOW)
    assert found(ledger, "#10") == [10]
    assert [problem for problem in ledger.sum_problems() if problem.check == "receipt-search"] == []
