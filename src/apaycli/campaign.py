"""One invoice to many chats: at Telegram's pace, and never twice to the same chat.

Knows the order of steps, the pace, and which failures may be tried again. A campaign has a name; the ledger holds one
invoice of it a chat, written before its request leaves. Whoever runs it again, after Ctrl-C or a crash, goes on where
it ended: what was sent is left alone, what Telegram refused is tried again, and what nobody knows is told and not
repeated, unless the merchant says so. A repeated invoice keeps its payload: should both copies have arrived, its uses
still count together.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from apaycli.botapi.client import AsyncBotApi, NotSent, OutcomeUnknown, Refused
from apaycli.botapi.methods import Delivery, send_invoice
from apaycli.clock import Clock
from apaycli.core.model import Invoice
from apaycli.crashpoints import reach
from apaycli.errors import ApayError, TokenError
from apaycli.pace import Window
from apaycli.store.protocol import Store

_SEND_SECONDS_MAX = 20
_IN_FLIGHT_MAX = 64
_TRIES_MAX = 5  # of one chat, while Telegram asks to wait
_UNREACHED_MAX = 5  # in a row: then Telegram is out of reach, and the rest is left for the next run


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one chat."""

    invoice: Invoice
    state: Literal["sent", "refused", "unknown"]
    message_id: int | None = None
    failure: ApayError | None = None
    final: bool = True  # False: it was refused for now, and waits for another turn


@dataclass(slots=True)
class Job:
    """One chat that is to get its invoice. `recorded`: it has a row of this campaign already."""

    invoice: Invoice
    recorded: bool
    tries: int = 0


@dataclass(slots=True)
class Plan:
    """What is to be done; which chats have the invoice; of which nobody knows, from an earlier run."""

    jobs: list[Job] = field(default_factory=list)
    had: list[Invoice] = field(default_factory=list)
    unknown: list[Invoice] = field(default_factory=list)


def plan_campaign(store: Store, name: str, drafts: Iterable[Invoice], *, retry_unknown: bool) -> Plan:
    """Compare the chats that are wanted with those that the ledger has."""
    with store.transaction() as tx:
        there = tx.campaign_invoices(name)
    plan = Plan()
    for draft in drafts:
        chat_id = store.moved_chat(draft.chat_id)
        earlier = there.get(chat_id) or there.get(draft.chat_id)
        if earlier is None:
            plan.jobs.append(Job(replace(draft, chat_id=chat_id), recorded=False))
            continue
        invoice, state = earlier
        if state == "sent":
            plan.had.append(invoice)
        elif state == "refused" or retry_unknown:
            plan.jobs.append(Job(replace(invoice, expires_at=draft.expires_at), recorded=True))
        else:
            plan.unknown.append(invoice)
    return plan


