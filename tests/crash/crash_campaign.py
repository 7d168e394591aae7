"""A seeded chapter: buyers, and a program that is killed at moments of chance, again and again.

Knows how to play; what must be true afterwards is `crash_judge.py`. The seed draws what is planned for each life;
the machine decides how far a life comes until it ends.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

from crash_process import Life, Nursery
from crash_shop import TTL_SECONDS, CrashShop

from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.request_log import RequestRecord

KILLS = 40  # in a chapter
_START_SECONDS = {False: 0.12, True: 0.45}  # how long a start may take: forked, executed
_AFTER_SECONDS_MAX = 0.03  # of a press or a payment: receiving, committing, answering, confirming
_AFTER_REQUEST_SECONDS_MAX = 0.012
_LIFE_SECONDS_MAX = {False: 0.3, True: 0.8}  # where the moment that was planned does not come
_METHODS = ("getme", "getwebhookinfo", "getupdates", "getupdates", "answerprecheckoutquery", "sendmessage")
_USES = ("2", "unlimited", "1")


def new_shop(folder: Path, nursery: Nursery, seed: int) -> CrashShop:
    chance = Random(f"shop {seed}")
    stock, hook, notify = chance.randint(4, 80), chance.random() < 0.5, chance.random() < 0.5
    return CrashShop(folder, nursery, seed, stock, hook=hook, notify=notify)


def play(shop: CrashShop, seed: int, kills: int) -> None:
    """So many kills; then quiet, in which all must settle. `shop` is served."""
    chance = Random(seed)
    payloads = [shop.sell(uses) for uses in ("unlimited", *_USES[: chance.randint(1, 3)])]
    payloads += payloads[:1] * 2  # most want the one that everybody may pay
    jumps = chance.random() < 0.3
    for number in range(kills):
        _play_life(shop, Random(f"{seed}/{number}"), payloads, executed=number % 10 == 3)
        shop.kills += 1
        if chance.random() < 0.05:
            shop.write_stock(max(0, shop.capacity_highest + chance.choice((-2, -1, 1))))
        if jumps and chance.random() < 0.05:
            shop.let_time_pass(chance.choice((3, TTL_SECONDS + 5)))
    shop.settle(everybody_pays=chance.random() < 0.7)


def _play_life(shop: CrashShop, chance: Random, payloads: list[str], *, executed: bool) -> None:
    """One life, from its start to its kill."""
    life = shop.start("listen", executed=executed)
    plan = _Plan(shop, chance, payloads, life)
    shop.call(plan.begin, _START_SECONDS[executed], _LIFE_SECONDS_MAX[executed])
    code = life.wait(60)
    shop.call(plan.end)
    assert code == -9, f"a life ended by itself with {code}\n{shop.said()}"


class _Plan:
    """What happens in one life, in the world's thread."""

    def __init__(self, shop: CrashShop, chance: Random, payloads: list[str], life: Life) -> None:
        self._shop, self._chance, self._payloads, self._life = shop, chance, payloads, life
        self._timers: list[asyncio.TimerHandle] = []
        self._method, self._count = "", 0

    def begin(self, start_seconds: float, life_seconds_max: float) -> None:
        chance = self._chance
        for _ in range(chance.randint(0, 3)):
            self._later(chance.uniform(0, start_seconds * 1.2), self._visit)
        kind = chance.choices(("start", "request", "press", "pay"), (2, 3, 3, 3))[0]
        self._later(life_seconds_max, self._life.kill)
        if kind == "start":
            self._later(chance.uniform(0, start_seconds), self._life.kill)
        elif kind == "request":
            self._method, self._count = chance.choice(_METHODS), chance.randint(1, 3)
            self._shop.requests.on_request = self._kill_at_request
        else:
            self._shop.requests.on_request = self._act_when_polled if kind == "press" else self._pay_when_polled

    def end(self) -> None:
        self._shop.requests.on_request = lambda record: None
        for timer in self._timers:
            timer.cancel()

    def _later(self, seconds: float, function: Callable[[], object]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, function))

    def _kill_at_request(self, record: RequestRecord) -> None:
        self._count -= record.method.lower() == self._method
        if self._count == 0:
            self._later(self._chance.uniform(0, _AFTER_REQUEST_SECONDS_MAX), self._life.kill)

    def _act_when_polled(self, record: RequestRecord) -> None:
        if record.params.get("timeout", "0") != "0":
            self._shop.requests.on_request = lambda record: None
            self._later(0, self._press_and_kill)

    def _pay_when_polled(self, record: RequestRecord) -> None:
        if record.params.get("timeout", "0") != "0":
            self._shop.requests.on_request = lambda record: None
            self._later(0, self._pay_and_kill)

    def _press_and_kill(self) -> None:
        with self._shop.world.polling.held():
            for _ in range(self._chance.randint(1, 3)):
                self._press()
        self._later(self._chance.uniform(0, _AFTER_SECONDS_MAX), self._life.kill)

    def _pay_and_kill(self) -> None:
        unpaid = self._shop.unpaid()
        with self._shop.world.polling.held():
            for checkout in unpaid[: self._chance.randint(1, 3)]:
                self._pay(checkout)
            if not unpaid or self._chance.random() < 0.3:
                self._press()
        self._later(self._chance.uniform(0, _AFTER_SECONDS_MAX), self._life.kill)

    def _visit(self) -> None:
        """Somebody comes by while the program starts, works, or is dead."""
        unpaid = self._shop.unpaid()
        if unpaid and self._chance.random() < 0.5:
            self._pay(self._chance.choice(unpaid))
        else:
            self._press()

    def _press(self) -> None:
        buyer = self._chance.choice((self._chance.randint(2000, 2009), self._chance.randint(3000, 9999)))
        self._shop.world.buyers.press_pay(self._chance.choice(self._payloads), buyer)

    def _pay(self, checkout: Checkout) -> None:
        for _ in range(self._chance.choice((1, 1, 1, 1, 1, 1, 1, 2))):
            self._shop.world.buyers.pay(checkout.checkout_id)
