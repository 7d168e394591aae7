"""`apay export`: which receipts, in whose days, and a file that is there whole or not at all."""

import csv
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apaycli.books.export import COLUMNS, PERSONAL_COLUMNS
from apaycli.books.statement import ROWS_MAX
from apaycli.core.model import Flag
from ledger_rows import receipt
from shop import Done, Shop
from worksheet import read_sheet


def instant(text: str) -> int:
    """`2026-03-29T00:00:00+02:00` in milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """Three test receipts, the newest recorded first, and a live one."""
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(3, sku="bear", currency="USD", flag=Flag.OVERSOLD), 1, b"{}", 5)
        tx.record_receipt(receipt(1), 2, b"{}", 6)
        tx.record_receipt(receipt(2, flag=Flag.LATE), 3, b"{}", 7)
        tx.record_receipt(receipt(4, mode="live"), 4, b"{}", 8)
    return shop


def charges(done: Done) -> list[str]:
    assert done.code == 0, done.err
    return [row["telegram_payment_charge_id"] for row in csv.DictReader(io.StringIO(done.out, newline=""))]


def names(numbers: str) -> list[str]:
    return [f"tg-charge-{number}" for number in numbers]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "123"),
        (("--csv",), "123"),
        (("--live",), "4"),
        (("--mode", "live"), "4"),
        (("--mode", "all"), "1234"),
        (("--sku", "bear"), "3"),
        (("--currency", "USD"), "3"),
        (("--flag", "none"), "1"),
        (("--flag", "late"), "2"),
        (("--flag", "oversold"), "3"),
        (("--flag", "duplicate"), ""),
        (("--mode", "all", "--flag", "none"), "14"),
        (("--sku", "rubber-duck", "--currency", "INR", "--flag", "none"), "1"),
    ],
)
def test_the_wanted_receipts_oldest_first(sold: Shop, options: tuple[str, ...], expected: str) -> None:
    assert charges(sold.run("export", *options)) == names(expected)


def test_live_by_the_environment_is_the_live_books(sold: Shop) -> None:
    assert charges(sold.run("export", APAY_LIVE="1")) == names("4")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--csv", "--json"), "choose one of"),
        (("--json", "--jsonl"), "choose one of"),
        (("--csv", "--jsonl"), "choose one of"),
        (("--json", "--xlsx", "a.xlsx"), "choose one of"),
        (("--xlsx",), "--xlsx needs a file"),
        (("--xlsx", "-"), "--xlsx needs a file"),
        (("--xlsx", "a.xlsx", "--raw"), "--excel and --raw are for CSV"),
        (("--xlsx", "a.xlsx", "--excel"), "--excel and --raw are for CSV"),
        (("--preset", "sage"), "--preset takes zoho, quickbooks, xero, hledger, beancount"),
        (("--preset", "xero", "--columns", "amount"), "a preset has its own columns"),
        (("--preset", "hledger", "--personal"), "a preset has its own columns"),
        (("--preset", "zoho", "--raw"), "a preset has its own columns"),
        (("--preset", "zoho", "--json"), "--preset zoho is a format of its own"),
        (("--preset", "xero", "--jsonl"), "--preset xero is a format of its own"),
        (("--preset", "xero", "--xlsx", "a.xlsx"), "--preset xero is a format of its own"),
        (("--preset", "hledger", "--csv"), "--preset hledger is a format of its own"),
        (("--preset", "beancount", "--excel"), "--preset beancount is a format of its own"),
        (("--preset", "hledger", "--mode", "all"), "test receipts are no income"),
        (("--preset", "xero"), "a bank statement has one currency, and these receipts and refunds have INR, USD"),
        (("--json", "--excel"), "--excel and --raw are for CSV"),
        (("--jsonl", "--raw"), "--excel and --raw are for CSV"),
        (("--mode", "demo"), "--mode takes test, live or all"),
        (("--flag", "odd"), "--flag takes late, oversold, duplicate, amount_mismatch, unmatched, none"),
        (("--columns", "amonut"), "there is no column 'amonut' (did you mean 'amount'?)"),
        (("--columns", "order_name"), "column order_name is personal data: add --personal"),
        (("--columns", ""), "--columns takes names"),
        (("--columns", " , "), "--columns takes names"),
        (("--columns", "amount,amount"), "each once"),
        (("--since", "2026-02-30"), "--since takes a day such as 2026-11-30"),
        (("--since", "yesterday"), "--since takes a day"),
        (("--since", "2026-1-1"), "--since takes a day"),
        (("--since", "20260101"), "--since takes a day"),
        (("--since", "2026-01-01T00:00"), "--since takes a day"),
        (("--since", "٢٠٢٦-٠١-٠١"), "--since takes a day"),
        (("--since", ""), "--since takes a day"),
        (("--since", "0000-01-01"), "--since takes a day"),
        (("--until", "9999-12-31"), "--until takes a day"),
        (("--until", "2026-W01-1"), "--until takes a day"),
        (("--since", "2026-01-02", "--until", "2026-01-01"), "--until lies before --since"),
        (("no/such/folder/a.csv",), "does not exist"),
    ],
)
def test_a_wrong_option_is_refused_and_nothing_is_written(sold: Shop, options: tuple[str, ...], said: str) -> None:
    before = sorted(sold.folder.iterdir())
    done = sold.run("export", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert sorted(path for path in sold.folder.iterdir() if path.suffix not in {".db-shm", ".db-wal"}) == before


def test_without_a_ledger_there_are_no_books(shop: Shop) -> None:
    done = shop.run("export", "receipts.csv")
    assert (done.code, done.out) == (9, "")
    assert "there is no ledger at" in done.err


# -- days --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """The merchant's time zone, put back afterwards."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "day", "first", "last"),
    [
        ("UTC", "2026-06-15", "2026-06-15T00:00:00+00:00", "2026-06-15T23:59:59.999+00:00"),
        ("Asia/Kolkata", "2026-06-15", "2026-06-15T00:00:00+05:30", "2026-06-15T23:59:59.999+05:30"),
        ("Asia/Dhaka", "2026-01-01", "2026-01-01T00:00:00+06:00", "2026-01-01T23:59:59.999+06:00"),
        ("America/Lima", "2026-12-31", "2026-12-31T00:00:00-05:00", "2026-12-31T23:59:59.999-05:00"),
        ("Pacific/Kiritimati", "2026-02-28", "2026-02-28T00:00:00+14:00", "2026-02-28T23:59:59.999+14:00"),
        # Days of 23 and 25 hours.
        ("Europe/Berlin", "2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-29T23:59:59.999+02:00"),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59.999+01:00"),
        # Midnight does not exist: the clock goes from 23:59:59 to 01:00.
        ("Africa/Cairo", "2025-04-25", "2025-04-25T01:00:00+03:00", "2025-04-25T23:59:59.999+03:00"),
        # Midnight exists twice: at 01:00 the clock goes back to 00:00.
        ("Atlantic/Azores", "2025-10-26", "2025-10-26T00:00:00+00:00", "2025-10-26T23:59:59.999-01:00"),
        # A day that the clock leaves before it is over, and comes back to.
        ("Africa/Cairo", "2025-10-30", "2025-10-30T00:00:00+03:00", "2025-10-30T23:59:59.999+02:00"),
    ],
)
def test_a_day_is_the_merchants_own_first_and_last_moment_included(
    shop: Shop, in_zone: Callable[[str], None], zone: str, day: str, first: str, last: str
) -> None:
    in_zone(zone)
    with shop.store() as store, store.transaction() as tx:
        for number, at in enumerate((instant(first) - 1, instant(first), instant(last), instant(last) + 1)):
            tx.record_receipt(receipt(number, paid_at=at), number, b"{}", 1)
    assert charges(shop.run("export", "--since", day, "--until", day)) == names("12")
    assert charges(shop.run("export", "--since", day)) == names("123")
    assert charges(shop.run("export", "--until", day)) == names("012")


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Lima", "UTC"])
@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-02", "1969-12-31", "9999-12-29"])
def test_a_day_far_away_is_an_answer_or_a_refusal_and_never_a_bug(
    sold: Shop, in_zone: Callable[[str], None], zone: str, day: str
) -> None:
    in_zone(zone)
    for option in ("--since", "--until"):
        assert sold.run("export", option, day).code in (0, 2)


