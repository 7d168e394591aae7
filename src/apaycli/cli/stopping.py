"""How a command that runs a loop is stopped: the first signal politely, the second one at once.

Knows signals; never what is stopped. Both ways are as safe as kill -9.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by_signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Inside, in a running loop, the first of SIGTERM, SIGINT or SIGHUP calls `stop` with its number, from the loop: a
    handler that waited for a lock might have interrupted its holder. A signal that is ignored (`nohup`) stays so."""
    asked = False

    def handle(number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True
        loop.call_soon_threadsafe(stop, number)

    loop = asyncio.get_running_loop()
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
