"""A seeded day in a shop: buyers, crashes, a bad network, stock edits; then quiet, in which all must settle.

Knows how to play; what must be true afterwards is `simulation_checker.py`. Everything that happens is drawn from one
seed: `python -m pytest tests/simulation --seed N` plays it again.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from simulation_wire import Process, SimulatedHttp, SimulatedWriter, keep_time

from apaycli.botapi import methods
from apaycli.botapi.client import AsyncBotApi, encode
from apaycli.clock import ManualClock
from apaycli.core.decide import Shop
from apaycli.core.invoice import Ids
from apaycli.core.model import Invoice, LabeledPrice, Product, ShippingOption
from apaycli.errors import LedgerUnavailable
from apaycli.listen.events import Event
from apaycli.listen.listener import Listener
from apaycli.listen.setting import Setting, StockNews
from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.checkouts import Checkout, Reference
from apaycli.sandbox.world import World
from apaycli.store.sqlite import SqliteStore, open_in_memory

CHANNEL = -1009876543210
POST = ShippingOption("post", "Post", (LabeledPrice("Post", 6000),), ("BD",))
TTL_SECONDS = 300
QUIET_SECONDS = TTL_SECONDS + 60


@dataclass
class Story:
    """One seed's shop, and everything that is needed to check it afterwards."""

    seed: int
    chance: random.Random
    clock: ManualClock
    world: World
    store: SqliteStore
    stock: int
    capacity_highest: int
    shipping: tuple[ShippingOption, ...] = ()
    asks: bool = False  # for consent to the terms
    invoices: list[Invoice] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    checkouts: list[Checkout] = field(default_factory=list)
    lives: int = 0
    points: list[str] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    calm: bool = False
    ledger_locked_until: float = 0.0
    restarted: bool = False

    @property
    def shop(self) -> Shop:
        product = Product(
            "duck", "Duck", "Yellow", "INR", (LabeledPrice("Duck", 49900),), stock=self.stock, shipping=self.shipping
        )
        terms = {"terms_text": "Be kind.", "terms_version": "1", "require_acceptance": self.asks}
        return Shop(
            "test", {"duck": product}, TTL_SECONDS, notify_chat=str(CHANNEL), support_chat=str(CHANNEL), **terms
        )

    def refuse_while_locked(self) -> None:
        """Another program has the ledger's lock, or the disk is full: before a transaction nothing is begun."""
        if not self.calm and self.clock.monotonic() < self.ledger_locked_until:
            raise LedgerUnavailable("database is locked")


def new_story(seed: int) -> Story:
    chance = random.Random(seed)
    clock = ManualClock()
    world = World(clock, seed)
    world.settings.conflict_hold_seconds = 0
    stock = chance.randint(1, 6)
    shipping = chance.choice(((), (), (POST,)))
    return Story(seed, chance, clock, world, open_in_memory(), stock, stock, shipping, chance.random() < 0.2)


async def play(story: Story) -> None:
    """First faults, then quiet: the network is good, nobody is killed, and everything must settle."""
    asyncio.ensure_future(keep_time(story.world))  # noqa: RUF006 - lives as long as the loop
    for _ in range(story.chance.randint(1, 3)):
        send_invoice(story)
    buyers = asyncio.ensure_future(_buyers(story))
    living = asyncio.ensure_future(_live_and_die(story))
    await buyers
    story.calm = True
    story.world.faults.clear()
    await asyncio.sleep(QUIET_SECONDS)
    for process in story.processes:
        process.bury()
    if living.done():
        raise living.exception() or AssertionError("the listener ended by itself")


def send_invoice(story: Story) -> None:
    """As `apay send-invoice` does: the ledger first. (The wire of commands has tests of its own.)"""
    number = len(story.invoices) + 1
    invoice = Invoice(
        invoice_id=f"inv_{number}",
        mode="test",
        invoice_payload=f"payload-{number}",
        chat_id=str(CHANNEL),
        sku="duck",
        title="Duck",
        description="Yellow",
        currency="INR",
        prices=(LabeledPrice("Duck", 49900),),
        quantity=1,
        forwarding="pay-button",
        created_at=story.clock.now(),
        uses_max=story.chance.choice((None, None, 1, 2)),
        shipping=story.shipping,
    )
    with story.store.transaction() as tx:
        tx.record_invoice(invoice, "sent")
    path = f"/bot{story.world.bot_token}/sendInvoice"
    params = methods.send_invoice(invoice, story.world.test_provider_token)
    story.world.handle(path, "application/json", encode(params))
    story.invoices.append(invoice)


async def _buyers(story: Story) -> None:
    """Some minutes of trade; each buyer in their own time."""
    buyers = [asyncio.ensure_future(_one_buyer(story, 2000 + n)) for n in range(story.chance.randint(3, 9))]
    meddling = asyncio.ensure_future(_meddle(story))
    await asyncio.wait(buyers)
    meddling.cancel()
    await asyncio.wait({meddling})
    for task in (*buyers, meddling):
        if not task.cancelled() and task.exception():
            raise task.exception()


