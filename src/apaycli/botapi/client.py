"""The Bot API as calls: method and parameters in, result out, and every failure as one kind.

Knows the envelope, the error codes, which failures leave the outcome unknown, and the token (and hides it).
Never knows an HTTP library (`http_httpx.py`, `http_aiohttp.py`), the ledger, or stock.

    TelegramError (5)
    ├── Refused              Telegram answered no; nothing happened
    ├── NotSent              the request never left: nothing happened
    │   ├── NotTrusted       somebody answers whose certificate is not good: nothing was said to them
    │   └── TokenAwaited     the token was refused, and a new one is waited for: nothing happened
    └── OutcomeUnknown       it left, and no usable answer came: it may have taken effect
        └── TooLarge         an answer came, larger than we read
    TokenError (4)           401, 404 for the token: wrong or revoked
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from apaycli.botapi.remedies import remedy_for
from apaycli.core.update import split_updates
from apaycli.errors import TelegramError, TokenError
from apaycli.text import redact, show

BODY_BYTES_MAX = 6 * 1024 * 1024  # one reply of getUpdates is cut by the server at about 4 MiB
_GOOD = re.compile(rb'\s*\{\s*"ok"\s*:\s*true\b')
_END = re.compile(rb"\]\s*\}\s*\Z")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response, whole."""

    status: int
    body: bytes


class Refused(TelegramError):
    """`ok: false`: `code` and `description` as Telegram sent them, and its `parameters`."""

    def __init__(
        self,
        method: str,
        code: int,
        description: str,
        retry_after: int | None = None,
        migrate_to_chat_id: int | None = None,
    ) -> None:
        super().__init__(f"Telegram refused {method}: {show(redact(description))}", hint=remedy_for(description))
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.migrate_to_chat_id = migrate_to_chat_id


class NotSent(TelegramError):
    slug = "unreachable"


class NotTrusted(NotSent):
    slug = "not_trusted"


class TokenAwaited(NotSent):
    """Telegram refused the bot token, and another one may be put in its place any moment (`listen/rotation.py`)."""


class OutcomeUnknown(TelegramError):
    slug = "outcome_unknown"


class TooLarge(OutcomeUnknown):
    """`beginning` is what was read of the answer."""

    def __init__(self, method: str, beginning: bytes) -> None:
        super().__init__(f"Telegram's answer to {method} is larger than {BODY_BYTES_MAX // 2**20} MiB")
        self.beginning = beginning


class Http(Protocol):
    """One POST with a JSON body. Raises NotSent or OutcomeUnknown; never anything of its library."""

    date: str  # the Date header of the last reply

    def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply: ...

    def close(self) -> None: ...


class AsyncHttp(Protocol):
    async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply: ...

    def use_token(self, bot_token: str) -> None: ...

    async def close(self) -> None: ...


def encode(params: Mapping[str, Any]) -> bytes:
    return json.dumps(params, ensure_ascii=False).encode("utf-8")


def parse_reply(method: str, reply: Reply) -> Any:
    """The `result` of a good reply. Raises Refused, TokenError or OutcomeUnknown."""
    try:
        envelope = json.loads(reply.body)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("ok"), bool):
        raise OutcomeUnknown(
            f"Telegram's answer to {method} is no Bot API reply (HTTP {reply.status})",
            hint="a server in between answered; try again in a moment",
        )
    if envelope["ok"]:
        if envelope.get("result") is None:
            raise OutcomeUnknown(f"Telegram's answer to {method} has no result (ok is true, result is null)")
        return envelope["result"]
    raise _refusal(method, reply.status, envelope)


def parse_updates(reply: Reply) -> list[bytes] | None:
    """The updates of a `getUpdates` reply as bytes; None if they cannot be told apart. Raises as parse_reply."""
    if reply.status == 200 and _GOOD.match(reply.body):
        if _END.search(reply.body[-64:]):
            return split_updates(reply.body)
        if not _is_json(reply.body):
            # Cut off on its way. Half an update must not be taken for a broken one: that would be confirmed.
            raise OutcomeUnknown("Telegram's answer to getUpdates was cut off", hint="it is asked for again")
    kind = type(parse_reply("getUpdates", reply)).__name__
    raise OutcomeUnknown(f"Telegram's answer to getUpdates holds no list of updates but a {kind} (HTTP {reply.status})")


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _refusal(method: str, status: int, envelope: dict[str, Any]) -> TelegramError | TokenError:
    code, parameters = envelope.get("error_code"), envelope.get("parameters")
    code = code if type(code) is int else status
    description = str(envelope.get("description", ""))
    parameters = parameters if isinstance(parameters, dict) else {}
    if code == 401 or (code == 404 and "method not found" not in description.lower()):
        return TokenError(
            f"Telegram does not accept the bot token ({code} {show(redact(description), 60)})",
            hint="copy it again from @BotFather (/token); check bot.api_url if you run your own server",
        )
    if code >= 500:
        return OutcomeUnknown(f"Telegram has trouble of its own with {method} ({code})", hint="try again in a moment")
    seconds = _integer(parameters.get("retry_after"))
    return Refused(
        method,
        code,
        description,
        seconds if seconds is None else max(0, seconds),
        _integer(parameters.get("migrate_to_chat_id")),
    )


def _integer(value: object) -> int | None:
    return value if type(value) is int else None


class BotApi:
    """The Bot API for commands: one call at a time."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def server_date(self) -> str:
        """What the server's clock said in its last reply (HTTP `Date`), or ""."""
        return self._http.date

    def call(self, method: str, params: Mapping[str, Any], timeout_seconds: float = 20) -> Any:
        """One request, one result. Nothing is repeated here: the caller knows what may be."""
        return parse_reply(method, self._http.post(method, encode(params), timeout_seconds))

    def read(self, method: str, params: Mapping[str, Any] | None = None, attempts: int = 3) -> Any:
        """A request that changes nothing: repeated at once while its outcome is unknown or it was not sent."""
        for attempt in range(1, attempts + 1):
            try:
                return self.call(method, params or {})
            except (OutcomeUnknown, NotSent):
                if attempt == attempts:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._http.close()


class AsyncBotApi:
    """The Bot API for the listener: many calls at once."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def call(self, method: str, params: Mapping[str, Any], timeout_seconds: float = 20) -> Any:
        return parse_reply(method, await self._http.post(method, encode(params), timeout_seconds))

    async def get_updates(self, params: Mapping[str, Any], timeout_seconds: float) -> tuple[list[bytes] | None, bytes]:
        """The updates that wait, undecoded, or None if they cannot be told apart; and the whole body."""
        reply = await self._http.post("getUpdates", encode(params), timeout_seconds)
        return parse_updates(reply), reply.body

    def use_token(self, bot_token: str) -> None:
        """Requests from now on carry this token of the same bot."""
        self._http.use_token(bot_token)

    async def close(self) -> None:
        await self._http.close()
