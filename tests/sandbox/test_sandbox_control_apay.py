"""The control API's part for A-Pay, and A-Pay on a real socket."""

import http.client
import json
from typing import Any

import pytest
from sandbox_apay import make_charge

from apaycli.clock import ManualClock
from apaycli.sandbox.control import handle_control
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.wire import Answer
from apaycli.sandbox.world import World

METHOD = {"name": "pix_p2p", "currency": "BRL"}


def post(world: World, name: str, status: int = 200, /, **document: Any) -> Any:
    answer = handle_control(world, "POST", f"/sandbox/{name}", json.dumps(document).encode())
    assert isinstance(answer, Answer)
    assert answer.status == status, answer.body
    return answer.json()


def charge_id(world: World) -> str:
    return make_charge(world).telegram_payment_charge_id


def test_a_deposit(world: World) -> None:
    paid = charge_id(world)
    told = post(world, "apay_deposit", telegram_payment_charge_id=paid)
    assert (told["status"], told["amount"]) == ("Success", 50000)
    assert told["order_id"] == world.books.charges[0].provider_payment_charge_id
    given = {"status": "Failed", "amount": 49999, "order_id": "7fa13dbc3b79e05e"}
    changed = post(world, "apay-deposit", telegram_payment_charge_id=paid, **given)
    assert changed == {**told, **given}
    post(world, "settings", apay_order_id="custom")
    assert post(world, "apay_deposit", telegram_payment_charge_id=paid)["custom_transaction_id"] == paid


def test_methods(world: World) -> None:
    [method] = post(world, "apay_methods", methods=[{**METHOD, "max_deposit": "5.00"}])["methods"]
    assert (method["max_deposit"], method["min_deposit"], method["deposit"]) == ("5.00", "10.00", True)
    assert [system.render() for system in world.apay.methods] == [method]
    assert post(world, "apay_methods", methods=[]) == {"methods": []}
    assert world.apay.methods == []


def test_settings(world: World) -> None:
    assert post(world, "settings", apay_order_id="none")["apay_order_id"] == "none"
    post(world, "settings", apay_errors_as_200=True)
    assert (world.settings.apay_order_id, world.settings.apay_errors_as_200) == ("none", True)


@pytest.mark.parametrize(
    ("name", "document", "status"),
    [
        ("apay_deposit", {}, 400),
        ("apay_deposit", {"telegram_payment_charge_id": "5"}, 404),
        ("apay_deposit", {"telegram_payment_charge_id": 5}, 400),
        ("apay_deposit", {"telegram_payment_charge_id": "@", "status": "paid"}, 400),
        ("apay_deposit", {"telegram_payment_charge_id": "@", "amount": "5"}, 400),
        ("apay_deposit", {"telegram_payment_charge_id": "@", "amount": True}, 400),
        ("apay_deposit", {"telegram_payment_charge_id": "@", "amount": -5}, 400),
        ("apay_deposit", {"telegram_payment_charge_id": "@", "order_id": ""}, 400),
        ("apay_deposit", {"telegram_payment_charge_id": "@", "state": "Failed"}, 400),
        ("apay_methods", {}, 400),
        ("apay_methods", {"methods": ["pix_p2p"]}, 400),
        ("apay_methods", {"methods": [{"name": "pix_p2p"}]}, 400),
        ("apay_methods", {"methods": [{**METHOD, "min_deposit": 10}]}, 400),
        ("apay_methods", {"methods": [{**METHOD, "min_withdrawal": "10.00"}]}, 400),
        ("apay_methods", {"methods": [], "currency": "BRL"}, 400),
        ("settings", {"apay_order_id": "telegram"}, 400),
        ("settings", {"apay_errors_as_200": 1}, 400),
    ],
    ids=str,
)
def test_mistakes_are_told(world: World, name: str, document: dict[str, Any], status: int) -> None:
    paid = charge_id(world)
    before, methods = dict(vars(world.settings)), list(world.apay.methods)
    given = {key: paid if value == "@" else value for key, value in document.items()}
    assert set(post(world, name, status, **given)) == {"error"}
    assert (world.apay.overrides, world.apay.methods, vars(world.settings)) == ({}, methods, before)


def fetch(server: ServerThread, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_on_a_socket() -> None:
    """As the merchant's program asks: `base_url` is the sandbox's address and `/apay`."""
    world = World(ManualClock())
    with ServerThread(world) as server:
        query = f"?project_id={world.apay.project_id}"
        path = f"/apay/Remotes/payment-systems-info{query}"
        status, document = fetch(server, path, {"APIKEY": world.apay.api_key})
        assert (status, document["success"], len(document["payment_systems"])) == (200, True, 10)
        assert fetch(server, path, {})[0] == 400
        server.call(charge_id, world)
        order_id = world.books.charges[0].provider_payment_charge_id
        path = f"/apay/Remotes/deposit-info{query}&order_id={order_id}"
        assert fetch(server, path, {"apikey": world.apay.api_key})[1]["amount"] == 500
        assert fetch(server, "/apay/nonsense", {})[1] == {"success": False, "message": "Not found", "code": 404}


def test_an_outage_on_a_socket() -> None:
    world = World(ManualClock())
    with ServerThread(world) as server:
        server.call(post, world, "outage", kind="reset", methods=["deposit-info"], count=1)
        with pytest.raises(ConnectionError):
            fetch(server, "/apay/Remotes/deposit-info", {})
        assert fetch(server, "/apay/Remotes/deposit-info", {})[0] == 400
