"""How much this machine keeps a process waiting: the listener is not blamed for cores that others use.

Knows the kernel's count of nanoseconds in which a thread was ready to run and had no core (`schedstat`). Where a
process waited for more than half of a sample's time, the sample is a window of standstill.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from soak_time import Window

_SAMPLE_SECONDS = 0.5
WAITED_SHARE_MAX = 0.5


def waited_seconds(pid: int) -> float:
    """How long the threads of a process have waited for a core so far; 0 for a process that is gone."""
    total = 0
    try:
        for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(stat.read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return total / 1e9


class Machine:
    """A thread that samples the sandbox's process and the listener's."""

    def __init__(self, windows: list[Window], pid_of_listener: Callable[[], int | None]) -> None:
        self._windows, self._pid_of_listener = windows, pid_of_listener
        self._before: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Machine":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(_SAMPLE_SECONDS):
            now = time.monotonic()
            pids = [pid for pid in (os.getpid(), self._pid_of_listener()) if pid is not None]
            self.look(last, now, {pid: waited_seconds(pid) for pid in pids})
            last = now

    def look(self, begin: float, end: float, waited: dict[int, float]) -> None:
        """One sample: seconds waited so far by process. Samples that follow each other make one window."""
        grown = self._most_grown(waited)
        self._before = waited
        late = end - begin > 2 * _SAMPLE_SECONDS  # not even this thread had its turn
        if grown <= WAITED_SHARE_MAX * (end - begin) and not late:
            return
        mine = [window for window in self._windows[-20:] if window.kind == "stall" and window.end == begin]
        if mine:
            mine[0].end = end
        else:
            self._windows.append(Window("stall", begin, end))

    def _most_grown(self, waited: dict[int, float]) -> float:
        grown = (seconds - self._before.get(pid, 0.0) for pid, seconds in waited.items())
        return max(grown, default=0.0)
