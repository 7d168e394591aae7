"""The real listener against the sandbox on a clock that jumps: no socket, no thread, no waiting.

Knows how to put the two together and how to end a run politely or as kill -9 does. Every request is checked
against the documentation on its way (`botapi_spec`). Only what stands outside of apay is played: the network
(`LoopbackHttp`) and the thread that touches the disk (`InlineWriter`).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

import virtual_time
from botapi_spec import request_complaints

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Reply
from apaycli.botapi.methods import send_invoice
from apaycli.clock import ManualClock
from apaycli.core.decide import Shop
from apaycli.core.invoice import Ids
from apaycli.core.model import Invoice, LabeledPrice, Product, ReceiptFilter, ReceiptRow
from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.listen.setting import Setting
from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.wire import Answer
from apaycli.sandbox.world import World
from apaycli.store.sqlite import SqliteStore, open_in_memory

T = TypeVar("T")
E = TypeVar("E")
RAHIM, ASHA = 1001, 1002
TTL_SECONDS = 1800


@dataclass(frozen=True)
class Request:
    """One request on its way: `at` is the monotonic second."""

    at: float
    method: str
    params: dict[str, Any]


class LoopbackHttp:
    """The world behind the `AsyncHttp` protocol: what a socket would do, without one.

    `step` is told each moment in which the process may die: "before M" leaves, "after M" took effect.
    """

    def __init__(self, world: World, clock: ManualClock, step: Callable[[str], None]) -> None:
        self._world, self._clock, self._step = world, clock, step
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        self.refused_until = float("-inf")  # nobody listens at the other end: connection refused
        self.bot_token: str | None = None  # the one in use, where it is another than the world's

    async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        self._step(f"before {method}")
        params = json.loads(body)
        self.complaints += request_complaints(method, params)
        self.requests.append(Request(self._clock.monotonic(), method, params))
        if self._clock.monotonic() < self.refused_until:
            raise NotSent("Telegram cannot be reached")
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._ask(method, body)
        except TimeoutError:
            raise OutcomeUnknown(f"no answer from Telegram to {method} (timeout)") from None

    async def _ask(self, method: str, body: bytes) -> Reply:
        token = self.bot_token or self._world.bot_token
        result = self._world.handle(f"/bot{token}/{method}", "application/json", body)
        self._step(f"after {method}")
        if isinstance(result, Answer):
            answer = result
        else:
            there: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            result.when_done(lambda answer: None if there.done() else there.set_result(answer))
            try:
                answer = await there
            except asyncio.CancelledError:
                self._world.polling.abandon(result)
                raise
        await asyncio.sleep(answer.delay_seconds)
        if answer.transport == "hang":
            await asyncio.sleep(3600)
        if answer.transport != "reply":
            raise OutcomeUnknown(f"no answer from Telegram to {method} ({answer.transport})")
        return Reply(answer.status, answer.body)

    def use_token(self, bot_token: str) -> None:
        self.bot_token = bot_token

    async def close(self) -> None: ...

    def asked(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]


class InlineWriter:
    """The ledger's thread, played inline: one call after the other, each as slow as `seconds` says."""

    def __init__(self, step: Callable[[str], None]) -> None:
        self._turn = asyncio.Lock()
        self._step = step
        self.seconds = 0.0
        self.commit_seconds = 0.0  # on disk, and not told yet
        self.before: Callable[[], None] = lambda: None

    async def run(self, function: Callable[[], T]) -> T:
        async with self._turn:
            work = asyncio.ensure_future(self._work(function))
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            return await asyncio.shield(work)

    async def _work(self, function: Callable[[], T]) -> T:
        await asyncio.sleep(self.seconds)
        self._step("before commit")
        self.before()
        result = function()
        await asyncio.sleep(self.commit_seconds)
        self._step("after commit")
        return result

    def close(self) -> None: ...


