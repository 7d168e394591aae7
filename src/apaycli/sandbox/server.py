"""The sandbox on a socket: the world behind HTTP on loopback.

Knows aiohttp, sockets and real waiting. Must never know a rule of the Bot API or of buyers: it asks the world,
keeps its alarm clock, and acts out what an `Answer` wishes (delay, reset, silence, a broken body).
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from ipaddress import ip_address
from types import TracebackType
from typing import ParamSpec, TypeVar

from aiohttp import web

from apaycli.sandbox.apay_desk import PREFIX as APAY_PREFIX
from apaycli.sandbox.control import PREFIX, handle_control, reply
from apaycli.sandbox.doorman import complaint
from apaycli.sandbox.wire import PARAMETERS_BYTES_MAX, Answer, Refusal, Waiting
from apaycli.sandbox.world import World

P = ParamSpec("P")
T = TypeVar("T")

# A hanging reply must end some time, or a test that forgot its own timeout would never end.
HANG_SECONDS = 3600.0
ALARM_SECONDS_MIN = 0.001
BODY_BYTES_MAX = 64 * PARAMETERS_BYTES_MAX  # read this much, so that 413 comes from the world and not from aiohttp


def check_loopback(host: str) -> None:
    """The sandbox gives money away to whoever asks: it is for this machine only. Raises ValueError."""
    if host != "localhost" and not ip_address(host).is_loopback:
        raise ValueError(f"the sandbox listens on loopback only, not on {host}")


class Server:
    """A world being served. Made by `serve`; all of it lives in one event loop."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.host = ""
        self.port = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        # A client that hangs up ends its handler: that is how a long poll is abandoned.
        server = web.Server(self._respond, access_log=None, keepalive_timeout=75, handler_cancellation=True)
        # Long polls and hanging replies never finish by themselves.
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`: put `/bot<token>/<method>` behind it, or `/apay` for A-Pay's base_url."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self, host: str, port: int) -> None:
        check_loopback(host)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=4096)
        await site.start()
        self.host, self.port = host, self._runner.addresses[0][1]
        self.world.timers.on_earlier = self._set_alarm
        self._set_alarm()

    async def close(self) -> None:
        self.world.timers.on_earlier = None
        if self._alarm is not None:
            self._alarm.cancel()
        await self._runner.cleanup()

    # The world's alarm clock

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        deadline = self.world.next_deadline()
        if deadline is None:
            self._alarm = None
            return
        wait = max(ALARM_SECONDS_MIN, deadline - self.world.clock.monotonic())
        self._alarm = self._loop.call_later(wait, self._ring)

    def _ring(self) -> None:
        self.world.tick()
        self._set_alarm()

    # Requests

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if refusal := self._turn_away(request):
            return await send(request, refusal)
        body = await read_body(request)
        result: Answer | Waiting
        if request.path.startswith(PREFIX):
            result = handle_control(self.world, request.method, request.raw_path, body)
        elif request.path.startswith(APAY_PREFIX):
            result = self.world.apay.handle(request.method, request.raw_path, request.headers.get("apikey", ""))
        else:
            result = self.world.handle(request.raw_path, request.headers.get("Content-Type", ""), body)
        answer = result if isinstance(result, Answer) else await self._wait(result)
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        return await send(request, answer)

    def _turn_away(self, request: web.BaseRequest) -> Answer | None:
        """A 403 for a request that a foreign page sent; nothing of it is read or logged."""
        hosts, origins, sites = (request.headers.getall(name, []) for name in ("Host", "Origin", "Sec-Fetch-Site"))
        text = complaint(self.host, hosts, origins, sites)
        if not text:
            return None
        return reply({"error": text}, 403) if request.path.startswith(PREFIX) else Refusal(403, text).answer()

    async def _wait(self, waiting: Waiting) -> Answer:
        future: asyncio.Future[Answer] = self._loop.create_future()
        waiting.when_done(lambda answer: None if future.done() else future.set_result(answer))
        try:
            return await future
        except asyncio.CancelledError:
            self.world.polling.abandon(waiting)
            raise


async def read_body(request: web.BaseRequest) -> bytes:
    """The whole body, or more of it than the Bot API allows."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            break
    return bytes(body)


async def send(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Reply as the answer wishes: properly, half, by dropping the connection, or not at all."""
    if answer.transport == "hang":
        await asyncio.sleep(HANG_SECONDS)
    if answer.transport == "break":
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(answer.body)
        await response.prepare(request)
        await response.write(answer.body[: len(answer.body) // 2])
    if answer.transport != "reply":
        if request.transport is not None:
            # What was written above is flushed by close(), and lost by abort().
            request.transport.close() if answer.transport == "break" else request.transport.abort()
        raise asyncio.CancelledError
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


async def serve(world: World, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve `world` on loopback; port 0 takes a free one. Raises ValueError for any other host, OSError."""
    server = Server(world)
    await server.start(host, port)
    return server


class ServerThread:
    """A served world in its own thread and event loop, for tests that are not asynchronous.

    While it runs the world belongs to that thread: reach it through `call`.
    """

    def __init__(self, world: World, host: str = "127.0.0.1", port: int = 0) -> None:
        check_loopback(host)
        self.world = world
        self.address = ""
        self.port = 0
        self._where = (host, port)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._main, name="apay-sandbox", daemon=True)

    def __enter__(self) -> "ServerThread":
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in the world's thread and return what it returns: the only safe way in."""

        async def run() -> T:
            self.world.tick()
            result = function(*args, **kwargs)
            self.world.tick()
            return result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _main(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        try:
            server = await serve(self.world, *self._where)
        except BaseException as error:
            self._failure = error
            self._ready.set()
            return
        self.address, self.port = server.address, server.port
        self._ready.set()
        await self._stop.wait()
        await server.close()
