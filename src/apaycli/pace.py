"""How fast a bot may send messages: Telegram's limits, kept before they are told.

Knows the limits (Bots FAQ: about 30 messages a second in all, one a second to a chat, 20 a minute to a group); never
who waits, or what for. Answers to queries and edits are no messages.
"""

from collections import deque

_COUNT_MAX, _WINDOW_SECONDS = 30, 1.02  # a little more than a second: what arrives is not as even as what leaves
_SPACING_SECONDS = 1 / 29.5
_CHAT_SECONDS = 1.1
_GROUP_SECONDS = 3.1


def chat_seconds(chat_id: str) -> float:
    """Between two messages to the same chat; a name may be a group's."""
    return _GROUP_SECONDS if chat_id.startswith(("-", "@")) else _CHAT_SECONDS


class Window:
    """All messages of one process: evenly, and never more than 30 in a second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_COUNT_MAX)
        self._next = 0.0

    def slot(self, now: float) -> float:
        """The monotonic second, from `now` on, in which the next message may leave."""
        full_until = self._times[0] + _WINDOW_SECONDS if len(self._times) == _COUNT_MAX else 0.0
        return max(now, self._next, full_until)

    def take(self, at: float) -> None:
        """A message leaves at `at`. One that left late does not push back all that follow."""
        self._times.append(at)
        self._next = max(self._next + _SPACING_SECONDS, at)

    def hold(self, until: float) -> None:
        """Telegram asked to wait."""
        self._next = max(self._next, until)
