"""Answers out: each stored decision to Telegram, in time or not at all.

Knows which answer goes out and what its delivery (`delivery.py`) means for the units. Never decides an answer, never
writes the ledger: how it went is handed to `done`, whoever listens there records it.

The units are free again only where it is certain that the answer never took effect: after a definite "too old" on the
one attempt of a fresh decision (`core.decide.refusal_releases`), and where no attempt of this process left it, which
alone can have sent a fresh decision.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping

from apaycli.botapi.client import AsyncBotApi
from apaycli.botapi.methods import answer_pre_checkout_query, request_of
from apaycli.clock import Clock
from apaycli.core.conversation import AnswerShippingQuery, Effect, SendInvoice, SendText
from apaycli.core.decide import TOO_OLD, refusal_releases
from apaycli.core.delivery import shipping_answer_after
from apaycli.crashpoints import reach
from apaycli.listen import events
from apaycli.listen.delivery import Delivered, deliver
from apaycli.listen.processor import Answer
from apaycli.listen.replies import Replies, perform_once
from apaycli.store.values import AnswerResult, ShippingTrouble, TroubleKind
from apaycli.text import redact, show

_TAKEN_SECONDS_MAX = 11.0  # "must receive an answer within 10 seconds after the pre-checkout query was sent"
_MESSAGES_AT_ONCE = 8  # the conversation never takes the connections that answers need
_OPEN_MAX = 2_000  # a flood of buttons and inline queries: what is beyond it stays without an answer


class Sender:
    """Sends many answers at once. Tasks live in the listener's task group."""

    def __init__(
        self,
        api: AsyncBotApi,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        done: Callable[[AnswerResult | ShippingTrouble], None],
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
        self._answering: dict[str, asyncio.Task[None]] = {}

    def send(self, answer: Answer, arrived: float) -> "asyncio.Task[None]":
        """Start sending; `arrived` is the monotonic second in which the query came in. The task is over once Telegram
        has the answer, or has refused it, or takes it no more. One that is under way is not sent beside itself."""
        query_id = answer.query.pre_checkout_query_id
        under_way = self._answering.get(query_id)
        if under_way is None:
            under_way = self._answering[query_id] = self._start(self._answer(answer, arrived))
            under_way.add_done_callback(lambda _task: self._answering.pop(query_id))
        return under_way

    def perform(self, effect: Effect, arrived: float) -> None:
        """Start what the conversation says: never in the way of an answer. Messages keep Telegram's pace; a shipping
        query is part of a payment and is answered like one."""
        if isinstance(effect, AnswerShippingQuery):
            self.answer_shipping(effect, arrived)
        elif isinstance(effect, SendText | SendInvoice):
            self._replies.add(effect)
        elif len(self._open) < _OPEN_MAX:
            self._start(self._perform(effect))

    def answer_shipping(self, effect: AnswerShippingQuery, arrived: float) -> "asyncio.Task[None]":
        return self._start(self._answer_shipping(effect, arrived))

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = self._tasks.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        return task

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way, at most `seconds`, then let go: it stays in the ledger as not sent."""
        if self._open:
            _, late = await asyncio.wait(set(self._open), timeout=seconds)
            for task in late:
                task.cancel()

    async def _answer(self, answer: Answer, arrived: float) -> None:
        reach("before_answer_sent")
        delivered = await self._deliver("answerPreCheckoutQuery", answer_pre_checkout_query(answer.decision), arrived)
        reach("after_answer_before_its_record")
        milliseconds = round((self._clock.monotonic() - arrived) * 1000)
        now = self._clock.now()
        outcome = delivered.outcome
        if outcome == "too_old" and not answer.fresh:
            outcome = "unconfirmed"  # an earlier run, or an earlier copy of the query, may have answered
        self._emit(
            events.Answered(now, answer.query, answer.decision, answer.invoice, outcome, milliseconds, not answer.fresh)
        )
        # Of a decision that is not fresh, another run or another task may have sent an answer.
        never_left = answer.fresh and not delivered.reached
        if never_left:
            # Until Telegram takes it no more: the update may come again, and its recorded yes be sent after all.
            await asyncio.sleep(max(0.0, arrived + _TAKEN_SECONDS_MAX - self._clock.monotonic()))
        if answer.recorded:
            query_id = answer.decision.pre_checkout_query_id
            release = never_left or _refusal_releases(delivered, answer)
            self._done(AnswerResult(query_id, outcome, now, milliseconds, release))

    async def _deliver(self, method: str, params: Mapping[str, object], arrived: float) -> Delivered:
        return await deliver(lambda seconds: self._api.call(method, params, seconds), self._clock, arrived)

    async def _answer_shipping(self, wanted: AnswerShippingQuery, arrived: float) -> None:
        """In the form that Telegram takes: one that it refuses for what is in it is followed by the next."""
        effect: AnswerShippingQuery | None = wanted
        refused = ""  # Telegram's last word about a form
        while effect is not None:
            said = effect
            method, params = request_of(said, self._provider_token)
            delivered = await self._deliver(method, params, arrived)
            effect = None
            if delivered.outcome != "sent" and delivered.refusal is not None:
                refused = delivered.refusal.description
                effect = shipping_answer_after(said, refused)
        error = _shipping_error(delivered)
        self._emit(events.Replied(self._clock.now(), method, error))
        if error is not None and not _is_too_late(delivered):
            self._note_shipping(wanted, "refused" if delivered.refusal else "unanswered", error)
        elif delivered.outcome == "sent" and wanted.options and said.options != wanted.options:
            self._note_shipping(wanted, "free_left_out", refused)

    def _note_shipping(self, wanted: AnswerShippingQuery, kind: TroubleKind, error: str) -> None:
        now, said = self._clock.now(), show(redact(error), 300)
        self._done(ShippingTrouble(wanted.shipping_query_id, kind, said, now))
        self._emit(events.ShippingFailed(now, wanted.shipping_query_id, kind, said))

    async def _perform(self, effect: Effect) -> None:
        async with self._few:
            await perform_once(self._api, effect, self._provider_token, self._clock, self._emit)


def _refusal_releases(delivered: Delivered, answer: Answer) -> bool:
    if delivered.outcome != "too_old" or delivered.refusal is None:
        return False
    first_attempt = answer.fresh and delivered.attempts == 1
    return refusal_releases(delivered.refusal.description, first_attempt=first_attempt)


def _is_too_late(delivered: Delivered) -> bool:
    """Of a shipping query: it came late, or its answer had arrived before."""
    return delivered.refusal is not None and TOO_OLD in delivered.refusal.description.lower()


def _shipping_error(delivered: Delivered) -> str | None:
    if delivered.outcome == "sent":
        return None
    if delivered.outcome == "unconfirmed":
        return "Telegram's reply was lost: the buyer may have the answer or not"
    trouble = delivered.refusal or delivered.failure
    return trouble.message if trouble else "there was no time left"