class Rig:
    """A shop, its ledger, its Telegram, and runs of the listener between them."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock, seed)
        self.store: SqliteStore = open_in_memory()
        self.http = LoopbackHttp(self.world, self.clock, self._step)
        self.writer = InlineWriter(self._step)
        self.at_step: Callable[[str], None] = lambda name: None
        self.dead = False
        self.shop = Shop("test", {}, TTL_SECONDS, support_text="Write to @shop")
        self.events: list[events.Event] = []
        self._ids = 0
        self._task: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    # -- a shop ---------------------------------------------------------------------------------------------------

    def offer(self, sku: str = "tea", stock: int | None = None, **changes: Any) -> Product:
        product = replace(
            Product(sku, sku.title(), f"Good {sku}", "BDT", (LabeledPrice(sku, 50_000),), stock), **changes
        )
        self.shop = replace(self.shop, products={**self.shop.products, sku: product})
        return product

    def invoice(self, payload: str = "order-1001", sku: str | None = "tea", **changes: Any) -> Invoice:
        """An invoice over 500.00 BDT that stands in the ledger and in the world; to Rahim, unless changed."""
        invoice = self.ledger_invoice(payload, sku, **changes)
        params = json.dumps(send_invoice(invoice, self.world.test_provider_token)).encode()
        sent = self.world.handle(f"/bot{self.world.bot_token}/sendInvoice", "application/json", params)
        assert isinstance(sent, Answer)
        assert sent.status == 200, sent.body
        return invoice

    def ledger_invoice(self, payload: str = "order-1001", sku: str | None = "tea", **changes: Any) -> Invoice:
        """The same, in the ledger alone."""
        if sku is not None and sku not in self.shop.products:
            self.offer(sku)
        invoice = Invoice(
            invoice_id=f"inv_{payload}"[:40],
            mode="test",
            invoice_payload=payload,
            chat_id=str(RAHIM),
            sku=sku,
            title="Tea",
            description="Black tea, 500 g",
            currency="BDT",
            prices=(LabeledPrice("Tea", 50_000),),
            quantity=1,
            forwarding="pay-button",
            created_at=self.clock.now(),
        )
        invoice = replace(invoice, **changes)
        with self.store.transaction() as tx:
            tx.record_invoice(invoice, "sent")
        return invoice

    def new_ids(self) -> Ids:
        self._ids += 1
        return Ids(f"inv_{self._ids:016x}", f"payload-{self._ids}")

    # -- a run ----------------------------------------------------------------------------------------------------

    def listener(self, **setting: Any) -> Listener:
        self.writer = InlineWriter(self._step)
        given = Setting(**{"poll_timeout_seconds": 50, "provider_token": self.world.test_provider_token, "pid": 4711,
                           **setting})  # fmt: skip
        return Listener(
            AsyncBotApi(self.http), self.store, self.writer, self.shop, given, self.clock, self._note, self.new_ids,
            Random(1),
        )  # fmt: skip

    def _note(self, event: events.Event) -> None:
        if not self.dead:
            self.events.append(event)

    def _step(self, name: str) -> None:
        """A moment in which the process may die. The dead do nothing more."""
        if not self.dead:
            self.at_step(name)
        if self.dead:
            raise asyncio.CancelledError

    def listen(
        self, story: Callable[[Listener], Awaitable[None]] | None = None, *, ready: bool = True, **setting: Any
    ) -> None:
        """One run: from its start, through `story` once it is ready, to a polite stop. Raises what the run raises."""
        virtual_time.run(self.clock, self._listen(story, ready, setting))

    async def _listen(
        self, story: Callable[[Listener], Awaitable[None]] | None, ready: bool, setting: dict[str, Any]
    ) -> None:
        self.dead = False
        self.world.timers.on_earlier = self._set_alarm
        self._set_alarm()
        listener = self.listener(**setting)
        self._task = asyncio.create_task(listener.run())
        telling = asyncio.create_task(self._tell(story, listener, ready))
        await asyncio.wait({self._task, telling}, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            telling.result()
            listener.stop()
        with suppress(asyncio.CancelledError):
            await self._task
        if not telling.done():
            telling.cancel()
            assert story is None or self.dead or setting.get("once"), "the run was over before its story"
        self.world.timers.on_earlier = None

    async def _tell(self, story: Callable[[Listener], Awaitable[None]] | None, listener: Listener, ready: bool) -> None:
        begun = len(self.events)
        if ready:
            await self.until(lambda: any(isinstance(event, events.Ready) for event in self.events[begun:]), 3600)
        if story is None:
            await asyncio.Event().wait()
        else:
            await story(listener)

    def kill(self) -> None:
        """As kill -9: from this moment on nothing leaves the process and nothing reaches the disk."""
        self.dead = True
        if self._task is not None:
            self._task.cancel()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        deadline = self.world.next_deadline()
        self._alarm = None if deadline is None else asyncio.get_running_loop().call_at(deadline, self._ring)

    def _ring(self) -> None:
        self.world.tick()
        self._set_alarm()

    async def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Let the clock run until something is so."""
        begun = self.clock.monotonic()
        while not condition():
            waited = self.clock.monotonic() - begun
            assert waited < seconds, f"not so within {seconds} s"
            await asyncio.sleep(min(0.25, 0.01 + waited / 100))

    # -- buyers ---------------------------------------------------------------------------------------------------

    async def press(self, payload: str = "order-1001", buyer: int = RAHIM, **how: Any) -> Checkout:
        """Press Pay and wait for what comes of it."""
        checkout = self.world.buyers.press_pay(payload, buyer, **how)
        await self.until(lambda: checkout.outcome is not None)
        return checkout

    async def buy(self, payload: str = "order-1001", buyer: int = RAHIM) -> Checkout:
        """Press Pay, pay, and wait for the receipt."""
        checkout = await self.press(payload, buyer)
        self.world.buyers.pay(checkout.checkout_id)
        await self.quiet()
        return checkout

    async def quiet(self, seconds: float = 120) -> None:
        """Until the bot has fetched and confirmed all that waits."""
        await self.until(lambda: len(self.world.queue) == 0 and self.world.polling.poll is not None, seconds)

    # -- what came of it ------------------------------------------------------------------------------------------

    def happened(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def receipts(self) -> list[ReceiptRow]:
        return list(self.store.receipts(ReceiptFilter()))

    def stock(self, sku: str = "tea") -> tuple[int, int]:
        """(sold, held)."""
        return self.store.stock_counts("test").get(sku, (0, 0))

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.store.db.execute(sql, parameters).fetchall()

    def truth_kept(self) -> None:
        """Every charge has exactly one receipt, every request was documented, and the ledger adds up."""
        charges = sorted(charge.telegram_payment_charge_id for charge in self.world.books.charges)
        assert sorted(receipt.telegram_payment_charge_id for receipt in self.receipts()) == charges
        self.sound()

    def sound(self) -> None:
        assert self.store.integrity_problems() == []
        assert self.http.complaints == []
