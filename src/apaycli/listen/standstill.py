"""While the ledger cannot be written: since when, and telling it.

Knows a standstill from a failure: a lock or a full disk passes, and then service goes on by itself. Until then
pre-checkouts are declined, receipts stay unconfirmed at Telegram, and nobody is promised anything.
"""

from apaycli.clock import Clock
from apaycli.errors import LedgerUnavailable
from apaycli.listen import events

_TOLD_AGAIN_SECONDS = 60.0


class Standstill:
    """From the first transaction that met a lock or a full disk to the next one that did not."""

    def __init__(self, clock: Clock, emit: events.Emit) -> None:
        self._clock = clock
        self._emit = emit
        self._since: float | None = None
        self._told = 0.0

    def failed(self, error: LedgerUnavailable) -> None:
        """A transaction was not possible. Told at once, then each minute."""
        now = self._clock.monotonic()
        if self._since is None or now - self._told >= _TOLD_AGAIN_SECONDS:
            self._told = now
            self._emit(events.LedgerStopped(self._clock.now(), error.message))
        if self._since is None:
            self._since = now

    def worked(self) -> None:
        """A transaction was committed."""
        if self._since is not None:
            seconds = self._clock.monotonic() - self._since
            self._since = None
            self._emit(events.LedgerBack(self._clock.now(), round(seconds * 1000)))
