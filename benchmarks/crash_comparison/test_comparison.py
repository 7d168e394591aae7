"""The judge sees each kind of fault, and the schedule is the seed's alone.

    pytest benchmarks/crash_comparison

No process is started: what the contenders do is measured by `compare.py`, not tested.
"""

import pytest
from judge import Figures, judge
from schedule import LIVES_PER_DROP, UNITS_PER_DROP, draw_schedule

CHARGES = {"c1": "duck", "c2": "duck", "c3": "hat"}
STOCK = {"duck": 2, "hat": 1}


def verdict(records: list[str], stock: dict[str, int] = STOCK, noticed: int = 0) -> Figures:
    return judge(["accepted"] * 3 + ["declined", "timeout"], CHARGES, records, stock, noticed, swallowed=1)


def test_a_perfect_run() -> None:
    figures = verdict(["c3", "c1", "c2"])
    assert (figures.charges, figures.recorded, figures.pressed, figures.accepted) == (3, 3, 5, 3)
    assert (figures.lost, figures.doubled, figures.invented, figures.oversold) == (0, 0, 0, 0)


def test_each_fault_is_counted_as_what_it_is() -> None:
    figures = verdict(["c1", "c1", "c1", "c2", "c9"])
    assert (figures.lost, figures.doubled, figures.invented, figures.unanswered) == (1, 2, 1, 1)


def test_units_beyond_the_stock_count_by_product() -> None:
    assert verdict([], stock={"duck": 1, "hat": 5}, noticed=1).oversold == 1


def test_a_run_that_is_not_over_is_not_judged() -> None:
    with pytest.raises(ValueError, match="still waits"):
        judge([None], {}, [], {}, 0, 0)


def test_the_seed_alone_decides() -> None:
    assert draw_schedule(40, 7) == draw_schedule(40, 7)
    assert draw_schedule(40, 7) != draw_schedule(40, 8)


def test_more_buyers_press_than_there_are_units_and_at_the_same_moment() -> None:
    lives = draw_schedule(40, 7).lives
    drop = [life for life in lives if life.sku == "drop-001"]
    pressed = [len(m.buyer_ids) for life in drop for m in life.moments if m.what == "press"]
    assert len(drop) == LIVES_PER_DROP
    assert sum(pressed) > UNITS_PER_DROP and max(pressed) >= 3


def test_nobody_pays_before_they_pressed_or_twice() -> None:
    schedule = draw_schedule(200, 7)
    pressed: set[int] = set()
    paid: list[int] = []
    for life in schedule.lives:
        for moment in life.moments:
            if moment.what == "press":
                pressed.update(moment.buyer_ids)
            else:
                assert pressed.issuperset(moment.buyer_ids)
                paid.extend(moment.buyer_ids)
    assert len(paid) == len(set(paid)) and schedule.payers.issuperset(paid)


def test_kills_come_in_every_phase() -> None:
    assert {life.death for life in draw_schedule(60, 1).lives} == {"serving", "catching up", "starting"}
