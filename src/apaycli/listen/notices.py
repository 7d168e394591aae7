"""Messages to the merchant's own chat: what waits in the ledger, some sentences to a message.

Knows the pace and when to try again; never what a sentence says, and never in the path of an answer. A sentence
goes when Telegram took it: told at least once. One that nobody took for a day is dropped; the ledger has the facts.
"""

import asyncio

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Refused
from apaycli.botapi.methods import send_notice
from apaycli.clock import Clock
from apaycli.core.notices import KEPT_MILLISECONDS, message_of
from apaycli.crashpoints import reach
from apaycli.errors import LedgerUnavailable
from apaycli.listen import events
from apaycli.listen.writer import Writer, until_written
from apaycli.store.protocol import Notice, Store

PACE_SECONDS = 3.0  # a group takes 20 messages a minute, a chat one a second
_SEND_SECONDS_MAX = 10.0
_PAUSE_SECONDS_MAX = 600.0
_AT_ONCE_MAX = 100


class Notifier:
    """Delivers notices to `chat`, one message at a time."""

    def __init__(
        self, api: AsyncBotApi, store: Store, writer: Writer, clock: Clock, emit: events.Emit, chat: str
    ) -> None:
        self._api, self._store, self._writer = api, store, writer
        self._clock, self._emit, self._chat = clock, emit, chat
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(await self._deliver_some())

    async def _deliver_some(self) -> float:
        """One message, if anything waits. Returns the seconds until the next look."""
        try:
            waiting = await self._writer.run(lambda: self._store.notices(_AT_ONCE_MAX))
        except LedgerUnavailable:
            return PACE_SECONDS
        old = [each.notice_id for each in waiting if self._clock.now() - each.created_at > KEPT_MILLISECONDS]
        fresh = [each for each in waiting if each.notice_id not in old]
        if old:
            await self._remove(old)
        if not fresh:
            return PACE_SECONDS
        return await self._send(fresh)

    async def _send(self, notices: list[Notice]) -> float:
        text, count = message_of([notice.text for notice in notices])
        try:
            await self._api.call("sendMessage", send_notice(self._chat, text), _SEND_SECONDS_MAX)
        except (Refused, OutcomeUnknown, NotSent) as failure:
            return self._later(failure, len(notices))
        self._failures = 0
        reach("notice_sent_before_its_record")
        await self._remove([notice.notice_id for notice in notices[:count]])
        return PACE_SECONDS

    def _later(self, failure: Refused | OutcomeUnknown | NotSent, waiting: int) -> float:
        self._failures += 1
        asked = getattr(failure, "retry_after", None) or 0
        if isinstance(failure, Refused) and not asked:
            hint = "; is the bot in that chat, or has its owner pressed Start? ([notify] chat)"
            self._emit(events.NoticesRefused(self._clock.now(), waiting, failure.message + hint))
        pause: float = min(_PAUSE_SECONDS_MAX, PACE_SECONDS * 2 ** min(self._failures, 10))
        return max(asked, pause)

    async def _remove(self, notice_ids: list[int]) -> None:
        def remove() -> None:
            with self._store.transaction() as tx:
                tx.remove_notices(notice_ids)

        await until_written(self._writer, remove)
