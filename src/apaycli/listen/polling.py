"""Long polling: raw updates in, and their confirmation.

Knows getUpdates and what its failures ask for: wait, or stop. Never reads an update, never confirms one
that was not handed back as recorded.

Buyers wait ten seconds: no pause is longer than two, unless Telegram names a longer one.

`offset` confirms: Telegram forgets everything below it. So it is sent only after a batch is on disk, again
until a reply proves that it arrived, and then left out: without it Telegram starts with the oldest update
it still has. There is no offset of our own to keep, and none that could filter.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from apaycli.botapi.client import (
    BODY_BYTES_MAX,
    AsyncBotApi,
    NotSent,
    OutcomeUnknown,
    Refused,
    TokenAwaited,
    TooLarge,
)
from apaycli.botapi.methods import get_updates
from apaycli.clock import Clock
from apaycli.core.update import first_update
from apaycli.crashpoints import reach
from apaycli.errors import AnotherListener, ApayError
from apaycli.listen import events
from apaycli.listen.confirming import confirmation
from apaycli.text import redact, show

_BATCH_MAX = 100
_FULL_BYTES = 3 << 20  # a reply is cut at about 4 MiB, whatever the limit
PAUSE_SECONDS_MAX = 2.0
_CONFLICT_SECONDS = 3.0  # after a 409 Telegram answers nothing earlier: it holds each repeat back for so long
_UNRECORDED_SECONDS = 1
_TOKEN_SECONDS = 2.0  # somebody is putting a new token in place: buyers wait
_BACKLOG_WORTH_TELLING = 1_000
_READ_MARGIN_SECONDS = 10  # the reply may take this much longer than the long poll
REACH_SECONDS_MAX = 15  # a first request pays for its connection: four round trips, of three seconds on a slow network

Sleep = Callable[[float], Awaitable[None]]


def backoff_seconds(attempt: int, chance: random.Random) -> float:
    """1, then 2 seconds, each by up to a quarter less at random: many clients must not come back at once."""
    return (1.0 if attempt == 1 else PAUSE_SECONDS_MAX) * chance.uniform(0.75, 1.0)


class Poller:
    """One conversation with getUpdates. Iterate `batches`; `confirm_first` once one is recorded."""

    def __init__(
        self,
        api: AsyncBotApi,
        clock: Clock,
        emit: events.Emit,
        sleep: Sleep,
        chance: random.Random,
        timeout_seconds: int,
        before_confirm: Callable[[], None],
    ) -> None:
        """`before_confirm` is called at once before each request that confirms, and raises where nothing may be."""
        self._api = api
        self._before_confirm = before_confirm
        self._clock = clock
        self._emit = emit
        self._sleep = sleep
        self._chance = chance
        self._timeout_seconds = timeout_seconds
        self._limit = _BATCH_MAX
        self.full = False  # the last reply: more may wait behind it
        self.offset: int | None = None
        self._is_sure = True  # of the offset
        self._confirmed: int | None = None  # the last id
        # Set from a reply that proves that nothing more waits, once it is recorded, until a poll fails.
        self.caught_up = asyncio.Event()
        self._unrecorded = False

    async def batches(self, *, once: bool) -> AsyncIterator[list[bytes]]:
        """Every good reply's updates, an empty list too. `once`: up to the first that holds nothing to confirm."""
        failures = 0
        rested = False
        while True:
            try:
                raws = await self._poll(self._timeout(once=once))
            except (Refused, OutcomeUnknown, NotSent) as failure:
                failures += 1
                await self._wait_after(failure, failures)
                continue
            failures = 0
            offset_sent = self.offset
            self._unrecorded = False
            yield raws
            # A single update may be one of many: Telegram gives no more where an offset is repeated within half a
            # second, as right after a crash.
            if not self.full and (len(raws) != 1 or rested) and not self._unrecorded:
                self.caught_up.set()
            rested = False
            if self.offset == offset_sent:
                # Nothing new to confirm: the old confirmation has arrived with this reply.
                self.offset = None
                if once:
                    return
                if raws:
                    # They come again at once. Without an id that is for ever; unrecorded, a buyer may be among them.
                    await self._sleep(_UNRECORDED_SECONDS if self._unrecorded else PAUSE_SECONDS_MAX)
                    rested = True

    def _timeout(self, *, once: bool) -> int:
        """Until it is certain that we are connected and that nothing waits, a poll comes back at once. So it does with
        an offset that is not sure, which must not stand while updates come in: they might be below it."""
        if once or (self.offset is not None and not self._is_sure):
            return 0
        if self._unrecorded:
            return _UNRECORDED_SECONDS
        return self._timeout_seconds if self.caught_up.is_set() else 0

    def confirm_first(self, count: int, ids: Sequence[int | None]) -> None:
        """The first `count` of the updates with these ids need not come again: said with the next request."""
        found = confirmation(ids, count, full=self.full, before=self._confirmed)
        if found is not None:
            self.offset, self._is_sure = found
            self._confirmed = self.offset - 1

    def not_recorded(self) -> None:
        """What is in hand is not in the ledger, and may hold receipts: it stays at Telegram, or in the inbox."""
        self._unrecorded = True
        self.caught_up.clear()

    async def _poll(self, timeout_seconds: int) -> list[bytes]:
        """The updates of one good reply. One that is too large, or cannot be cut into updates, is asked for again at
        once, in smaller parts: in the end the update that is in the way stands alone, and is handed on as it came."""
        limit = self._limit
        while True:
            try:
                raws, body = await self._ask(timeout_seconds, limit)
            except TooLarge as reply:
                if limit == 1:
                    alone = first_update(reply.beginning)
                    if alone is None:
                        raise  # whatever it is, it holds no update
                    self.full = True
                    return [alone]
                limit = self._limit = limit // 2
                continue
            if raws is not None or limit == 1:
                self.full = raws is None or len(raws) >= limit or len(body) >= _FULL_BYTES
                if 2 * len(body) <= BODY_BYTES_MAX:
                    self._limit = min(_BATCH_MAX, 2 * self._limit)  # twice as many would have fitted
                return [body] if raws is None else raws
            limit = 1

    async def _ask(self, timeout_seconds: int, limit: int) -> tuple[list[bytes] | None, bytes]:
        params = get_updates(self.offset, timeout_seconds, limit)
        if self.offset is not None:
            self._before_confirm()
            reach("before_confirm")
        seconds = timeout_seconds + _READ_MARGIN_SECONDS if timeout_seconds else REACH_SECONDS_MAX
        reply = await self._api.get_updates(params, seconds)
        if self.offset is not None:
            reach("after_confirm")
        return reply

    async def _wait_after(self, failure: ApayError, failures: int) -> None:
        self.caught_up.clear()
        failed_at = self._clock.monotonic()
        seconds = backoff_seconds(failures, self._chance)
        if isinstance(failure, TokenAwaited):
            seconds = _TOKEN_SECONDS
        if isinstance(failure, Refused):
            if failure.code == 409:
                seconds = _CONFLICT_SECONDS + self._chance.uniform(0, 1)
                with suppress(Refused, OutcomeUnknown, NotSent):
                    await self.refuse_webhook(seconds_max=_CONFLICT_SECONDS)
            elif failure.retry_after is not None:
                seconds = max(seconds, failure.retry_after + self._chance.uniform(0, 1))
        self._emit(events.Trouble(self._clock.now(), failure.message, failure.hint, round(seconds, 1)))
        await self._sleep(max(0.0, failed_at + seconds - self._clock.monotonic()))

    async def refuse_webhook(self, *, take_over: bool = False, seconds_max: float = REACH_SECONDS_MAX) -> None:
        """Raise AnotherListener if a webhook is set, naming it; with `take_over`, remove it and nothing else. The same
        reply says how many updates wait: many are told."""
        info = await self._api.call("getWebhookInfo", {}, seconds_max)
        url = info.get("url") if isinstance(info, dict) else None
        waiting = info.get("pending_update_count") if isinstance(info, dict) else None
        if type(waiting) is int and waiting > _BACKLOG_WORTH_TELLING:
            self._emit(events.Backlog(self._clock.now(), waiting))
        if not url:
            return
        if take_over:
            # Without drop_pending_updates: waiting payments stay.
            await self._api.call("deleteWebhook", {})
            return
        raise AnotherListener(
            f"a webhook is set for this bot: {show(redact(str(url)))}",
            hint="stop whoever uses it, then: apay listen --take-over (removes it; waiting payments stay)",
        )

    async def confirm(self) -> None:
        """The last word at a stop: what is recorded need not come again. Failing to say it costs nothing. Raises what
        `before_confirm` raises."""
        if self.offset is not None:
            self._before_confirm()
            await self._api.get_updates(get_updates(self.offset, 0, 1), 2)
