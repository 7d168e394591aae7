"""A-Pay's deposits: what is told of a charge, under which id it is known, and what a test can change."""

import re
from typing import Any

import pytest
from sandbox_apay import DEPOSIT, INVALID, ask, ask_of, make_charge, start
from sandbox_bot import Bot

from apaycli.sandbox.checkouts import Charge
from apaycli.sandbox.wire import Answer
from apaycli.sandbox.world import World


@pytest.fixture
def charge(world: World) -> Charge:
    return make_charge(world)


def test_a_deposit(world: World, charge: Charge) -> None:
    document = ask_of(world, charge)
    assert document.pop("payment_system") in ("bkash_a", "bkash_b", "nagad_a", "nagad_b")
    assert document == {
        "success": True,
        "status": "Success",
        "order_id": charge.provider_payment_charge_id,
        "amount": 500,
        "currency": "BDT",
        "custom_user_id": "1001",
        "created_at": charge.paid_at // 1000,
    }


def test_a_deposit_keeps_its_method(world: World, charge: Charge) -> None:
    before = ask_of(world, charge)
    world.apay.methods.clear()
    assert ask_of(world, charge) == before


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (50000, "BDT", b"500,"),
        (600839, "INR", b"6008.39,"),
        (50050, "BDT", b"500.5,"),
        (1, "INR", b"0.01,"),
        (12345, "BHD", b"12.345,"),
        (8000, "PYG", b"8000,"),
        (999_999_999_999, "INR", b"9999999999.99,"),
        (700, "XOF", b"700,"),
    ],
)
def test_amounts_are_numbers_in_major_units(world: World, amount: int, currency: str, text: bytes) -> None:
    charge = make_charge(world, total_amount=amount, currency=currency)
    answer = start(world, DEPOSIT, order_id=charge.provider_payment_charge_id)
    assert isinstance(answer, Answer)
    assert b'"amount":' + text in answer.body


def test_a_currency_without_a_method_has_a_name_all_the_same(world: World) -> None:
    assert ask_of(world, make_charge(world, currency="ETB"))["payment_system"] == "etb_fast"


def test_every_charge_is_a_deposit_of_its_own(world: World, charge: Charge) -> None:
    ask_of(world, charge)
    again = world.buyers.pay(charge.checkout_id, force=True)
    assert ask_of(world, again)["order_id"] == again.provider_payment_charge_id
    assert ask_of(world, charge)["order_id"] == charge.provider_payment_charge_id


def test_money_the_bot_never_hears_of_is_there(bot: Bot, world: World) -> None:
    bot.updates(allowed_updates=["pre_checkout_query"])
    charge = make_charge(world)
    assert charge.update_id is None
    assert ask_of(world, charge)["status"] == "Success"


def test_known_by_a_custom_transaction_id(world: World, charge: Charge) -> None:
    world.settings.apay_order_id = "custom"
    ask_of(world, charge, 400)
    document = ask(world, DEPOSIT, custom_transaction_id=charge.telegram_payment_charge_id)
    assert document["custom_transaction_id"] == charge.telegram_payment_charge_id
    assert re.fullmatch(r"[0-9a-f]{16}", document["order_id"])
    assert document["order_id"] != charge.provider_payment_charge_id
    assert ask(world, DEPOSIT, order_id=document["order_id"]) == document


def test_order_id_goes_before_the_custom_transaction_id(world: World, charge: Charge) -> None:
    other = make_charge(world)
    world.settings.apay_order_id = "custom"
    both = {"custom_transaction_id": charge.telegram_payment_charge_id}
    known = world.apay.deposits.order_id_of(other)
    assert known is not None
    assert ask(world, DEPOSIT, order_id=known, **both)["order_id"] == known
    found = ask(world, DEPOSIT, order_id=other.provider_payment_charge_id, **both)
    assert found["custom_transaction_id"] == charge.telegram_payment_charge_id


@pytest.mark.parametrize("key", ["provider", "none"])
def test_unknown_by_a_custom_transaction_id(world: World, charge: Charge, key: str) -> None:
    world.settings.apay_order_id = key
    assert ask(world, DEPOSIT, 400, custom_transaction_id=charge.telegram_payment_charge_id) == INVALID
    assert ask(world, DEPOSIT, 400, order_id=charge.telegram_payment_charge_id) == INVALID


def test_unknown_under_every_id(world: World, charge: Charge) -> None:
    world.settings.apay_order_id = "custom"
    hidden = ask(world, DEPOSIT, custom_transaction_id=charge.telegram_payment_charge_id)["order_id"]
    world.settings.apay_order_id = "none"
    for order_id in (charge.provider_payment_charge_id, charge.telegram_payment_charge_id, hidden):
        assert ask(world, DEPOSIT, 400, order_id=order_id) == INVALID


# One charge's fate


def test_status_and_amount_of_one_charge(world: World, charge: Charge) -> None:
    other = make_charge(world)
    change = world.apay.deposits.change
    change(charge.telegram_payment_charge_id, status="Pending")
    told = change(charge.telegram_payment_charge_id, amount=49950)
    assert told == {
        "telegram_payment_charge_id": charge.telegram_payment_charge_id,
        "order_id": charge.provider_payment_charge_id,
        "custom_transaction_id": None,
        "status": "Pending",
        "amount": 49950,
        "currency": "BDT",
    }
    document = ask_of(world, charge)
    assert (document["status"], document["amount"]) == ("Pending", 499.5)
    assert (ask_of(world, other)["status"], ask_of(world, other)["amount"]) == ("Success", 500)
    assert list(world.apay.overrides) == [charge.telegram_payment_charge_id]
    change(charge.telegram_payment_charge_id, amount=0)
    assert ask_of(world, charge)["amount"] == 0


@pytest.mark.parametrize("key", ["provider", "none"])
def test_order_id_of_one_charge(world: World, charge: Charge, key: str) -> None:
    world.settings.apay_order_id = key
    world.apay.deposits.change(charge.telegram_payment_charge_id, order_id="7fa13dbc3b79e05e")
    assert ask_of(world, charge, 400) == INVALID
    assert ask(world, DEPOSIT, order_id="7fa13dbc3b79e05e")["order_id"] == "7fa13dbc3b79e05e"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "success"}, "unknown status"),
        ({"amount": -1}, "amount"),
        ({"amount": 10**12}, "amount"),
        ({"order_id": ""}, "empty"),
    ],
    ids=str,
)
def test_what_a_deposit_cannot_be(world: World, charge: Charge, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        world.apay.deposits.change(charge.telegram_payment_charge_id, **change)
    assert world.apay.overrides == {}


def test_an_order_id_belongs_to_one_charge(world: World, charge: Charge) -> None:
    other = make_charge(world)
    with pytest.raises(ValueError, match="another charge"):
        world.apay.deposits.change(charge.telegram_payment_charge_id, order_id=other.provider_payment_charge_id)
    world.apay.deposits.change(charge.telegram_payment_charge_id, order_id=charge.provider_payment_charge_id)


def test_a_charge_that_never_was(world: World, charge: Charge) -> None:
    for unknown in ("5", charge.provider_payment_charge_id):
        with pytest.raises(LookupError, match="no such charge"):
            world.apay.deposits.change(unknown, status="Failed")
