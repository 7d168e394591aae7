"""Long stories with faults: a bot that does everything right ends with exactly the charges of the world.

This tests the sandbox, not the bot: if an update were lost, doubled or confirmed too early by the world itself,
no bot could pass. The bot keeps its receipts by `telegram_payment_charge_id` and confirms after recording.
"""

import json
from random import Random
from typing import Any

import pytest
from sandbox_bot import Bot

from apaycli.clock import ManualClock
from apaycli.sandbox.faults import KINDS
from apaycli.sandbox.wire import Answer
from apaycli.sandbox.world import World

STEP_COUNT = 150


class CarefulBot:
    """Fetches, answers, records, then confirms; a crash forgets everything but the receipts."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.offset = 0
        self.receipts: dict[str, int] = {}

    def crash(self) -> None:
        self.offset = 0

    def ask(self, method: str, /, **params: Any) -> Any:
        """The result, or None for whatever trouble."""
        answer = self.bot.start(method, **params)
        if not isinstance(answer, Answer) or answer.transport != "reply":
            return None
        try:
            document = json.loads(answer.body)
        except ValueError:
            return None
        return document["result"] if document["ok"] else None

    def work(self) -> None:
        for update in self.ask("getUpdates", offset=self.offset) or []:
            self.handle(update)
            self.offset = update["update_id"] + 1

    def handle(self, update: dict[str, Any]) -> None:
        query, payment = update.get("pre_checkout_query"), update.get("message", {}).get("successful_payment")
        if query:
            self.ask("answerPreCheckoutQuery", pre_checkout_query_id=query["id"], ok=True)
        if payment:
            self.receipts[payment["telegram_payment_charge_id"]] = payment["total_amount"]


def step(world: World, clock: ManualClock, bot: CarefulBot, chance: Random) -> None:
    """One thing that may happen."""
    match chance.randrange(8):
        case 0 | 1:
            world.buyers.press_pay("tea-1", chance.randrange(5000, 5050))
        case 2 | 3:
            accepted = [c.checkout_id for c in world.books.checkouts.values() if c.outcome == "accepted"]
            if accepted:
                world.buyers.pay(chance.choice(accepted))
        case 4:
            kind = chance.choice([kind for kind in KINDS if kind != "delay"])
            world.faults.add(kind, clock.monotonic(), count=chance.randrange(1, 4), after=chance.random() < 0.5)
        case 5:
            world.buyers.redeliver(last=chance.randrange(4), new_ids=chance.random() < 0.5)
        case 6:
            bot.crash()
        case _:
            clock.advance(chance.uniform(0, 30))
    for _ in range(chance.randrange(3)):
        bot.work()


@pytest.mark.parametrize("seed", range(20))
def test_receipts_equal_charges(seed: int) -> None:
    clock = ManualClock()
    world = World(clock, seed)
    Bot(world).send_invoice(chat_id=-4001)
    bot, chance = CarefulBot(Bot(world)), Random(seed)
    for _ in range(STEP_COUNT):
        step(world, clock, bot, chance)
    world.faults.clear()
    while len(world.queue):
        bot.work()
    charges = {c.telegram_payment_charge_id: c.total_amount for c in world.books.charges}
    assert bot.receipts == charges
    assert len(charges) == len(world.books.charges) > 0
    assert {c.outcome for c in world.books.checkouts.values()} <= {"accepted", "timeout", None}
