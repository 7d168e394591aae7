"""Which late answer has an excuse: half of the ten seconds must have been taken away. And what a standstill is."""

import os

import pytest
from soak_machine import Machine, waited_seconds
from soak_time import Window, excuse, taken_seconds


@pytest.mark.parametrize(
    ("windows", "taken", "kind"),
    [
        ([], 0.0, ""),
        # A single outage of under five seconds is no excuse, wherever it falls.
        ([("outage", 100.0, 104.9)], 4.9, ""),
        ([("outage", 105.0, 109.9)], 4.9, ""),
        ([("outage", 103.0, 107.5)], 4.5, ""),
        # A long one excuses those alone who lost five seconds to it.
        ([("outage", 80.0, 140.0)], 10.0, "outage"),
        ([("outage", 80.0, 104.9)], 4.9, ""),
        ([("outage", 80.0, 105.0)], 5.0, "outage"),
        ([("outage", 105.1, 140.0)], 4.9, ""),
        ([("kill", 104.0, float("inf"))], 6.0, "kill"),
        ([("outage", 10.0, 100.0), ("outage", 110.0, 200.0)], 0.0, ""),
        # Together, and overlaps once.
        ([("outage", 100.0, 103.0), ("kill", 104.0, 106.5)], 5.5, "outage"),
        ([("outage", 100.0, 104.0), ("kill", 101.0, 104.0), ("lock", 100.0, 104.0)], 4.0, ""),
        ([("lock", 102.0, 104.0), ("kill", 100.0, 106.0), ("outage", 105.0, 107.0)], 7.0, "kill"),
        ([("kill", 106.0, 108.0), ("outage", 100.0, 103.5)], 5.5, "outage"),
    ],
)
def test_less_than_half_of_the_time_taken_is_no_excuse(
    windows: list[tuple[str, float, float]], taken: float, kind: str
) -> None:
    given = [Window(*window) for window in windows]
    assert taken_seconds(100.0, given) == pytest.approx(taken)
    assert excuse(100.0, given) == kind


def test_a_machine_that_keeps_a_process_waiting_stands_still() -> None:
    windows: list[Window] = []
    machine = Machine(windows, lambda: None)
    for begin, end, waited in (
        (0.0, 0.5, {1: 0.2}),
        (0.5, 1.0, {1: 0.3, 2: 0.1}),
        (1.0, 1.5, {1: 0.3, 2: 0.4}),
        (1.5, 2.0, {1: 0.7, 2: 0.4}),
        (2.0, 2.5, {1: 0.7, 3: 0.0}),
        (2.5, 4.0, {1: 0.7, 3: 0.0}),
    ):
        machine.look(begin, end, waited)
    assert windows == [Window("stall", 1.0, 2.0), Window("stall", 2.5, 4.0)]


def test_the_kernel_counts_how_long_a_process_waited() -> None:
    assert waited_seconds(os.getpid()) >= 0.0
    assert waited_seconds(2**22 + 1) == 0.0
