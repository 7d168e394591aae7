"""Long polling: raw updates in, and their confirmation.

Knows getUpdates and what its failures ask for: wait, or stop. Never reads an update, never confirms one
that was not handed back as recorded.

`offset` confirms: Telegram forgets everything below it. So it is sent only after a batch is on disk, again
until a reply proves that it arrived, and then left out: without it Telegram starts with the oldest update
it still has. There is no offset of our own to keep, and none that could filter.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Refused, TokenAwaited
from apaycli.botapi.methods import get_updates
from apaycli.clock import Clock
from apaycli.crashpoints import reach
from apaycli.errors import AnotherListener, ApayError
from apaycli.listen import events
from apaycli.text import redact, show

_BATCH_MAX = 100
_BACKOFF_SECONDS_MAX = 30.0
_CONFLICT_SECONDS = 4.0
_UNRECORDED_SECONDS = 1.0
_TOKEN_SECONDS = 2.0  # somebody is putting a new token in place: buyers wait
_BACKLOG_WORTH_TELLING = 1_000
_READ_MARGIN_SECONDS = 10  # the reply may take this much longer than the long poll

Sleep = Callable[[float], Awaitable[None]]


def backoff_seconds(attempt: int, chance: random.Random) -> float:
    """1, 2, 4 ... 30 seconds, each by up to a quarter less at random: many clients must not come back at once."""
    return float(min(_BACKOFF_SECONDS_MAX, 0.5 * 2 ** min(attempt, 10)) * chance.uniform(0.75, 1.0))


class Poller:
    """One conversation with getUpdates. Iterate `batches`; set `offset` once a batch is recorded."""

    def __init__(
        self,
        api: AsyncBotApi,
        clock: Clock,
        emit: events.Emit,
        sleep: Sleep,
        chance: random.Random,
        timeout_seconds: int,
    ) -> None:
        self._api = api
        self._clock = clock
        self._emit = emit
        self._sleep = sleep
        self._chance = chance
        self._timeout_seconds = timeout_seconds
        self._limit = _BATCH_MAX
        self.offset: int | None = None
        # Set from a reply that proves that nothing more waits, once it is recorded, until a poll fails.
        self.caught_up = asyncio.Event()
        self._unrecorded = False

    async def batches(self, *, once: bool) -> AsyncIterator[list[bytes]]:
        """Every good reply's updates, an empty list too. `once`: up to the first that holds nothing to confirm."""
        failures = 0
        while True:
            # Until it is certain that we are heard and that nothing waits, a poll comes back at once.
            timeout_seconds = self._timeout_seconds if self.caught_up.is_set() and not once else 0
            try:
                raws = await self._poll(timeout_seconds)
            except (Refused, OutcomeUnknown, NotSent) as failure:
                failures += 1
                await self._wait_after(failure, failures)
                continue
            failures = 0
            offset_sent = self.offset
            self._unrecorded = False
            yield raws
            # A single update may be one of many: so much is given where an offset is repeated within half a second, as
            # right after a crash, and where one at a time was asked for.
            if len(raws) < _BATCH_MAX and len(raws) != 1 and not self._unrecorded:
                self.caught_up.set()
            if self.offset == offset_sent:
                # Nothing new to confirm: the old confirmation has arrived with this reply.
                self.offset = None
                if once:
                    return
                if raws:
                    # They come again at once. Without an id that is for ever; unrecorded, a buyer may be among them.
                    await self._sleep(_UNRECORDED_SECONDS if self._unrecorded else _CONFLICT_SECONDS)

    def not_recorded(self) -> None:
        """The batch in hand is not on disk: it stays at Telegram, and may hold receipts."""
        self._unrecorded = True
        self.caught_up.clear()

    async def _poll(self, timeout_seconds: int) -> list[bytes]:
        params = get_updates(self.offset, timeout_seconds, self._limit)
        if self.offset is not None:
            reach("before_confirm")
        raws, body = await self._api.get_updates(params, timeout_seconds + _READ_MARGIN_SECONDS)
        if self.offset is not None:
            reach("after_confirm")
        if raws is None and self._limit > 1:
            # The reply cannot be cut into updates: one at a time, the broken one stands alone.
            self._limit = 1
            return await self._poll(timeout_seconds)
        self._limit = _BATCH_MAX
        return [body] if raws is None else raws

    async def _wait_after(self, failure: ApayError, failures: int) -> None:
        self.caught_up.clear()
        seconds = backoff_seconds(failures, self._chance)
        if isinstance(failure, TokenAwaited):
            seconds = _TOKEN_SECONDS
        if isinstance(failure, Refused):
            if failure.code == 409:
                with suppress(Refused, OutcomeUnknown, NotSent):
                    await self.refuse_webhook()
                seconds = _CONFLICT_SECONDS + seconds
            elif failure.retry_after is not None:
                seconds = max(seconds, failure.retry_after + self._chance.uniform(0, 1))
            elif failure.code < 429:
                seconds = max(seconds, _CONFLICT_SECONDS)
        self._emit(events.Trouble(self._clock.now(), failure.message, failure.hint, round(seconds, 1)))
        await self._sleep(seconds)

    async def refuse_webhook(self, *, take_over: bool = False) -> None:
        """Raise AnotherListener if a webhook is set, naming it; with `take_over`, remove it and nothing else. The same
        reply says how many updates wait: many are told."""
        info = await self._api.call("getWebhookInfo", {})
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
        """The last word at a stop: what is recorded need not come again. Failing to say it costs nothing."""
        if self.offset is not None:
            await self._api.get_updates(get_updates(self.offset, 0, 1), 2)