def test_instants_are_utc_whatever_the_zone(sold: Shop, in_zone: Callable[[str], None]) -> None:
    in_zone("Asia/Kolkata")
    done = sold.run("export", "--columns", "paid_at", "--flag", "none")
    assert done.out == "paid_at\n2026-01-01T10:00:01Z\n"
    assert datetime.fromisoformat("2026-01-01T10:00:01Z").tzinfo == UTC


# -- columns and formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ((), list(COLUMNS)),
        (("--personal",), [*COLUMNS, *PERSONAL_COLUMNS]),
        (("--columns", "currency, amount"), ["currency", "amount"]),
        (("--personal", "--columns", "order_phone,receipt_id"), ["order_phone", "receipt_id"]),
    ],
)
def test_personal_columns_come_only_when_asked_for(sold: Shop, options: tuple[str, ...], columns: list[str]) -> None:
    assert sold.run("export", *options).out.splitlines()[0] == ",".join(columns)
    (document, *_) = sold.run("export", *options, "--json").json
    assert list(document) == columns
    if "--personal" not in options:
        assert "Dhaka" not in sold.run("export", *options).out


def test_json_is_one_document_and_jsonl_one_object_a_line(sold: Shop) -> None:
    document = sold.run("export", "--json").json
    lines = [json.loads(line) for line in sold.run("export", "--jsonl").out.splitlines()]
    assert document == lines
    assert [receipt["amount"] for receipt in document] == ["499.00"] * 3
    assert sold.run("export", "--json", "--flag", "duplicate").json == []
    assert sold.run("export", "--jsonl", "--flag", "duplicate").out == ""


