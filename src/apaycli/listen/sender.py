"""Answers out: each stored decision to Telegram, in time or not at all.

Knows which answer goes out and what its delivery (`delivery.py`) means for the units. Never decides an answer, never
writes the ledger: how it went is handed to `done`, whoever listens there records it.

Only a definite "too old" on the one attempt of a fresh decision gives the units back (`core.decide.refusal_releases`).
"""

import asyncio
from collections.abc import Callable, Coroutine

from apaycli.botapi.client import AsyncBotApi
from apaycli.botapi.methods import answer_pre_checkout_query, request_of
from apaycli.clock import Clock
from apaycli.core.conversation import AnswerShippingQuery, Effect, SendInvoice, SendText
from apaycli.core.decide import refusal_releases
from apaycli.crashpoints import reach
from apaycli.listen import events
from apaycli.listen.delivery import Delivered, deliver
from apaycli.listen.processor import Answer
from apaycli.listen.replies import Replies, perform_once
from apaycli.store.values import AnswerResult

_MESSAGES_AT_ONCE = 8  # the conversation never takes the connections that answers need
_OPEN_MAX = 2_000  # a flood of buttons and inline queries: what is beyond it stays without an answer


class Sender:
    """Sends many answers at once. Tasks live in the listener's task group."""

    def __init__(
        self,
        api: AsyncBotApi,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        done: Callable[[AnswerResult], None],
        emit: events.Emit,
        provider_token: str,
        replies: Replies,
    ) -> None:
        self._provider_token = provider_token
        self._replies = replies
        self._few = asyncio.Semaphore(_MESSAGES_AT_ONCE)
        self._api = api
        self._clock = clock
        self._tasks = tasks
        self._done = done
        self._emit = emit
        self._open: set[asyncio.Task[None]] = set()

    def send(self, answer: Answer, arrived: float) -> None:
        """Start sending; `arrived` is the monotonic second in which the query came in."""
        self._start(self._answer(answer, arrived))

    def perform(self, effect: Effect, arrived: float) -> None:
        """Start what the conversation says: never in the way of an answer. Messages keep Telegram's pace; a shipping
        query is part of a payment and is answered like one."""
        if isinstance(effect, AnswerShippingQuery):
            self._start(self._answer_shipping(effect, arrived))
        elif isinstance(effect, SendText | SendInvoice):
            self._replies.add(effect)
        elif len(self._open) < _OPEN_MAX:
            self._start(self._perform(effect))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._tasks.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way, at most `seconds`, then let go: it stays in the ledger as not sent."""
        if self._open:
            _, late = await asyncio.wait(set(self._open), timeout=seconds)
            for task in late:
                task.cancel()

    async def _answer(self, answer: Answer, arrived: float) -> None:
        reach("before_answer_sent")
        params = answer_pre_checkout_query(answer.decision)
        delivered = await deliver(
            lambda seconds: self._api.call("answerPreCheckoutQuery", params, seconds), self._clock, arrived
        )
        reach("after_answer_before_its_record")
        milliseconds = round((self._clock.monotonic() - arrived) * 1000)
        now = self._clock.now()
        outcome = delivered.outcome
        if outcome == "too_old" and not answer.fresh:
            outcome = "unconfirmed"  # an earlier run, or an earlier copy of the query, may have answered
        if answer.recorded:
            query_id = answer.decision.pre_checkout_query_id
            release = _releases(delivered, answer)
            self._done(AnswerResult(query_id, outcome, now, milliseconds, release, delivered.reached))
        self._emit(
            events.Answered(now, answer.query, answer.decision, answer.invoice, outcome, milliseconds, not answer.fresh)
        )

    async def _answer_shipping(self, effect: AnswerShippingQuery, arrived: float) -> None:
        method, params = request_of(effect, self._provider_token)
        delivered = await deliver(lambda seconds: self._api.call(method, params, seconds), self._clock, arrived)
        self._emit(events.Replied(self._clock.now(), method, _shipping_error(delivered)))

    async def _perform(self, effect: Effect) -> None:
        async with self._few:
            await perform_once(self._api, effect, self._provider_token, self._clock, self._emit)


def _releases(delivered: Delivered, answer: Answer) -> bool:
    if delivered.outcome != "too_old" or delivered.refusal is None:
        return False
    first_attempt = answer.fresh and delivered.attempts == 1
    return refusal_releases(delivered.refusal.description, first_attempt=first_attempt)


def _shipping_error(delivered: Delivered) -> str | None:
    if delivered.outcome == "sent":
        return None
    if delivered.outcome == "unconfirmed":
        return "Telegram's reply was lost: the buyer may have the answer or not"
    trouble = delivered.refusal or delivered.failure
    return trouble.message if trouble else "there was no time left"
