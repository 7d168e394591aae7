"""Which late answers have an excuse.

Knows windows of time and the ten seconds of a query; never what happened in them.

A buyer waits ten seconds. What an outage, a kill, a lock, a pause that Telegram named or a standstill of this machine
took of these ten seconds is added up, overlaps once. **Less than five seconds taken away is no excuse**: the listener
had the other five. So a single outage of under five seconds never excuses anybody, however it falls, and one of a
minute excuses only those who lost five seconds to it. Kinds:

    outage   every request fails; short ones (under 5 s) and long ones
    held     a poll, or its reply, was swallowed or slow for so long, always under 5 s
    429      getUpdates was told to wait so many whole seconds
    kill     from the kill, or the end, of the listener to the first request of the next one, getMe
    lock     another program holds the ledger's write lock
    stall    the listener or the sandbox waited for a core of this machine, half of the time (`soak_machine.py`)

Requests that fail at once, and answers that are lost, slow or silent, are no window: they excuse nothing.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

PATIENCE_SECONDS = 10.0
TAKEN_SECONDS_MAX = 5.0


@dataclass
class Window:
    """[begin, end) in monotonic seconds; a window that is still open ends never."""

    kind: str
    begin: float
    end: float = inf

    def overlap(self, begin: float, end: float) -> float:
        return max(0.0, min(self.end, end) - max(self.begin, begin))


def sums(windows: Iterable[Window]) -> Counter[str]:
    """Whole seconds by kind, overlaps counted for each."""
    total = Counter[str]()
    for window in windows:
        total[window.kind] += window.end - window.begin  # type: ignore[assignment]
    return Counter({kind: round(seconds) for kind, seconds in total.items()})


def taken_seconds(asked: float, windows: Iterable[Window]) -> float:
    """How much of the ten seconds from `asked` on lies in any of the windows."""
    taken, reached = 0.0, asked
    for window in sorted(windows, key=lambda window: window.begin):
        taken += window.overlap(reached, asked + PATIENCE_SECONDS)
        reached = max(reached, min(window.end, asked + PATIENCE_SECONDS))
    return taken


def excuse(asked: float, windows: Iterable[Window]) -> str:
    """The kind of window that took the most, where all together took enough; "" without an excuse."""
    near = [window for window in windows if window.overlap(asked, asked + PATIENCE_SECONDS)]
    if taken_seconds(asked, near) < TAKEN_SECONDS_MAX:
        return ""
    sums = Counter[str]()
    for window in near:
        sums[window.kind] += window.overlap(asked, asked + PATIENCE_SECONDS)  # type: ignore[assignment]
    return max(sums, key=lambda kind: sums[kind])
