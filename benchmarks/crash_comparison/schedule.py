"""The schedule: who presses Pay when, who pays when, and when the listener is killed. Nothing but a seed decides it.

Knows lives and moments. Must never know who is listening: every contender gets the same schedule. What it leaves open
is only what a listener decides, namely who is told yes; whoever is not, does not pay.
"""

from collections import defaultdict
from dataclasses import dataclass
from random import Random

LIVES_PER_DROP = 4  # a drop is one product with a few units, announced once, pressed by many
UNITS_PER_DROP = 8
FIRST_BUYER_ID = 10_000
KILL_MILLISECONDS_MAX = 150.0  # after the moment that was drawn
LAST_MOMENT_MILLISECONDS = 500.0
# When a listener dies. Most have caught up with what had waited and serve buyers; crashes in a row are rarer.
DEATHS = ("serving",) * 7 + ("catching up",) * 2 + ("starting",)

# How many lives after the press a buyer pays; None: never. Most pay later than the others press.
PAYS_AFTER_LIVES = (0, 0, 1, 1, 1, 1, 2, 2, 3, None)


@dataclass(frozen=True)
class Moment:
    """At `milliseconds` of a life some buyers press Pay at once, or one of them pays."""

    milliseconds: float
    what: str  # press or pay
    buyer_ids: tuple[int, ...]


@dataclass(frozen=True)
class Life:
    """From one start of the listener to its kill. Moments later than the kill happen while nobody listens.

    `death` says what the milliseconds count from: the start of the process (starting), its first poll (catching up), or
    when it has worked off all that had waited for it (serving).
    """

    sku: str
    moments: tuple[Moment, ...]
    death: str
    kill_milliseconds: float


@dataclass(frozen=True)
class Schedule:
    lives: tuple[Life, ...]
    # Those who will pay if they are told yes. Whose moment comes after the last kill pays in the calm run.
    payers: frozenset[int]

    @property
    def stock(self) -> dict[str, int]:
        return {life.sku: UNITS_PER_DROP for life in self.lives}


def draw_schedule(kills: int, seed: int) -> Schedule:
    chance = Random(seed)
    payments: dict[int, list[Moment]] = defaultdict(list)  # by life
    payers: set[int] = set()
    lives: list[Life] = []
    next_buyer_id = FIRST_BUYER_ID
    for number in range(kills):
        presses = draw_presses(chance, next_buyer_id)
        for press in presses:
            next_buyer_id += len(press.buyer_ids)
            for buyer_id in press.buyer_ids:
                lives_later = chance.choice(PAYS_AFTER_LIVES)
                if lives_later is None:
                    continue
                payers.add(buyer_id)
                earliest = press.milliseconds + 100 if lives_later == 0 else 0.0
                moment = Moment(chance.uniform(earliest, LAST_MOMENT_MILLISECONDS), "pay", (buyer_id,))
                payments[number + lives_later].append(moment)
        moments = sorted([*presses, *payments[number]], key=lambda moment: moment.milliseconds)
        lives.append(draw_life(chance, number, moments))
    return Schedule(tuple(lives), frozenset(payers))


def draw_presses(chance: Random, first_buyer_id: int) -> list[Moment]:
    """A group that presses at the same moment, and one or two buyers by themselves."""
    presses = []
    for size in (chance.randint(3, 6), *[1] * chance.randint(1, 2)):
        buyer_ids = tuple(range(first_buyer_id, first_buyer_id + size))
        first_buyer_id += size
        presses.append(Moment(chance.uniform(0, LAST_MOMENT_MILLISECONDS / 2), "press", buyer_ids))
    return presses


def draw_life(chance: Random, number: int, moments: list[Moment]) -> Life:
    """A listener that serves dies a little after a press or a payment; the others a little after they came so far."""
    sku = f"drop-{number // LIVES_PER_DROP + 1:03d}"
    death = chance.choice(DEATHS)
    after = chance.choice(moments).milliseconds if death == "serving" else 0.0
    return Life(sku, tuple(moments), death, after + chance.uniform(0, KILL_MILLISECONDS_MAX))
