"""Messages that wait in the ledger: to the merchant's own chats and to buyers, some sentences to a message.

Knows the pace and when to try again; never what a sentence says, and never in the path of an answer. A sentence
goes when Telegram took it: told at least once. What Telegram refuses to bring to a buyer (who has not started the bot,
or has blocked it) goes, too; the merchant's own is kept for a day, and then dropped: the ledger has the facts.
"""

import asyncio
from collections.abc import Sequence

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Refused
from apaycli.botapi.methods import send_text
from apaycli.clock import Clock
from apaycli.core.notices import KEPT_MILLISECONDS, message_of
from apaycli.crashpoints import reach
from apaycli.errors import LedgerUnavailable
from apaycli.listen import events
from apaycli.listen.pace import Pace
from apaycli.listen.writer import Writer, until_written
from apaycli.store.protocol import Store
from apaycli.store.values import Notice

PACE_SECONDS = 3.0  # how often the ledger is asked while nothing waits
_SEND_SECONDS_MAX = 10.0
_PAUSE_SECONDS_MAX = 600.0
_AT_ONCE_MAX = 100
_CHATS_AT_ONCE = 4


class Notifier:
    """Delivers what waits, a message a chat at a time."""

    def __init__(
        self, api: AsyncBotApi, store: Store, writer: Writer, clock: Clock, emit: events.Emit, pace: Pace
    ) -> None:
        self._api, self._store, self._writer = api, store, writer
        self._clock, self._emit, self._pace = clock, emit, pace
        self._failures: dict[str, int] = {}
        self._again_at: dict[str, float] = {}  # monotonic: a chat that took nothing is left alone until then

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await self._deliver_some():
                await asyncio.sleep(PACE_SECONDS)

    async def _deliver_some(self) -> bool:
        """One message to each of some chats. Returns whether there was anything to deliver."""
        now = self._clock.monotonic()
        self._again_at = {chat_id: at for chat_id, at in self._again_at.items() if at > now}
        try:
            waiting = await self._writer.run(lambda: self._store.notices(_AT_ONCE_MAX, self._again_at.keys()))
        except LedgerUnavailable:
            return False
        old = [each.notice_id for each in waiting if self._clock.now() - each.created_at > KEPT_MILLISECONDS]
        if old:
            await self._remove(old)
        chats: dict[str, list[Notice]] = {}
        for each in waiting:
            if each.notice_id not in old:
                chats.setdefault(each.chat_id, []).append(each)
        few = asyncio.Semaphore(_CHATS_AT_ONCE)
        told = await asyncio.gather(*(self._send(notices, few) for notices in chats.values()))
        done = [notice_id for ids in told for notice_id in ids]
        if done:
            reach("notice_sent_before_its_record")
            await self._remove(done)
        return bool(done)

    async def _send(self, notices: Sequence[Notice], few: asyncio.Semaphore) -> list[int]:
        """The ids that need not be told again."""
        chat_id = notices[0].chat_id
        text, count = message_of([notice.text for notice in notices])
        async with few:
            try:
                moved = await self._writer.run(lambda: self._store.moved_chat(chat_id))
                await self._pace.turn(moved)
                await self._api.call("sendMessage", send_text(moved, text), _SEND_SECONDS_MAX)
            except (Refused, OutcomeUnknown, NotSent, LedgerUnavailable) as failure:
                return await self._not_sent(failure, notices)
        self._failures.pop(chat_id, None)
        return [notice.notice_id for notice in notices[:count]]

    async def _not_sent(
        self, failure: Refused | OutcomeUnknown | NotSent | LedgerUnavailable, notices: Sequence[Notice]
    ) -> list[int]:
        chat_id, audience = notices[0].chat_id, notices[0].audience
        asked = getattr(failure, "retry_after", None) or 0
        if isinstance(failure, Refused) and not asked:
            if failure.migrate_to_chat_id is not None:
                await self._remember_move(chat_id, failure.migrate_to_chat_id)
                return []
            if audience == "buyer":
                self._emit(events.Replied(self._clock.now(), "sendMessage", failure.message))
                return [notice.notice_id for notice in notices]
            hint = "; is the bot in that chat, or has its owner pressed Start? ([notify] chat, [support] forward_to)"
            self._emit(events.NoticesRefused(self._clock.now(), len(notices), failure.message + hint))
        failures = self._failures[chat_id] = self._failures.get(chat_id, 0) + 1
        pause: float = min(_PAUSE_SECONDS_MAX, PACE_SECONDS * 2 ** min(failures, 10))
        self._again_at[chat_id] = self._clock.monotonic() + max(asked, pause)
        return []

    async def _remember_move(self, chat_id: str, migrate_to_chat_id: int) -> None:
        def remember() -> None:
            with self._store.transaction() as tx:
                tx.migrate_chat(int(chat_id), migrate_to_chat_id)

        await until_written(self._writer, remember)

    async def _remove(self, notice_ids: list[int]) -> None:
        def remove() -> None:
            with self._store.transaction() as tx:
                tx.remove_notices(notice_ids)

        await until_written(self._writer, remove)
