"""The poller alone: what it confirms, and what it asks for when a reply cannot be cut into updates."""

import asyncio
import json
from random import Random
from typing import Any

import pytest
import virtual_time

from apaycli.botapi.client import AsyncBotApi, Reply
from apaycli.clock import ManualClock
from apaycli.listen import events
from apaycli.listen.polling import Poller

UNCUTTABLE = b'{"ok":true,"result":[{"update_id": 7, "message":[[[]}'


def reply(*ids: int) -> bytes:
    return b'{"ok":true,"result":[' + b",".join(b'{"update_id":%d,\n"message":{}}' % i for i in ids) + b"]}"


class Scripted:
    """An `AsyncHttp` that plays replies in their order and remembers the parameters."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.asked: list[dict[str, Any]] = []

    async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        assert method == "getUpdates"
        self.asked.append(json.loads(body))
        return Reply(200, self.bodies.pop(0))

    async def close(self) -> None: ...


def poll(http: Scripted, *, once: bool = False, record: bool = True) -> tuple[list[list[bytes]], list[float]]:
    """Every batch until the script is over, and how long was slept. `record`: confirm each batch."""
    clock, batches, slept, told = ManualClock(), [], [], []  # type: ignore[var-annotated]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def take() -> None:
        poller = Poller(AsyncBotApi(http), clock, told.append, sleep, Random(1), 50)
        async for raws in poller.batches(once=once):
            batches.append(raws)
            ids = [json.loads(raw)["update_id"] for raw in raws if raw.startswith(b'{"update_id":')]
            if ids and record:
                poller.offset = max(ids) + 1
            if not http.bodies:
                return

    virtual_time.run(clock, take())
    assert not any(isinstance(event, events.Trouble) for event in told)
    return batches, slept


def offsets(http: Scripted) -> list[int | None]:
    return [params.get("offset") for params in http.asked]


def test_an_offset_is_sent_until_its_arrival_is_certain_and_then_left_out() -> None:
    http = Scripted(reply(), reply(5, 6), reply(7), reply(), reply(), reply())
    poll(http)
    assert offsets(http) == [None, None, 7, 8, None, None]


def test_nothing_is_confirmed_that_was_not_handed_back_as_recorded() -> None:
    http = Scripted(reply(5, 6), reply(5, 6), reply(5, 6))
    poll(http, record=False)
    assert offsets(http) == [None, None, None]


def test_ids_may_fall() -> None:
    http = Scripted(reply(900), reply(), reply(5), reply(), reply())
    poll(http)
    assert offsets(http) == [None, 901, None, 6, None]


def test_a_reply_that_cannot_be_cut_is_asked_for_one_by_one_and_the_broken_one_stands_alone() -> None:
    http = Scripted(UNCUTTABLE, reply(6), UNCUTTABLE, UNCUTTABLE, reply(8))
    batches, _ = poll(http)
    assert [params["limit"] for params in http.asked] == [100, 1, 100, 1, 100]
    assert [batch[0][:14] for batch in batches] == [b'{"update_id":6', UNCUTTABLE[:14], b'{"update_id":8']


@pytest.mark.parametrize(
    ("bodies", "caught_up"),
    [
        ([reply()], True),
        ([reply(5, 6)], True),
        # One update may be all that was given of many: so it is when an offset is repeated within 0.5 s, as at a
        # start right after a crash, and we ask for one at a time where a reply cannot be cut.
        ([reply(5)], False),
        ([UNCUTTABLE, reply(5)], False),
        ([reply(5), reply()], True),
        ([reply(), reply(5)], True),
    ],
)
def test_a_single_update_does_not_prove_that_nothing_waits(bodies: list[bytes], caught_up: bool) -> None:
    poller: Poller
    seen: list[bool] = []
    asked: list[dict[str, Any]] = []

    class Looking(Scripted):
        """Notes how it stands whenever the poller asks."""

        async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
            seen.append(poller.caught_up.is_set())
            return await super().post(method, body, timeout_seconds)

    async def take() -> None:
        nonlocal poller
        http = Looking(*bodies, reply())
        http.asked = asked
        poller = Poller(AsyncBotApi(http), ManualClock(), lambda event: None, asyncio.sleep, Random(1), 50)
        async for raws in poller.batches(once=False):
            poller.offset = json.loads(raws[-1])["update_id"] + 1 if raws else None
            if not http.bodies:
                return

    virtual_time.run(ManualClock(), take())
    assert seen[-1] is caught_up
    assert asked[-1]["timeout"] == (50 if caught_up else 0), "what is not certain is asked for at once"


def test_what_has_no_id_is_not_asked_for_again_at_once() -> None:
    http = Scripted(b'{"ok":true,"result":[{}]}', reply())
    _, slept = poll(http)
    assert slept == [4.0]


@pytest.mark.parametrize(
    ("bodies", "asked"),
    [
        ([reply()], 1),
        ([reply(1, 2), reply()], 2),
        ([reply(1, 2), reply(3), reply()], 3),
        ([b'{"ok":true,"result":[{}]}'], 1),
    ],
)
def test_once_ends_when_there_is_nothing_more_to_confirm(bodies: list[bytes], asked: int) -> None:
    http = Scripted(*bodies)
    _, slept = poll(http, once=True)
    assert len(http.asked) == asked
    assert [params["timeout"] for params in http.asked] == [0] * asked
    assert slept == []


def test_a_cancelled_poll_is_cancelled() -> None:
    class Silent(Scripted):
        async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

    async def cancel() -> None:
        poller = Poller(AsyncBotApi(Silent()), ManualClock(), lambda event: None, asyncio.sleep, Random(1), 50)
        task = asyncio.ensure_future(anext(poller.batches(once=False)))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_time.run(ManualClock(), cancel())