def test_excel_gets_its_byte_order_mark_and_nobody_else(sold: Shop) -> None:
    plain = sold.run("export").out
    assert not plain.startswith("\ufeff")
    assert sold.run("export", "--excel").out == "\ufeff" + plain
    sold.run("export", "--excel", str(sold.folder / "a.csv"))
    assert (sold.folder / "a.csv").read_bytes() == b"\xef\xbb\xbf" + plain.encode()


def test_raw_is_not_for_a_terminal(shop: Shop) -> None:
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, title="=1\x1b[2J"), 1, b"{}", 1)
    assert "\x1b" not in shop.run("export", "--raw", terminal=True).out
    assert "=1\x1b[2J" in shop.run("export", "--raw").out
    assert "'=1\\x1b[2J" in shop.run("export").out


# -- for programs ------------------------------------------------------------------------------------------------------


def test_xlsx_has_what_csv_has(sold: Shop) -> None:
    done = sold.run("export", "--xlsx", str(sold.folder / "a.xlsx"))
    assert (done.code, done.out) == (0, "")
    assert done.err == f"apay: 3 receipt(s), test, written to {sold.folder / 'a.xlsx'}\n"
    assert (sold.folder / "a.xlsx").stat().st_mode & 0o777 == 0o600
    head, *body = csv.reader(io.StringIO(sold.run("export", "--raw").out, newline=""))
    first, *rows = read_sheet(sold.folder / "a.xlsx")
    assert [cell.text for cell in first.values()] == head
    letters = dict(zip(head, first, strict=True))
    for cells, row in zip(rows, body, strict=True):
        assert [cells[letters[name]].text if letters[name] in cells else "" for name in head] == row
    assert [path.name for path in sold.folder.iterdir() if "xlsx" in path.name] == ["a.xlsx"]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(OSError(28, "No space left on device"), 9), (KeyboardInterrupt(), 130)],
    ids=["full", "ctrl-c"],
)
@pytest.mark.parametrize("call", ["utime", "remove"])
def test_a_worksheet_that_is_not_whole_is_not_there(
    sold: Shop, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, code: int, call: str
) -> None:
    """`utime` and `remove` are calls of the library in the middle of packing."""

    def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(os, call, fail)
    done = sold.run("export", "--xlsx", str(sold.folder / "a.xlsx"))
    assert (done.code, done.out) == (code, "")
    assert not [path for path in sold.folder.iterdir() if "xlsx" in path.name]


