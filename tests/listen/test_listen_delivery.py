"""One answer on its way, on a clock that jumps: when attempts begin, and what they prove together."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
import virtual_time

from apaycli.botapi.client import NotSent, OutcomeUnknown, Refused
from apaycli.clock import ManualClock
from apaycli.errors import TokenError
from apaycli.listen.delivery import Delivered, deliver

TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


@dataclass(frozen=True)
class Attempt:
    """What becomes of one attempt, so many seconds after it began; None: nothing, for as long as it may take."""

    seconds: float | None
    how: Exception | None = None


def yes(seconds: float = 0.1) -> Attempt:
    return Attempt(seconds)


def too_old(seconds: float = 0.1) -> Attempt:
    return Attempt(seconds, Refused("answerPreCheckoutQuery", 400, TOO_OLD))


def refused(seconds: float = 0.1) -> Attempt:
    return Attempt(seconds, Refused("answerPreCheckoutQuery", 400, "Bad Request: no"))


def wait(retry_after: int) -> Attempt:
    return Attempt(0.1, Refused("answerPreCheckoutQuery", 429, "Too Many Requests", retry_after))


def lost(seconds: float = 0.1) -> Attempt:
    return Attempt(seconds, OutcomeUnknown("no answer"))


def not_sent(seconds: float = 0.1) -> Attempt:
    return Attempt(seconds, NotSent("cannot be reached"))


SILENT = Attempt(None)


class Way:
    """Attempts as they come; the last of the script is repeated. `begun` and `most` say when and how many at once."""

    def __init__(self, *script: Attempt) -> None:
        self.clock = ManualClock()
        self.begun: list[float] = []
        self.open = self.most = 0
        self._script = list(script)
        self._start = self.clock.monotonic()

    def now(self) -> float:
        return self.clock.monotonic() - self._start

    async def attempt(self, seconds: float) -> object:
        self.begun.append(round(self.now(), 2))
        attempt = self._script[min(len(self.begun), len(self._script)) - 1]
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if attempt.seconds is None or attempt.seconds > seconds:
                await asyncio.sleep(seconds)
                raise OutcomeUnknown("timed out")
            await asyncio.sleep(attempt.seconds)
            if attempt.how is not None:
                raise attempt.how
        finally:
            self.open -= 1
        return True


def delivered(way: Way, spent: float = 0.0, call: Callable[[float], Awaitable[object]] | None = None) -> Delivered:
    """`spent`: seconds since the query arrived, before its answer was ready."""

    async def run() -> Delivered:
        return await deliver(call or way.attempt, way.clock, way.clock.monotonic() - spent)

    result = virtual_time.run(way.clock, run())
    assert way.open == 0, "an attempt was left behind"
    return result


EVERY_2_5 = [0.0, 2.5, 5.0]
CASES: dict[str, tuple[list[Attempt], str, list[float], float]] = {
    # attempts, outcome, when attempts begin, when it is known
    "at once": ([yes(0.2)], "sent", [0.0], 0.2),
    "a round trip of three seconds": ([yes(3.0)], "sent", [0.0, 2.5], 3.0),
    "a new connection at two seconds": ([yes(6.0)], "sent", EVERY_2_5, 6.0),
    "a new connection at three seconds": ([yes(9.0)], "sent", EVERY_2_5, 9.0),
    "a dead connection, and another one": ([SILENT, yes(0.3)], "sent", [0.0, 2.5], 2.8),
    "two dead connections": ([SILENT, SILENT, yes(0.3)], "sent", EVERY_2_5, 5.3),
    "a reset": ([lost(), yes()], "sent", [0.0, 0.35], 0.45),
    "refused connections": ([not_sent(), not_sent(), yes()], "sent", [0.0, 0.35, 0.95], 1.05),
    "the first is slow, its repetition is refused as such": ([yes(4.0), too_old(1.0)], "sent", [0.0, 2.5], 4.0),
    "the reply of the first is lost": ([lost(), too_old()], "unconfirmed", [0.0, 0.35], 0.45),
    "the first hangs, its repetition is refused": ([SILENT, too_old()], "unconfirmed", [0.0, 2.5], 10.0),
    "nothing ever comes back": ([SILENT], "unconfirmed", EVERY_2_5, 10.0),
    "both are refused": ([too_old(4.0), too_old(1.0)], "too_old", [0.0, 2.5], 4.0),
    "too old": ([too_old()], "too_old", [0.0], 0.1),
    "refused": ([refused()], "failed", [0.0], 0.1),
    "a wait": ([wait(3), yes()], "sent", [0.0, 3.1], 3.2),
    "a wait that is too long": ([wait(9)], "failed", [0.0], 0.1),
    "a wait beside a slow one": ([Attempt(6.0), wait(3)], "sent", [0.0, 2.5, 5.6], 6.0),
}


@pytest.mark.parametrize(("script", "outcome", "begun", "known_after"), CASES.values(), ids=CASES.keys())
def test_what_attempts_prove_together(
    script: list[Attempt], outcome: str, begun: list[float], known_after: float
) -> None:
    way = Way(*script)
    result = delivered(way)
    assert (result.outcome, way.begun) == (outcome, begun)
    assert way.now() == pytest.approx(known_after, abs=0.01)
    assert result.attempts == len(begun)


@pytest.mark.parametrize(
    ("script", "reached"),
    [([not_sent()], False), ([not_sent(), lost()], True), ([SILENT], True), ([refused()], True), ([too_old()], True)],
)
def test_it_is_known_whether_any_attempt_may_have_arrived(script: list[Attempt], reached: bool) -> None:
    assert delivered(Way(*script)).reached is reached


def test_what_never_left_was_tried_until_eight_seconds_after_its_arrival() -> None:
    way = Way(not_sent())
    result = delivered(way)
    assert (result.outcome, result.reached) == ("failed", False)
    assert 6 <= way.begun[-1] < 8
    assert len(way.begun) <= 10


def test_no_attempt_is_made_when_its_time_is_over_already() -> None:
    way = Way(yes())
    assert delivered(way, spent=8.0) == Delivered("failed", 0, reached=False)
    assert way.begun == []


def test_what_came_late_from_the_ledger_has_the_time_that_is_left() -> None:
    way = Way(SILENT, yes())
    assert delivered(way, spent=5.0).outcome == "sent"
    assert way.begun == [0.0, 2.5]


def test_never_more_than_three_at_once_and_none_is_cut_while_it_may_arrive() -> None:
    way = Way(SILENT)
    delivered(way)
    assert way.most == 3


def test_a_refused_token_ends_it_and_leaves_nothing_behind() -> None:
    way = Way(SILENT)

    async def call(seconds: float) -> object:
        if way.begun:
            raise TokenError("Telegram does not accept the bot token")
        return await way.attempt(seconds)

    with pytest.raises(TokenError):
        delivered(way, call=call)
    assert way.open == 0


def test_who_is_cancelled_lets_the_attempts_go() -> None:
    way = Way(SILENT)

    async def cancel() -> None:
        task = asyncio.ensure_future(deliver(way.attempt, way.clock, way.clock.monotonic()))
        await asyncio.sleep(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_time.run(way.clock, cancel())
    assert (way.most, way.open) == (2, 0)
