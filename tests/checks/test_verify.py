"""`verify`: a busy day is good; each thing that is wrong is named; damage is never silent and never a traceback."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from apaycli.checks import verify as judge
from apaycli.checks.verify import CHECKS, Takings, Verdict, verify
from apaycli.core.model import ReceiptFilter
from apaycli.errors import LedgerError
from apaycli.store.sqlite import SqliteStore, open_in_memory, open_sqlite
from sold_ledger import FORM, Day, payment, sell_a_day

FLIPS = 300  # a thousand of them, and 35,000 in all, were run by hand when this was written


@pytest.fixture
def ledger() -> Iterator[SqliteStore]:
    store = open_in_memory()
    sell_a_day(store)
    yield store
    store.close()


def tamper(store: SqliteStore, script: str) -> None:
    """As a person with sqlite3, or a broken disk, might do it."""
    store.db.execute("PRAGMA foreign_keys = OFF")
    store.db.execute("PRAGMA ignore_check_constraints = ON")
    store.db.executescript(script)
    store.db.execute("PRAGMA ignore_check_constraints = OFF")


def checks_of(verdict: Verdict) -> set[str]:
    return {problem.check for problem in verdict.problems}


def test_a_busy_day_is_good(ledger: SqliteStore) -> None:
    verdict = verify(ledger)
    assert (verdict.good, verdict.problems, verdict.receipts, verdict.kept) == (True, [], 26, 4)
    assert verdict.takings == {
        ("test", "INR"): Takings(24, 1_097_807),
        ("test", "XTR"): Takings(1, 49_900),
        ("live", "INR"): Takings(1, 54_900),
    }


def test_an_empty_ledger_is_good() -> None:
    with closing(open_in_memory()) as store:
        assert verify(store) == Verdict()


# One for each check: what somebody did, the check that must notice, and a part of what it says.
TAMPERINGS: tuple[tuple[str, str, str], ...] = (
    ("schema", "DROP INDEX receipts_paid", "receipts_paid is missing"),
    ("schema", "ALTER TABLE receipts ADD COLUMN note TEXT", "receipts is not as apay made it"),
    ("references", "DELETE FROM invoices WHERE invoice_id = 'inv_3'", "of reservations refers to a row of invoices"),
    ("constraints", "UPDATE receipts SET refund_state = 'du' WHERE refund_state = 'due'", "1 row(s) of receipts break"),
    ("units-sold", "UPDATE stock SET sold = sold + 1", "mode test, sku duck, sold 24, counted 23"),
    ("units-held", "UPDATE stock SET held = held - 1", "mode test, sku duck, held 2, counted 3"),
    ("units-counted", "DELETE FROM stock", "mode test, sku duck"),
    ("uses-paid", "UPDATE invoices SET uses_paid = 1 WHERE invoice_id = 'inv_3'", "inv_3, uses_paid 1, counted 0"),
    ("uses-held", "UPDATE invoices SET uses_held = 0 WHERE invoice_id = 'inv_3'", "inv_3, uses_held 0, counted 1"),
    ("reservation-receipt", "DELETE FROM receipts WHERE receipt_id = 1", "a posted reservation has no receipt"),
    ("units-known", "INSERT INTO stock VALUES ('live', 'bear', 0, 0)", "mode live, sku bear"),
    ("invoice-lists", "UPDATE invoices SET need = '[' WHERE invoice_id = 'inv_3'", "invoice_id inv_3"),
    ("invoice-total", "UPDATE invoices SET total_amount = 1 WHERE invoice_id = 'inv_3'", "1, counted 49900"),
    ("invoice-total", "UPDATE invoices SET prices = 'x' WHERE invoice_id = 'inv_3'", "49900, counted None"),
    ("reservation-ended", "UPDATE reservations SET ended_at = 5 WHERE state = 'pending'", "state pending, ended_at 5"),
    ("reservation-entries", "DELETE FROM decisions WHERE update_id = 306", "entries 2, counted 1"),
    ("decision-reservation", "UPDATE decisions SET reservation_id = NULL WHERE update_id = 2", "query-2, ok 1"),
    ("decision-reservation", "UPDATE decisions SET buyer_id = 5 WHERE update_id = 2", "query-2, ok 1"),
    ("receipt-reservation", "UPDATE reservations SET state = 'voided' WHERE reservation_id = 1", "state voided"),
    ("receipt-invoice", "UPDATE invoices SET title = 'Bear' WHERE invoice_id = 'inv_4'", "invoice_id inv_4"),
    ("receipt-refund", "UPDATE receipts SET refund_state = 'due' WHERE receipt_id = 1", "receipt_id 1, flag None"),
    ("receipt-refund", "UPDATE receipts SET refund_state = NULL", "flag duplicate, refund_state None"),
    ("receipt-refund", "UPDATE receipts SET refund_state = 'done' WHERE receipt_id = 1", "refund_state done"),
    ("receipt-refund", "INSERT INTO refunds VALUES (1, 1, 'TX-1', 1, NULL)", "receipt_id 1, flag None"),
    ("receipt-dispute", "UPDATE receipts SET dispute_state = 'won' WHERE receipt_id = 1", "state won, counted None"),
    ("receipt-dispute", "INSERT INTO disputes VALUES (1, 1, 'x', 1, NULL, NULL)", "state None, counted open"),
    ("receipt-search", "UPDATE receipt_search SET text = 'x' WHERE receipt_id = 1", "receipt_id 1"),
    ("receipt-search", "UPDATE receipt_search SET currency = NULL WHERE receipt_id = 2", "receipt_id 2"),
    ("receipt-search", "DELETE FROM receipt_search WHERE receipt_id = 3", "receipt_id 3"),
    ("receipt-search", "INSERT INTO receipt_search VALUES (99, 'test', 1, 'INR', 1, 1, 'x')", "receipt_id 99"),
    ("receipt-hooks", "UPDATE hooks SET state = 'done' WHERE state = 'failed'", "hook_state failed, counted"),
    ("receipt-hooks", "DELETE FROM hooks", "hook_state pending, counted None"),
    ("evidence-receipt", "DELETE FROM receipts WHERE receipt_id = 1", "tg-charge-3, kind receipt"),
    ("receipt-digest", "UPDATE receipts SET recorded_at = 1 WHERE receipt_id = 5", "receipt 5 (tg-charge-11): changed"),
    ("receipt-evidence", "DELETE FROM evidence WHERE telegram_payment_charge_id = 'tg-charge-3'", "are not there"),
    ("receipt-evidence", "UPDATE evidence SET raw = CAST(raw || ' ' AS BLOB)", "have changed"),
    ("kept-bytes", "UPDATE dead_letters SET raw = x'00'", "dead letter 1: its bytes have changed"),
    ("kept-bytes", "UPDATE evidence SET raw = x'00' WHERE kind = 'conflict'", "evidence conflict tg-charge-401"),
    ("kept-bytes", "INSERT INTO terms_texts VALUES ('00', 'Pay twice.')", "terms 00: its bytes have changed"),
    ("kept-bytes", "UPDATE dead_letters SET mentions_payment = 0", "dead letter 1: it is marked wrongly"),
    ("unreadable", "DROP TABLE hooks", "a part of the ledger was not looked at: the ledger"),
)  # fmt: skip


@pytest.mark.parametrize(("check", "script", "said"), TAMPERINGS, ids=[f"{t[0]}: {t[1]}"[:80] for t in TAMPERINGS])
def test_what_is_wrong_is_named(ledger: SqliteStore, check: str, script: str, said: str) -> None:
    tamper(ledger, script)
    problems = verify(ledger).problems
    assert any(problem.check == check and said in problem.what for problem in problems), problems
    assert checks_of(verify(ledger)) <= set(CHECKS)


def test_every_check_has_its_example() -> None:
    """`file` has the flipped bytes below."""
    assert {check for check, _, _ in TAMPERINGS} == set(CHECKS) - {"file"}


@pytest.mark.parametrize("column", ["telegram_payment_charge_id", "provider_payment_charge_id", "invoice_payload"])
def test_a_changed_text_is_seen_by_the_digest_and_beside_its_evidence(ledger: SqliteStore, column: str) -> None:
    tamper(ledger, f"UPDATE receipts SET {column} = 'other' WHERE receipt_id = 7")
    problems = verify(ledger).problems
    assert {"receipt-digest", "receipt-evidence"} <= {problem.check for problem in problems}
    assert any(f"{column} is other, received: " in problem.what for problem in problems)


@pytest.mark.parametrize(
    ("column", "value"),
    [("total_amount", 39900), ("currency", "'USD'"), ("buyer_id", 7), ("paid_at", 1), ("update_id", 1),
     ("shipping_option_id", "'post'")],
)  # fmt: skip
def test_money_that_was_changed_with_its_digest_is_seen_beside_its_evidence(
    ledger: SqliteStore, column: str, value: object
) -> None:
    """Whoever can count a digest cannot make the received bytes say so, too."""
    tamper(ledger, f"UPDATE receipts SET {column} = {value} WHERE receipt_id = 7")
    with ledger.snapshot():
        counted = next(row.row_digest_counted for row in ledger.evidenced_receipts() if row.receipt.receipt_id == 7)
    tamper(ledger, f"UPDATE receipts SET row_digest = '{counted}' WHERE receipt_id = 7")
    problems = [problem for problem in verify(ledger).problems if problem.check.startswith("receipt-")]
    assert any(f"{column} is {str(value).strip(chr(39))}, received: " in problem.what for problem in problems)
    assert "receipt-digest" not in {problem.check for problem in problems}


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE receipts SET buyer_name = 'Nobody Special' WHERE receipt_id = 7",
        "UPDATE receipts SET buyer_username = 'Nobody Special' WHERE receipt_id = 7",
        "UPDATE order_info SET name = 'Nobody Special' WHERE receipt_id = 7",
        "UPDATE order_info SET email = 'Nobody Special' WHERE receipt_id = 7",
        "UPDATE order_info SET phone_number = 'Nobody Special' WHERE receipt_id = 7",
        "UPDATE order_info SET shipping_address = 'Nobody Special' WHERE receipt_id = 7",
        "DELETE FROM order_info WHERE receipt_id = 7",
        "INSERT INTO order_info VALUES (8, 'Nobody Special', NULL, NULL, NULL)",
    ],
)
def test_personal_data_that_was_changed_is_seen_and_not_shown(ledger: SqliteStore, script: str) -> None:
    tamper(ledger, script)
    problems = verify(ledger).problems
    assert [problem.check for problem in problems] == ["receipt-evidence"]
    for secret in ("Nobody Special", *(str(value) for value in FORM.values())):
        assert secret not in problems[0].what


def test_bytes_that_are_no_payment_are_no_evidence(ledger: SqliteStore) -> None:
    digest = judge.digest_of(b"{}")
    tamper(ledger, f"UPDATE evidence SET raw = CAST('{{}}' AS BLOB), digest = '{digest}' WHERE kind = 'receipt'"
                   " AND telegram_payment_charge_id = 'tg-charge-3';"
                   f" UPDATE receipts SET digest = '{digest}' WHERE receipt_id = 1")  # fmt: skip
    assert any(problem.what.endswith("are no payment") for problem in verify(ledger).problems)


def test_a_letter_that_cannot_be_decoded_hides_no_row_behind_it(ledger: SqliteStore) -> None:
    tamper(
        ledger,
        "UPDATE receipts SET buyer_name = CAST(x'ff' AS TEXT) WHERE receipt_id = 3;"
        "UPDATE receipts SET total_amount = 1 WHERE receipt_id = 20",
    )
    named = {problem.what.partition(" (")[0] for problem in verify(ledger).problems}
    assert {"receipt 3", "receipt 20"} <= named


def test_more_problems_than_anybody_reads_are_counted(ledger: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "_PROBLEMS_KEPT_MAX", 3)
    tamper(ledger, "UPDATE receipts SET recorded_at = recorded_at + 1")
    verdict = verify(ledger)
    assert len(verdict.problems) == 3
    assert verdict.problem_count == 26


def test_it_sees_one_moment_while_others_write(tmp_path: Path) -> None:
    """A sale that is recorded in the middle belongs to the next look."""
    path = tmp_path / "apay.db"
    with closing(open_sqlite(path)) as writing, closing(open_sqlite(path, read_only=True)) as reading:
        sell_a_day(writing)
        with reading.snapshot():
            before = [row.receipt.receipt_id for row in reading.evidenced_receipts()]
            writing.db.execute("UPDATE stock SET sold = sold + 1")
            Day(writing).take(payment(600, "payload-1", 0))
            assert list(reading.sum_problems()) == []
            assert [row.receipt.receipt_id for row in reading.evidenced_receipts()] == before
        assert not verify(reading).good


def test_it_changes_nothing_and_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "apay.db"
    with closing(open_sqlite(path)) as store:
        sell_a_day(store)
    before = path.read_bytes()
    with closing(open_sqlite(path, read_only=True)) as store:
        assert verify(store).good
        assert not store.db.in_transaction
        assert store.db.text_factory is str
    assert path.read_bytes() == before


def test_a_ledger_that_is_gone_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "apay.db"
    open_sqlite(path).close()
    with closing(open_sqlite(path, read_only=True)) as store:
        path.write_bytes(b"no database, " * 1000)
        with pytest.raises(LedgerError):
            verify(store)


# -- flipped bytes -----------------------------------------------------------------------------------------------------


def books(store: SqliteStore) -> tuple[Any, ...]:
    """Receipts, sums and stock, as every other command reads them."""
    sums = [(store.standing(mode, 0), store.stock_counts(mode)) for mode in ("test", "live")]  # type: ignore[arg-type]
    return list(store.receipts(ReceiptFilter())), sums


def seen(path: Path, sound: tuple[Any, ...]) -> str:
    """What a damaged file leads to: "refused", "named", or "harmless": then its books are the very same."""
    try:
        with closing(open_sqlite(path, read_only=True)) as store:
            if not verify(store).good:
                return "named"
            assert books(store) == sound, "silently wrong"
            return "harmless"
    except LedgerError:
        return "refused"


@pytest.mark.parametrize("bytes_each", [1, 4])
def test_flipped_bytes_are_named_or_harmless(tmp_path: Path, bytes_each: int) -> None:
    path = tmp_path / "apay.db"
    with closing(open_sqlite(path)) as store:
        sell_a_day(store)
        sound = books(store)
    content, chance, outcomes = path.read_bytes(), random.Random(bytes_each), set[str]()
    for number in range(FLIPS // bytes_each):
        damaged = bytearray(content)
        for _ in range(bytes_each):
            damaged[chance.randrange(len(damaged))] ^= chance.randrange(1, 256)
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(damaged)
        outcomes.add(seen(copy, sound))
        copy.unlink()
    assert outcomes == {"refused", "named", "harmless"}


def test_a_byte_in_a_page_that_is_full_of_rows_is_named_as_the_files(tmp_path: Path) -> None:
    path = tmp_path / "apay.db"
    with closing(open_sqlite(path)) as store:
        sell_a_day(store)
        (root,) = store.db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'receipts_paid'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096 + 4000)
        file.write(bytes(16))
    with closing(open_sqlite(path, read_only=True)) as store:
        assert "file" in checks_of(verify(store))


def test_a_broken_check_is_seen_in_a_file_that_is_open_for_reading_alone(tmp_path: Path) -> None:
    """SQLite's own integrity check is silent here: it has not loaded the CHECKs."""
    path = tmp_path / "apay.db"
    with closing(open_sqlite(path)) as store:
        sell_a_day(store)
        tamper(store, "UPDATE receipts SET refund_state = 'du' WHERE refund_state = 'due'")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(open_sqlite(path, read_only=True)) as store:
        assert checks_of(verify(store)) == {"constraints"}
