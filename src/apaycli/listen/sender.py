"""Answers out: each stored decision to Telegram, in time or not at all.

Knows deadlines and when an attempt may be repeated. Never decides an answer, never writes the ledger: how
it went is handed to `done`, whoever listens there records it.

An answer must reach Telegram within 10 seconds of the query. We try for 8 from its arrival; what is unknown
is tried again at once, what is refused is not. The units go back only where it is certain that the answer never took
effect: after a definite "too old" on the first attempt of a fresh decision (`core.decide.refusal_releases`), and where
no attempt of this process left it, which alone can have sent a fresh decision.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Refused
from apaycli.botapi.methods import answer_pre_checkout_query, request_of
from apaycli.clock import Clock
from apaycli.core.conversation import AnswerShippingQuery, Effect, SendInvoice, SendText
from apaycli.core.decide import TOO_OLD, refusal_releases
from apaycli.core.delivery import shipping_answer_after
from apaycli.crashpoints import reach
from apaycli.listen import events
from apaycli.listen.processor import Answer
from apaycli.listen.replies import Replies, perform_once
from apaycli.store.values import AnswerOutcome, AnswerResult, ShippingTrouble, TroubleKind
from apaycli.text import redact, show

ANSWER_SECONDS_MAX = 8.0
_TAKEN_SECONDS_MAX = 11.0  # "must receive an answer within 10 seconds after the pre-checkout query was sent"
_ATTEMPT_SECONDS_MAX = 3.0
_PAUSE_SECONDS = 0.25
_MESSAGES_AT_ONCE = 8  # the conversation never takes the connections that answers need
_OPEN_MAX = 2_000  # a flood of buttons and inline queries: what is beyond it stays without an answer


@dataclass(frozen=True, slots=True)
class _Sent:
    outcome: AnswerOutcome
    release: bool = False


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
        sent = await self._try_until(answer, arrived + ANSWER_SECONDS_MAX)
        reach("after_answer_before_its_record")
        milliseconds = round((self._clock.monotonic() - arrived) * 1000)
        now = self._clock.now()
        self._emit(
            events.Answered(
                now, answer.query, answer.decision, answer.invoice, sent.outcome, milliseconds, not answer.fresh
            )
        )
        if sent.release and sent.outcome == "failed":
            # Until Telegram takes it no more: the update may come again, and its recorded yes be sent after all.
            await asyncio.sleep(max(0.0, arrived + _TAKEN_SECONDS_MAX - self._clock.monotonic()))
        if answer.recorded:
            query_id = answer.decision.pre_checkout_query_id
            self._done(AnswerResult(query_id, sent.outcome, now, milliseconds, sent.release))

    async def _try_until(self, answer: Answer, deadline: float) -> _Sent:
        params = answer_pre_checkout_query(answer.decision)
        attempt = 0
        never_left = answer.fresh  # of an earlier one, another run or another task may have sent it
        while (left := deadline - self._clock.monotonic()) > 0.05:
            attempt += 1
            try:
                await self._api.call("answerPreCheckoutQuery", params, min(left, _ATTEMPT_SECONDS_MAX))
                return _Sent("sent")
            except Refused as refusal:
                if refusal.retry_after is None or refusal.retry_after >= left:
                    return _refused(refusal, first_attempt=answer.fresh and attempt == 1)
                await asyncio.sleep(max(refusal.retry_after, _PAUSE_SECONDS))
            except (OutcomeUnknown, NotSent) as failure:
                never_left = never_left and isinstance(failure, NotSent)
                await asyncio.sleep(min(_PAUSE_SECONDS * attempt, left))
        return _Sent("failed", release=never_left)

    async def _answer_shipping(self, effect: AnswerShippingQuery, arrived: float) -> None:
        wanted = effect
        method, params = request_of(effect, self._provider_token)
        error: str | None = "there was no time left"
        kind: TroubleKind = "unanswered"
        refused = ""
        attempt = 0
        while (left := arrived + ANSWER_SECONDS_MAX - self._clock.monotonic()) > 0.05:
            attempt += 1
            try:
                await self._api.call(method, params, min(left, _ATTEMPT_SECONDS_MAX))
                error = None
                break
            except Refused as refusal:
                error, kind, refused = refusal.message, "refused", refusal.description
                if (other := shipping_answer_after(effect, refused)) is not None:
                    effect, (method, params) = other, request_of(other, self._provider_token)
                    continue
                if refusal.retry_after is None:
                    break
                await asyncio.sleep(min(max(refusal.retry_after, _PAUSE_SECONDS), left))
            except (OutcomeUnknown, NotSent) as failure:
                error, kind = failure.message, "unanswered"
                await asyncio.sleep(min(_PAUSE_SECONDS * attempt, left))
        self._emit(events.Replied(self._clock.now(), method, error))
        if error is not None and not (kind == "refused" and TOO_OLD in refused.lower()):
            self._note_shipping(wanted, kind, error)  # too old: it came late, or has its answer
        elif error is None and wanted.options and effect.options != wanted.options:
            self._note_shipping(wanted, "free_left_out", refused)

    def _note_shipping(self, wanted: AnswerShippingQuery, kind: TroubleKind, error: str) -> None:
        now, said = self._clock.now(), show(redact(error), 300)
        self._done(ShippingTrouble(wanted.shipping_query_id, kind, said, now))
        self._emit(events.ShippingFailed(now, wanted.shipping_query_id, kind, said))

    async def _perform(self, effect: Effect) -> None:
        async with self._few:
            await perform_once(self._api, effect, self._provider_token, self._clock, self._emit)


def _refused(refusal: Refused, *, first_attempt: bool) -> _Sent:
    outcome: AnswerOutcome = "too_old" if TOO_OLD in refusal.description.lower() else "failed"
    return _Sent(outcome, refusal_releases(refusal.description, first_attempt=first_attempt))
