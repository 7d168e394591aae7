"""The weather between the listener and Telegram: calm, spells of trouble, outages.

Knows when it changes and which fault a request meets. Takes the place of a world's `Faults`, so that chance decides
for each request. What a spell does is over with the spell: a request that it swallowed is reset when it ends, and one
that it slowed down arrives by then. Two things last longer: a wait that Telegram named, and silence after an answer.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from soak_time import Window

from apaycli.sandbox.faults import Faults, Outage

SHORT_SECONDS_MAX = 4.5
LONG_SECONDS = (12.0, 18.0)  # so long that a client which doubles its pauses is at ten seconds and more
_CALM_AFTER_OUTAGE_SECONDS = 6.0
_BOTH = ("getupdates", "answerprecheckoutquery")


@dataclass(frozen=True)
class Spell:
    """Trouble until a moment. An outage strikes every request, any other spell some of them."""

    until: float
    methods: tuple[str, ...]
    probability: float
    kinds: tuple[str, ...]


class Weather(Faults):
    """Lives in the world's thread. `struck` counts by kind, `windows` collects what may excuse a late answer."""

    def __init__(self, chance: Random, windows: list[Window]) -> None:
        super().__init__()
        self._chance, self._windows = chance, windows
        self.struck = Counter[str]()
        self.long_outage_until = 0.0
        self._spells: list[Spell] = []

    def clear(self) -> None:
        super().clear()
        self._spells.clear()

    # -- what a request meets -------------------------------------------------------------------------------------

    def strike(self, method: str, now: float) -> Outage | None:
        self._spells = [spell for spell in self._spells if now < spell.until]
        for spell in self._spells:
            if (not spell.methods or method in spell.methods) and self._chance.random() < spell.probability:
                kind = self._chance.choice(spell.kinds)
                if kind == "silence" and method != "answerprecheckoutquery":
                    kind = "lost request"  # a poll in a dead connection is deaf for a minute: an outage of its own
                self.struck[kind] += 1
                return self._fault(kind, method, now, spell.until - now)
        return super().strike(method, now)

    def _fault(self, kind: str, method: str, now: float, left: float) -> Outage:
        chance = self._chance
        how = Outage(0, kind, count=1)
        if kind == "5xx":
            how.kind = chance.choice(("500", "502-html", "504-html"))
        elif kind == "429":
            how.retry_after = chance.choice((1, 1, 2))
            if method == "getupdates":
                self._windows.append(Window("429", now, now + how.retry_after))
        elif kind == "lost request":  # it never arrives; the client sees a reset, at once or when the spell is over
            how.kind, how.delay_seconds = "reset", chance.choice((0.0, left))
        elif kind == "lost reply":  # it took effect; nobody hears of it
            how.kind, how.after = chance.choice(("reset", "break", "empty", "truncated")), True
            how.delay_seconds = chance.choice((0.0, left))
        elif kind == "slow":
            how.kind, how.after = "delay", chance.random() < 0.5
            how.delay_seconds = chance.uniform(0.0, left)
        elif kind == "silence":
            how.kind, how.after = "hang", chance.random() < 0.5
        else:
            how.kind = "reset"
        if method == "getupdates" and how.delay_seconds:
            self._windows.append(Window("held", now, now + how.delay_seconds))
        return how

    # -- how it changes -------------------------------------------------------------------------------------------

    def change(self, now: float) -> float:
        """Begin the next spell; how many seconds until the one after it."""
        chance = self._chance
        if chance.random() < 0.2:
            seconds = self.outage(now, chance.uniform(0.3, SHORT_SECONDS_MAX))
            return seconds + _CALM_AFTER_OUTAGE_SECONDS
        seconds = chance.uniform(0.3, SHORT_SECONDS_MAX)
        kinds = ("5xx", "429", "reset", "lost request", "lost reply", "slow", "silence")
        chosen = tuple(chance.sample(kinds, chance.randint(1, 4)))
        methods = chance.choice((_BOTH, _BOTH[:1], _BOTH[1:], ()))
        self._spells.append(Spell(now + seconds, methods, chance.uniform(0.03, 0.3), chosen))
        return seconds + chance.uniform(0.3, 2.0)

    def outage(self, now: float, seconds: float) -> float:
        """Nothing gets through for so long."""
        is_long = seconds > SHORT_SECONDS_MAX
        # A long one fails at once, again and again; in a silent one a client waits, and is there when it ends.
        ways = (("reset",), ("5xx",), ("reset", "5xx"), ("lost request",))
        kinds = self._chance.choice(ways[:3] if is_long else ways)
        self._spells.insert(0, Spell(now + seconds, (), 1.0, kinds))
        self._windows.append(Window("outage", now, now + seconds))
        self.struck["long outage" if is_long else "outage"] += 1
        if is_long:
            self.long_outage_until = now + seconds
        return seconds


Later = Callable[[float, Callable[[], None]], object]


class Seasons:
    """Changes the weather in the world's thread, until `end`."""

    def __init__(self, weather: Weather, chance: Random, minutes: float) -> None:
        self.weather, self._chance = weather, chance
        seconds = minutes * 60
        count = 1 if minutes < 5 else 2
        self._long = [seconds * (number + chance.uniform(0.3, 0.6)) / count for number in range(count)]
        self._ended = False

    def begin(self, later: Later, now: Callable[[], float]) -> None:
        begun = now()

        def change() -> None:
            if self._ended:
                return
            if self._long and now() - begun >= self._long[0]:
                del self._long[0]
                seconds = self.weather.outage(now(), self._chance.uniform(*LONG_SECONDS))
                later(seconds + _CALM_AFTER_OUTAGE_SECONDS, change)
            else:
                later(self.weather.change(now()), change)

        later(1.0, change)

    def end(self) -> None:
        self._ended = True
        self.weather.clear()