def test_a_statement_is_for_one_currency(sold: Shop) -> None:
    done = sold.run("export", "--preset", "xero")
    assert "apay: hint: add --currency INR, and so on: one file each" in done.err
    done = sold.run("export", "--preset", "xero", "--currency", "USD")
    assert done.out.splitlines()[0] == "*Date,*Amount,Payee,Description,Reference"
    assert len(done.out.splitlines()) == 2
    assert sold.run("export", "--preset", "zoho", "--sku", "rubber-duck", "--excel").out.startswith("\ufeffDate,")


@pytest.mark.parametrize("preset", ["xero", "hledger"])
def test_what_cannot_be_booked_is_said(sold: Shop, preset: str) -> None:
    with sold.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(8, currency="XXX", flag=Flag.AMOUNT_MISMATCH), 8, b"{}", 9)
        tx.record_receipt(receipt(9, total_amount=None, flag=Flag.AMOUNT_MISMATCH), 9, b"{}", 9)
    done = sold.run("export", "--preset", preset, "--sku", "rubber-duck")
    assert done.code == 0
    assert "2 receipt(s) without an amount that can be booked are left out: book them by hand" in done.err
    assert done.out.count("Rubber duck") == 2


def test_a_statement_that_is_too_long_for_its_program_is_warned_about(
    sold: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS_MAX, "xero", 1)
    done = sold.run("export", "--preset", "xero", "--currency", "INR", str(sold.folder / "a.csv"))
    assert "xero takes 1 rows at a time: split this with --since and --until" in done.err


@pytest.mark.parametrize("preset", ["hledger", "beancount", "zoho"])
@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Asia/Kolkata", "2026-06-15T00:00:00+05:30", "2026-06-15"),
        ("Asia/Kolkata", "2026-06-14T23:59:59.999+05:30", "2026-06-14"),
        ("UTC", "2026-06-15T00:00:00+05:30", "2026-06-14"),
        ("Europe/Berlin", "2026-03-29T00:00:00+01:00", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T23:59:59.999+02:00", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25T23:59:59.999+01:00", "2026-10-25"),
        ("America/Lima", "2026-12-31T23:59:59-05:00", "2026-12-31"),
    ],
)
def test_a_booking_has_the_merchants_own_day(
    shop: Shop, in_zone: Callable[[str], None], preset: str, zone: str, at: str, day: str
) -> None:
    in_zone(zone)
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, paid_at=instant(at)), 1, b"{}", 1)
    lines = shop.run("export", "--preset", preset, "--since", day, "--until", day).out.splitlines()
    assert [line[:10] for line in lines if line.startswith("2026-")] == [day]


def test_money_that_went_back_is_booked_in_the_month_when_it_went(shop: Shop, in_zone: Callable[[str], None]) -> None:
    in_zone("Asia/Kolkata")
    with shop.store() as store, store.transaction() as tx:
        number = tx.record_receipt(
            receipt(1, paid_at=instant("2026-10-31T12:00:00+05:30"), flag=Flag.OVERSOLD), 1, b"{}", 1
        )
        assert tx.refund_done(number, "tr-9", instant("2026-11-01T00:00:00+05:30"))
    october = shop.run("export", "--preset", "hledger", "--since", "2026-10-01", "--until", "2026-10-31").out
    november = shop.run("export", "--preset", "hledger", "--since", "2026-11-01", "--until", "2026-11-30").out
    assert ("Liabilities:Refunds              -499.00 INR" in october, "tr-9" in october) == (True, False)
    assert ("Liabilities:Refunds               499.00 INR" in november, "reference:tr-9" in november) == (True, True)
    assert "Income:Sales  " not in october + november


