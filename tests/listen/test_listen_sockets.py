"""The listener on real sockets, real threads and real time: the same promises, where no clock can be turned."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botapi_spec import log_complaints

from apaycli.botapi.client import AsyncBotApi
from apaycli.botapi.http_aiohttp import AiohttpHttp
from apaycli.clock import SystemClock
from apaycli.core.decide import Shop
from apaycli.core.invoice import Ids
from apaycli.core.model import Invoice, LabeledPrice, Product, ReceiptFilter
from apaycli.errors import TokenError
from apaycli.listen import events
from apaycli.listen.listener import Listener
from apaycli.listen.setting import Setting
from apaycli.listen.writer import ThreadWriter
from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.world import World
from apaycli.store.sqlite import SqliteStore, open_sqlite

PRICES = (LabeledPrice("Tea", 50_000),)
TEA = Product("tea", "Tea", "Black", "BDT", PRICES, stock=100)


class Machine:
    """A ledger file, a sandbox behind a socket, and the listener as the program puts it together."""

    def __init__(self, server: ServerThread, store: SqliteStore) -> None:
        self.server, self.store = server, store
        self.events: list[events.Event] = []

    @property
    def world(self) -> World:
        return self.server.world

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.server.call(function, *args, **kwargs)

    def outage(self, kind: str, **how: Any) -> None:
        self.call(lambda: self.world.faults.add(kind, self.world.clock.monotonic(), **how))

    async def press(self, buyer: int) -> Checkout:
        checkout: Checkout = self.call(self.world.buyers.press_pay, "order-1001", buyer, forwarded=buyer != 1001)
        await self.until(lambda: checkout.outcome)
        return checkout

    async def until(self, condition: Callable[[], object], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        await self.until(lambda: self.call(lambda: len(self.world.queue) == 0 and self.world.polling.poll is not None))

    def listen(self, story: Callable[[Listener], Awaitable[None]]) -> None:
        asyncio.run(self._listen(story))

    async def _listen(self, story: Callable[[Listener], Awaitable[None]]) -> None:
        api, writer = AsyncBotApi(AiohttpHttp(self.server.address, self.world.bot_token)), ThreadWriter()
        setting = Setting(50, self.world.test_provider_token, 4711)
        listener = Listener(
            api, self.store, writer, Shop("test", {"tea": TEA}, 1800), setting, SystemClock(), self.events.append,
            lambda: Ids("inv_x", "x"), Random(1),
        )  # fmt: skip
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(listener.run())
                await self.until(lambda: running.done() or any(isinstance(e, events.Ready) for e in self.events))
                await story(listener)
                listener.stop()
        except* TokenError as group:
            raise group.exceptions[0] from None
        finally:
            await api.close()
            writer.close()

    def check(self) -> None:
        charged = sorted(charge.telegram_payment_charge_id for charge in self.world.books.charges)
        receipts = list(self.store.receipts(ReceiptFilter()))
        assert sorted(receipt.telegram_payment_charge_id for receipt in receipts) == charged
        assert self.store.integrity_problems() == []
        assert self.call(lambda: log_complaints(self.world.requests.records)) == []


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    world = World(SystemClock())
    world.settings.conflict_hold_seconds = 0
    with ServerThread(world) as server:
        store = open_sqlite(tmp_path / "apay.db")
        invoice = Invoice(
            "inv_1", "test", "order-1001", "1001", "tea", "Tea", "Black", "BDT", PRICES, 1, "pay-button", 1
        )
        with store.transaction() as tx:
            tx.record_invoice(invoice, "sent")
        machine = Machine(server, store)
        machine.call(send_to_world, world)
        yield machine
        store.close()


def send_to_world(world: World) -> None:
    body = b'{"chat_id":1001,"title":"Tea","description":"Black","payload":"order-1001","currency":"BDT",'
    body += b'"provider_token":"%s","prices":[{"label":"Tea","amount":50000}]}' % world.test_provider_token.encode()
    world.handle(f"/bot{world.bot_token}/sendInvoice", "application/json", body)


def test_a_sale_and_a_stop(machine: Machine) -> None:
    async def story(_listener: Listener) -> None:
        checkout = await machine.press(1001)
        assert checkout.outcome == "accepted"
        machine.call(machine.world.buyers.pay, checkout.checkout_id)
        await machine.quiet()

    machine.listen(story)
    machine.check()
    assert [type(event) for event in machine.events if isinstance(event, events.Paid)] == [events.Paid]
    assert len(machine.world.queue) == 0


@pytest.mark.parametrize("kind", ["500", "502-html", "429", "empty", "truncated", "break", "reset"])
@pytest.mark.parametrize("after", [False, True])
def test_trouble_on_the_wire_loses_nothing(machine: Machine, kind: str, after: bool) -> None:
    async def story(_listener: Listener) -> None:
        first = await machine.press(1001)
        machine.outage(kind, methods=["getUpdates"], count=1, after=after, retry_after=0)
        machine.outage(kind, methods=["answerPreCheckoutQuery"], count=1, after=after, retry_after=0)
        machine.call(machine.world.buyers.pay, first.checkout_id)
        second = await machine.press(1002)
        assert second.outcome == "accepted"
        machine.call(machine.world.buyers.pay, second.checkout_id)
        await machine.quiet()

    machine.listen(story)
    machine.check()
    assert machine.store.stock_counts("test") == {"tea": (2, 0)}


def test_a_slow_answer_delays_neither_the_next_poll_nor_other_answers(machine: Machine) -> None:
    async def story(_listener: Listener) -> None:
        machine.outage("delay", methods=["answerPreCheckoutQuery"], count=1, delay_seconds=1.0)
        slow = machine.call(machine.world.buyers.press_pay, "order-1001", 1001)
        await machine.until(lambda: any(r.method == "answerprecheckoutquery" for r in machine.world.requests.records))
        quick = await machine.press(1002)
        assert quick.outcome == "accepted"
        assert slow.outcome is None
        await machine.until(lambda: slow.outcome)

    machine.listen(story)
    machine.check()


def test_a_revoked_token_ends_the_run(machine: Machine) -> None:
    async def story(_listener: Listener) -> None:
        machine.outage("401")
        machine.call(machine.world.buyers.start, 1002)
        await asyncio.Event().wait()

    with pytest.raises(TokenError):
        machine.listen(story)
