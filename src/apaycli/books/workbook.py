"""Receipts → one Excel worksheet, XLSX.

Knows the library and Excel's limits. Never knows where receipts come from. Every text is written as a text, exactly,
never as a formula or a link; rows leave memory as they are written.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from apaycli.books.columns import Value, columns_of
from apaycli.books.csvtext import FORMULA_STARTS
from apaycli.core.model import ReceiptRow
from apaycli.errors import UsageError
from apaycli.text import show

RECEIPTS_MAX = 1_048_575  # Excel's rows, without the heading
_NUMBER_MAX = 10**15  # beyond it, Excel would round
_UNWRITABLE = re.compile("[\ufffe\uffff\ud800-\udfff]")  # XML has no way to say them
_TEXT_UNITS_MAX = 32_767
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
_WIDTHS = {"title": 30, "buyer_name": 30, "paid_at": 21, "recorded_at": 21}


def write_workbook(target: BinaryIO, receipts: Iterable[ReceiptRow], columns: Sequence[str], folder: Path) -> None:
    """`folder` is for what is not finished. Raises UsageError for more receipts than a worksheet has rows."""
    import xlsxwriter  # type: ignore[import-untyped]
    from xlsxwriter.exceptions import FileCreateError, FileSizeError  # type: ignore[import-untyped]

    book = xlsxwriter.Workbook(target, {**_OPTIONS, "tmpdir": str(folder)})
    try:
        sheet = _Sheet(book, columns)
        for batch in columns_of(receipts, columns):
            for row in zip(*batch, strict=True):
                sheet.write(row)
        book.close()
    except FileCreateError as error:
        raise (error.args[0] if error.args and isinstance(error.args[0], OSError) else OSError(str(error))) from None
    except FileSizeError:
        raise _too_much("the worksheet grows beyond 4 GB") from None
    finally:
        _leave(book)


def _leave(book: Any) -> None:
    """However it ended: no file stays open, and the library does not complain of a book that was given up."""
    book.fileclosed = True
    for sheet in book.worksheets():
        rows = getattr(sheet, "row_data_fh", None)
        if rows is not None:
            rows.close()


def _too_much(what: str) -> UsageError:
    return UsageError(what, hint="narrow it with --since and --until, or use --csv")


class _Sheet:
    """A worksheet that is filled from above."""

    def __init__(self, book: Any, columns: Sequence[str]) -> None:
        self._book, self._sheet, self._rows = book, book.add_worksheet("receipts"), 0
        # A text that looks like a formula stays one when somebody edits the cell.
        self._quoted = book.add_format({"quote_prefix": True})
        self._plain = book.add_format()
        self._formats: dict[int, Any] = {}
        self._major = columns.index("amount") if "amount" in columns else -1
        for position, name in enumerate(columns):
            self._sheet.set_column(position, position, _WIDTHS.get(name, 15))
        self._sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for position, name in enumerate(columns):
            self._sheet.write_string(0, position, name, bold)

    def write(self, row: Sequence[Value]) -> None:
        if self._rows == RECEIPTS_MAX:
            raise _too_much(f"a worksheet has room for {RECEIPTS_MAX} receipts, and there are more")
        self._rows += 1
        for position, value in enumerate(row):
            if position == self._major and isinstance(value, str):
                self._write_amount(position, value)
            elif isinstance(value, int) and abs(value) < _NUMBER_MAX:
                self._sheet.write_number(self._rows, position, value)
            elif value is not None and value != "":
                self._write_text(position, str(value))

    def _write_amount(self, position: int, text: str) -> None:
        """A number that can be summed, with its currency's digits; exact, for Excel keeps 15 of them."""
        amount = Decimal(text)
        if abs(amount) >= _NUMBER_MAX // 1000:
            self._write_text(position, text)
            return
        decimals = len(text.partition(".")[2])
        if decimals not in self._formats:
            self._formats[decimals] = self._book.add_format({"num_format": "0." + "0" * decimals if decimals else "0"})
        self._sheet.write_number(self._rows, position, amount, self._formats[decimals])

    def _write_text(self, position: int, text: str) -> None:
        text = _UNWRITABLE.sub(lambda match: show(match.group()), text)
        form = self._quoted if text.startswith(FORMULA_STARTS) else None
        if text.startswith("<r>") and text.endswith("</r>"):
            # XlsxWriter takes this for markup of its own: as two pieces it is text again.
            self._sheet.write_rich_string(self._rows, position, text[:1], self._plain, text[1:])
        else:
            self._sheet.write_string(self._rows, position, text[:_TEXT_UNITS_MAX], form)
