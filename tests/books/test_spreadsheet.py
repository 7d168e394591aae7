"""Our files in a spreadsheet program itself (LibreOffice Calc): nothing runs, and texts are what they were.

Skipped where there is none: it is too large to be installed for a test run.
"""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from apaycli.books.columns import COLUMNS, PERSONAL_COLUMNS
from apaycli.books.export import render_export
from apaycli.books.workbook import write_workbook
from apaycli.core.model import ReceiptRow
from ledger_rows import row

pytestmark = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice Calc is not installed")

EVERY = [*COLUMNS, *PERSONAL_COLUMNS]
HOSTILE = (
    "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", '=HYPERLINK("http://evil.example","x")', '=DDE("s";"x";"y")',
    "{=1+1}", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", "\ufeff=1+1", "http://evil.example/", "<r><t>x</t></r>", "]]>",
    "&amp;", "_x000D_", "\x1b[2J\x07", "a\r\nb", 'a "quoted", name; with everything', "\u202eevil\u2066",
    "রহিম ক্\u200dষ", "🦆" * 50, "  two  ", "'quoted", '";=1+1;"', '",=1+1,"', "#REF!", "[$-409]x", "\u2028\x85",
)  # fmt: skip
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TABLE, _TEXT = _OFFICE % "table", _OFFICE % "text"


@dataclass(frozen=True)
class Cell:
    """`formula` is None where the program sees none."""

    text: str
    formula: str | None
    linked: bool


def opened(path: Path) -> list[dict[str, Cell]]:
    """The file as the program has it after opening: a mapping a row, by the names in the first one."""
    reading = ["--infilter=CSV:44,34,76"] if path.suffix == ".csv" else []  # comma, quotation mark, UTF-8
    done = subprocess.run(
        ["soffice", "--headless", *reading, "--convert-to", "fods", "--outdir", str(path.parent / "out"), str(path)],
        env={"HOME": str(path.parent), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    assert b"using filter" in done.stdout, done.stderr
    tree = ElementTree.parse(path.parent / "out" / f"{path.stem}.fods")
    head, *rows = ([*cells(each)] for each in tree.iter(f"{_TABLE}table-row"))
    names = [cell.text for cell in head]
    return [dict(zip(names, each, strict=False)) for each in rows if each and each[0].text]  # not the empty ones below


def cells(table_row: Any) -> Iterator[Cell]:
    for cell in table_row.iter(f"{_TABLE}table-cell"):
        text = "\n".join(plain(part) for part in cell.iter(f"{_TEXT}p"))
        linked = next(cell.iter(f"{_TEXT}a"), None) is not None
        for _ in range(min(int(cell.get(f"{_TABLE}number-columns-repeated", "1")), len(EVERY))):
            yield Cell(text, cell.get(f"{_TABLE}formula"), linked)


def plain(element: Any) -> str:
    """Its text; blanks, tabs and line ends are elements in this format."""
    said = element.text or ""
    for part in element:
        kind = part.tag.removeprefix(_TEXT)
        known = {"s": " " * int(part.get(f"{_TEXT}c", "1")), "tab": "\t", "line-break": "\n"}
        said += known.get(kind) or plain(part)
        said += part.tail or ""
    return said


def receipts() -> list[ReceiptRow]:
    return [row(receipt_id=n, buyer_name=text, title=text, order_address=text) for n, text in enumerate(HOSTILE, 1)]


def harmless_sheet(path: Path) -> list[dict[str, Cell]]:
    found = opened(path)
    assert [cell for each in found for cell in each.values() if cell.formula is not None or cell.linked] == []
    assert [each["receipt_id"].text for each in found] == [str(n) for n in range(1, len(HOSTILE) + 1)]
    return found


def test_in_a_workbook_every_text_is_what_it_was(tmp_path: Path) -> None:
    with (tmp_path / "book.xlsx").open("wb") as file:
        write_workbook(file, receipts(), EVERY, tmp_path)
    for text, found in zip(HOSTILE, harmless_sheet(tmp_path / "book.xlsx"), strict=True):
        for name in ("buyer_name", "title", "order_address"):
            assert sayable(found[name].text) == sayable(text)
        assert found["amount"].text == "499.00"
        assert found["telegram_payment_charge_id"].text == "tg-1"


def sayable(text: str) -> str:
    """The format in which the program answers has no control characters, and one kind of line end."""
    return re.sub("[\x00-\x08\x0b-\x1f]", "", re.sub("\r\n?", "\n", text))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_in_csv_nothing_runs_and_each_text_is_the_one_in_the_file(tmp_path: Path, mark: str) -> None:
    text = "".join(render_export(receipts(), EVERY, "csv"))
    (tmp_path / "book.csv").write_text(mark + text, "utf-8")
    wanted = csv.DictReader(io.StringIO(text, newline=""))
    for cells_wanted, found in zip(wanted, harmless_sheet(tmp_path / "book.csv"), strict=True):
        for name in ("buyer_name", "title", "order_address", "invoice_payload", "paid_at"):
            assert found[name].text == cells_wanted[name]


def test_without_our_care_a_formula_would_run(tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text("".join(render_export(receipts(), EVERY, "csv", raw=True)), "utf-8")
    assert any(cell.formula is not None for each in opened(tmp_path / "book.csv") for cell in each.values())
