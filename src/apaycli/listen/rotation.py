"""The Bot API for a listener whose token may be changed under it.

Knows that a refused token did nothing, so that the request may be made again with another one; and how long somebody
who has just revoked a token may need to put the new one in place. Never knows where tokens lie: it asks.

BotFather revokes the old token in the moment in which it gives the new one. So a token that worked in this run and is
refused now is a change in progress: the file is read again at once, and with each further request, for two minutes.
Meanwhile every request is one that never left (`TokenAwaited`): polls and answers are tried again, as in an outage.
Where none has worked in this run, it ends at once.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from apaycli.botapi.client import AsyncBotApi, TokenAwaited
from apaycli.clock import Clock
from apaycli.errors import TokenError
from apaycli.listen import events

_PATIENCE_SECONDS = 120
T = TypeVar("T")


class RotatingApi(AsyncBotApi):
    """`api`, with every call made again where a new token is found. `fresh_token` gives one of the same bot that it has
    not given yet; its TokenError ends the run."""

    def __init__(
        self, api: AsyncBotApi, fresh_token: Callable[[], str | None], clock: Clock, emit: events.Emit
    ) -> None:
        self._api, self._fresh_token, self._clock, self._emit = api, fresh_token, clock, emit
        self._tokens = 1  # how many have been used: who was refused with an older one need only ask again
        self._worked = False
        self._refused_at: float | None = None

    async def call(self, method: str, params: Mapping[str, Any], timeout_seconds: float = 20) -> Any:
        return await self._ask(lambda: self._api.call(method, params, timeout_seconds))

    async def get_updates(self, params: Mapping[str, Any], timeout_seconds: float) -> tuple[list[bytes] | None, bytes]:
        return await self._ask(lambda: self._api.get_updates(params, timeout_seconds))

    async def close(self) -> None:
        await self._api.close()

    async def _ask(self, request: Callable[[], Awaitable[T]]) -> T:
        while True:
            used = self._tokens
            try:
                result = await request()
            except TokenError as refusal:
                if used == self._tokens:
                    self._take_another(refusal)
                continue
            if used == self._tokens:
                self._worked, self._refused_at = True, None
            return result

    def _take_another(self, refusal: TokenError) -> None:
        """Returns with a new token in use; else raises what the caller is to be told."""
        token = self._fresh_token()
        if token is not None:
            self._api.use_token(token)
            self._tokens += 1
            self._emit(events.TokenTaken(self._clock.now()))
            return
        now = self._clock.monotonic()
        self._refused_at = now if self._refused_at is None else self._refused_at
        if not self._worked or now - self._refused_at > _PATIENCE_SECONDS:
            raise refusal
        raise TokenAwaited(
            refusal.message,
            hint=f"put the new one in place, and it is taken: apay config set-secret bot-token "
            f"(in {_PATIENCE_SECONDS // 60} minutes this ends)",
        )
