"""Steady buyers: so many a second, each with a mind of their own.

Knows how people press and pay; runs in the world's thread. Never what the listener should do.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from crash_shop import TTL_SECONDS

from apaycli.sandbox.buyers import ScriptError
from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.world import World

_TICK_SECONDS = 0.02
_FIRST_BUYER = 100_000
# What buyers do once they are accepted, in a hundred.
_MINDS = {"pays": 76, "never": 8, "late": 4, "twice": 4, "re-enters": 5, "fails": 3}


@dataclass
class Buyer:
    number: int
    payload: str
    mind: str
    presses_left: int
    has_paid: bool = False


class Market:
    """Buyers from `open` on; `close` keeps what people still mean to do, `go_on` lets them do it."""

    def __init__(self, world: World, chance: Random, rate: float, payloads: dict[str, int]) -> None:
        self._world, self._chance, self._rate = world, chance, rate
        self._payloads = payloads  # payload -> how often it is wanted
        self.arrived = 0
        self.minds = Counter[str]()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._is_open = False

    def open(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._is_open = True
        begun = self._now()

        def tick() -> None:
            if not self._is_open:
                return
            self.go_on()
            while self.arrived < (self._now() - begun) * self._rate:
                self._arrive()
            later(_TICK_SECONDS, tick)

        tick()

    def close(self) -> None:
        self._is_open = False

    def go_on(self, ahead_seconds: float = 0.0) -> None:
        """Everything that is due by then."""
        while self.is_due(ahead_seconds):
            heapq.heappop(self._due)[2]()

    def is_due(self, ahead_seconds: float) -> bool:
        return bool(self._due) and self._due[0][0] <= self._now() + ahead_seconds

    def _now(self) -> float:
        return self._world.clock.monotonic()

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._due, (self._now() + seconds, self._serial, function))

    # -- one buyer ------------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        chance = self._chance
        self.arrived += 1
        mind = chance.choices(list(_MINDS), list(_MINDS.values()))[0]
        payload = chance.choices(list(self._payloads), list(self._payloads.values()))[0]
        # Those who never wrote to the bot get no message from it.
        self._world.chats.user(_FIRST_BUYER + self.arrived).started = chance.random() < 0.6
        buyer = Buyer(_FIRST_BUYER + self.arrived, payload, mind, presses_left=2)
        self.minds[mind] += 1
        self._press(buyer)
        if mind == "re-enters":
            self._later(chance.uniform(0.1, 3.0), lambda: self._press(buyer))

    def _press(self, buyer: Buyer) -> None:
        if buyer.has_paid or buyer.presses_left == 0:
            return
        buyer.presses_left -= 1
        try:
            checkout = self._world.buyers.press_pay(buyer.payload, buyer.number)
        except ScriptError:
            return  # the invoice's keyboard was removed
        if checkout.outcome is None:
            checkout.watchers.append(lambda: self._answered(buyer, checkout))

    def _answered(self, buyer: Buyer, checkout: Checkout) -> None:
        chance = self._chance
        if checkout.outcome == "timeout" and chance.random() < 0.4:
            self._later(chance.uniform(0.5, 5.0), lambda: self._press(buyer))
        if checkout.outcome != "accepted" or buyer.mind == "never":
            return
        if buyer.mind == "late":
            self._later(TTL_SECONDS + chance.uniform(5.0, 25.0), lambda: self._pay(buyer, checkout))
            return
        seconds = min(20.0, chance.expovariate(1 / 2.0))
        if buyer.mind == "fails":
            self._later(seconds, lambda: self._fail(checkout))
            return
        self._later(seconds, lambda: self._pay(buyer, checkout))
        if buyer.mind == "twice":
            self._later(seconds + chance.uniform(0.0, 3.0), lambda: self._pay(buyer, checkout, again=True))

    def _pay(self, buyer: Buyer, checkout: Checkout, *, again: bool = False) -> None:
        if not buyer.has_paid or again:
            buyer.has_paid = True
            self._world.buyers.pay(checkout.checkout_id)

    def _fail(self, checkout: Checkout) -> None:
        self._world.buyers.fail(checkout.checkout_id)
