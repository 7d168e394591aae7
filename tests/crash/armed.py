"""Starts the program itself, with a named moment at which it ends as kill -9 would.

Knows `crashpoints.on_reach` and the wall clock of the process; never what the program does. Whatever runs here is
`apaycli.__main__.main` with the remaining arguments, as the installed program runs it:

    python armed.py POINT TIME AHEAD ARGUMENTS...

POINT may be empty, TIME is which of its reaches is deadly, AHEAD moves the wall clock by so many seconds.
"""

import os
import signal
import sys
from pathlib import Path


def arm(point: str, time: int, ahead: int) -> None:
    """From now on the `time`th reach of `point` is the end of this process, and it is `ahead` seconds later."""
    from apaycli import clock, crashpoints

    reached = 0

    def die(name: str) -> None:
        nonlocal reached
        reached += name == point
        if name == point and reached == time:
            os.kill(os.getpid(), signal.SIGKILL)

    if point:
        assert point in crashpoints.POINTS, f"no such point: {point}"
        crashpoints.on_reach = die
    if ahead:
        now = clock.SystemClock.now
        clock.SystemClock.now = lambda self: now(self) + ahead * 1000  # type: ignore[method-assign]


def run_program(arguments: list[str]) -> None:
    from apaycli.__main__ import main

    sys.argv = ["apay", *arguments]
    main()


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]
    arm(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    run_program(sys.argv[4:])
