"""One answer to Telegram, in time: attempts at one request, and what they prove together.

Knows deadlines, when another attempt may begin, and what is known once they have ended. Never what is asked.

A query must be answered within 10 seconds. We begin attempts for 8 from its arrival, and listen for replies until those
10 are over: it should be known who was told yes. No attempt is cut while it may still arrive: where its reply does not
come for a while, another one begins beside it, and the first good reply counts.

What is known at the end. `sent`: Telegram said so. `too_old`, `failed`: it definitely did not take the answer, or no
attempt left. `unconfirmed`: an attempt may have arrived, and its reply was lost; a refusal of another attempt proves
nothing then, because Telegram refuses a second answer to one query with the words that it has for a late one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from apaycli.botapi.client import NotSent, OutcomeUnknown, Refused
from apaycli.clock import Clock
from apaycli.core.decide import TOO_OLD
from apaycli.errors import TelegramError
from apaycli.store.values import AnswerOutcome

ANSWER_SECONDS_MAX = 8.0
_REPLY_SECONDS_MAX = 10.0
_BESIDE_SECONDS = 2.5  # without a reply for so long: begin another attempt
_ATTEMPTS_AT_ONCE = 3
_PAUSE_SECONDS = 0.25
_WORTH_SECONDS = 0.05  # with less time left, no attempt is begun
_GRACE_SECONDS = 0.25  # an attempt knows best how it ended: let it say so

# Makes one attempt, which may take so many seconds. Raises Refused, NotSent or OutcomeUnknown.
Call = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """`reached`: whether any attempt may have reached Telegram. `refusal` and `failure`: the last ones, if any."""

    outcome: AnswerOutcome
    attempts: int
    reached: bool
    refusal: Refused | None = None
    failure: TelegramError | None = None


async def deliver(call: Call, clock: Clock, arrived: float) -> Delivered:
    """Make attempts until Telegram has the answer or the time since `arrived` (a monotonic second) is over.

    Raises what `call` raises beyond the three: a refused token.
    """
    delivery = _Delivery(call, clock, arrived)
    try:
        return await delivery.run()
    finally:
        await delivery.let_go()


class _Delivery:
    def __init__(self, call: Call, clock: Clock, arrived: float) -> None:
        self._call, self._clock = call, clock
        self._begin_until = arrived + ANSWER_SECONDS_MAX - _WORTH_SECONDS
        self._hear_until = arrived + _REPLY_SECONDS_MAX
        self._next_at = self._held_until = clock.monotonic()
        self._pending: set[asyncio.Future[object]] = set()
        self._attempts = 0
        self._sent = self._lost = self._reached = False
        self._refusal: Refused | None = None
        self._failure: TelegramError | None = None

    async def run(self) -> Delivered:
        while not self._sent:
            now = self._clock.monotonic()
            begin_at = self._begin_at(now)
            if begin_at == now:
                self._begin(now)
            elif begin_at is not None:
                await self._wait(begin_at - now)
            elif self._pending and now < self._hear_until + _GRACE_SECONDS:
                await self._wait(self._hear_until + _GRACE_SECONDS - now)
            else:
                break
        return self._delivered()

    def _begin_at(self, now: float) -> float | None:
        """When the next attempt begins; None: there will be none, as things stand."""
        at = max(self._next_at, self._held_until, now)
        may = self._refusal is None and len(self._pending) < _ATTEMPTS_AT_ONCE and at < self._begin_until
        return at if may else None

    def _begin(self, now: float) -> None:
        self._attempts += 1
        self._next_at = now + _BESIDE_SECONDS
        self._pending.add(asyncio.ensure_future(self._call(self._hear_until - now)))

    async def _wait(self, seconds: float) -> None:
        if not self._pending:
            await asyncio.sleep(seconds)
            return
        done, self._pending = await asyncio.wait(self._pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for attempt in done:
            self._note(attempt)

    def _note(self, attempt: "asyncio.Future[object]") -> None:
        """How one attempt ended. Raises what ends a delivery."""
        now = self._clock.monotonic()
        try:
            attempt.result()
            self._sent = self._reached = True
        except Refused as refusal:
            self._reached = True
            wait = None if refusal.retry_after is None else max(refusal.retry_after, _PAUSE_SECONDS)
            if wait is None or now + wait >= self._begin_until:
                self._refusal = refusal
            else:
                self._held_until = now + wait
        except (OutcomeUnknown, NotSent) as failure:
            if isinstance(failure, OutcomeUnknown):
                self._lost = self._reached = True
            self._failure = failure
            self._next_at = now + _PAUSE_SECONDS * self._attempts

    def _delivered(self) -> Delivered:
        outcome: AnswerOutcome = "failed"
        if self._sent:
            outcome = "sent"
        elif self._lost or self._pending:
            outcome = "unconfirmed"
        elif self._refusal is not None and TOO_OLD in self._refusal.description.lower():
            outcome = "too_old"
        reached = self._reached or bool(self._pending)
        return Delivered(outcome, self._attempts, reached, self._refusal, self._failure)

    async def let_go(self) -> None:
        for attempt in self._pending:
            attempt.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
