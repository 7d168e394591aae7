"""Bars and sparklines: never longer than the room, never nothing for something."""

import io

import pytest

from apaycli.cli.bars import bar, columns_left, drawable, sparkline


@pytest.mark.parametrize(
    ("value", "largest", "width", "drawn"),
    [
        (100, 100, 4, "████"),
        (50, 100, 4, "██"),
        (53, 100, 4, "██"),
        (57, 100, 4, "██▎"),
        (1, 10**12, 4, "▏"),
        (0, 100, 4, ""),
        (-5, 100, 4, ""),
        (5, 0, 4, ""),
        (200, 100, 4, "████"),
        (100, 100, 0, ""),
    ],
)
def test_a_bar_is_cut_to_eighths(value: int, largest: int, width: int, drawn: str) -> None:
    assert bar(value, largest, width) == drawn


def test_a_sparkline_has_a_level_for_each_value() -> None:
    assert sparkline([0, 1, 4, 7], 10) == " ▂▅█"
    assert sparkline([], 10) == ""
    assert sparkline([0, 0], 10) == "  "


def test_more_values_than_room_are_added_up_with_their_neighbours() -> None:
    line = sparkline([1] * 365, 80)
    assert len(line) == 73
    assert set(line[:-1]) == {"█"}
    assert sparkline([1, 1, 0, 0, 4, 4], 3) == "▂ █"


def test_what_a_terminal_cannot_write_is_not_drawn() -> None:
    assert drawable(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert not drawable(io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert not drawable(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert drawable(io.StringIO())


def test_the_room_beside_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert columns_left(("A", "LONG"), [("abc", "x"), ("a", "xy")]) == 50 - 3 - 4 - 6