@pytest.mark.parametrize("zone", ["Asia/Dhaka", "America/Lima"])
@pytest.mark.parametrize("preset", ["hledger", "zoho"])
def test_a_date_beyond_every_calendar_blocks_no_book(
    shop: Shop, in_zone: Callable[[str], None], preset: str, zone: str
) -> None:
    in_zone(zone)
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, paid_at=253_402_300_799_000), 1, b"1", 1)  # 9999-12-31T23:59:59Z
        tx.record_receipt(receipt(2, paid_at=instant("2026-10-01T12:00:00+00:00")), 2, b"2", 1)
    done = shop.run("export", "--preset", preset)
    assert done.code == 0, done.err
    assert [line[:10] for line in done.out.splitlines() if line[:2] in {"20", "99"}] == ["2026-10-01", "9999-12-31"]


def test_months_that_are_booked_one_by_one_add_up_to_the_year(shop: Shop, in_zone: Callable[[str], None]) -> None:
    """Goods came back in November, and the transfer with them; October was handed over before."""
    in_zone("Asia/Kolkata")
    october = ("export", "--preset", "hledger", "--since", "2026-10-01", "--until", "2026-10-31")
    with shop.store() as store, store.transaction() as tx:
        for number in (1, 2):
            paid_at = instant(f"2026-10-0{number}T12:00:00+05:30")
            tx.record_receipt(receipt(number, paid_at=paid_at), number, b"%d" % number, 1)
    before = shop.run(*october).out
    with shop.store() as store, store.transaction() as tx:
        assert tx.refund_done(1, "tr-1", instant("2026-11-05T12:00:00+05:30"))
        assert tx.refund_due(1, "account closed", instant("2026-11-09T12:00:00+05:30"))
        assert tx.refund_done(1, "tr-2", instant("2026-12-02T12:00:00+05:30"))
    assert shop.run(*october).out == before
    months = [
        sums(
            shop.run("export", "--preset", "hledger", "--since", f"2026-{month}-01", "--until", f"2026-{month}-30").out
        )
        for month in ("10", "11", "12")
    ]
    assert [month.get("Income:Returns", 0) for month in months] == [0, 0, 499]
    added = {account: sum(month.get(account, 0) for month in months) for account in months[0] | months[1] | months[2]}
    assert added == sums(shop.run("export", "--preset", "hledger").out)
    assert added == {"Assets:A-Pay:Clearing": 499, "Income:Sales": -998, "Income:Returns": 499}


def sums(journal: str) -> dict[str, int]:
    """By account, in whole rupees."""
    found: dict[str, int] = {}
    for account, amount in re.findall(r"^    ([A-Z][\w:-]+) +(-?[0-9]+)\.00 INR$", journal, re.MULTILINE):
        found[account] = found.get(account, 0) + int(amount)
    return found


@pytest.mark.parametrize("preset", ["zoho", "quickbooks", "xero"])
def test_a_statement_of_refunds_in_two_currencies_is_refused(shop: Shop, preset: str) -> None:
    with shop.store() as store, store.transaction() as tx:
        for number, currency in ((1, "INR"), (2, "USD"), (3, "INR")):
            paid_at = instant(f"2026-1{min(number, 2) - 1}-05T12:00:00+00:00")
            tx.record_receipt(receipt(number, currency=currency, paid_at=paid_at), number, b"%d" % number, 1)
            if number < 3:
                assert tx.refund_done(number, f"tr-{number}", instant("2026-12-05T12:00:00+00:00"))
    for span in (("--since", "2026-12-01"), ("--since", "2026-11-01")):
        done = shop.run("export", "--preset", preset, *span)
        assert (done.code, done.out) == (2, "")
        assert "these receipts and refunds have INR, USD" in done.err
    done = shop.run("export", "--preset", preset, "--since", "2026-12-01", "--currency", "usd")
    assert (done.code, done.out.count("\n"), "tr-2" in done.out) == (0, 2, True)