class Campaign:
    """Sends the jobs of a plan. `told` hears of each chat as soon as its outcome is on disk."""

    def __init__(
        self,
        name: str,
        jobs: Iterable[Job],
        api: AsyncBotApi,
        store: Store,
        provider_token: str,
        delivery: Delivery,
        clock: Clock,
        told: Callable[[Outcome], None],
        say: Callable[[str], None],
    ) -> None:
        self._name, self._waiting = name, deque(jobs)
        self._api, self._store, self._clock = api, store, clock
        self._provider_token, self._delivery = provider_token, delivery
        self._told, self._say = told, say
        self._ended: list[Outcome] = []
        self._moved: list[tuple[str, int]] = []
        self._chats = {job.invoice.chat_id for job in self._waiting}
        self._flying: set[asyncio.Task[None]] = set()
        self._window = Window()
        self._unreached = 0
        self._fatal: ApayError | None = None
        self._bug: BaseException | None = None
        self._stopping = False

    def stop(self) -> None:
        """Take no further chat; what has left is waited for. May be called from a signal handler."""
        self._stopping = True

    async def run(self) -> int:
        """Until every chat had its turn, or `stop`. Returns how many had none. Raises TokenError, or NotSent where
        Telegram is out of reach; everything that is known is on disk then, too."""
        while self._waiting and not self._stopping and self._fatal is None and self._bug is None:
            await self._turn()
            if not self._waiting:  # what flies may come back to wait again
                await self._landed()
        await self._landed()
        self._write(None)
        if self._bug is not None:
            raise self._bug
        if self._fatal is not None:
            raise self._fatal
        return len(self._waiting)

    async def _turn(self) -> None:
        now = self._clock.monotonic()
        wait = self._window.slot(now) - now
        if wait > 0:
            await asyncio.sleep(min(wait, 0.5))  # half a second: a signal is heard
            return
        if len(self._flying) >= _IN_FLIGHT_MAX:
            await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
            return
        job = self._waiting.popleft()
        self._write(job)
        reach("invoice_recorded_before_it_is_sent")
        self._window.take(self._clock.monotonic())
        task = asyncio.get_running_loop().create_task(self._send(job))
        self._flying.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bug = error  # what it was about stays `sending`: nobody knows

    async def _landed(self) -> None:
        if self._flying:
            await asyncio.wait(set(self._flying))

    def _write(self, job: Job | None) -> None:
        """One transaction: how earlier ones went, and that this one is about to leave."""
        ended, self._ended = self._ended, []
        moved, self._moved = self._moved, []
        with self._store.transaction() as tx:
            for outcome in ended:
                tx.record_send_outcome(
                    outcome.invoice.invoice_id,
                    outcome.state,
                    self._clock.now(),
                    message_id=outcome.message_id,
                    chat_id=outcome.invoice.chat_id,
                    error=outcome.failure.message if outcome.failure else None,
                )
            for chat_id, new_id in moved:
                tx.migrate_chat(int(chat_id), new_id)
            if job is not None and job.recorded:
                tx.send_again(job.invoice.invoice_id, job.invoice.expires_at)
            elif job is not None:
                tx.record_invoice(job.invoice, campaign=self._name)
                job.recorded = True
        for outcome in ended:
            if outcome.final:
                self._told(outcome)

    async def _send(self, job: Job) -> None:
        job.tries += 1
        params = send_invoice(job.invoice, self._provider_token, self._delivery)
        try:
            message = await self._api.call("sendInvoice", params, _SEND_SECONDS_MAX)
        except TokenError as error:
            self._fatal = error
            self._ended.append(Outcome(job.invoice, "refused", failure=error))
        except OutcomeUnknown as failure:
            self._ended.append(Outcome(job.invoice, "unknown", failure=failure))
        except NotSent as failure:
            self._not_sent(job, failure)
        except Refused as refusal:
            self._refused(job, refusal)
        else:
            self._unreached = 0
            message_id = message.get("message_id") if isinstance(message, dict) else None
            self._ended.append(Outcome(job.invoice, "sent", message_id if type(message_id) is int else None))
        reach("invoice_sent_before_its_record")

    def _not_sent(self, job: Job, failure: NotSent) -> None:
        self._unreached += 1
        self._ended.append(Outcome(job.invoice, "refused", failure=failure))
        if self._unreached >= _UNREACHED_MAX:
            self._fatal = failure

    def _refused(self, job: Job, refusal: Refused) -> None:
        self._unreached = 0
        new_id = refusal.migrate_to_chat_id
        again = job.tries < _TRIES_MAX and (refusal.retry_after is not None or new_id is not None)
        again = again and str(new_id) not in self._chats  # the list names the group under both ids
        self._ended.append(Outcome(job.invoice, "refused", failure=refusal, final=not again))
        if not again:
            return
        if new_id is not None:
            self._moved.append((job.invoice.chat_id, new_id))
            self._chats.add(str(new_id))
            job.invoice = replace(job.invoice, chat_id=str(new_id))
        if refusal.retry_after is not None:
            self._say(f"apay: Telegram asks to wait {refusal.retry_after} s")
            self._window.hold(self._clock.monotonic() + refusal.retry_after)
        self._waiting.appendleft(job)
