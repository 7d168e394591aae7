"""Receipts → CSV, JSON, JSON Lines.

Knows the formats. Never knows where receipts come from or who asked; it is handed an iterator and gives pieces of
text, and holds a batch of receipts at a time. The columns are `columns.py`'s, spreadsheets `workbook.py`'s, the files
of bookkeeping programs `journal.py`'s and `statement.py`'s.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from apaycli.books.columns import COLUMNS, PERSONAL_COLUMNS, Cells, columns_of
from apaycli.books.csvtext import harmless, render_row, render_rows
from apaycli.core.model import ReceiptRow
from apaycli.text import json_text

__all__ = ["COLUMNS", "PERSONAL_COLUMNS", "Format", "harmless", "render_export"]

Format = Literal["csv", "json", "jsonl"]


def render_export(
    receipts: Iterable[ReceiptRow], columns: Sequence[str], form: Format, *, raw: bool = False
) -> Iterator[str]:
    """The export in pieces of text, each written as soon as it is there.

    `raw`: cells exactly as they are, formulas and control characters too (CSV; JSON is always exact).
    """
    batches = columns_of(receipts, columns)
    match form:
        case "csv":
            return _csv(columns, batches, raw=raw)
        case "jsonl":
            return (json_text(document) + "\n" for document in _documents(columns, batches))
        case "json":
            return _json(columns, batches)


def _csv(columns: Sequence[str], batches: Iterable[list[Cells]], *, raw: bool) -> Iterator[str]:
    yield render_row(columns)
    for batch in batches:
        yield render_rows(batch, raw=raw)


def _documents(columns: Sequence[str], batches: Iterable[list[Cells]]) -> Iterator[dict[str, object]]:
    for batch in batches:
        for row in zip(*batch, strict=True):
            yield dict(zip(columns, row, strict=True))


def _json(columns: Sequence[str], batches: Iterable[list[Cells]]) -> Iterator[str]:
    before = "[\n"
    for document in _documents(columns, batches):
        yield before + json_text(document)
        before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"
