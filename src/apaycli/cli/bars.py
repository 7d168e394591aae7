"""Bars and sparklines of block characters, and how much room there is for them.

Knows widths and eighths of a character; never what is counted. Whole numbers only: a bar of money is cut, not rounded.
"""

import shutil
from collections.abc import Sequence
from typing import TextIO

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_COLUMNS_MIN = 30


def terminal_columns() -> int:
    return max(_COLUMNS_MIN, shutil.get_terminal_size().columns)


def columns_left(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """What `Output.table` leaves for one more column behind these; may be negative."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(headers, *rows, strict=True)]
    return terminal_columns() - sum(widths) - 2 * (len(widths) + 1)


def drawable(stream: TextIO) -> bool:
    """Whether block characters can be written there at all; where not, there are numbers enough."""
    try:
        _LEVELS.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def bar(value: int, largest: int, width: int) -> str:
    """`width` characters for the largest; anything above nothing shows at least a sliver."""
    if value <= 0 or largest <= 0 or width <= 0:
        return ""
    eighths = max(1, min(value, largest) * width * 8 // largest)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def sparkline(values: Sequence[int], width: int) -> str:
    """One character a value, and sums of neighbours where there are more values than room."""
    if len(values) > width > 0:
        each = -(-len(values) // width)
        values = [sum(values[at : at + each]) for at in range(0, len(values), each)]
    largest = max(values, default=0)
    return "".join(" " if value <= 0 else _LEVELS[value * 7 // largest] for value in values)
