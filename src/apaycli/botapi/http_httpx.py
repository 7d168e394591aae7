"""The commands' HTTP client: httpx, used in this file alone.

Knows how to make one POST and to tell "never left" from "no usable answer". The token stands in the URL,
so no exception of httpx leaves this file: its texts contain the URL.
"""

import re
import sys
import time
from collections.abc import Mapping

from apaycli.botapi.client import BODY_BYTES_MAX, OutcomeUnknown, Reply, TooLarge
from apaycli.botapi.unreached import unreached

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # httpx's own command line: 55 ms of imports

import httpx  # noqa: E402

_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


class HttpxHttp:
    """One connection pool to one Bot API server."""

    def __init__(self, api_url: str, bot_token: str) -> None:
        self._api_url = api_url
        self._base = f"{api_url}/bot{bot_token}/"
        self.date = ""  # the server's own clock, as its last reply told it
        # The environment's proxies are the owner's; to this machine there is never one in between.
        self._client = httpx.Client(
            headers=_HEADERS, follow_redirects=False, trust_env=not api_url.startswith("http://")
        )

    def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        deadline = time.monotonic() + timeout_seconds  # httpx itself limits each read, not all of them together
        try:
            with self._client.stream("POST", self._base + method, content=body, timeout=timeout_seconds) as response:
                self.date = response.headers.get("date", "")
                return Reply(response.status_code, _read(response, method, deadline))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL) as error:
            raise unreached(error, self._api_url) from None
        except httpx.HTTPError as error:
            raise OutcomeUnknown(f"no answer from Telegram to {method} ({type(error).__name__})") from None

    def close(self) -> None:
        self._client.close()


def _read(response: httpx.Response, method: str, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if time.monotonic() > deadline:
            raise OutcomeUnknown(f"no answer from Telegram to {method} in time")
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(method, bytes(body))
    return bytes(body)


def get_once(url: str, headers: Mapping[str, str], timeout_seconds: float) -> tuple[int, bytes, int | None]:
    """One GET of an address that the owner named, such as A-Pay's: status, body, and the seconds of `Retry-After`.

    Raises NotSent, whose text never has the URL.
    """
    deadline = time.monotonic() + timeout_seconds
    sent = {**headers, "Accept-Encoding": "identity"}
    try:
        with (
            httpx.Client(headers=sent, follow_redirects=False, trust_env=not url.startswith("http://")) as client,
            client.stream("GET", url, timeout=timeout_seconds) as response,
        ):
            asked_to_wait = response.headers.get("retry-after", "")
            retry_after = int(asked_to_wait) if re.fullmatch("[0-9]{1,6}", asked_to_wait) else None  # or a date: rare
            return response.status_code, _read(response, "a question", deadline), retry_after
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreached(error, url, "A-Pay") from None
