"""The queue of updates: what Telegram keeps for a bot that has not fetched it yet.

Knows update ids, how long each kind lives, what confirming means and how a batch is cut and written. Must
never know HTTP, long polling or what an update says. Time comes in as milliseconds of the wall clock, because
the real server counts an update's life from the message's date.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from apaycli.sandbox.wire import dump

# Bot API 10.1, type Update, in its sequence.
KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "guest_message",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
)
# "all but chat_member, message_reaction, message_reaction_count" (getUpdates, allowed_updates).
DEFAULT_KINDS = frozenset(KINDS) - {"chat_member", "message_reaction", "message_reaction_count"}

LIFE_SECONDS = {
    "pre_checkout_query": 150,
    "shipping_query": 150,
    "callback_query": 150,
    "inline_query": 30,
    "chosen_inline_result": 600,
}
OTHER_LIFE_SECONDS = 24 * 3600

COUNT_MAX = 100_000  # when the queue is full, new updates are lost [T]
BYTES_MAX = 128 << 20
BATCH_BYTES_MAX = 4 << 20  # one getUpdates reply is cut at about this size [S]
HISTORY_COUNT_MAX = 10_000
# How far past the newest update an offset may point before it counts as "far outside the queue". The
# reference names the rule, not the number; 10 is what TDLib's queue allows.
FUTURE_OFFSET_MAX = 10

PLACEHOLDER = b"@UPDATE_ID@"


@dataclass
class Entry:
    """One queued update. `template` is the whole JSON element with a placeholder where the id belongs."""

    update_id: int
    kind: str
    template: bytes
    expires_at: int
    # A redelivered update must be seen once more even by a listener whose offset has long passed it.
    stubborn: bool = False

    def render(self) -> bytes:
        return self.template.replace(PLACEHOLDER, str(self.update_id).encode(), 1)


def template_for(kind: str, content: Any) -> bytes:
    """`{"update_id":N,` then a raw line feed, then the kind: the real server's layout [S]."""
    return b'{"update_id":' + PLACEHOLDER + b',\n"' + kind.encode() + b'":' + dump(content) + b"}"


class UpdateQueue:
    """Ordered by update id; confirmed entries move to a bounded history, from which they can be sent again."""

    def __init__(self, first_update_id: int) -> None:
        self.next_update_id = first_update_id
        self.allowed_kinds: frozenset[str] = DEFAULT_KINDS
        self.history: deque[Entry] = deque(maxlen=HISTORY_COUNT_MAX)
        self.lost_count = 0
        self._entries: dict[int, Entry] = {}
        self._ids: list[int] = []  # the keys of _entries, sorted
        self._expiry: list[tuple[int, int]] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def pending_ids(self) -> list[int]:
        return list(self._ids)

    def push(self, kind: str, content: Any, now: int) -> int | None:
        """Queue an update. None when its kind is not allowed: such an update is never seen again."""
        if kind not in self.allowed_kinds:
            self.lost_count += 1
            return None
        life = LIFE_SECONDS.get(kind, OTHER_LIFE_SECONDS)
        return self.push_template(kind, template_for(kind, content), now + life * 1000)

    def push_template(self, kind: str, template: bytes, expires_at: int, update_id: int | None = None) -> int | None:
        """Queue bytes as they are, whatever is allowed. `update_id` defaults to the next one."""
        if len(self._entries) >= COUNT_MAX or self._bytes + len(template) > BYTES_MAX:
            self.lost_count += 1
            return None
        if update_id is None:
            update_id = self.next_update_id
            self.next_update_id += 1
        else:
            self.next_update_id = max(self.next_update_id, update_id + 1)
        self._insert(Entry(update_id, kind, template, expires_at))
        return update_id

    def put_back(self, entry: Entry, expires_at: int) -> None:
        """Send a confirmed update once more under its own id, whatever the listener's offset says."""
        if entry.update_id not in self._entries:
            self._insert(Entry(entry.update_id, entry.kind, entry.template, expires_at, stubborn=True))

    def _insert(self, entry: Entry) -> None:
        if entry.update_id in self._entries:
            raise ValueError(f"update {entry.update_id} is already in the queue")
        insort(self._ids, entry.update_id)
        self._entries[entry.update_id] = entry
        self._bytes += len(entry.template)
        heappush(self._expiry, (entry.expires_at, entry.update_id))

    def forget_expired(self, now: int) -> None:
        while self._expiry and self._expiry[0][0] <= now:
            expires_at, update_id = heappop(self._expiry)
            entry = self._entries.get(update_id)
            if entry is not None and entry.expires_at == expires_at:
                del self._ids[bisect_left(self._ids, update_id)]
                self._forget(entry)
                self.lost_count += 1

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.update_id]
        self._bytes -= len(entry.template)

    def confirm(self, offset: int) -> None:
        """Apply `offset` as getUpdates does: everything below it is gone for good.

        Negative counts from the end and forgets what is older. An offset far outside the queue confirms
        nothing: the server starts again with the oldest.
        """
        if offset < 0:
            offset = self.next_update_id + offset
        elif offset > self.next_update_id + FUTURE_OFFSET_MAX:
            return
        cut = bisect_left(self._ids, offset)
        below = [self._entries[update_id] for update_id in self._ids[:cut]]
        self._ids[:cut] = [entry.update_id for entry in below if entry.stubborn]
        for entry in below:
            if not entry.stubborn:
                self._forget(entry)
                self.history.append(entry)

    def _sorted_entries(self) -> Iterator[Entry]:
        return (self._entries[update_id] for update_id in self._ids)

    def batch(self, limit: int) -> list[Entry]:
        """The oldest entries, at most `limit` and about 4 MiB, at least one if there is any."""
        chosen: list[Entry] = []
        size = 0
        for entry in self._sorted_entries():
            size += len(entry.template)
            if len(chosen) == limit or (chosen and size > BATCH_BYTES_MAX):
                break
            entry.stubborn = False
            chosen.append(entry)
        return chosen

    def clear(self) -> None:
        """drop_pending_updates: thrown away unseen."""
        self.lost_count += len(self._entries)
        self._entries.clear()
        self._ids.clear()
        self._expiry.clear()
        self._bytes = 0


def render_batch(entries: list[Entry]) -> bytes:
    return b"[" + b",".join(entry.render() for entry in entries) + b"]"
