"""The poller alone: what it confirms, and what it asks for when a reply cannot be cut into updates."""

import asyncio
import json
import re
from random import Random
from typing import Any

import pytest
import virtual_time

from apaycli.botapi.client import BODY_BYTES_MAX, AsyncBotApi, Reply, TooLarge
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


def poll(
    http: Scripted, *, once: bool = False, record: bool = True, trouble: bool = False
) -> tuple[list[list[bytes]], list[float]]:
    """Every batch until the script is over, and how long was slept. `record`: confirm each batch."""
    clock, batches, slept, told = ManualClock(), [], [], []  # type: ignore[var-annotated]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def take() -> None:
        poller = Poller(AsyncBotApi(http), clock, told.append, sleep, Random(1), 50, lambda: None)
        async for raws in poller.batches(once=once):
            batches.append(raws)
            ids = [int(match[1]) for raw in raws if (match := re.match(rb'\{"update_id":([0-9]+)', raw))]
            if ids and record:
                poller.offset = max(ids) + 1
            if not http.bodies:
                return

    virtual_time.run(clock, take())
    assert any(isinstance(event, events.Trouble) for event in told) == trouble
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


class Heavy(Scripted):
    """Updates of `size` bytes each wait; a reply holds `limit` of them, and one larger than the cap is cut off."""

    def __init__(self, size: int, *ids: int, unlucky: int = 0) -> None:
        super().__init__(b"")
        self.waiting = [(i, BODY_BYTES_MAX + 9 if i == unlucky else size) for i in ids]

    async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        params = json.loads(body)
        self.asked.append(params)
        self.waiting = [each for each in self.waiting if each[0] >= params.get("offset", 0)]
        if not self.waiting:
            self.bodies = []
        batch = self.waiting[: params["limit"]]
        body = b'{"ok":true,"result":[' + b",".join(
            b'{"update_id":%d,\n"message":{"text":"%s"}}' % (i, b"x" * size) for i, size in batch
        ) + b"]}"  # fmt: skip
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(method, body[:BODY_BYTES_MAX])
        return Reply(200, body)


def test_a_reply_that_is_too_large_is_asked_for_in_smaller_parts_and_at_once() -> None:
    http = Heavy(2 * 2**20, *range(1, 11))
    batches, slept = poll(http)
    assert sum(map(len, batches)) == 10
    assert [params["limit"] for params in http.asked[:7]] == [100, 50, 25, 12, 6, 3, 1]
    assert slept == []


def test_an_update_that_is_larger_than_the_cap_stands_alone_and_is_passed() -> None:
    http = Heavy(100, *range(1, 8), unlucky=4)
    batches, slept = poll(http)
    assert sum(map(len, batches)) == 7
    [alone] = [batch for batch in batches if len(batch[0] if batch else b"") > 1000]
    assert alone[0].startswith(b'{"update_id":4,\n"message"')
    assert len(http.asked) < 25
    assert slept == []


def test_what_is_too_large_and_holds_no_update_is_trouble_like_any_other() -> None:
    class Page(Scripted):
        async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
            self.asked.append(json.loads(body))
            if len(self.asked) > 12:
                self.bodies = []
                return Reply(200, reply())
            raise TooLarge(method, b"<html>" + b" " * 1000)

    http = Page(b"")
    _, slept = poll(http, trouble=True)
    assert [params["limit"] for params in http.asked[:7]] == [100, 50, 25, 12, 6, 3, 1]
    assert len(slept) == 6
    assert max(slept) <= 2


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
        # An update that no offset confirms comes again by itself; after a pause it stands for all that waits.
        ([b'{"ok":true,"result":[{}]}', b'{"ok":true,"result":[{}]}'], True),
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
        poller = Poller(AsyncBotApi(http), ManualClock(), lambda _: None, asyncio.sleep, Random(1), 50, lambda: None)
        async for raws in poller.batches(once=False):
            poller.offset = json.loads(raws[-1])["update_id"] + 1 if raws and raws[-1] != b"{}" else None
            if not http.bodies:
                return

    virtual_time.run(ManualClock(), take())
    assert seen[-1] is caught_up
    assert asked[-1]["timeout"] == (50 if caught_up else 0), "what is not certain is asked for at once"


def test_what_has_no_id_is_not_asked_for_again_at_once() -> None:
    http = Scripted(b'{"ok":true,"result":[{}]}', reply())
    _, slept = poll(http)
    assert slept == [2.0]


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
        clock = ManualClock()
        poller = Poller(AsyncBotApi(Silent()), clock, lambda _: None, asyncio.sleep, Random(1), 50, lambda: None)
        task = asyncio.ensure_future(anext(poller.batches(once=False)))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_time.run(ManualClock(), cancel())
