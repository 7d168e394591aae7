"""The listener's HTTP client: aiohttp, used in this file alone.

Chosen by measurement: with 100 requests in flight it makes many times the round trips of httpx. Knows how to make one
POST, how to have a connection before it is needed, and to tell "never left" from "no usable answer". The token stands
in the URL, so no exception of aiohttp leaves this file.

Connections. A new one costs three round trips (TCP, TLS, the request), a warm one costs one. So some are opened at the
start and used every few seconds, before Telegram or a router on the way closes them. The poll has connections of its
own: a hundred slow answers must not keep the next query waiting. And a request that is made again beside its first
attempt gets a new connection: whatever silenced the first may have silenced all that stood open with it.
"""

import asyncio
from collections import Counter
from types import SimpleNamespace

import aiohttp

from apaycli.botapi.client import BODY_BYTES_MAX, NotSent, OutcomeUnknown, Reply, TooLarge
from apaycli.botapi.unreached import unreached
from apaycli.errors import TelegramError

_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_CONNECT_SECONDS_MAX = 15  # TCP and TLS are two or three round trips: at three seconds each, nine
_SILENT_SECONDS_MAX = 5.0  # after an answer to a query has left; its connection is then given up
_CONNECTIONS_MAX = 100
_WARM_EVERY_SECONDS = 20.0  # routers and Telegram close one that was silent for a minute or so
_WARM_SECONDS_MAX = 15.0
_IDLE_SECONDS_MAX = 50.0


class AiohttpHttp:
    """Connections to one Bot API server. Make and use it inside a running event loop.

    `warm`: so many connections for answers, and one for the poll, are opened at once and kept. To a server on this
    machine or in this house, which is spoken to without TLS, a new one costs nothing.
    """

    def __init__(self, api_url: str, bot_token: str, warm: int = 0) -> None:
        self._api_url = api_url
        self.use_token(bot_token)
        self._session = _session(api_url, _CONNECTIONS_MAX)
        self._beside = _session(api_url, _CONNECTIONS_MAX, fresh=True)
        self._polling = _session(api_url, 2)
        self._in_flight: Counter[tuple[str, bytes]] = Counter()
        self._warming: list[asyncio.Task[object]] = []
        if warm and api_url.startswith("https://"):
            loop = asyncio.get_running_loop()
            self._warming = [loop.create_task(self._warm(self._polling)), loop.create_task(self._keep_warm(warm))]

    def use_token(self, bot_token: str) -> None:
        self._base = f"{self._api_url}/bot{bot_token}/"

    async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        if method == "getUpdates":
            return await self._post(self._polling, method, body, timeout_seconds)
        key = (method, body)
        session = self._beside if self._in_flight[key] else self._session
        self._in_flight[key] += 1
        try:
            return await self._post(session, method, body, timeout_seconds)
        finally:
            self._in_flight[key] -= 1
            if not self._in_flight[key]:
                del self._in_flight[key]

    async def _post(self, session: aiohttp.ClientSession, method: str, body: bytes, timeout_seconds: float) -> Reply:
        way = SimpleNamespace(connected=False)
        try:
            async with session.post(
                self._base + method,
                data=body,
                timeout=_timeout(method, timeout_seconds),
                allow_redirects=False,
                trace_request_ctx=way,
            ) as response:
                return Reply(response.status, await _read(response, method))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise unreached(error, self._api_url) from None
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            if isinstance(error, TimeoutError) and not way.connected:
                raise NotSent("Telegram cannot be reached (no connection in time)", hint="check the network") from None
            raise OutcomeUnknown(f"no answer from Telegram to {method} ({type(error).__name__})") from None

    async def _keep_warm(self, count: int) -> None:
        """Use one after the other, the longest idle first, so that the rest is free for an answer; now and then, and
        after trouble, as many as there should be at once: those that are missing are opened anew."""
        while True:
            await asyncio.gather(*(self._warm(self._session) for _ in range(count)))
            for _ in range(3 * count):
                await asyncio.sleep(_WARM_EVERY_SECONDS / count)
                if not await self._warm(self._session):
                    break

    async def _warm(self, session: aiohttp.ClientSession) -> bool:
        try:
            await self._post(session, "getMe", b"{}", _WARM_SECONDS_MAX)
        except TelegramError:
            return False
        return True

    async def close(self) -> None:
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        for session in (self._session, self._beside, self._polling):
            await session.close()


def _timeout(method: str, seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=seconds,
        sock_connect=_CONNECT_SECONDS_MAX,
        sock_read=_SILENT_SECONDS_MAX if method.startswith("answer") else None,
        ceil_threshold=float("inf"),  # by default, times over 5 seconds are rounded up
    )


def _session(api_url: str, connections_max: int, *, fresh: bool = False) -> aiohttp.ClientSession:
    """`fresh`: a new connection for each request."""
    if fresh:
        connector = aiohttp.TCPConnector(limit=connections_max, force_close=True)
    else:
        connector = aiohttp.TCPConnector(limit=connections_max, keepalive_timeout=_IDLE_SECONDS_MAX)
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(_note_connected)
    tracing.on_connection_reuseconn.append(_note_connected)
    return aiohttp.ClientSession(
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=not api_url.startswith("http://"),
        connector=connector,
        trace_configs=[tracing],
    )


async def _note_connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    """From here on the request may have left."""
    context.trace_request_ctx.connected = True


async def _read(response: aiohttp.ClientResponse, method: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(method, bytes(body))
    return bytes(body)
