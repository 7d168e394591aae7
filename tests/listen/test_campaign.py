"""One invoice to many chats: the pace of Telegram, every kind of interruption, and no chat twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, cast

import pytest
import virtual_time
from rig import LoopbackHttp

from apaycli.botapi.client import AsyncBotApi, NotSent
from apaycli.botapi.methods import Delivery
from apaycli.campaign import Campaign, Outcome, Plan, plan_campaign
from apaycli.clock import ManualClock
from apaycli.core.model import Invoice, LabeledPrice
from apaycli.errors import TokenError
from apaycli.sandbox.chats import Chat, User
from apaycli.sandbox.world import World
from apaycli.store.protocol import Store
from apaycli.store.sqlite import SqliteStore, open_in_memory

GROUP, MOVED_GROUP = "-4001", "-1007777777777"


class Killed(BaseException):
    """As kill -9: nothing more of the process happens."""


class Office:
    """A merchant with a list, a ledger and a world; each `run` is a process of its own."""

    def __init__(self, store: SqliteStore, users: int = 20) -> None:
        self.clock, self.store = ManualClock(), store
        self.world = World(self.clock)
        self.world.settings.flood_limits = True
        self.users = [str(5_000_000 + number) for number in range(users)]
        for user in self.users:
            self.world.chats.add_user(User(int(user), "Buyer", started=True))
        self.http = LoopbackHttp(self.world, self.clock, self._step)
        self.kill_after: int | None = None  # so many steps from now
        self.task: asyncio.Task[Any] | None = None
        self.round_trip_seconds = 0.05
        self.told: list[Outcome] = []
        self.said: list[str] = []
        self._drafts = 0

    def _step(self, _name: str) -> None:
        """A moment in which the process may die. The dead do nothing more."""
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after <= 0:
                if self.task is not None:
                    self.task.cancel()
                raise Killed

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self._step("before a commit")
        with self.store.transaction() as tx:
            yield tx
        self._step("after a commit")

    def moved_chat(self, chat_id: str) -> str:
        return self.store.moved_chat(chat_id)

    def draft(self, chat_id: str, **changes: Any) -> Invoice:
        self._drafts += 1
        draft = Invoice(
            invoice_id=f"inv_{self._drafts}",
            mode="test",
            invoice_payload=f"payload-{self._drafts}",
            chat_id=chat_id,
            sku="tea",
            title="Tea",
            description="Black tea",
            currency="BDT",
            prices=(LabeledPrice("Tea", 50_000),),
            quantity=1,
            forwarding="pay-button",
            created_at=self.clock.now(),
            uses_max=1,
        )
        return replace(draft, **changes)

    def plan(self, chats: list[str], *, retry_unknown: bool = False) -> Plan:
        drafts = [self.draft(chat_id) for chat_id in chats]
        return plan_campaign(self.store, "spring", drafts, retry_unknown=retry_unknown)

    def run(self, chats: list[str] | None = None, *, stop_after: int | None = None, retry_unknown: bool = False) -> int:
        """Returns how many chats had no turn."""
        self.told.clear()
        plan = self.plan(self.users if chats is None else chats, retry_unknown=retry_unknown)
        delay = self.world.faults.add("delay", self.clock.monotonic(), delay_seconds=self.round_trip_seconds)
        left = 0

        async def main() -> None:
            nonlocal left

            def told(outcome: Outcome) -> None:
                self.told.append(outcome)
                if stop_after is not None and len(self.told) >= stop_after:
                    campaign.stop()

            self.task = asyncio.current_task()
            self.world.timers.on_earlier = alarm
            alarm()
            api = AsyncBotApi(self.http)
            campaign = Campaign(
                "spring", plan.jobs, api, cast(Store, self), self.world.test_provider_token, Delivery(), self.clock,
                told, self.said.append,
            )  # fmt: skip
            left = await campaign.run()

        def alarm() -> None:
            deadline = self.world.next_deadline()
            if deadline is not None:
                asyncio.get_running_loop().call_at(deadline, ring)

        def ring() -> None:
            self.world.tick()
            alarm()

        try:
            virtual_time.run(self.clock, main())
        finally:
            self.world.timers.on_earlier = None
            if delay in self.world.faults.outages:
                self.world.faults.outages.remove(delay)
        return left

    def got(self) -> Counter[str]:
        """How many invoices each chat has, by the world's own books."""
        return Counter(str(invoice.chat_id) for invoice in self.world.books.invoices.values())

    def states(self) -> Counter[str]:
        return Counter(state for (state,) in self.store.db.execute("SELECT send_state FROM invoices"))


@pytest.fixture
def office() -> Iterator[Office]:
    store = open_in_memory()
    yield Office(store)
    store.close()


def test_every_chat_gets_one_and_a_second_run_sends_nothing(office: Office) -> None:
    assert office.run() == 0
    assert set(office.got().values()) == {1}
    assert office.states() == {"sent": 20}
    assert [outcome.state for outcome in office.told] == ["sent"] * 20
    office.run()
    assert office.told == []
    assert sum(office.got().values()) == 20
    assert office.http.complaints == []


