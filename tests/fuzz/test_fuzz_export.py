"""Whatever strangers typed comes out of an export as it went in, and no spreadsheet runs it.

CSV with `--raw` and JSON Lines are exact. Plain CSV is exact but for what it says: a quote before what a
spreadsheet would run, harmful characters made visible, floods of combining marks thinned out.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apaycli.books.export import COLUMNS, PERSONAL_COLUMNS, harmless, render_export
from apaycli.clock import render_instant
from apaycli.core.model import Flag, OrderInfo, ReceiptRow, User
from apaycli.money import currencies
from apaycli.text import show, storable
from ledger_rows import receipt, row
from shop import Shop

fixed = settings(derandomize=True, database=None, deadline=None)
EVERY = (*COLUMNS, *PERSONAL_COLUMNS)
DANGEROUS = tuple("=+-@\t\r\n＝＋－＠")
INVISIBLE_FIRST = tuple("\ufeff\u200e\u200f\u202e\x00\x1b")
AMOUNT_MAX = 999_999_999_999

HOSTILE = (
    "=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x", "\ufeff=1",
    "\u202e=1", " =1", "'=1", "''", "'", '"', '""', 'a"b', '",=1,"', "a,b;c\td",
    "a;=1", 'a; "=1', "a\u200bb", "a\nb", "a\rb", "a\r\nb", "\r", "\n",
    "\r\n", "\\x1b", "\\", "\x1b]52;c;x\x07\x1b[2J", "\x00", "a\x00b", "\x7f", "\x9b31m", "\u2028\u2029\x85",
    "\ud800", "a\udfffb", "e" + "\u0301" * 99, "\u0301" * 9, "রহিম ক্\u200dষ", "🦆" * 50, "", " ", "a" * 5000,
    "9007199254740993", "1e5", "007", "null", "NaN", "{}", "[x](y)",
)  # fmt: skip
PIECES = st.sampled_from((*HOSTILE, *DANGEROUS, ",", ";", '"', "'", "\r", "\n"))
TEXTS = (st.text(st.characters(exclude_categories=()), max_size=30) | st.lists(PIECES, max_size=3).map("".join)).map(
    storable
)
WORDS = st.none() | TEXTS
AMOUNTS = st.integers(0, AMOUNT_MAX)
CURRENCIES = st.none() | st.sampled_from(("INR", "BHD", "JPY", "XTR", "inr", "")) | TEXTS
IDS = st.integers(-(2**63) + 1, 2**63 - 1)
ROWS = st.builds(
    row,
    sku=WORDS,
    title=WORDS,
    quantity=st.integers(1, 10**9),
    currency=CURRENCIES,
    total_amount=st.none() | AMOUNTS,
    tip_amount=AMOUNTS,
    shipping_option_id=WORDS,
    buyer_id=st.none() | IDS,
    buyer_username=WORDS,
    buyer_name=WORDS,
    telegram_payment_charge_id=TEXTS,
    provider_payment_charge_id=TEXTS,
    invoice_payload=TEXTS,
    paid_at=st.integers(1, 253_402_300_799_999),
    flag=st.none() | st.sampled_from(Flag),
    **dict.fromkeys(PERSONAL_COLUMNS, WORDS),
)
SOME_COLUMNS = st.just(EVERY) | st.lists(st.sampled_from(EVERY), min_size=1, unique=True)


def expected(receipt_row: ReceiptRow, column: str) -> str | int | None:
    """The value of a cell, from the receipt, by the manual."""
    value: Any = None if column == "amount" else getattr(receipt_row, column)
    if column in {"paid_at", "recorded_at"}:
        return render_instant(value)
    if column in {"receipt_id", "buyer_id"}:
        return None if value is None else str(value)
    if column == "amount" and receipt_row.total_amount is not None and receipt_row.currency in currencies():
        exponent = currencies()[receipt_row.currency].exponent
        return f"{Decimal(receipt_row.total_amount).scaleb(-exponent):f}"
    return value  # type: ignore[no-any-return]


def visible(text: str) -> str:
    """What plain CSV promises: harmful and invisible characters as `\\x1b` or `\\u202e`, at most six marks on one
    another, no formula behind a semicolon."""
    shown, run = "", 0
    for place, character in enumerate(text):
        code = ord(character)
        if is_invisible(code) and not is_needed(text, place):
            shown, run = (
                shown + (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"),
                0,
            )
        elif code < 0x20 or 0x7F <= code < 0xA0:
            shown, run = shown + f"\\x{code:02x}", 0
        else:
            category = unicodedata.category(character)
            run = run if category == "Cf" else run + 1 if category in {"Mn", "Me"} else 0
            shown += character if run <= 6 else ""
    return defused(shown)


def is_invisible(code: int) -> bool:
    kinds = (
        0x2028,
        0x2029,
        0x34F,
        0x115F,
        0x1160,
        0x3164,
        0xFFA0,
        0xFFFE,
        0xFFFF,
        *range(0x17B4, 0x17B6),
        *range(0x180B, 0x1810),
    )
    ranges = ((0xFE00, 0xFE0F), (0xE0000, 0xE0FFF), (0x2060, 0x206F), (0xFFF0, 0xFFFB))
    shaped = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    is_format = unicodedata.category(chr(code)) == "Cf" and code not in shaped
    return is_format or code in kinds or any(first <= code <= last for first, last in ranges)


def is_needed(text: str, place: int) -> bool:
    """By the pieces that the tests use: a joiner behind a virama. Of whatever else is drawn `show` is believed."""
    around = text[max(0, place - 1) : place + 2]
    return text[place] in "\u200c\u200d\ufe0e\ufe0f" and text[place] in show(around)


def defused(text: str) -> str:
    parts = text.split(";")
    behind = ["'" + part if part.lstrip(' "').startswith(DANGEROUS) else part for part in parts[1:]]
    return ";".join([parts[0], *behind])


def export(rows: Sequence[ReceiptRow], columns: Sequence[str], form: Any, *, raw: bool = False) -> str:
    """Through UTF-8, as it is written to a file."""
    return "".join(render_export(rows, columns, form, raw=raw)).encode("utf-8").decode("utf-8")


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@settings(fixed, max_examples=300)
@given(rows=st.lists(ROWS, max_size=4), columns=SOME_COLUMNS)
def test_raw_csv_is_exact(rows: list[ReceiptRow], columns: Sequence[str]) -> None:
    head, *body = parsed(export(rows, columns, "csv", raw=True))
    assert head == list(columns)
    assert body == [
        ["" if (cell := expected(each, column)) is None else str(cell) for column in columns] for each in rows
    ]


@settings(fixed, max_examples=300)
@given(rows=st.lists(ROWS, max_size=4), columns=SOME_COLUMNS)
def test_json_is_exact(rows: list[ReceiptRow], columns: Sequence[str]) -> None:
    documents = [{column: expected(each, column) for column in columns} for each in rows]
    lines = export(rows, columns, "jsonl").split("\n")
    assert lines.pop() == ""
    assert [json.loads(line, parse_float=pytest.fail) for line in lines] == documents
    assert json.loads(export(rows, columns, "json")) == documents


@settings(fixed, max_examples=300)
@given(rows=st.lists(ROWS, max_size=6), columns=SOME_COLUMNS, copies=st.integers(1, 3))
def test_columns_at_once_say_what_each_cell_alone_would(
    rows: list[ReceiptRow], columns: Sequence[str], copies: int
) -> None:
    """The fast way, which looks at whole columns, and the plain one, cell by cell with Python's own writer."""
    receipts = rows * copies
    plain = io.StringIO()
    writer = csv.writer(plain, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([harmless(expected(each, column)) for column in columns] for each in receipts)
    assert export(receipts, columns, "csv") == plain.getvalue()


@settings(fixed, max_examples=600)
@given(rows=st.lists(ROWS, max_size=4), columns=SOME_COLUMNS)
def test_plain_csv_is_exact_but_for_what_it_neutralises(rows: list[ReceiptRow], columns: Sequence[str]) -> None:
    head, *body = parsed(export(rows, columns, "csv"))
    assert head == list(columns)
    assert len(body) == len(rows)
    for each, cells in zip(rows, body, strict=True):
        for column, cell in zip(columns, cells, strict=True):
            value = expected(each, column)
            assert not cell.startswith((*DANGEROUS, *INVISIBLE_FIRST)), f"{column}: {cell!r}"
            if isinstance(value, str):
                dangerous = value.lstrip(" ").startswith(DANGEROUS)
                assert cell.startswith("'") or not dangerous
                assert cell.removeprefix("'" if dangerous else "") == visible(value)
            else:
                assert cell == ("" if value is None else str(value))


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_from_the_ledger_to_the_file(text: str, shop: Shop) -> None:
    """The whole way, in every format: what Telegram said, stored, written, read."""
    stored = storable(text)
    info = OrderInfo(stored, stored, stored, stored)
    buyer = User(2**52 - 1, stored, "", stored)
    told = receipt(
        1, buyer=buyer, order_info=info, invoice_payload=stored, title=stored, total_amount=AMOUNT_MAX, tip_amount=1
    )
    with shop.store() as store, store.transaction() as tx:
        tx.record_receipt(told, 1, b"{}", 5)
    for name, options in (("raw.csv", ("--csv", "--raw")), ("plain.csv", ("--csv",)), ("lines", ("--jsonl",))):
        assert shop.run("export", str(shop.folder / name), "--personal", *options).code == 0
    own = {"buyer_username": stored, "buyer_name": stored.strip(), "invoice_payload": stored, "title": stored}
    own |= dict.fromkeys(PERSONAL_COLUMNS, stored)
    (document,) = [json.loads(line) for line in (shop.folder / "lines").read_text("utf-8").split("\n") if line]
    assert document == document | own | {
        "total_amount": AMOUNT_MAX,
        "amount": "9999999999.99",
        "buyer_id": "4503599627370495",
    }
    for name, cell_of in (("raw.csv", str), ("plain.csv", neutral)):
        head, cells = parsed((shop.folder / name).read_bytes().decode("utf-8"))
        cell = dict(zip(head, cells, strict=True))
        assert cell == cell | {column: cell_of(value) for column, value in own.items()}
        assert (cell["total_amount"], cell["amount"]) == (str(AMOUNT_MAX), "9999999999.99")


def neutral(text: str) -> str:
    return ("'" if text.lstrip(" ").startswith(DANGEROUS) else "") + visible(text)
