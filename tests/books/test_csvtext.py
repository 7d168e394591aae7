"""CSV by columns: beside plain neighbours, each text is written as it would be alone."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apaycli.books.csvtext import harmless, render_row, render_rows

TEXTS = (
    "=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", " =1", "a =1", "'=1",
    ";=1", "a;=cmd|' /C calc'!A0", 'a; "=1', 'a;"=1+1;"', "a;;-1", "a;＝1", "a;b=1", "a; b", "  -1",
    "a,b", 'a"b', "a\rb", "a\nb",
    "\x1b[2J", "\x7f", "\x9b", "\u202eevil", "\ufeff=1", "\u2028", "e" + "\u0301" * 7, "e" + "\u0301" * 6,
    "e" + "\u0301" * 99, "রহিম", "ক্\u200dষ", "🦆" * 9, "%", "%s", "%(x)s", "100%", "", " ", "a" * 5000,
)  # fmt: skip
NEIGHBOURS: tuple[tuple[str | None, ...], ...] = ((), ("plain",), ("রহিম", "plain"), (None, ""), ("plain", None, "=1"))


def plain(columns: list[list[str | None]], *, raw: bool) -> str:
    """Cell by cell, by Python's own writer."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in zip(*columns, strict=True):
        writer.writerow(row if raw else [harmless(cell) for cell in row])
    return buffer.getvalue()


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:40])
@pytest.mark.parametrize("neighbours", NEIGHBOURS, ids=str)
@pytest.mark.parametrize("alone", [True, False])
def test_each_text_as_it_would_be_alone(text: str, neighbours: tuple[str | None, ...], alone: bool) -> None:
    column = [text, *neighbours, text]
    columns = [column] if alone else [column, list(reversed(column)), [str(number) for number in range(len(column))]]
    assert render_rows(columns) == plain(columns, raw=False)
    written = list(csv.reader(io.StringIO(render_rows(columns, raw=True), newline=""), strict=True))
    assert written == [[cell or "" for cell in row] for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"),
        ("a;+1;-1;@x", "a;'+1;'-1;'@x"),
        ('a; "=1', "a;' \"=1"),
        ('a;""=1+1;', 'a;\'""=1+1;'),
        ("a;\t=1", "a;\\x09=1"),
        ("a\t=1\n=1", "a\\x09=1\\x0a=1"),
        ("a;＝1", "a;'＝1"),
        ("=1;=1", "'=1;'=1"),
        ("  =1", "'  =1"),
        ("Rahim; Asha", "Rahim; Asha"),
        ("Rahim;Asha - 1", "Rahim;Asha - 1"),
        ("a - b = c", "a - b = c"),
    ],
)
def test_nothing_behind_a_semicolon_is_a_formula(text: str, cell: str) -> None:
    assert harmless(text) == cell
    assert render_rows([["x", text], ["1", "2"]], raw=True) == plain([["x", text], ["1", "2"]], raw=True)


PIECES = st.sampled_from((*TEXTS, *"=+-@;,\t\n\"' ", '""', '";"', "＝", "a", "1"))


@settings(derandomize=True, database=None, deadline=None, max_examples=2000)
@given(rows=st.lists(st.tuples(*[st.lists(PIECES, max_size=6).map("".join)] * 2), min_size=1, max_size=4))
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_whatever_ends_a_cell_none_is_a_formula(rows: list[tuple[str, str]], delimiter: str) -> None:
    """Read as a spreadsheet does that takes `delimiter` for the end of a cell: a quotation mark may swallow rows."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    for read in csv.reader(io.StringIO(render_rows(columns), newline=""), delimiter=delimiter):
        assert [cell for cell in read if cell.lstrip(" \r\n").startswith(tuple("=+-@＝＋－＠\t"))] == []


def test_numbers_are_written_as_they_are() -> None:
    assert render_rows([[1, -5, 7], [0, 0, 0], [None, 3, None]]) == "1,0,\n-5,0,3\n7,0,\n"
    assert render_row([None, -5, "=1", "a,b"]) == ',-5,\'=1,"a,b"\n'
