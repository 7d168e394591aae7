"""Timers: what will happen later on the world's monotonic clock.

Knows deadlines and callbacks. Must never know what the callbacks do, and never waits: somebody else looks at
`next_deadline` and calls `run_due` when that moment has come.
"""

import heapq
from collections.abc import Callable


class Timer:
    """One thing to do later. Cancelling is cheap: the entry stays in the heap and is skipped."""

    def __init__(self, deadline: float, action: Callable[[], None]) -> None:
        self.deadline = deadline
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """A heap of timers. Equal deadlines run as they were set, first come first served."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        # Called whenever the earliest deadline moved forward, so that a server can re-arm its own alarm.
        self.on_earlier: Callable[[], None] | None = None

    def at(self, deadline: float, action: Callable[[], None]) -> Timer:
        before = self.next_deadline()
        timer = Timer(deadline, action)
        self._serial += 1
        heapq.heappush(self._heap, (deadline, self._serial, timer))
        if self.on_earlier is not None and (before is None or deadline < before):
            self.on_earlier()
        return timer

    def next_deadline(self) -> float | None:
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run_due(self, now: float) -> int:
        """Run everything due at `now`, also what the actions themselves add. Returns how many ran."""
        count = 0
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            heapq.heappop(self._heap)[2].action()
            count += 1
        return count