def test_the_limits_are_kept_and_nearly_used(office: Office) -> None:
    office.users += [str(6_000_000 + number) for number in range(1000)]
    for user in office.users[20:]:
        office.world.chats.add_user(User(int(user), "Buyer", started=True))
    begun = office.clock.monotonic()
    office.run()
    seconds = office.clock.monotonic() - begun
    peaks = office.world.flood.peaks()
    assert peaks.within_limits
    assert peaks.overall_1_second > 25
    assert seconds < len(office.users) / 30 * 1.1
    assert office.said == []  # nobody asked us to wait


def test_a_stop_waits_for_what_has_left_and_the_next_run_goes_on(office: Office) -> None:
    left = office.run(stop_after=5)
    assert 0 < left < 15
    assert office.states() == {"sent": 20 - left}
    assert office.run() == 0
    assert set(office.got().values()) == {1}


@pytest.mark.parametrize("seed", range(30))
def test_killed_anywhere_no_chat_gets_it_twice(office: Office, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr("apaycli.crashpoints.on_reach", office._step)
    office.world.settings.flood_limits = False  # a dead process cannot know what it has just sent
    for _ in range(6):
        office.kill_after = chance.randrange(1, 40)
        with suppress(Killed, asyncio.CancelledError):
            office.run()
    office.kill_after = None
    office.run()
    unknown = {invoice.chat_id for invoice in office.plan(office.users).unknown}
    got = office.got()
    assert max(got.values()) == 1
    assert set(office.users) - set(got) <= unknown
    assert office.states()["sent"] + len(unknown) == 20
    assert office.states()["sent"] >= 3


def test_what_is_unknown_is_told_and_left_alone_until_the_merchant_says_so(office: Office) -> None:
    office.world.faults.add("reset", office.clock.monotonic(), methods=["sendInvoice"], count=2, after=True)
    office.run()
    assert office.states() == {"sent": 18, "unknown": 2}
    assert len(office.plan(office.users).unknown) == 2
    office.run()
    assert office.told == []
    office.run(retry_unknown=True)
    assert office.states() == {"sent": 20}
    got = office.got()
    twice = [chat_id for chat_id, count in got.items() if count == 2]
    assert len(twice) == 2  # both copies arrived, and bear the same payload
    for chat_id in twice:
        payloads = {i.form.payload for i in office.world.books.invoices.values() if str(i.chat_id) == chat_id}
        assert len(payloads) == 1


def test_what_was_refused_is_tried_again_by_the_next_run(office: Office) -> None:
    shy = office.world.chats.user(int(office.users[3]))
    shy.started = False
    office.run()
    (refused,) = [outcome for outcome in office.told if outcome.state == "refused"]
    assert refused.invoice.chat_id == office.users[3]
    shy.started = True
    office.run()
    assert [outcome.invoice.chat_id for outcome in office.told] == [office.users[3]]
    assert set(office.got().values()) == {1}


def test_telegram_asks_to_wait_and_gets_its_time(office: Office) -> None:
    begun = office.clock.monotonic()
    office.world.faults.add("429", begun, methods=["sendInvoice"], count=3, retry_after=9)
    office.run()
    assert office.states() == {"sent": 20}
    assert office.clock.monotonic() - begun > 9
    assert "apay: Telegram asks to wait 9 s" in office.said


def test_who_is_told_to_wait_for_ever_is_refused_in_the_end(office: Office) -> None:
    office.world.faults.add("429", office.clock.monotonic(), methods=["sendInvoice"], retry_after=1)
    office.run(office.users[:1])
    assert [outcome.state for outcome in office.told] == ["refused"]
    assert office.states() == {"refused": 1}


def test_a_group_that_moved_gets_it_under_its_new_id_and_not_again(office: Office) -> None:
    office.world.chats.add_chat(Chat(int(MOVED_GROUP), "supergroup", "Moved"))
    group = office.world.chats.chat(int(GROUP))
    assert group is not None
    group.migrate_to_chat_id = int(MOVED_GROUP)
    office.run([GROUP])
    assert office.got() == {MOVED_GROUP: 1}
    office.run([GROUP])
    office.run([MOVED_GROUP])
    assert office.got() == {MOVED_GROUP: 1}
    assert office.store.moved_chat(GROUP) == MOVED_GROUP


def test_a_list_that_names_a_group_under_both_ids_sends_once(office: Office) -> None:
    office.world.chats.add_chat(Chat(int(MOVED_GROUP), "supergroup", "Moved"))
    group = office.world.chats.chat(int(GROUP))
    assert group is not None
    group.migrate_to_chat_id = int(MOVED_GROUP)
    office.run([GROUP, MOVED_GROUP])
    assert office.got() == {MOVED_GROUP: 1}
    assert sorted(outcome.state for outcome in office.told) == ["refused", "sent"]


def test_a_wrong_token_ends_it_at_once(office: Office) -> None:
    office.world.faults.add("401", office.clock.monotonic(), methods=["sendInvoice"])
    with pytest.raises(TokenError):
        office.run()
    assert office.states()["sent"] == 0
    assert sum(office.states().values()) < 10
    office.world.faults.clear()
    office.run()
    assert office.states() == {"sent": 20}


def test_when_telegram_is_out_of_reach_the_rest_is_left_for_later(office: Office) -> None:
    office.http.refused_until = office.clock.monotonic() + 3600
    with pytest.raises(NotSent):
        office.run()
    assert sum(office.states().values()) < 10
    office.http.refused_until = 0
    office.run()
    assert office.states() == {"sent": 20}
    assert set(office.got().values()) == {1}
