"""Showing what happens, from a thread of its own.

Knows that whoever reads our output may be slow, stall, or go away, and that none of this may hold up an answer
to a buyer. Never knows what is shown: it is handed functions that write.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from apaycli.cli.ending import let_go
from apaycli.cli.output import Output

_WAITING_MAX = 10_000
_CLOSE_SECONDS_MAX = 1.0


class Screen:
    """Writes one after the other. What does not fit any more while a reader stalls is counted and dropped."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING_MAX)
        self._dropped = 0
        self._thread = threading.Thread(target=self._work, name="screen", daemon=True)
        self._thread.start()

    def show(self, write: Callable[[], None]) -> None:
        """Have it written soon; returns at once."""
        try:
            self._waiting.put_nowait(write)
        except queue.Full:
            self._dropped += 1

    def close(self) -> bool:
        """Wait for what is left, a moment. False: a reader stalls, and the thread hangs in its write."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
            self._thread.join(_CLOSE_SECONDS_MAX)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (write := self._waiting.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                self._write(partial(self._output.say, f"apay: {dropped} lines were not shown: nobody read them"))
            self._write(write)

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except BrokenPipeError:
            # Whoever read our output has gone. The shop stays open: a dead log reader must not close it.
            with suppress(BrokenPipeError):
                self._output.say("apay: nobody reads the output any more; going on without it")
            self._let_go_of_lost_readers()
        except OSError as error:
            # A full disk behind `>> events.jsonl` must not close the shop.
            with suppress(OSError):
                self._output.say(f"apay: the output cannot be written: {error.strerror}")

    def _let_go_of_lost_readers(self) -> None:
        """A stream whose reader has gone leads nowhere from now on; the other one is kept."""
        for stream in (self._output.stdout, self._output.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                let_go(stream)
