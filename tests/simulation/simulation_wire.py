"""The wire between the listener and the sandbox world, and the writer's thread: both can die at any step.

Knows how a request may be lost before or after it took effect, and how a process ends between two steps. A
dead process does nothing more: whatever it awaits never comes.
"""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from apaycli.botapi.client import NotSent, OutcomeUnknown, Reply
from apaycli.sandbox.wire import Answer, Waiting
from apaycli.sandbox.world import World

T = TypeVar("T")


class Process:
    """One life of the listener. `point` is a step at which it may be killed."""

    def __init__(self, chance: random.Random, kill_chance: float) -> None:
        self._chance = chance
        self._kill_chance = kill_chance
        self._buried = False
        self._hanging: list[asyncio.Future[None]] = []
        self.killed = asyncio.Event()
        self.points: list[str] = []

    def spare(self) -> None:
        """From now on nothing kills it."""
        self._kill_chance = 0.0

    def bury(self) -> None:
        """The story is over: what still hangs in a killed process may now be cancelled."""
        self._buried = True

    async def point(self, name: str) -> None:
        if self._buried:
            raise asyncio.CancelledError
        self.points.append(name)
        if self.killed.is_set() or self._chance.random() < self._kill_chance:
            self.killed.set()
            never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._hanging.append(never)  # held, so that the collector does not end what hangs on it
            await never


class SimulatedHttp:
    """AsyncHttp over `World.handle`, with a network that loses and delays."""

    def __init__(self, world: World, process: Process, chance: random.Random, lose_chance: Callable[[], float]) -> None:
        self._world = world
        self._process = process
        self._chance = chance
        self._lose_chance = lose_chance

    async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        await self._process.point(f"before {method} is sent")
        await asyncio.sleep(self._chance.choice((0.001, 0.02, 0.05, 0.4)))
        if self._chance.random() < self._lose_chance():
            raise NotSent("lost on the way there")
        await self._process.point(f"before {method} arrives")
        answer = await self._arrive(method, body, timeout_seconds)
        await self._process.point(f"before the reply to {method} is read")
        if self._chance.random() < self._lose_chance() or answer.transport != "reply":
            raise OutcomeUnknown("lost on the way back")
        return Reply(answer.status, answer.body)

    async def _arrive(self, method: str, body: bytes, timeout_seconds: float) -> Answer:
        path = f"/bot{self._world.bot_token}/{method}"
        answer = self._world.handle(path, "application/json", body)
        if isinstance(answer, Waiting):
            answer = await self._wait(answer, timeout_seconds)
        if answer.transport == "hang" or answer.delay_seconds > timeout_seconds:
            await asyncio.sleep(timeout_seconds)
            raise OutcomeUnknown("timed out")
        await asyncio.sleep(answer.delay_seconds)
        return answer

    async def _wait(self, waiting: Waiting, timeout_seconds: float) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting.when_done(lambda answer: future.done() or future.set_result(answer))
        try:
            return await asyncio.wait_for(future, timeout_seconds)
        except TimeoutError:
            raise OutcomeUnknown("timed out") from None
        finally:
            if waiting.answer is None:
                self._world.polling.abandon(waiting)

    async def close(self) -> None:
        pass


class SimulatedWriter:
    """The ledger's thread, inline. A transaction is one step: killed before it or after it, never half."""

    def __init__(self, process: Process, chance: random.Random, refuse: Callable[[], None]) -> None:
        self._refuse = refuse
        self._process = process
        self._chance = chance
        self._one_at_a_time = asyncio.Lock()

    async def run(self, function: Callable[[], T]) -> T:
        async with self._one_at_a_time:
            return await self._run(function)

    async def _run(self, function: Callable[[], T]) -> T:
        await asyncio.sleep(self._chance.choice((0.0, 0.001, 0.02, 0.3)))  # a cheap disk
        await self._process.point("before a transaction")
        self._refuse()
        result = function()
        await self._process.point("after a commit")
        return result

    def close(self) -> None:
        pass


async def keep_time(world: World) -> None:
    """Wake the world whenever something of its own is due: a query grows too old, a poll ends."""
    earlier = asyncio.Event()
    world.timers.on_earlier = earlier.set
    while True:
        earlier.clear()
        world.tick()
        deadline = world.next_deadline()
        wait = 3600.0 if deadline is None else max(0.0, deadline - world.clock.monotonic())
        try:
            await asyncio.wait_for(earlier.wait(), wait + 0.001)
        except TimeoutError:
            continue
