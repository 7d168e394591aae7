"""An event loop whose time is a `ManualClock`: whoever sleeps is woken at once, and the clock says how long it was.

Knows asyncio. When nothing can run, the clock is moved to the next timer; a loop in which nothing will ever happen
again is an error and not a hang. Other threads are not waited for: use it with code that needs none.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from apaycli.clock import ManualClock

T = TypeVar("T")


class Stuck(Exception):
    """Every task waits for something that will never come."""


class _JumpingSelector(selectors.DefaultSelector):
    """Where a real loop would wait, the clock jumps."""

    clock: ManualClock

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise Stuck
            if timeout > 0:
                self.clock.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: ManualClock) -> None:
        selector = _JumpingSelector()
        selector.clock = clock
        super().__init__(selector)
        self._manual_clock = clock
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._manual_clock.monotonic()


def run(clock: ManualClock, work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on the clock. Tasks that are left are cancelled before it returns."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(work)