async def _one_buyer(story: Story, buyer: int) -> None:
    """Presses Pay some times, pays at once, late, twice or never; never remembers what the bot said before."""
    for _ in range(story.chance.randint(1, 3)):
        await asyncio.sleep(story.chance.choice((0.0, 0.1, 2.0, 30.0, 200.0)))
        where: Reference | None = story.chance.choice(story.invoices).invoice_payload
        if story.chance.random() < 0.4:
            where = await _invoice_from_the_bot(story, buyer)
        if where is None:
            continue
        try:
            checkout = story.world.buyers.press_pay(where, buyer)
        except ScriptError:
            continue
        story.checkouts.append(checkout)
        while checkout.outcome is None:
            await asyncio.sleep(0.5)
        if checkout.outcome != "accepted" or story.chance.random() < 0.25:
            continue
        await asyncio.sleep(story.chance.choice((0.0, 1.0, 40.0, TTL_SECONDS + 20.0)))
        for _ in range(story.chance.choice((1, 1, 1, 2))):
            story.world.buyers.pay(checkout.checkout_id)


async def _invoice_from_the_bot(story: Story, buyer: int) -> Reference | None:
    """Follow the product's link, agree to the terms if they are shown, and take the invoice; a while is waited."""
    story.world.buyers.start(buyer, "p_duck")
    agreed = False
    for _ in range(20):
        await asyncio.sleep(1)
        for (chat, number), message in sorted(story.world.messages.items(), reverse=True):
            if chat != buyer or not message.get("from", {}).get("is_bot"):
                continue
            if "invoice" in message:
                return chat, number
            for (button,) in message.get("reply_markup", {}).get("inline_keyboard", []):
                if not agreed and button.get("callback_data", "").startswith("a:"):
                    agreed = True
                    story.world.buyers.press_button(buyer, chat, number, button["callback_data"])
    return None


async def _meddle(story: Story) -> None:
    """What the world does to a shop: outages, redelivery, poison, stock edits, a clock set by hand."""
    while True:
        await asyncio.sleep(story.chance.uniform(1, 60))
        match story.chance.randrange(8):
            case 0:
                kind = story.chance.choice(("500", "502-html", "429", "empty", "reset"))
                after = story.chance.random() < 0.5 and kind != "429"
                story.world.faults.add(
                    kind, story.clock.monotonic(), seconds=story.chance.choice((2, 15)), after=after, retry_after=2
                )
            case 1:
                # Under their old ids only while ids still rise: Telegram restarts them after a week without any.
                story.world.buyers.redeliver(last=5, new_ids=story.restarted or story.chance.random() < 0.5)
            case 2:
                story.world.buyers.inject(story.chance.choice(POISON))
            case 3:
                story.stock = max(0, story.stock + story.chance.choice((-1, 1, 2)))
                story.capacity_highest = max(story.capacity_highest, story.stock)
            case 4:
                story.clock.jump(story.chance.choice((-90.0, 90.0)))
            case 5:
                story.world.buyers.start(1001)
                story.world.buyers.send_text(1001, story.chance.choice(("/terms", "/support Where is it?", "/help")))
            case 6:
                story.ledger_locked_until = story.clock.monotonic() + story.chance.choice((1.0, 6.0, 40.0))
            case 7 if len(story.world.queue) == 0:
                story.restarted = True
                story.world.buyers.restart_update_ids(story.chance.randint(1, 10**9))


POISON = (
    b'{"update_id":@UPDATE_ID@,\n"message":{"successful_payment":"broken',
    b'{"update_id":@UPDATE_ID@,\n"pre_checkout_query":{"id":7}}',
    b'{"update_id":@UPDATE_ID@,\n"message":{"text":"\xff\xfe"}}',
    b'{"update_id":@UPDATE_ID@,\n"some_future_kind":{"x":[1,2]}}',
)


async def _live_and_die(story: Story) -> None:
    """The listener's lives, one after the other, on one ledger."""
    while True:
        story.lives += 1
        kill_chance = 0.0 if story.calm else story.chance.choice((0.0, 0.01, 0.05))
        process = Process(story.chance, kill_chance)
        story.processes.append(process)
        life = asyncio.ensure_future(_one_life(story, process))
        death = asyncio.ensure_future(process.killed.wait())
        sparing = asyncio.ensure_future(_spare_when_calm(story, process))
        await asyncio.wait({life, death}, return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        sparing.cancel()
        story.points += process.points
        # A killed process is left where it stands: no `finally` of it runs, nothing of it is awaited.
        if life.done() and (error := life.exception()) and not isinstance(error, LedgerUnavailable):
            raise error  # a start that meets the lock ends with code 9, and the unit starts it again
        await asyncio.sleep(0 if story.calm else story.chance.choice((0.0, 0.5, 5.0, 60.0)))


async def _spare_when_calm(story: Story, process: Process) -> None:
    while not story.calm:
        await asyncio.sleep(1)
    process.spare()


async def _one_life(story: Story, process: Process) -> None:
    http = SimulatedHttp(story.world, process, story.chance, lambda: 0.0 if story.calm else 0.02)
    numbers = iter(range(1, 10**9))

    def new_ids() -> Ids:
        number = f"{story.lives}-{next(numbers)}"
        return Ids(f"inl_{number}", f"inline-{number}")

    listener = Listener(
        AsyncBotApi(http),
        story.store,
        SimulatedWriter(process, story.chance, story.refuse_while_locked),
        story.shop,
        Setting(
            50,
            story.world.test_provider_token,
            pid=story.lives,
            read_stock=_stock_reader(story),
        ),
        story.clock,
        story.events.append,
        new_ids,
        story.chance,
    )
    await listener.run()


def _stock_reader(story: Story) -> Callable[[], StockNews | None]:
    """The stock file, as a listener reads it: with up to a second of delay."""
    seen = story.stock

    def read() -> StockNews | None:
        nonlocal seen
        if story.stock == seen:
            return None
        seen = story.stock
        return StockNews(dict(story.shop.products), ())

    return read
