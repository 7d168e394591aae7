"""The books: columns that never change, amounts with their currency's digits, and cells that no program runs."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from apaycli.books.export import COLUMNS, PERSONAL_COLUMNS, Format, harmless, render_export
from apaycli.core.model import ReceiptRow
from ledger_rows import row

# product.md section 8: in this order, never renamed.
CONTRACT = (
    "receipt_id, mode, paid_at, recorded_at, flag, sku, title, quantity, currency, total_amount, amount, tip_amount, "
    "shipping_amount, shipping_option_id, buyer_id, buyer_username, buyer_name, telegram_payment_charge_id, "
    "provider_payment_charge_id, invoice_id, invoice_payload, refund_state, dispute_state, hook_state"
).split(", ")
CONTRACT_PERSONAL = ["order_name", "order_phone", "order_email", "order_address"]
EVERY = [*CONTRACT, *CONTRACT_PERSONAL]
FORMATS: tuple[Format, ...] = get_args(Format)

HOSTILE_NAMES = (
    "\x1b]52;c;x\x07\x1b[2J",
    "\u202eevil\u2066",
    "\x9b31m",
    "line\r\n2026-01-01 PAID 1000000",
    "[bold]x[/x]",
    "a" + "\u0301" * 4096,
    '"; DROP TABLE receipts; --',
    "comma, semicolon; tab\t",
    "\ufeff=1+1",
    "\u2028\u2029\x00\x7f\x85",
    "রহিম উদ্দিন",
    "ক্\u200dষ",
    "🦆" * 50,
    "",
    " ",
)


def render(*receipts: ReceiptRow, columns: list[str] = EVERY, form: Format = "csv", raw: bool = False) -> str:
    return "".join(render_export(receipts, columns, form, raw=raw))


def cells(*receipts: ReceiptRow, **how: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(*receipts, **how), newline="")))


def test_the_columns_are_those_of_the_contract_in_its_order() -> None:
    assert list(COLUMNS) == CONTRACT
    assert list(PERSONAL_COLUMNS) == CONTRACT_PERSONAL


def test_a_plain_receipt_in_every_column() -> None:
    (cell,) = cells(row(flag="late", shipping_option_id="post", refund_state="due"))
    assert cell == {
        "receipt_id": "1", "mode": "test", "paid_at": "2026-01-01T10:00:00Z", "recorded_at": "2026-01-01T10:00:01Z",
        "flag": "late", "sku": "rubber-duck", "title": "Rubber duck", "quantity": "1", "currency": "INR",
        "total_amount": "49900", "amount": "499.00", "tip_amount": "0", "shipping_amount": "0",
        "shipping_option_id": "post", "buyer_id": "1001", "buyer_username": "rahim", "buyer_name": "Rahim Uddin",
        "telegram_payment_charge_id": "tg-1", "provider_payment_charge_id": "apay-1", "invoice_id": "inv_1",
        "invoice_payload": "payload-1", "refund_state": "due", "dispute_state": "", "hook_state": "",
        "order_name": "Rahim Uddin", "order_phone": "'+8801700000000", "order_email": "rahim@example.org",
        "order_address": '{"city": "Dhaka"}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "total_amount", "amount"),
    [
        ("INR", 49900, "499.00"),
        ("INR", 1, "0.01"),
        ("INR", 0, "0.00"),
        ("INR", 999_999_999_999, "9999999999.99"),
        ("JPY", 5000, "5000"),
        ("JPY", 0, "0"),
        ("BHD", 1005, "1.005"),
        ("BHD", 5, "0.005"),
        ("XXX", 49900, None),  # an unscaled number would be read as major units
        ("inr", 49900, None),
        (None, 49900, None),
        ("INR", None, None),
        (None, None, None),
    ],
)
def test_amounts_have_their_currencys_digits(
    currency: str | None, total_amount: int | None, amount: str | None
) -> None:
    receipt = row(currency=currency, total_amount=total_amount)
    columns = ["total_amount", "amount", "currency"]
    (document,) = json.loads(render(receipt, form="json", columns=columns))
    assert document == {"total_amount": total_amount, "amount": amount, "currency": currency}
    (cell,) = cells(receipt, columns=columns)
    assert cell == {name: "" if value is None else str(value) for name, value in document.items()}


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_ids_are_text_and_amounts_are_numbers(form: Format) -> None:
    """A spreadsheet or a program with floats would round a 19-digit id."""
    (document,) = [
        json.loads(line) for line in render(row(buyer_id=2**52, receipt_id=10**18), form="jsonl").splitlines()
    ]
    for name, value in document.items():
        kind = int if name in ("quantity", "total_amount", "tip_amount", "shipping_amount") else str
        assert value is None or type(value) is kind, name
    assert document["buyer_id"] == "4503599627370496"
    assert document["receipt_id"] == "1000000000000000000"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM", "=", "-",
     " =1", '=HYPERLINK("http://evil.example","x")', "=1\x1b[2J"],
)  # fmt: skip
@pytest.mark.parametrize(
    "column",
    ["buyer_name", "buyer_username", "title", "sku", "invoice_payload", "currency", "flag",
     "telegram_payment_charge_id", "shipping_option_id", "order_address"],
)  # fmt: skip
def test_no_cell_is_a_formula(text: str, column: str) -> None:
    (cell,) = cells(row(**{column: text}))
    assert cell[column].startswith("'")
    assert len([name for name in cell if cell[name].startswith("'")]) == 2  # this one and the telephone number
    (raw,) = cells(row(**{column: text}), raw=True)
    assert raw[column] == text


@pytest.mark.parametrize("text", ["a=1", "1-2", "x@example.org", "'quoted", "a; b", "a;b=1", "2026-01-01", "0"])
def test_a_harmless_cell_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize("value", [None, 0, -5, 49900])
def test_numbers_and_nothing_are_never_dressed_up(value: int | None) -> None:
    assert harmless(value) == value


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_csv_is_one_line_a_receipt_and_shows_what_could_hurt(name: str) -> None:
    text = render(row(buyer_name=name), row(receipt_id=2))
    assert text.count("\n") == 3
    assert all(c.isprintable() or c in "\n\u200c\u200d" for c in text)
    assert [cell["receipt_id"] for cell in cells(row(buyer_name=name), row(receipt_id=2))] == ["1", "2"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("column", ["buyer_name", "order_address"])
def test_json_is_exact_and_harmless_on_a_terminal(name: str, column: str) -> None:
    receipt = row(**{column: name})
    (document,) = json.loads(render(receipt, form="json"))
    assert document[column] == name
    lines = render(receipt, receipt, form="jsonl").split("\n")
    assert [json.loads(line)[column] for line in lines[:-1]] == [name, name]
    assert lines[-1] == ""
    for character in "".join(lines):
        assert character.isprintable() or character in "\u200c\u200d"


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_raw_csv_is_exact(name: str) -> None:
    (cell,) = cells(row(buyer_name=name), raw=True)
    assert cell["buyer_name"] == name


def test_quotes_commas_and_semicolons_come_back_as_they_were() -> None:
    name = 'a "quoted", name; with everything'
    (cell,) = cells(row(buyer_name=name))
    assert cell["buyer_name"] == name


@pytest.mark.parametrize("form", FORMATS)
def test_columns_come_in_the_order_that_was_asked_for(form: Format) -> None:
    text = render(row(), form=form, columns=["currency", "receipt_id"])
    if form == "csv":
        assert text == "currency,receipt_id\nINR,1\n"
    else:
        document = json.loads(text)
        assert list(document[0] if form == "json" else document) == ["currency", "receipt_id"]


@pytest.mark.parametrize(("form", "expected"), [("csv", ",".join(CONTRACT) + "\n"), ("json", []), ("jsonl", "")])
def test_an_empty_ledger_is_an_empty_book(form: Format, expected: object) -> None:
    text = render(form=form, columns=CONTRACT)
    assert (json.loads(text) if form == "json" else text) == expected


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_json_is_one_document_however_many(count: int) -> None:
    text = render(*[row(receipt_id=number) for number in range(count)], form="json")
    assert [document["receipt_id"] for document in json.loads(text)] == [str(number) for number in range(count)]


class Counted:
    """A ledger's receipts that know how many of them were taken."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0

    def __iter__(self) -> Iterator[ReceiptRow]:
        for number in range(self.total):
            self.taken += 1
            yield row(receipt_id=number)


@pytest.mark.parametrize("form", FORMATS)
def test_a_million_receipts_pass_by_one_at_a_time(form: Format) -> None:
    """What was taken and not yet written stays small, so memory does not grow with the ledger."""
    receipts = Counted(1_000_000)
    pieces = render_export(receipts, EVERY, form)
    assert receipts.taken == 0
    written, largest = 0, 0
    while receipts.taken < 5_000:
        piece = next(pieces)
        written += piece.count("\n")
        largest = max(largest, len(piece))
        assert receipts.taken - written < 500
    assert largest < 200_000
