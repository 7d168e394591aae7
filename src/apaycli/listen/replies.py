"""Messages of the conversation on their way out: each chat in turn, none that floods the others.

Knows how many may wait, and that each gets one attempt. Never in the way of an answer to a query. Whoever sends a
hundred commands gets the replies to the last few; when thousands write at once, those who came last get none. Nothing
of it touches money: what was promised stands in the ledger.
"""

import asyncio
from collections import OrderedDict, deque

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Refused
from apaycli.botapi.methods import request_of
from apaycli.clock import Clock
from apaycli.core.conversation import Effect, Message
from apaycli.listen import events
from apaycli.listen.pace import Pace

_CHATS_MAX = 1_000  # at Telegram's pace half a minute's messages
_OF_ONE_CHAT_MAX = 6  # the terms may be long: several messages
_WORKERS = 8
_SEND_SECONDS_MAX = 8.0
_TOLD_EVERY_SECONDS = 10.0


class Replies:
    """What waits, by chat. `run` sends until it is cancelled; what then waits is not sent."""

    def __init__(self, api: AsyncBotApi, clock: Clock, emit: events.Emit, pace: Pace, provider_token: str) -> None:
        self._api, self._clock, self._emit, self._pace = api, clock, emit, pace
        self._provider_token = provider_token
        self._waiting: OrderedDict[int, deque[Message]] = OrderedDict()
        self._something = asyncio.Event()
        self._dropped = 0
        self._told_at = float("-inf")

    def add(self, message: Message) -> None:
        queue = self._waiting.get(message.chat_id)
        if queue is None:
            if len(self._waiting) >= _CHATS_MAX:
                self._drop()
                return
            queue = self._waiting[message.chat_id] = deque()
        queue.append(message)
        if len(queue) > _OF_ONE_CHAT_MAX:
            queue.popleft()
            self._drop()
        self._something.set()

    def _drop(self) -> None:
        self._dropped += 1
        if self._clock.monotonic() - self._told_at >= _TOLD_EVERY_SECONDS:
            self._told_at = self._clock.monotonic()
            self._emit(events.RepliesDropped(self._clock.now(), self._dropped))
            self._dropped = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as workers:
            for _ in range(_WORKERS):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._something.wait()
            taken = self._take()
            if taken is None:
                await self._until_one_is_due()
                continue
            chat_id, message = taken
            await self._pace.turn(str(chat_id))
            wait = await perform_once(self._api, message, self._provider_token, self._clock, self._emit)
            if wait:
                self._pace.hold(str(chat_id), wait)

    def _take(self) -> tuple[int, Message] | None:
        """The longest waiting message whose chat may have one now."""
        now = self._clock.monotonic()
        chat_id = next((each for each in self._waiting if self._pace.due(str(each)) <= now), None)
        if chat_id is None:
            return None
        queue = self._waiting.pop(chat_id)
        message = queue.popleft()
        if queue:
            self._waiting[chat_id] = queue
        elif not self._waiting:
            self._something.clear()
        return chat_id, message

    async def _until_one_is_due(self) -> None:
        if not self._waiting:
            self._something.clear()
            return
        due = min(self._pace.due(str(chat_id)) for chat_id in self._waiting)
        await asyncio.sleep(max(0.05, due - self._clock.monotonic()))


async def perform_once(
    api: AsyncBotApi, effect: Effect, provider_token: str, clock: Clock, emit: events.Emit
) -> int | None:
    """One attempt. Returns for how many seconds Telegram asked to wait, if it did."""
    error: str | None = None
    retry_after: int | None = None
    method, params = request_of(effect, provider_token)
    try:
        await api.call(method, params, _SEND_SECONDS_MAX)
    except (Refused, OutcomeUnknown, NotSent) as failure:
        error = failure.message
        retry_after = getattr(failure, "retry_after", None)
    emit(events.Replied(clock.now(), method, error))
    return retry_after
