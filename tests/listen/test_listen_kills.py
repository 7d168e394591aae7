"""Killed again and again, at moments of chance: no receipt lost, none doubled, no unit sold twice, no other answer.

A moment is one of: before a request leaves, after it took effect, before a commit, after it.
"""

import asyncio
from collections import defaultdict
from random import Random

import pytest
from rig import TTL_SECONDS, Rig

from apaycli.listen import events
from apaycli.listen.listener import Listener

GROUP = "-1001234567890"
STOCK = 12
RUNS = 12


class Crowd:
    """Buyers, each of whom presses Pay once and then pays, or not."""

    def __init__(self, rig: Rig, chance: Random) -> None:
        self.rig, self.chance = rig, chance
        self.next_buyer = 5000

    async def act(self, _listener: Listener) -> None:
        while not self.rig.dead:
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.3, 2]))
            self.step()

    def step(self) -> None:
        buyers, chance = self.rig.world.buyers, self.chance
        accepted = [c for c in self.rig.world.books.checkouts.values() if c.outcome == "accepted" and not c.payment]
        match chance.choice(["press", "press", "pay", "pay", "leave", "talk", "again"]):
            case "press":
                self.next_buyer += 1
                buyers.press_pay("order-1001", self.next_buyer)
            case "pay" if accepted:
                buyers.pay(chance.choice(accepted).checkout_id)
            case "leave" if accepted and chance.random() < 0.2:
                buyers.fail(chance.choice(accepted).checkout_id)
            case "talk":
                buyers.start(chance.choice([1001, 1002]))
            case "again" if len(self.rig.world.queue.history):
                buyers.redeliver(last=3, new_ids=chance.random() < 0.5)
            case _:
                pass


def dies_at(rig: Rig, step: int) -> None:
    """The process dies at its `step`-th moment from now."""
    left = step

    def count(_name: str) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            rig.kill()

    rig.at_step = count


@pytest.mark.parametrize("seed", range(60))
def test_killed_at_any_moment(rig: Rig, seed: int) -> None:
    chance = Random(seed)
    rig.offer(stock=STOCK)
    rig.invoice(chat_id=GROUP)
    rig.listen(lambda _listener: rig.quiet())
    crowd = Crowd(rig, chance)
    for _ in range(RUNS):
        dies_at(rig, chance.randrange(1, 80))
        rig.listen(crowd.act)
        assert rig.store.integrity_problems() == []
    rig.at_step = lambda name: None
    rig.listen(lambda _listener: rig.quiet(300))
    check(rig)


def check(rig: Rig) -> None:
    rig.truth_kept()
    # Everybody who was accepted and paid in time was promised a unit, and there were enough of them.
    assert {receipt.flag for receipt in rig.receipts()} <= {None}
    sold, held = rig.stock()
    assert sold == len(rig.world.books.charges)
    assert sold + held <= STOCK
    answers: dict[str, set[str]] = defaultdict(set)
    for request in rig.http.asked("answerPreCheckoutQuery"):
        answers[request.params["pre_checkout_query_id"]].add(str(request.params))
    assert all(len(values) == 1 for values in answers.values())
    assert rig.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    rig.listen(lambda _listener: rig.until(lambda: rig.stock()[1] == 0, TTL_SECONDS + 10))
    assert rig.stock() == (sold, 0)


MOMENTS = [
    "before getMe", "after getWebhookInfo", "before commit", "after commit", "before getUpdates", "after getUpdates",
    "before answerPreCheckoutQuery", "after answerPreCheckoutQuery", "before sendMessage", "after sendMessage",
]  # fmt: skip


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("nth", range(1, 9))
def test_killed_at_each_named_moment_of_one_sale(rig: Rig, moment: str, nth: int) -> None:
    rig.offer(stock=1)
    rig.invoice(chat_id=GROUP)
    seen = 0

    def die(name: str) -> None:
        nonlocal seen
        seen += name == moment
        if seen >= nth:
            rig.kill()

    async def sale(_listener: Listener) -> None:
        rig.world.buyers.start(1002)
        checkout = rig.world.buyers.press_pay("order-1001", 1001)
        await rig.until(lambda: checkout.outcome or rig.dead)
        if checkout.outcome == "accepted":
            rig.world.buyers.pay(checkout.checkout_id)
            await rig.until(lambda: rig.happened(events.Paid) or rig.dead)

    rig.at_step = die
    rig.listen(sale)
    rig.at_step = lambda name: None
    rig.listen(lambda _listener: rig.quiet(120))
    for checkout in rig.world.books.checkouts.values():
        if checkout.outcome == "accepted" and not checkout.payment:
            rig.world.buyers.pay(checkout.checkout_id)
    rig.listen(lambda _listener: rig.quiet(120))
    rig.truth_kept()
    assert {receipt.flag for receipt in rig.receipts()} <= {None}
    assert rig.stock()[0] == len(rig.world.books.charges) <= 1
