"""A merchant's program for tests: asks a world's A-Pay in-process, with the right key unless told otherwise."""

from typing import Any
from urllib.parse import urlencode

from sandbox_bot import Bot

from apaycli.sandbox.checkouts import Charge
from apaycli.sandbox.wire import Answer, Waiting
from apaycli.sandbox.world import World

SYSTEMS, DEPOSIT = "payment-systems-info", "deposit-info"
INVALID = {"success": False, "message": "Invalid request", "code": 400}
MISSING = {"success": False, "message": "Required field missing", "code": 400}


def start(world: World, name: str, /, api_key: str | None = None, **query: str) -> Answer | Waiting:
    """One request with the right key and project, unless others are given; "" leaves a parameter out."""
    given = {"project_id": world.apay.project_id, **query}
    text = urlencode({key: value for key, value in given.items() if value})
    key = world.apay.api_key if api_key is None else api_key
    return world.apay.handle("GET", f"/apay/Remotes/{name}?{text}", key)


def ask(world: World, name: str, status: int = 200, /, **query: str) -> Any:
    answer = start(world, name, **query)
    assert isinstance(answer, Answer)
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def ask_of(world: World, charge: Charge, status: int = 200, /) -> Any:
    return ask(world, DEPOSIT, status, order_id=charge.provider_payment_charge_id)


def make_charge(world: World, **overrides: Any) -> Charge:
    """Rahim pays 500.00 BDT."""
    bot = Bot(world)
    bot.send_invoice()
    checkout = world.buyers.press_pay("tea-1", 1001)
    return world.buyers.pay(checkout.checkout_id, force=True, **overrides)
