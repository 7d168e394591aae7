"""What is done beside the path of updates: expiry, the stock file, the heartbeat, how answers went, hooks.

Knows when each is due, and that none of it may hold up an answer. Where the ledger fails one of them, the
run ends, in order: a query that was taken is still answered. While the ledger is only locked, or its disk full,
a round is left out; what must not be forgotten is written later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial

from apaycli.clock import Clock
from apaycli.core.model import Mode
from apaycli.core.notices import KEPT_MILLISECONDS, gap_sentence
from apaycli.core.stock import changed_prices
from apaycli.crashpoints import reach
from apaycli.errors import LedgerError, LedgerUnavailable
from apaycli.files import FREE_BYTES_MIN
from apaycli.listen import events
from apaycli.listen.hooks import Outbox
from apaycli.listen.processor import Processor
from apaycli.listen.setting import Setting
from apaycli.listen.standstill import Standstill
from apaycli.listen.writer import T, Writer, until_written
from apaycli.store.protocol import Store
from apaycli.store.values import AnswerResult, Gap, ShippingTrouble

_EXPIRY_SECONDS = 2.0
_STOCK_SECONDS = 0.5  # a change is taken by the second look at it, within two seconds of being written
_HEARTBEAT_SECONDS = 10.0
_FILES_SECONDS = 2.0
_CLOCK_SECONDS = 5.0
_DISK_SECONDS = 60.0
_BACKUP_SECONDS = 60.0
_AGAIN_SECONDS = 1.0
_JUMP_SECONDS = 60
_STANDING_SECONDS = 2.0
_HOOK_SECONDS = 0.5


class Upkeep:
    """Tasks of one run. `end` is called once, with the error, when the ledger fails one of them."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        clock: Clock,
        emit: events.Emit,
        setting: Setting,
        tasks: asyncio.TaskGroup,
        end: Callable[[LedgerError], None],
        standstill: Standstill,
        notify_chat: str | None,
    ) -> None:
        self._store, self._writer, self._clock, self._emit = store, writer, clock, emit
        self._setting, self._tasks, self._end, self._standstill = setting, tasks, end, standstill
        self._outbox = Outbox(
            store,
            writer,
            clock,
            emit,
            setting.runs,
            self._start_guarded,
            notify_chat=notify_chat,
            none_is_left=setting.none_is_left,
        )
        self._notify_chat = notify_chat
        self._running: list[asyncio.Task[None]] = []
        self._results: list[AnswerResult | ShippingTrouble] = []
        self._results_waiting = asyncio.Event()
        self._last_contact_at: int | None = None
        self._heard_before_at: int | None = None  # by an earlier run
        self._gaps: list[Gap] = []
        self._contact_waiting = asyncio.Event()
        self._clocks = (clock.now(), clock.monotonic())
        self._run_id = 0

    async def start_run(self, mode: Mode, heard_before_at: int | None) -> None:
        """This run's row in the ledger. `heard_before_at`: when Telegram was last heard by any run."""
        self._heard_before_at = heard_before_at

        def record() -> int:
            with self._store.transaction() as tx:
                return tx.start_run(self._setting.pid, mode, self._clock.now())

        self._run_id = await self._writer.run(record)

    def start(self, processor: Processor, caught_up: asyncio.Event) -> None:
        """`caught_up` is set while nothing that we know of waits at Telegram."""
        work = [
            self._expire_again_and_again(caught_up),
            self._every(_STOCK_SECONDS, lambda: self._read_stock(processor)),
            self._record_results(),
            self._record_contacts(),
            self._every(_HEARTBEAT_SECONDS, self._record_life),
            self._every(_FILES_SECONDS, lambda: self._writer.run(self._store.refuse_lost_files)),
            self._every(_CLOCK_SECONDS, self._compare_clocks),
            self._every(_DISK_SECONDS, self._look_at_the_disk),
        ]
        if self._setting.midnight is not None:
            work.append(self._every(_STANDING_SECONDS, lambda: self._tell_standing(processor.shop.mode)))
        if self._setting.back_up is not None:
            work.append(self._every(_BACKUP_SECONDS, self._back_up))
        if self._setting.runs:
            work.append(self._every(_HOOK_SECONDS, self._outbox.start_due))
        self._running = [self._start_guarded(one) for one in work]

    def run_beside(self, work: Coroutine[object, object, None]) -> None:
        """One more task that ends with the others."""
        self._running.append(self._start_guarded(work))

    async def stop(self) -> None:
        """End what repeats, then write down what is left: how answers went, and that the run is over."""
        await cancelled(*self._running)
        await self._outbox.stop()
        await self._flush_results()
        await self._writer.run(self._record_stop)

    def note_result(self, result: AnswerResult | ShippingTrouble) -> None:
        self._results.append(result)
        self._results_waiting.set()

    def note_contact(self) -> None:
        now = self._clock.now()
        before = self._last_contact_at or self._heard_before_at
        if before is not None and now - before > KEPT_MILLISECONDS:
            self._gaps.append(Gap(before, now))
        if self._last_contact_at is None or self._gaps:
            self._contact_waiting.set()  # the first word of a run, or after a long time: worth writing at once
        self._last_contact_at = now

    def _start_guarded(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        return self._tasks.create_task(self._or_end(work))

    def _record_stop(self) -> None:
        with self._store.transaction() as tx:
            tx.record_life(self._run_id, self._clock.now(), self._last_contact_at)
            tx.stop_run(self._run_id, self._clock.now())

    async def _record_results(self) -> None:
        """How answers went, many in one transaction: whatever came in while the last one was written."""
        while True:
            await self._results_waiting.wait()
            if not await self._round(lambda: to_its_end(self._flush_results())):
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _flush_results(self) -> None:
        self._results_waiting.clear()
        results, self._results = self._results, []
        if not results:
            return

        def record() -> None:
            with self._store.transaction() as tx:
                tx.record_answers([result for result in results if isinstance(result, AnswerResult)])
                for result in results:
                    if isinstance(result, ShippingTrouble):
                        tx.record_shipping_trouble(result)

        try:
            await self._writer.run(record)
        except LedgerUnavailable:
            self._results = results + self._results
            self._results_waiting.set()
            raise
        reach("answers_recorded")

    async def _record_contacts(self) -> None:
        """The first word of Telegram after a start, and each that came too late. Beside the poll: a buyer's query must
        not wait for this."""
        while True:
            await self._contact_waiting.wait()
            self._contact_waiting.clear()
            gaps, self._gaps = self._gaps, []
            for gap in gaps:
                self._emit(events.GapFound(self._clock.now(), gap.from_at, gap.until_at))
            await until_written(self._writer, partial(self._write_life, gaps))

    async def _record_life(self) -> None:
        await self._writer.run(lambda: self._write_life([]))
        self._standstill.worked()

    def _write_life(self, gaps: Sequence[Gap]) -> None:
        with self._store.transaction() as tx:
            tx.record_life(self._run_id, self._clock.now(), self._last_contact_at)
            for gap in gaps:
                tx.record_gap(gap)
                if self._notify_chat is not None:
                    sentence = gap_sentence(gap.from_at, gap.until_at)
                    tx.queue_notice(self._notify_chat, "merchant", sentence, self._clock.now())

    async def _expire_again_and_again(self, caught_up: asyncio.Event) -> None:
        """Not while receipts may wait at Telegram: who paid in time while nobody listened, or nobody could be heard,
        must not find that the units were given to somebody else. Nobody can buy them meanwhile, either."""
        while True:
            await caught_up.wait()
            await self._round(self._expire)
            await asyncio.sleep(_EXPIRY_SECONDS)

    async def _expire(self) -> None:
        now = self._clock.now()
        if not await self._writer.run(lambda: self._store.reservations_due(now)):
            return

        def expire() -> list[events.Event]:
            with self._store.transaction() as tx:
                return [events.Expired(now, reservation) for reservation in tx.expire_reservations(now)]

        expired = await self._writer.run(expire)
        reach("reservations_expired")
        for event in expired:
            self._emit(event)

    async def _read_stock(self, processor: Processor) -> None:
        news = self._setting.read_stock()
        if news is None:
            return
        if news.products is None:
            self._emit(events.StockRefused(self._clock.now(), news.sentences))
            return
        before, processor.shop = processor.shop, replace(processor.shop, products=news.products)
        self._emit(events.StockTaken(self._clock.now(), len(news.products), news.sentences))
        prices, now = changed_prices(before.products, news.products), self._clock.now()
        if prices:
            counts = await self._writer.run(lambda: self._store.old_price_counts(before.mode, prices, now))
            for sku, invoices in counts.items():
                self._emit(events.OldPrices(now, sku, invoices))

    async def _tell_standing(self, mode: Mode) -> None:
        midnight = self._setting.midnight() if self._setting.midnight else 0
        takings, held = await self._writer.run(lambda: self._store.standing(mode, midnight))
        self._emit(events.Standing(self._clock.now(), self._last_contact_at, takings, held))

    async def _compare_clocks(self) -> None:
        """Somebody set the wall clock: durations do not mind, deadlines on disk do."""
        (wall, steady), now = self._clocks, (self._clock.now(), self._clock.monotonic())
        self._clocks = now
        seconds = round((now[0] - wall) / 1000 - (now[1] - steady))
        if abs(seconds) > _JUMP_SECONDS:
            self._emit(events.ClockJumped(now[0], seconds))

    async def _look_at_the_disk(self) -> None:
        free = self._setting.free_bytes()
        if free is not None and free < FREE_BYTES_MIN:
            self._emit(events.DiskLow(self._clock.now(), free))

    async def _back_up(self) -> None:
        news = await self._setting.back_up() if self._setting.back_up else None
        if news is None:
            return
        if news.path is None:
            self._emit(events.BackupFailed(self._clock.now(), news.failure or "it is not known why"))
            return
        self._emit(events.BackedUp(self._clock.now(), news.path, news.receipts, news.after_failure))

    async def _or_end(self, work: Awaitable[None]) -> None:
        try:
            await work
        except LedgerError as error:
            self._end(error)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._round(work)

    async def _round(self, work: Callable[[], Awaitable[None]]) -> bool:
        """One round, left out (False) where the ledger cannot be written for now."""
        try:
            await work()
        except LedgerUnavailable as error:
            self._standstill.failed(error)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from error  # `to_its_end` told the error first
            return False
        return True


async def to_its_end(work: Coroutine[object, object, T]) -> T:
    """Await `work` to its end even when we are cancelled meanwhile; its error or the cancellation follows it."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error from None
        raise


async def cancelled(*tasks: "asyncio.Task[object]") -> None:
    """Cancel `tasks` and wait until they are over."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