def test_refunds_without_receipts_are_counted(shop: Shop) -> None:
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, paid_at=instant("2026-11-05T12:00:00+00:00")), 1, b"1", 1)
        assert tx.refund_done(1, "tr-1", instant("2026-12-05T12:00:00+00:00"))
    target = shop.folder / "december.journal"
    done = shop.run("export", "--preset", "hledger", "--since", "2026-12-01", str(target))
    assert f"apay: 0 receipt(s) and 1 refund(s), test, written to {target}" in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--currency", "rupees"), "--currency 'rupees' is not known"),
        (("--live", "--mode", "test"), "--live is real money, and --mode test is not"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(sold: Shop, options: tuple[str, ...], said: str) -> None:
    done = sold.run("export", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_an_empty_answer_is_said(sold: Shop) -> None:
    done = sold.run("export", "--sku", "nope")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert "apay: no receipt fits" in done.err
    assert sold.run("export", "--currency", "inr").out == sold.run("export", "--currency", "INR").out


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_is_private_whole_and_said(sold: Shop) -> None:
    target = sold.folder / "receipts.csv"
    before = os.umask(0)
    try:
        done = sold.run("export", "--csv", str(target))
    finally:
        os.umask(before)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"apay: 3 receipt(s), test, written to {target}\n"
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_text("utf-8") == sold.run("export").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--live",), "1 receipt(s), live"),
        (("--mode", "all"), "4 receipt(s), all modes"),
        (("--flag", "duplicate"), "0 receipt(s), test"),
        (("--sku", "bear", "--json"), "1 receipt(s), test"),
        (("--mode", "all", "--jsonl"), "4 receipt(s), all modes"),
    ],
)
def test_how_many_receipts_of_which_mode_went_into_a_file_is_said(
    sold: Shop, options: tuple[str, ...], said: str
) -> None:
    target = sold.folder / "receipts"
    assert sold.run("export", str(target), *options).err == f"apay: {said}, written to {target}\n"
    # The books themselves on stdout need no talk, unless they are empty.
    assert sold.run("export", *options).err == ("apay: no receipt fits\n" if said.startswith("0") else "")


def test_a_file_that_is_there_is_replaced_by_force_alone(sold: Shop) -> None:
    target = sold.folder / "receipts.csv"
    target.write_text("mine")
    done = sold.run("export", str(target))
    assert (done.code, done.out) == (2, "")
    assert "apay: hint: --force replaces it" in done.err
    assert target.read_text() == "mine"
    assert sold.run("export", str(target), "--force").code == 0
    assert target.read_text("utf-8").startswith("receipt_id,")


@pytest.mark.parametrize("options", [(), ("--force",)])
@pytest.mark.parametrize(("make", "said"), [(os.mkdir, "is a folder"), (os.mkfifo, "is not a regular file")])
def test_what_is_no_file_is_never_replaced_by_one(
    sold: Shop, options: tuple[str, ...], make: Callable[[Path], None], said: str
) -> None:
    """A device least of all: the owner of `/dev/null` is often the one who runs this."""
    target = sold.folder / "receipts.csv"
    make(target)
    before = target.stat()
    done = sold.run("export", str(target), *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert (target.stat().st_ino, target.stat().st_mode) == (before.st_ino, before.st_mode)


def test_a_dangling_link_is_there_already(sold: Shop) -> None:
    (sold.folder / "receipts.csv").symlink_to("nowhere")
    assert sold.run("export", str(sold.folder / "receipts.csv")).code == 2


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(OSError(28, "No space left on device"), 9), (KeyboardInterrupt(), 130)],
    ids=["full", "ctrl-c"],
)
@pytest.mark.parametrize("force", [True, False])
def test_what_is_not_whole_is_not_there(
    sold: Shop, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, code: int, force: bool
) -> None:
    target = sold.folder / "receipts.csv"
    if force:
        target.write_text("last month")

    def fail(descriptor: int) -> None:
        assert os.fstat(descriptor).st_size > 0  # in the middle: written, and not yet there
        raise trouble

    monkeypatch.setattr(os, "fsync", fail)
    done = sold.run("export", str(target), *(["--force"] if force else []))
    assert (done.code, done.out) == (code, "")
    assert [path.name for path in sold.folder.iterdir() if "receipts" in path.name] == ["receipts.csv"] * force
    assert not force or target.read_text() == "last month"


def test_a_dash_is_stdout(sold: Shop) -> None:
    assert charges(sold.run("export", "-")) == names("123")


def test_the_books_change_nothing(sold: Shop) -> None:
    before = sold.ledger.read_bytes()
    sold.run("export")
    assert sold.ledger.read_bytes() == before
