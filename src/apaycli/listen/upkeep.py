"""What is done beside the path of updates: expiry, the stock file, the heartbeat, how answers went, hooks.

Knows when each is due, and that none of it may hold up an answer. Where the ledger fails one of them, the
run ends, in order: a query that was taken is still answered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace

from apaycli.clock import Clock
from apaycli.core.model import Mode
from apaycli.errors import LedgerError
from apaycli.listen import events
from apaycli.listen.hooks import Outbox
from apaycli.listen.processor import Processor
from apaycli.listen.setting import Setting
from apaycli.listen.writer import T, Writer
from apaycli.store.protocol import AnswerResult, Store

_EXPIRY_SECONDS = 2.0
_STOCK_SECONDS = 1.0
_CONTACT_SECONDS = 10.0
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
    ) -> None:
        self._store, self._writer, self._clock, self._emit = store, writer, clock, emit
        self._setting, self._tasks, self._end = setting, tasks, end
        self._outbox = Outbox(store, writer, clock, emit, setting.runs, self._start_guarded)
        self._running: list[asyncio.Task[None]] = []
        self._results: list[AnswerResult] = []
        self._results_waiting = asyncio.Event()
        self._last_contact_at: int | None = None
        self._contact_waiting = asyncio.Event()
        self._run_id = 0

    async def start_run(self, mode: Mode) -> None:
        """This run's row in the ledger; whatever an earlier one had claimed is free again."""

        def record() -> int:
            with self._store.transaction() as tx:
                tx.free_claims()
                return tx.start_run(self._setting.pid, mode, self._clock.now())

        self._run_id = await self._writer.run(record)

    def start(self, processor: Processor, caught_up: asyncio.Event) -> None:
        """`caught_up` is set while nothing that we know of waits at Telegram."""
        work = [
            self._expire_again_and_again(caught_up),
            self._every(_STOCK_SECONDS, lambda: self._read_stock(processor)),
            self._record_results(),
            self._record_contacts(),
        ]
        if self._setting.midnight is not None:
            work.append(self._every(_STANDING_SECONDS, lambda: self._tell_standing(processor.shop.mode)))
        if self._setting.runs:
            work.append(self._every(_HOOK_SECONDS, self._outbox.start_due))
        self._running = [self._start_guarded(one) for one in work]

    async def stop(self) -> None:
        """End what repeats, then write down what is left: how answers went, and that the run is over."""
        await cancelled(*self._running)
        await self._outbox.stop()
        await self._flush_results()
        await self._writer.run(self._record_stop)

    def note_result(self, result: AnswerResult) -> None:
        self._results.append(result)
        self._results_waiting.set()

    def note_contact(self) -> None:
        self._last_contact_at = self._clock.now()
        self._contact_waiting.set()

    def _start_guarded(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        return self._tasks.create_task(self._or_end(work))

    def _record_stop(self) -> None:
        with self._store.transaction() as tx:
            if self._last_contact_at is not None:
                tx.record_contact(self._run_id, self._last_contact_at)
            tx.stop_run(self._run_id, self._clock.now())

    async def _record_results(self) -> None:
        """How answers went, many in one transaction: whatever came in while the last one was written."""
        while True:
            await self._results_waiting.wait()
            await to_its_end(self._flush_results())

    async def _flush_results(self) -> None:
        self._results_waiting.clear()
        results, self._results = self._results, []
        if not results:
            return

        def record() -> None:
            with self._store.transaction() as tx:
                tx.record_answers(results)

        await self._writer.run(record)

    async def _record_contacts(self) -> None:
        """When Telegram was last heard. Beside the poll: a buyer's query must not wait for this."""
        while True:
            await self._contact_waiting.wait()
            self._contact_waiting.clear()
            await self._writer.run(self._record_contact)
            await asyncio.sleep(_CONTACT_SECONDS)

    def _record_contact(self) -> None:
        with self._store.transaction() as tx:
            tx.record_contact(self._run_id, self._last_contact_at or self._clock.now())

    async def _expire_again_and_again(self, caught_up: asyncio.Event) -> None:
        """Not while receipts may wait at Telegram: who paid in time while nobody listened, or nobody could be heard,
        must not find that the units were given to somebody else. Nobody can buy them meanwhile, either."""
        while True:
            await caught_up.wait()
            await self._expire()
            await asyncio.sleep(_EXPIRY_SECONDS)

    async def _expire(self) -> None:
        now = self._clock.now()
        if not await self._writer.run(lambda: self._store.reservations_due(now)):
            return

        def expire() -> list[events.Event]:
            with self._store.transaction() as tx:
                return [events.Expired(now, reservation) for reservation in tx.expire_reservations(now)]

        for event in await self._writer.run(expire):
            self._emit(event)

    async def _read_stock(self, processor: Processor) -> None:
        news = self._setting.read_stock()
        if news is None:
            return
        if news.products is None:
            self._emit(events.StockRefused(self._clock.now(), news.sentences))
            return
        processor.shop = replace(processor.shop, products=news.products)
        self._emit(events.StockTaken(self._clock.now(), len(news.products), news.sentences))

    async def _tell_standing(self, mode: Mode) -> None:
        midnight = self._setting.midnight() if self._setting.midnight else 0
        takings, held = await self._writer.run(lambda: self._store.standing(mode, midnight))
        self._emit(events.Standing(self._clock.now(), self._last_contact_at, takings, held))

    async def _or_end(self, work: Awaitable[None]) -> None:
        try:
            await work
        except LedgerError as error:
            self._end(error)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await work()


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
