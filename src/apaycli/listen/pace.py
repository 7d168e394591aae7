"""Whose turn it is to send a message: Telegram's limits (`pace.py`), kept before they are told.

Knows who waits for how long; never what is sent.
"""

import asyncio

from apaycli.clock import Clock
from apaycli.pace import Window, chat_seconds

_CHATS_MAX = 10_000


class Pace:
    """One for everything that a process sends as messages."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all = Window()
        self._next_in: dict[str, float] = {}

    def due(self, chat_id: str) -> float:
        """The monotonic second from which this chat may get its next message."""
        return self._next_in.get(chat_id, 0.0)

    async def turn(self, chat_id: str) -> None:
        """Wait until a message may leave to this chat; it counts as sent."""
        now = self._clock.monotonic()
        slot = max(now, self.due(chat_id))
        self._next_in[chat_id] = slot + chat_seconds(chat_id)
        if slot > now:
            await asyncio.sleep(slot - now)
        now = self._clock.monotonic()
        slot = self._all.slot(now)
        self._all.take(slot)
        if slot > now:
            await asyncio.sleep(slot - now)
        if len(self._next_in) > _CHATS_MAX:
            self._forget_the_past()

    def hold(self, chat_id: str, seconds: float) -> None:
        """Telegram asked to wait (`retry_after`) before the next message to this chat."""
        self._next_in[chat_id] = max(self.due(chat_id), self._clock.monotonic() + seconds)

    def _forget_the_past(self) -> None:
        now = self._clock.monotonic()
        self._next_in = {chat_id: due for chat_id, due in self._next_in.items() if due > now}
