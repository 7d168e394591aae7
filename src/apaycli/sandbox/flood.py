"""Flood limits: how much the bot sent, in windows that slide with the clock.

Knows Telegram's published limits (reference, section 1), counts every send, and says how long to wait when one
more would be too many. Must never know what was sent, and never reads a clock: moments come in as seconds of the
world's monotonic one.

A window holds what was sent after `now - seconds`, up to and including `now`. Each send costs a few steps at the
ends of queues, whatever the number of chats, and a chat whose windows are empty is forgotten.
"""

from collections import deque
from dataclasses import dataclass

from apaycli.sandbox.wire import Refusal

# Whole numbers, so that a send after exactly `retry_after` seconds is never one rounding error too early.
MICROSECONDS = 1_000_000
EVERYWHERE = 0  # the key of the one window that counts all chats together


@dataclass(frozen=True)
class Peaks:
    """The largest counts seen in any window: over all chats, in one private chat or channel, in one group."""

    overall_1_second: int
    chat_1_second: int
    chat_3_seconds: int
    group_60_seconds: int

    @property
    def within_limits(self) -> bool:
        """False once more was sent than Telegram would have taken, whether it was refused here or not."""
        return (
            self.overall_1_second <= OVERALL_1_SECOND_MAX
            and self.chat_3_seconds <= CHAT_3_SECONDS_MAX
            and self.group_60_seconds <= GROUP_60_SECONDS_MAX
        )


# "About 30 messages/s overall", "about 1 message/s to one chat (short bursts pass)", "20 messages/min in one
# group" [F]. How short a burst may be is not documented: here three within three seconds, which is one a second.
OVERALL_1_SECOND_MAX = 30
CHAT_3_SECONDS_MAX = 3
GROUP_60_SECONDS_MAX = 20


class Window:
    """The sends of the last `seconds` by key, and the largest count that any key ever had."""

    def __init__(self, seconds: int, count_max: int | None = None) -> None:
        self.peak = 0
        self._count_max = count_max
        self._length = seconds * MICROSECONDS
        self._log: deque[tuple[int, int]] = deque()  # every send as (moment, key), oldest first
        self._moments: dict[int, deque[int]] = {}  # the same by key; no empty ones

    def __len__(self) -> int:
        """How many keys have a send in the window."""
        return len(self._moments)

    def forget(self, now: int) -> None:
        """Drop what has left the window."""
        while self._log and self._log[0][0] <= now - self._length:
            _, key = self._log.popleft()
            moments = self._moments[key]
            moments.popleft()
            if not moments:
                del self._moments[key]

    def wait(self, key: int, now: int) -> int:
        """Microseconds until one more fits, 0 if it does now. Call `forget` first."""
        moments = self._moments.get(key)
        if self._count_max is None or moments is None or len(moments) < self._count_max:
            return 0
        return moments[-self._count_max] + self._length - now

    def add(self, key: int, now: int) -> None:
        self._log.append((now, key))
        moments = self._moments.setdefault(key, deque())
        moments.append(now)
        self.peak = max(self.peak, len(moments))


class FloodCounter:
    """Every send of the bot. Answers of queries and edits are none."""

    def __init__(self) -> None:
        self._overall = Window(1, OVERALL_1_SECOND_MAX)
        # Only looked at, never refused by: "1 message/s", of which short bursts pass.
        self._chat_second = Window(1)
        self._chat = Window(3, CHAT_3_SECONDS_MAX)
        self._group = Window(60, GROUP_60_SECONDS_MAX)
        self._windows = (self._overall, self._chat_second, self._chat, self._group)  # as in Peaks

    def count(self, chat_id: int, is_group: bool, now: float, is_enforced: bool) -> None:
        """Count a send to a chat. Raises Refusal when limits are enforced and this one is too many.

        A refused send was not sent, so it does not count.
        """
        moment = round(now * MICROSECONDS)
        for window in self._windows:
            window.forget(moment)
        touched = [(self._overall, EVERYWHERE)]
        touched += [(self._group, chat_id)] if is_group else [(self._chat_second, chat_id), (self._chat, chat_id)]
        wait = max(window.wait(key, moment) for window, key in touched)
        if is_enforced and wait:
            seconds = -(-wait // MICROSECONDS)  # rounded up
            raise Refusal(429, f"retry after {seconds}", retry_after=seconds)
        for window, key in touched:
            window.add(key, moment)

    def peaks(self) -> Peaks:
        return Peaks(*(window.peak for window in self._windows))

    def remembered_chat_count(self) -> int:
        """How many chats still have something in a window, as of the last send."""
        return len(self._chat) + len(self._group)
