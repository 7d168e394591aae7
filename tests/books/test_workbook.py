"""XLSX: numbers that can be summed, texts that come back as they were, and nothing that runs."""

import io
import warnings
from pathlib import Path

import pytest

from apaycli.books import workbook
from apaycli.books.columns import COLUMNS, PERSONAL_COLUMNS
from apaycli.books.workbook import write_workbook
from apaycli.core.model import ReceiptRow
from apaycli.errors import UsageError
from ledger_rows import row
from worksheet import Cell, number_formats, read_sheet, styles_with_quote_prefix

EVERY = [*COLUMNS, *PERSONAL_COLUMNS]
AMOUNTS = ("quantity", "total_amount", "amount", "tip_amount", "shipping_amount")
HOSTILE = (
    "=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", '=HYPERLINK("http://evil.example","x")', "{=1}", "\t=1",
    "\r=1", "\n=1", "＝1+1", "http://evil.example/", "mailto:x@evil.example", "internal:Sheet1!A1",
    "<r><t>x</t></r>", "<r>&</r>", "<r></r>", "</t></is></c>", "<![CDATA[x]]>", "&amp;", "&#0;", "_x0041_",
    "_x000D_", "\x00\x01\x1b[2J\x7f\x9b", "a\r\nb", "\u202eevil\u2066", "\u2028\u2029", "রহিম ক্\u200dষ",
    "🦆" * 50, "e" + "\u0301" * 99, " ", "  two  ", "\ttab\t", "'quoted", '"', "007", "1e5", "9007199254740993",
    "TRUE", "#REF!", "2026-01-01", "49%", "a" * 5000,
)  # fmt: skip


def written(folder: Path, *receipts: ReceiptRow, columns: list[str] = EVERY) -> list[dict[str, Cell]]:
    """By column name, one mapping a receipt."""
    with (folder / "book.xlsx").open("wb") as target:
        write_workbook(target, receipts, columns, folder)
    head, *body = read_sheet(folder / "book.xlsx")
    assert [cell.text for cell in head.values()] == columns
    return [{head[letters].text: cell for letters, cell in cells.items()} for cells in body]


def test_a_plain_receipt_in_every_column(tmp_path: Path) -> None:
    (cells,) = written(tmp_path, row(flag="late"))
    assert {name: cell.text for name, cell in cells.items()} == {
        "receipt_id": "1", "mode": "test", "paid_at": "2026-01-01T10:00:00Z", "recorded_at": "2026-01-01T10:00:01Z",
        "flag": "late", "sku": "rubber-duck", "title": "Rubber duck", "quantity": "1", "currency": "INR",
        "total_amount": "49900", "amount": "499.00", "tip_amount": "0", "shipping_amount": "0", "buyer_id": "1001",
        "buyer_username": "rahim", "buyer_name": "Rahim Uddin", "telegram_payment_charge_id": "tg-1",
        "provider_payment_charge_id": "apay-1", "invoice_id": "inv_1", "invoice_payload": "payload-1",
        "order_name": "Rahim Uddin", "order_phone": "+8801700000000", "order_email": "rahim@example.org",
        "order_address": '{"city": "Dhaka"}',
    }  # fmt: skip
    assert {name for name, cell in cells.items() if cell.kind is None} == set(AMOUNTS)
    assert {cell.kind for name, cell in cells.items() if name not in AMOUNTS} == {"inlineStr"}


@pytest.mark.parametrize(
    ("currency", "total_amount", "amount", "shown"),
    [
        ("INR", 49900, "499.00", "0.00"),
        ("INR", 1, "0.01", "0.00"),
        ("INR", 999_999_999_999, "9999999999.99", "0.00"),
        ("JPY", 5000, "5000", "0"),
        ("BHD", 1005, "1.005", "0.000"),
        ("BHD", 999_999_999_999, "999999999.999", "0.000"),
    ],
)
def test_amounts_are_exact_numbers_with_their_currencys_digits(
    tmp_path: Path, currency: str, total_amount: int, amount: str, shown: str
) -> None:
    (cells,) = written(tmp_path, row(currency=currency, total_amount=total_amount))
    assert (cells["amount"].text, cells["amount"].kind) == (amount, None)
    assert number_formats(tmp_path / "book.xlsx")[cells["amount"].style] == shown
    assert cells["total_amount"].text == str(total_amount)


def test_an_amount_without_a_known_currency_is_empty_and_a_huge_number_is_text(tmp_path: Path) -> None:
    (cells,) = written(tmp_path, row(currency="XXX", tip_amount=2**60))
    assert "amount" not in cells
    assert cells["tip_amount"] == Cell(str(2**60), "inlineStr", 0)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_hostile_names_come_back_equal_and_nothing_runs(tmp_path: Path, text: str) -> None:
    names = ("buyer_name", "title", "invoice_payload", "order_address", "flag", "telegram_payment_charge_id")
    first, second = written(tmp_path, row(**dict.fromkeys(names, text)), row(receipt_id=2))
    for name in names:
        assert first[name].text == text
        assert first[name].kind == "inlineStr"
    assert second["receipt_id"].text == "2"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1"])
def test_a_text_like_a_formula_stays_a_text_when_its_cell_is_edited(tmp_path: Path, text: str) -> None:
    (cells,) = written(tmp_path, row(buyer_name=text))
    quoted = styles_with_quote_prefix(tmp_path / "book.xlsx")
    assert cells["buyer_name"].style in quoted
    assert cells["title"].style not in quoted


def test_what_xml_cannot_say_is_made_visible_and_the_file_opens(tmp_path: Path) -> None:
    (cells,) = written(tmp_path, row(buyer_name="a\ufffe\uffff\ud800b"))
    assert cells["buyer_name"].text == "a\\ufffe\\uffff\\ud800b"


def test_a_text_beyond_excels_cell_is_cut(tmp_path: Path) -> None:
    (cells,) = written(tmp_path, row(order_address="a" * 40_000))
    assert cells["order_address"].text == "a" * 32_767


def test_columns_come_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    (cells,) = written(tmp_path, row(), columns=["amount", "receipt_id"])
    assert list(cells) == ["amount", "receipt_id"]


def test_an_empty_ledger_is_an_empty_sheet(tmp_path: Path) -> None:
    assert written(tmp_path) == []


def test_more_receipts_than_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "RECEIPTS_MAX", 2)
    assert len(written(tmp_path, row(), row())) == 2
    with warnings.catch_warnings(), pytest.raises(UsageError) as refused:
        warnings.simplefilter("error")
        write_workbook(io.BytesIO(), [row()] * 3, EVERY, tmp_path)
    assert refused.value.hint == "narrow it with --since and --until, or use --csv"
