"""An event loop whose time jumps: nothing ever waits, everything happens in order, the same each time.

Knows that `asyncio` asks its selector to wait and its loop for the time; both are answered from one
`ManualClock`. A day of simulated waiting takes as long as what happens in it.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from apaycli.clock import ManualClock

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting, moves the clock to where the waiting would have ended."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("the simulation waits for something that nothing will bring about")
        if timeout > 0:
            # Rounded up to a millisecond, so that wall clock and monotonic clock stay together.
            self._clock.advance(max(0.001, round(timeout + 0.0005, 3)))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__(_JumpingSelector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic()


def run_virtually(clock: ManualClock, main: Coroutine[Any, Any, T]) -> T:
    loop = VirtualLoop(clock)
    try:
        result = loop.run_until_complete(main)
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=1))
        return result
    finally:
        loop.close()
