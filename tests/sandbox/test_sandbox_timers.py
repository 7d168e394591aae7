"""Timers: what is due, in which turn, and when the alarm must be set again."""

from apaycli.sandbox.timers import Timers


def test_due_ones_run_in_turn() -> None:
    timers, seen = Timers(), []
    for deadline, name in ((2.0, "b"), (1.0, "a"), (2.0, "c"), (3.0, "d")):
        timers.at(deadline, lambda name=name: seen.append(name))
    assert timers.run_due(2.0) == 3
    assert seen == ["a", "b", "c"]
    assert timers.next_deadline() == 3.0


def test_an_action_may_set_another() -> None:
    timers, seen = Timers(), []
    timers.at(1.0, lambda: timers.at(1.5, lambda: seen.append("later")))
    timers.run_due(2.0)
    assert seen == ["later"]


def test_cancelled_ones_do_not_run_and_are_no_deadline() -> None:
    timers, seen = Timers(), []
    timer = timers.at(1.0, lambda: seen.append("x"))
    timers.at(2.0, lambda: None)
    timer.cancel()
    assert timers.next_deadline() == 2.0
    assert (timers.run_due(5.0), seen, timers.next_deadline()) == (1, [], None)


def test_told_only_when_the_earliest_moves_forward() -> None:
    timers, calls = Timers(), []
    timers.on_earlier = lambda: calls.append(timers.next_deadline())
    for deadline in (5.0, 7.0, 3.0, 3.0):
        timers.at(deadline, lambda: None)
    assert calls == [5.0, 3.0]
