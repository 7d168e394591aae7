"""Columns → lines of CSV.

Knows quoting, and which cells a spreadsheet would run or a terminal obey, also one that reads semicolons. Never knows
what the columns mean.
"""

import re
from collections.abc import Iterable, Sequence

from apaycli.books.columns import Cells, Value
from apaycli.text import show, shows_as_it_is

# Cells that a spreadsheet would run: formulas, and whatever pushes one into the next cell.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CELL_CHARACTERS_MAX = 1_000_000
_QUOTED = re.compile('[",\r\n]')  # a lone carriage return ends a row for many readers
_RUN = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
# Of texts that are joined by blanks: the start of one that may be a formula. Line ends are no part: none passes unseen.
_FORMULA = re.compile(f" {_RUN}")
# A spreadsheet of a country with a decimal comma ends cells at semicolons, whatever quotation marks begin before them.
_FORMULA_BEHIND = re.compile(f';(?=[ "]*{_RUN})')


def render_row(cells: Sequence[Value]) -> str:
    """One line, harmless."""
    return _line([_cell(cell, alone=len(cells) == 1) for cell in cells])


def _line(cells: Iterable[str]) -> str:
    return ",".join(cells) + "\n"


def render_rows(columns: Sequence[Cells], *, raw: bool = False) -> str:
    """A batch of columns as lines; `raw`: cells exactly as they are, formulas and control characters too."""
    pattern, varying = [], []
    for cells in columns:
        written = _column(cells, raw=raw, alone=len(columns) == 1)
        if isinstance(written, str):
            pattern.append(written.replace("%", "%%"))
        else:
            pattern.append("%s")
            varying.append(written)
    line = _line(pattern)
    rows: Iterable[tuple[object, ...]] = zip(*varying, strict=True) if varying else [()] * len(columns[0])
    return "".join(map(line.__mod__, rows))


def _column(cells: Cells, *, raw: bool, alone: bool) -> str | Sequence[Value]:
    """Cells as they are to be written; one text where all of them are the same."""
    distinct = set(cells)
    if len(distinct) == 1:
        return _cell(distinct.pop(), raw=raw, alone=alone)
    if None not in distinct and "" not in distinct and _needs_no_care(distinct, raw=raw):
        return cells
    written = {value: _cell(value, raw=raw, alone=alone) for value in distinct}
    return [written[value] for value in cells]


def _needs_no_care(values: Iterable[Value], *, raw: bool) -> bool:
    """Whether each would surely be written as it is. One look at all of them: False only says "perhaps not"."""
    joined = " " + " ".join([value for value in values if isinstance(value, str)])
    if raw:
        return _QUOTED.search(joined) is None
    if '"' in joined or "," in joined or len(joined) >= _CELL_CHARACTERS_MAX:
        return False
    return shows_as_it_is(joined) and not _FORMULA.search(joined.replace(";", " "))


def _cell(value: Value, *, raw: bool = False, alone: bool = False) -> str:
    text = "" if value is None else str(value) if raw else str(harmless(value))
    if _QUOTED.search(text) or (alone and not text):  # an empty line would be no row
        return '"' + text.replace('"', '""') + '"'
    return text


def harmless(value: Value) -> Value:
    """A text that a spreadsheet will show and not run, and a terminal show and not obey."""
    if not isinstance(value, str):
        return value
    shown = value if value.isascii() and value.isprintable() else show(value, _CELL_CHARACTERS_MAX)
    if ";" in shown:
        shown = _FORMULA_BEHIND.sub(";'", shown)
    return "'" + shown if value.lstrip(" ").startswith(FORMULA_STARTS) else shown
