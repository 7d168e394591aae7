"""`apay listen`: starts the rest, keeps it going, and stops it.

Knows the order of a start, which tasks run beside each other, and the order of a stop. Never a rule, never
SQL, never how things look.

    poller ──batch──> processor (in the writer's thread) ──answers──> sender ──results──> ledger
    beside them: expiry of reservations, the stock file, the heartbeat

A stop is a polite kill -9: whatever it leaves undone is found on disk by the next start.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Refused
from apaycli.clock import Clock
from apaycli.core.decide import Shop
from apaycli.core.incoming import Ignored, InlineQuery, PreCheckoutQuery, ShippingQuery
from apaycli.core.invoice import NewIds
from apaycli.core.model import User
from apaycli.crashpoints import reach
from apaycli.errors import ApayError, LedgerError, LedgerLost, LedgerUnavailable
from apaycli.listen import events
from apaycli.listen.delivery import ANSWER_SECONDS_MAX
from apaycli.listen.inbox import Inbox
from apaycli.listen.notices import Notifier
from apaycli.listen.pace import Pace
from apaycli.listen.polling import REACH_SECONDS_MAX, Poller, backoff_seconds
from apaycli.listen.processor import Answer, Processor, Received, Recorded, asked_in, key_of, queries_first
from apaycli.listen.replies import Replies
from apaycli.listen.rotation import RotatingApi
from apaycli.listen.sender import Sender
from apaycli.listen.setting import Setting
from apaycli.listen.standstill import Standstill
from apaycli.listen.upkeep import Upkeep, cancelled, to_its_end
from apaycli.listen.writer import T, Writer
from apaycli.store.protocol import Store
from apaycli.store.values import AnswerResult

_DECIDE_SECONDS_MAX = 7.0  # then the query is declined without a record, while there is time to say so
_REFUSAL_SECONDS = 3.0
_DRAIN_SECONDS_MAX = 5.0
_SAVING_TRIES_MAX = 8
_SAVING_PAUSE_SECONDS = 0.25
_ROOM_SECONDS = 1.0  # a refusal takes a moment to be taken; the next look comes anyway
# Telegram forgets an inline query after 30 seconds, and whoever types goes on typing.
_NEED_NO_RECORD = (PreCheckoutQuery, ShippingQuery, InlineQuery, Ignored)
_RESEND_MILLISECONDS = 10_000  # Telegram waits 10 seconds for an answer; an older one is not worth a request


class Listener:
    """One run. Make it inside a running event loop and await `run`."""

    def __init__(
        self,
        api: AsyncBotApi,
        store: Store,
        writer: Writer,
        shop: Shop,
        setting: Setting,
        clock: Clock,
        emit: events.Emit,
        new_ids: NewIds,
        chance: random.Random,
    ) -> None:
        fresh_token = setting.fresh_token
        self._api = api if fresh_token is None else RotatingApi(api, fresh_token, clock, emit)
        self._store, self._writer = store, writer
        self._shop, self._setting, self._clock, self._emit = shop, setting, clock, emit
        self._new_ids, self._chance = new_ids, chance
        self._stopping = asyncio.Event()
        self._standstill = Standstill(clock, emit)
        self._declined_unrecorded: dict[str, asyncio.Task[None]] = {}  # by `key_of`
        self._inbox = Inbox(setting.inbox)
        self._kept: list[Received] = []  # what is in it
        self._ended_by: LedgerError | None = None

    def stop(self) -> None:
        """Take nothing more, finish what was begun. May be called from a signal handler."""
        self._stopping.set()

    def _end(self, error: LedgerError) -> None:
        """Stop in order, then tell the first error."""
        self._ended_by = self._ended_by or error
        self._stopping.set()

    async def run(self) -> None:
        """Returns after `stop`, or after everything is worked off with `once`. Raises what ends a listener."""
        ended_by: ApayError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._work(tasks)
        except BaseExceptionGroup as group:  # raised inside `except*`, an error is wrapped again by Python 3.11.2
            ours, others = group.split(ApayError)
            if ours is None or others is not None:
                raise
            ended_by = _first(ours)
        if ended_by is not None:
            raise ended_by
        self._emit(events.Stopped(self._clock.now()))

    async def _work(self, tasks: asyncio.TaskGroup) -> None:
        processor = Processor(self._store, self._shop, self._clock, self._new_ids)
        upkeep = Upkeep(
            self._store,
            self._writer,
            self._clock,
            self._emit,
            self._setting,
            tasks,
            self._end,
            self._standstill,
            self._shop.notify_chat,
        )
        pace = Pace(self._clock)
        replies = Replies(self._api, self._clock, self._emit, pace, self._setting.provider_token)
        sender = Sender(
            self._api, self._clock, tasks, upkeep.note_result, self._emit, self._setting.provider_token, replies
        )
        poller = Poller(
            self._api,
            self._clock,
            self._emit,
            self._sleep,
            self._chance,
            self._setting.poll_timeout_seconds,
            self._store.refuse_lost_files,
        )
        await self._recover(sender, upkeep)
        upkeep.start(processor, poller.caught_up)
        upkeep.run_beside(replies.run())
        upkeep.run_beside(Notifier(self._api, self._store, self._writer, self._clock, self._emit, pace).run())
        taking = tasks.create_task(self._take(poller, processor, sender, upkeep))
        stopping = tasks.create_task(self._stopping.wait())
        await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await cancelled(taking, stopping)
        await sender.drain(_DRAIN_SECONDS_MAX)
        if self._ended_by is not None:
            if isinstance(self._ended_by, LedgerLost):
                await self._save_kept(processor)
            raise self._ended_by
        reach("before_stop_recorded")
        with suppress(LedgerUnavailable):  # that the run has ended stays unsaid, as after a kill
            await upkeep.stop()
        try:
            await poller.confirm()
        except LedgerError:
            raise
        except ApayError:
            pass  # it comes again, and is found on disk

    async def _save_kept(self, processor: Processor) -> None:
        """Telegram has forgotten what is in the inbox, and the inbox may have gone with the ledger. What is recorded
        now is saved with the ledger, wherever it is; while it is still locked, the inbox is written again."""
        for _ in range(_SAVING_TRIES_MAX if self._kept else 0):
            try:
                await self._writer.run(lambda: processor.record(self._kept, self._declined_unrecorded))
            except LedgerUnavailable:
                await self._sleep(_SAVING_PAUSE_SECONDS)
            except LedgerLost:
                return  # told after the commit
            else:
                return
        self._inbox.forget()
        await self._writer.run(partial(self._inbox.keep, [each.raw for each in self._kept]))

    # -- a start -------------------------------------------------------------------------------------------------

    async def _connect(self, poller: Poller) -> str:
        """The bot's username, once Telegram has told it and no webhook stands in the way."""
        bot = await self._until_reached(lambda: self._api.call("getMe", {}, REACH_SECONDS_MAX))
        await self._until_reached(lambda: poller.refuse_webhook(take_over=self._setting.take_over))
        return str(bot.get("username", "")) if isinstance(bot, dict) else ""

    async def _until_reached(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Telegram may be out of reach when the machine boots: keep asking, and say so."""
        failures = 0
        while True:
            try:
                return await ask()
            except (NotSent, OutcomeUnknown, Refused) as failure:
                if isinstance(failure, Refused) and failure.retry_after is None:
                    raise
                failures += 1
                seconds = max(getattr(failure, "retry_after", None) or 0, backoff_seconds(failures, self._chance))
                self._emit(events.Trouble(self._clock.now(), failure.message, failure.hint, round(seconds, 1)))
                await self._sleep(seconds)

    async def _recover(self, sender: Sender, upkeep: Upkeep) -> None:
        """Read from disk where the last run ended: what to answer again, what has expired, how long nobody listened."""
        now, arrived = self._clock.now(), self._clock.monotonic()
        last = await self._writer.run(self._store.last_run)
        waiting = await self._writer.run(lambda: self._store.open_answers(now - _RESEND_MILLISECONDS))
        expired = await self._writer.run(lambda: self._store.reservations_due(now))
        seen = (last.last_contact_at or last.started_at) if last else None
        away = max(0, now - seen) if seen is not None else None
        self._emit(events.Started(now, self._shop.mode, away, len(waiting), expired))
        reach("ledger_opened")
        await upkeep.start_run(self._shop.mode, seen)
        reach("run_recorded")
        for gap in await self._writer.run(self._store.gaps):
            self._emit(events.GapFound(now, gap.from_at, gap.until_at))
        for open_answer in waiting:
            spent = max(0, now - open_answer.decided_at) / 1000
            query_id = open_answer.decision.pre_checkout_query_id
            query = PreCheckoutQuery(0, query_id, User(open_answer.buyer_id), None, None, "")
            sender.send(Answer(query, open_answer.decision, None, fresh=False), arrived - spent)

    # -- taking updates ------------------------------------------------------------------------------------------

    async def _take(self, poller: Poller, processor: Processor, sender: Sender, upkeep: Upkeep) -> None:
        processor.bot_username = await self._connect(poller)
        self._kept = processor.parse(self._inbox.read())
        try:
            await self._take_batches(poller, processor, sender, upkeep)
        except LedgerLost as error:
            self._end(error)  # in order: what was decided is still answered, and nothing more is confirmed

    async def _take_batches(self, poller: Poller, processor: Processor, sender: Sender, upkeep: Upkeep) -> None:
        ready = False
        async for raws in poller.batches(once=self._setting.once):
            upkeep.note_contact()
            if not ready:
                ready = True
                self._emit(events.Ready(self._clock.now(), processor.bot_username))
            if raws or self._kept:
                batch = processor.parse(raws)
                ids = [received.update.update_id for received in batch]
                if await self._take_batch(processor, sender, upkeep, batch):
                    poller.confirm_first(len(ids), ids)
                else:
                    poller.not_recorded()
                    if poller.full:
                        poller.confirm_first(await self._make_room(batch), ids)
            if self._stopping.is_set():
                return

    async def _take_batch(
        self, processor: Processor, sender: Sender, upkeep: Upkeep, batch: Sequence[Received]
    ) -> bool:
        """Whether all of it is in the ledger, with what was kept before. False: it stays, and comes again."""
        arrived = self._clock.monotonic()
        reach("batch_received")
        try:
            for group in queries_first([*self._kept, *batch]):
                # A stop waits for the open transaction: its answers are still sent.
                await to_its_end(self._take_group(processor, sender, upkeep, group, arrived))
                reach("queries_committed_before_the_rest")
        except LedgerError as error:
            if self._setting.once or not isinstance(error, LedgerUnavailable):
                await sender.drain(_DRAIN_SECONDS_MAX)  # the run ends with this, and every task of it
                raise
            self._standstill.failed(error)
            return False
        self._standstill.worked()
        if self._kept:
            self._kept = []
            self._inbox.clear()
        return True

    async def _make_room(self, batch: Sequence[Received]) -> int:
        """How many, from the first on, Telegram may forget although they have no record, so that those behind a full
        reply are seen: queries whose refusal Telegram has, or takes no more; what nobody will miss; and the rest once
        it is in the inbox."""
        refusals = {task for each in batch for task in self._refusals(each) if not task.done()}
        if refusals:
            await asyncio.wait(refusals, timeout=_ROOM_SECONDS)
        rest = [each for each in batch if not isinstance(each.update, _NEED_NO_RECORD)]
        if await self._writer.run(partial(self._inbox.keep, [each.raw for each in rest])):
            known = {each.raw for each in self._kept}
            self._kept += [each for each in rest if each.raw not in known]
            rest = []
        stays = (place for place, each in enumerate(batch) if each in rest or not self._is_answered(each))
        return next(stays, len(batch))

    def _refusals(self, received: Received) -> "list[asyncio.Task[None]]":
        keys = map(key_of, asked_in(received.update))
        return [self._declined_unrecorded[key] for key in keys if key in self._declined_unrecorded]

    def _is_answered(self, received: Received) -> bool:
        refusals = self._refusals(received)
        return len(refusals) == len(asked_in(received.update)) and all(task.done() for task in refusals)

    async def _take_group(
        self, processor: Processor, sender: Sender, upkeep: Upkeep, group: Sequence[Received], arrived: float
    ) -> None:
        """Record one group; say what is durable. Whatever stands in the way, no query stays without an answer."""
        recording = asyncio.ensure_future(self._writer.run(lambda: processor.record(group, self._declined_unrecorded)))
        left = arrived + _DECIDE_SECONDS_MAX - self._clock.monotonic()
        await asyncio.wait({recording}, timeout=max(0.0, left))
        if not recording.done():
            self._decline_unrecorded(processor, sender, group, arrived)
        try:
            recorded = await recording
        except LedgerError:
            self._decline_unrecorded(processor, sender, group, arrived)
            raise
        reach("after_commit_before_answer")
        self._say(recorded, sender, upkeep, arrived)

    def _say(self, recorded: Recorded, sender: Sender, upkeep: Upkeep, arrived: float) -> None:
        for answer in recorded.answers:
            query_id = answer.query.pre_checkout_query_id
            if query_id not in self._declined_unrecorded:
                task = sender.send(answer, arrived)
                if not answer.recorded:
                    self._declined_unrecorded[query_id] = task
            elif answer.fresh and answer.recorded:
                # Recorded just too late: the buyer was told no. What it reserved was never promised to anybody.
                milliseconds = round((self._clock.monotonic() - arrived) * 1000)
                upkeep.note_result(AnswerResult(query_id, "failed", self._clock.now(), milliseconds, release=True))
        for effect in recorded.effects:
            sender.perform(effect, arrived)
        for event in recorded.events:
            self._emit(event)

    def _decline_unrecorded(
        self, processor: Processor, sender: Sender, group: Sequence[Received], arrived: float
    ) -> None:
        """The ledger cannot promise anything in time. A refusal needs no record; it is remembered, so that a
        record made too late is never sent after it."""
        # It is sent even when the time for an accept is over: it may still be read.
        counted_from = max(arrived, self._clock.monotonic() - ANSWER_SECONDS_MAX + _REFUSAL_SECONDS)
        for query in (query for received in group for query in asked_in(received.update)):
            key = key_of(query)
            if key in self._declined_unrecorded:
                continue
            if isinstance(query, ShippingQuery):
                refusal = sender.answer_shipping(processor.refuse_shipping(query), counted_from)
            else:
                refusal = sender.send(processor.refuse_unrecorded(query), counted_from)
            self._declined_unrecorded[key] = refusal

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _first(group: BaseExceptionGroup[ApayError]) -> ApayError:
    """The one error a person is told: a task group wraps even a single one."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, ApayError):
        raise TypeError("a group of ApayError holds something else") from error
    return error
