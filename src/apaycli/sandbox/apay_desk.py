"""A-Pay's own API, `/apay/Remotes/...`: which methods are on, and what became of a deposit.

Knows A-Pay's two GET endpoints, its header and how it refuses. Must never know sockets, the Bot API's envelope,
or what the bot was told. Draws no chance: key and project id belong to the seed.

What is documented: the header `apikey` with the query `project_id`; refusals as
`{"success":false,"message":...,"code":...}` with HTTP 400 or 200 (the setting `apay_errors_as_200`); the text
"Required field missing". The text for a wrong key, a wrong project and an unknown deposit is not published: all
three get the one example of the API description, "Invalid request", code 400. Nobody can tell them apart.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from apaycli.sandbox.apay_deposits import Deposits, Override
from apaycli.sandbox.apay_systems import DEFAULT_SYSTEMS, PaymentSystem
from apaycli.sandbox.faults import Outage
from apaycli.sandbox.wire import JSON_TYPE, Answer, JsonObject, Params, Waiting, dump

if TYPE_CHECKING:
    from apaycli.sandbox.world import World

PREFIX = "/apay/"
LOCATION = re.compile(r"/apay/Remotes/([A-Za-z-]+)")
# Nothing else is remembered: a key that somebody put into the query stays out of the request log.
PARAMETERS = ("project_id", "order_id", "custom_transaction_id")
INVALID_REQUEST = "Invalid request"
FIELD_MISSING = "Required field missing"
# What an outage says in A-Pay's words; the other kinds look the same everywhere.
OUTAGE_TEXTS = {
    "500": "Internal server error",
    "429": "Too many requests",
    "401": "Unauthorized",
    "409": "Conflict",
}


class ApayRefusal(Exception):
    """A-Pay says no. `code` is the one in the body, and the HTTP status unless that is 200."""

    def __init__(self, message: str, code: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True)
class ApayRequest:
    """One request; `name` is empty when the path is not A-Pay's."""

    verb: str
    name: str
    api_key: str
    params: dict[str, str]

    def required(self, parameter: str) -> str:
        """Raises ApayRefusal. Absent and empty are the same thing."""
        value = self.params.get(parameter, "")
        if not value:
            raise ApayRefusal(FIELD_MISSING)
        return value


class ApayDesk:
    """One project at A-Pay. `methods` is what is switched on now; `request_counts` counts what was asked, by name."""

    def __init__(self, world: "World") -> None:
        self.world = world
        # The documented shapes: ^[a-z0-9]{32}$ and ^[0-9]{1,7}$.
        halves = (world.derive_number(f"apay api_key {half}") for half in ("first", "second"))
        self.api_key = "".join(f"{half:016x}" for half in halves)
        self.project_id = str(10_000 + world.derive_number("apay project_id") % 90_000)
        self.methods: list[PaymentSystem] = list(DEFAULT_SYSTEMS)
        self.deposits = Deposits(world)
        self.request_counts: Counter[str] = Counter()

    @property
    def overrides(self) -> dict[str, Override]:
        """By `telegram_payment_charge_id`; set them with `deposits.change`."""
        return self.deposits.overrides

    @property
    def request_count(self) -> int:
        """Requests that left the merchant, whatever became of them."""
        return self.request_counts.total()

    def handle(self, verb: str, path: str, api_key: str = "") -> Answer | Waiting:
        """One request: `path` with its query string, still percent-encoded; `api_key` from the header. Never raises."""
        world = self.world
        world.tick()
        request = parse_request(verb, path, api_key)
        self.request_counts[request.name] += 1
        record = world.requests.add(world.clock.now(), request.name, Params(request.params))
        outage = world.faults.strike(request.name, world.clock.monotonic())
        record.fault = outage.kind if outage else None
        if outage is not None and outage.kind == "delay" and not outage.after:
            waiting = self._answer_later(request, outage.delay_seconds)
            waiting.when_done(record.finish)
            return waiting
        answer = self._answer(request)
        if outage is not None:
            answer = spoil(answer, outage)
        record.finish(answer)
        return answer

    def _answer_later(self, request: ApayRequest, seconds: float) -> Waiting:
        """A request that was slow on its way: it is answered with what is known when it arrives."""
        waiting = Waiting(self.world.clock.monotonic() + seconds)
        self.world.timers.at(waiting.deadline, lambda: waiting.resolve(self._answer(request)))
        return waiting

    def _answer(self, request: ApayRequest) -> Answer:
        try:
            return reply({"success": True, **self._perform(request)})
        except ApayRefusal as refusal:
            as_200 = self.world.settings.apay_errors_as_200 and refusal.code == 400
            return refuse(refusal.message, refusal.code, 200 if as_200 else refusal.code)

    def _perform(self, request: ApayRequest) -> JsonObject:
        if request.name not in ("payment-systems-info", "deposit-info"):
            raise ApayRefusal("Not found", 404)
        if request.verb != "GET":
            raise ApayRefusal("Method not allowed", 405)
        if request.api_key != self.api_key or request.required("project_id") != self.project_id:
            raise ApayRefusal(INVALID_REQUEST)
        if request.name == "payment-systems-info":
            return {"payment_systems": [method.render() for method in self.methods]}
        return self._deposit_info(request)

    def _deposit_info(self, request: ApayRequest) -> JsonObject:
        custom_transaction_id = request.params.get("custom_transaction_id", "")
        order_id = request.params.get("order_id", "") if custom_transaction_id else request.required("order_id")
        charge = self.deposits.find(order_id, custom_transaction_id)
        if charge is None:
            raise ApayRefusal(INVALID_REQUEST)
        return self.deposits.render(charge)


def parse_request(verb: str, path: str, api_key: str) -> ApayRequest:
    location, _, query = path.partition("?")
    found = LOCATION.fullmatch(location)
    given = dict(parse_qsl(query))
    params = {name: given[name] for name in PARAMETERS if name in given}
    return ApayRequest(verb, found.group(1) if found else "", api_key, params)


def reply(document: JsonObject, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": JSON_TYPE}, dump(document))


def refuse(message: str, code: int, status: int) -> Answer:
    return reply({"success": False, "message": message, "code": code}, status)


def spoil(answer: Answer, outage: Outage) -> Answer:
    """What reaches the merchant instead of `answer`; both of A-Pay's questions only read, so before is after."""
    if outage.kind not in OUTAGE_TEXTS:
        return outage.reshape(answer)
    status = int(outage.kind)
    spoiled = refuse(OUTAGE_TEXTS[outage.kind], status, status)
    if status == 429:
        spoiled.headers["Retry-After"] = str(outage.retry_after)
    return spoiled.delayed(outage.delay_seconds)
