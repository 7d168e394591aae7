"""getUpdates and the webhook that excludes it.

Knows long polling, who terminates whom, and the sticky `allowed_updates`. Must never know what is in an
update. The webhook is only remembered (for the 409s); nothing is ever delivered to it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from apaycli.sandbox.queue import DEFAULT_KINDS, KINDS, render_batch
from apaycli.sandbox.timers import Timer
from apaycli.sandbox.wire import Answer, JsonObject, Params, Refusal, Waiting, ok, ok_raw

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

TIMEOUT_SECONDS_MAX = 50
LIMIT_MAX = 100
CONFLICT_HOLD_SECONDS = 3.0

OTHER_GET_UPDATES = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
SET_WEBHOOK = "terminated by setWebhook request"


@dataclass
class Poll:
    """A getUpdates that found nothing and waits."""

    waiting: Waiting
    limit: int
    timer: Timer


@dataclass
class Webhook:
    url: str = ""
    max_connections: int = 40
    ip_address: str = ""
    has_custom_certificate: bool = False


class Polling:
    """The one long poll a bot may have, and what the server remembers between calls."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.webhook = Webhook()
        self.poll: Poll | None = None
        self._is_held = False
        self._next_conflict_monotonic = float("-inf")
        self._previous_offset: int | None = None
        self._previous_monotonic = float("-inf")

    def get_updates(self, params: Params) -> Answer | Waiting:
        if self.webhook.url:
            return self._conflict(WEBHOOK_ACTIVE)
        offset = params.integer("offset")
        limit = params.integer("limit", LIMIT_MAX, 1, LIMIT_MAX)
        timeout = params.integer("timeout", 0, 0, TIMEOUT_SECONDS_MAX)
        limit, timeout = self._slow_down_repeats(offset, limit, timeout)
        self.read_allowed_updates(params)
        queue = self.world.queue
        queue.forget_expired(self.world.clock.now())
        if offset:
            queue.confirm(offset)
        if len(queue) or not timeout:
            return self._reply(limit)
        # A new call ends the older one only if it would wait in its place; a short one passes beside it [S].
        self.terminate(OTHER_GET_UPDATES)
        return self._wait(limit, timeout)

    def _slow_down_repeats(self, offset: int, limit: int, timeout: int) -> tuple[int, int]:
        """The server's brake on busy loops, off by default: the same offset again within 0.5 s gets one update,
        within 3 s with a short timeout waits 3 s [S]."""
        now = self.world.clock.monotonic()
        if self.world.settings.repeated_offset_rule and offset == self._previous_offset:
            age = now - self._previous_monotonic
            limit = 1 if age < 0.5 else limit
            timeout = 3 if age < 3.0 and timeout < 3 else timeout
        self._previous_offset, self._previous_monotonic = offset, now
        return limit, timeout

    def _reply(self, limit: int) -> Answer:
        return ok_raw(render_batch(self.world.queue.batch(limit)))

    def _wait(self, limit: int, timeout: int) -> Waiting:
        deadline = self.world.clock.monotonic() + timeout
        waiting = Waiting(deadline)
        self.poll = Poll(waiting, limit, self.world.timers.at(deadline, self._finish))
        return waiting

    def wake(self) -> None:
        """Something was queued: answer the waiting call, if there is one."""
        if self.poll is not None and not self._is_held and len(self.world.queue):
            self._finish()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Queue many updates as one moment: the waiting call is answered at the end, not with the first."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self.wake()

    def _finish(self) -> None:
        poll, self.poll = self.poll, None
        if poll is not None:
            poll.timer.cancel()
            poll.waiting.resolve(self._reply(poll.limit))

    def terminate(self, text: str) -> None:
        """End the waiting call with a 409."""
        poll, self.poll = self.poll, None
        if poll is not None:
            poll.timer.cancel()
            poll.waiting.resolve(self._conflict(text))

    def abandon(self, waiting: Waiting) -> None:
        """The client hung up: nobody waits any more, and nothing was delivered."""
        if self.poll is not None and self.poll.waiting is waiting:
            self.poll.timer.cancel()
            self.poll = None

    def _conflict(self, text: str) -> Answer:
        """A 409; the first comes at once, repeats are held back 3 s [S]."""
        answer = Refusal(409, text).answer()
        now = self.world.clock.monotonic()
        if now < self._next_conflict_monotonic:
            return answer.delayed(self.world.settings.conflict_hold_seconds)
        self._next_conflict_monotonic = now + CONFLICT_HOLD_SECONDS
        return answer

    def read_allowed_updates(self, params: Params) -> None:
        """Omitted or malformed: unchanged. `[]` or only unknown names: the default set [S D]."""
        if not params.text("allowed_updates"):
            return
        try:
            names: Any = params.decoded("allowed_updates")
        except ValueError:
            return
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return
        known = frozenset(name.lower() for name in names) & frozenset(KINDS)
        self.world.queue.allowed_kinds = known or DEFAULT_KINDS


def set_webhook(world: "World", params: Params) -> Answer:
    url = params.text("url")
    if not url:
        return delete_webhook(world, params)
    check_webhook_url(url, params.text("ip_address"))
    check_secret_token(params.text("secret_token"))
    polling = world.polling
    polling.read_allowed_updates(params)
    if params.flag("drop_pending_updates"):
        world.queue.clear()
    polling.terminate(SET_WEBHOOK)
    is_same = polling.webhook.url == url
    connections = params.integer("max_connections", 40, 1, 100)
    polling.webhook = Webhook(url, connections, params.text("ip_address"), bool(params.text("certificate")))
    return ok(True, "Webhook is already set" if is_same else "Webhook was set")


def check_webhook_url(url: str, address: str) -> None:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refusal(400, "invalid webhook URL specified") from None
    if not host:
        raise Refusal(400, "invalid webhook URL specified")
    if parts.scheme != "https":
        raise Refusal(400, "bad webhook: An HTTPS URL must be provided for webhook")
    if port not in (None, 443, 80, 88, 8443):
        raise Refusal(400, "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    try:
        number = ip_address(address or host)
    except ValueError:
        return
    if number.version == 6:
        raise Refusal(400, "bad webhook: IPv6-only addresses are not allowed")
    if number.is_private or number.is_loopback:
        raise Refusal(400, f"bad webhook: IP address {number} is reserved")


def check_secret_token(text: str) -> None:
    if len(text) > 256:
        raise Refusal(400, "secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Refusal(400, "secret token contains unallowed characters")


def delete_webhook(world: "World", params: Params) -> Answer:
    was_set = bool(world.polling.webhook.url)
    if params.flag("drop_pending_updates"):
        world.queue.clear()
    world.polling.webhook = Webhook()
    return ok(True, "Webhook was deleted" if was_set else "Webhook is already deleted")


def get_webhook_info(world: "World", params: Params) -> Answer:
    webhook = world.polling.webhook
    world.queue.forget_expired(world.clock.now())
    info: JsonObject = {
        "url": webhook.url,
        "has_custom_certificate": webhook.has_custom_certificate,
        "pending_update_count": len(world.queue),
    }
    if webhook.url:
        info["max_connections"] = webhook.max_connections
        info["ip_address"] = webhook.ip_address or "<unknown>"
    allowed = world.queue.allowed_kinds
    if allowed != DEFAULT_KINDS:
        info["allowed_updates"] = [kind for kind in KINDS if kind in allowed]
    return ok(info)


def get_updates(world: "World", params: Params) -> Answer | Waiting:
    return world.polling.get_updates(params)
