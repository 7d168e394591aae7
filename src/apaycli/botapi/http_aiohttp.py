"""The listener's HTTP client: aiohttp, used in this file alone.

Chosen by measurement: with 100 requests in flight it makes many times the round trips of httpx. Knows how
to make one POST and to tell "never left" from "no usable answer". The token stands in the URL, so no
exception of aiohttp leaves this file.
"""

import aiohttp

from apaycli.botapi.client import BODY_BYTES_MAX, NotSent, OutcomeUnknown, Reply

_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_CONNECT_SECONDS_MAX = 5
_CONNECTIONS_MAX = 100


class AiohttpHttp:
    """Connections to one Bot API server. Make and use it inside a running event loop.

    The poll has a connection of its own: a hundred slow answers must not keep the next query waiting.
    """

    def __init__(self, api_url: str, bot_token: str) -> None:
        self._api_url = api_url
        self.use_token(bot_token)
        self._session = _session(api_url, _CONNECTIONS_MAX)
        self._polling = _session(api_url, 1)

    def use_token(self, bot_token: str) -> None:
        self._base = f"{self._api_url}/bot{bot_token}/"

    async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=_CONNECT_SECONDS_MAX)
        session = self._polling if method == "getUpdates" else self._session
        try:
            async with session.post(self._base + method, data=body, timeout=timeout, allow_redirects=False) as response:
                return Reply(response.status, await _read(response, method))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(
                f"Telegram cannot be reached ({type(error).__name__})",
                hint="check network, DNS, the clock (TLS) and bot.api_url",
            ) from None
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise OutcomeUnknown(f"no answer from Telegram to {method} ({type(error).__name__})") from None

    async def close(self) -> None:
        await self._session.close()
        await self._polling.close()


def _session(api_url: str, connections_max: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=not api_url.startswith("http://"),
        connector=aiohttp.TCPConnector(limit=connections_max),
    )


async def _read(response: aiohttp.ClientResponse, method: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise OutcomeUnknown(f"the answer to {method} is larger than {BODY_BYTES_MAX} bytes")
    return bytes(body)
