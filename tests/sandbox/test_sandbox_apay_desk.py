"""A-Pay's own API, without sockets: methods, refusals, what is counted, and what outages make of it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_apay import DEPOSIT, INVALID, MISSING, SYSTEMS, ask, ask_of, make_charge, start
from sandbox_bot import Bot

from apaycli.clock import ManualClock
from apaycli.sandbox.apay_systems import PaymentSystem
from apaycli.sandbox.checkouts import Charge
from apaycli.sandbox.wire import Answer, Waiting
from apaycli.sandbox.world import World


@pytest.fixture
def charge(world: World) -> Charge:
    return make_charge(world)


# Keys


def test_keys_have_the_documented_shapes(world: World) -> None:
    assert re.fullmatch(r"[a-z0-9]{32}", world.apay.api_key)
    assert re.fullmatch(r"[0-9]{1,7}", world.apay.project_id)


def test_keys_belong_to_the_seed(clock: ManualClock) -> None:
    first, second, again = (World(clock, seed).apay for seed in (1, 2, 1))
    assert (first.api_key, first.project_id) == (again.api_key, again.project_id)
    assert first.api_key != second.api_key
    assert first.project_id != second.project_id


def test_old_seeds_keep_their_bytes(clock: ManualClock) -> None:
    """Nothing of A-Pay draws: these numbers were written down before there was an A-Pay."""
    assert World(clock, 7).bot_token == "5942859575:AAPeIxdGcBefB0hoO8Kz_c2sjht0lLOxJed"
    assert World(clock, 7).rng.random() == 0.29976699686368236
    world, asked = World(clock, 7), World(clock, 7)
    ask_of(asked, make_charge(asked))
    ask(asked, SYSTEMS)
    make_charge(world)
    assert world.rng.getstate() == asked.rng.getstate()


# payment-systems-info


def test_methods(world: World) -> None:
    document = ask(world, SYSTEMS)
    assert document["success"] is True
    named = {(system["name"], system["currency"]) for system in document["payment_systems"]}
    assert named == {
        *((name, "BDT") for name in ("bkash_a", "bkash_b", "nagad_a", "nagad_b")),
        *((name, "INR") for name in ("upi_fast", "paytm", "phonepe")),
        ("mpesa", "KES"),
        ("easypaisa_l", "PKR"),
        ("esewa", "NPR"),
    }
    for system in document["payment_systems"]:
        for kind in ("deposit", "withdrawals"):
            least, most = system.pop(f"min_{kind}"), system.pop(f"max_{kind}")
            assert re.fullmatch(r"[0-9]+\.[0-9]{2}", least)
            assert re.fullmatch(r"[0-9]+\.[0-9]{2}", most)
            assert float(least) < float(most)
        assert set(system) == {"name", "currency", "deposit", "withdrawal"}
        assert (system["deposit"], type(system["withdrawal"])) == (True, bool)


def test_methods_can_be_replaced(world: World) -> None:
    world.apay.methods = [PaymentSystem("pix_p2p", "BRL", "1.00", "2.50", deposit=False)]
    assert ask(world, SYSTEMS)["payment_systems"] == [
        {
            "name": "pix_p2p",
            "currency": "BRL",
            "min_deposit": "1.00",
            "max_deposit": "2.50",
            "min_withdrawals": "10.00",
            "max_withdrawals": "10000.00",
            "deposit": False,
            "withdrawal": True,
        }
    ]
    world.apay.methods.clear()
    assert ask(world, SYSTEMS) == {"success": True, "payment_systems": []}


# Refusals


@pytest.mark.parametrize("as_200", [False, True])
@pytest.mark.parametrize(
    ("name", "query", "body"),
    [
        (SYSTEMS, {"api_key": ""}, INVALID),
        (SYSTEMS, {"api_key": "0" * 32}, INVALID),
        (SYSTEMS, {"project_id": "1"}, INVALID),
        (SYSTEMS, {"project_id": ""}, MISSING),
        (DEPOSIT, {"api_key": "0" * 32, "order_id": "5"}, INVALID),
        (DEPOSIT, {"project_id": "1", "order_id": "5"}, INVALID),
        (DEPOSIT, {"project_id": "", "order_id": "5"}, MISSING),
        (DEPOSIT, {}, MISSING),
        (DEPOSIT, {"order_id": "5"}, INVALID),
    ],
    ids=str,
)
def test_refusals(world: World, name: str, query: dict[str, str], body: Any, as_200: bool) -> None:
    world.settings.apay_errors_as_200 = as_200
    assert ask(world, name, 200 if as_200 else 400, **query) == body


@pytest.mark.parametrize("query", [{"api_key": "0" * 32}, {"project_id": "1"}], ids=str)
def test_strangers_learn_nothing_of_a_deposit(world: World, charge: Charge, query: dict[str, str]) -> None:
    assert ask(world, DEPOSIT, 400, order_id=charge.provider_payment_charge_id, **query) == INVALID


@pytest.mark.parametrize("as_200", [False, True])
@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/apay/", 404),
        ("GET", "/apay/deposit-info", 404),
        ("GET", "/apay/Remotes/withdrawal-info", 404),
        ("GET", "/apay/remotes/deposit-info", 404),
        ("POST", "/apay/Remotes/payment-systems-info", 405),
    ],
)
def test_what_is_not_there(world: World, verb: str, path: str, status: int, as_200: bool) -> None:
    world.settings.apay_errors_as_200 = as_200
    answer = world.apay.handle(verb, path, world.apay.api_key)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.json()["success"], answer.json()["code"]) == (status, False, status)


# Counting and remembering


def test_requests_are_counted(world: World, charge: Charge) -> None:
    assert world.apay.request_count == 0
    ask(world, SYSTEMS)
    ask_of(world, charge)
    ask(world, DEPOSIT, 400)
    world.faults.add("500", 0.0, methods=[SYSTEMS])
    ask(world, SYSTEMS, 500)
    assert world.apay.request_counts == {SYSTEMS: 2, DEPOSIT: 2}
    assert world.apay.request_count == 4


def test_requests_are_remembered_without_keys(world: World, clock: ManualClock) -> None:
    clock.advance(300)
    at = clock.now()
    ask(world, DEPOSIT, 400, order_id="5", apikey=world.apay.api_key)
    [record] = world.requests.render(method=DEPOSIT)
    assert record["params"] == {"project_id": world.apay.project_id, "order_id": "5"}
    assert (record["at"], record["status"], record["fault"]) == (at, 400, None)
    assert world.apay.api_key not in str(world.requests.render())


def test_state_shows_no_key(world: World) -> None:
    assert world.apay.api_key not in str(world.state())
    assert world.apay.project_id not in str(world.state())


# Outages


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["500", "429", "401", "409"])
def test_outages_speak_as_a_pay_does(world: World, kind: str, after: bool) -> None:
    world.faults.add(kind, 0.0, methods=[SYSTEMS], count=1, after=after, retry_after=7, delay_seconds=0.25)
    answer = start(world, SYSTEMS)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.delay_seconds) == (int(kind), 0.25)
    document = answer.json()
    assert (set(document), document["success"]) == ({"success", "message", "code"}, False)
    assert document["code"] == int(kind)
    assert answer.headers.get("Retry-After") == ("7" if kind == "429" else None)
    assert world.requests.render()[-1]["fault"] == kind
    assert ask(world, SYSTEMS)["success"] is True


@pytest.mark.parametrize("kind", ["reset", "hang", "break"])
def test_outages_of_the_connection(world: World, kind: str) -> None:
    world.faults.add(kind, 0.0, methods=[DEPOSIT], count=1)
    assert ask(world, SYSTEMS)["success"] is True
    answer = start(world, DEPOSIT, order_id="5")
    assert isinstance(answer, Answer)
    assert answer.transport == kind


@pytest.mark.parametrize(("kind", "status"), [("502-html", 502), ("504-html", 504), ("empty", 200), ("truncated", 200)])
def test_outages_that_spoil_the_reply(world: World, kind: str, status: int) -> None:
    world.faults.add(kind, 0.0, methods=[SYSTEMS], count=1)
    answer = start(world, SYSTEMS)
    assert isinstance(answer, Answer)
    assert answer.status == status
    with pytest.raises(ValueError):
        answer.json()


def test_a_slow_request_is_answered_with_what_is_known_when_it_arrives(world: World, clock: ManualClock) -> None:
    world.faults.add("delay", clock.monotonic(), methods=[SYSTEMS], count=1, delay_seconds=3)
    waiting = start(world, SYSTEMS)
    assert isinstance(waiting, Waiting)
    world.apay.methods.clear()
    clock.advance(3)
    world.tick()
    assert waiting.answer is not None
    assert waiting.answer.json() == {"success": True, "payment_systems": []}
    assert world.requests.render()[-1]["status"] == 200


def test_a_slow_reply_tells_what_was_known_when_it_was_asked(world: World) -> None:
    world.faults.add("delay", 0.0, methods=[SYSTEMS], count=1, after=True, delay_seconds=3)
    answer = start(world, SYSTEMS)
    assert isinstance(answer, Answer)
    assert answer.delay_seconds == 3
    assert answer.json()["payment_systems"]


def test_outages_of_one_side_leave_the_other_alone(bot: Bot, world: World) -> None:
    world.faults.add("500", 0.0, methods=["getMe"], count=1)
    assert ask(world, SYSTEMS)["success"] is True
    assert bot.refusal("getMe")[0] == 500
    world.faults.add("500", 0.0, methods=[SYSTEMS], count=1)
    assert bot.call("getMe")
    ask(world, SYSTEMS, 500)


def test_an_outage_without_names_meets_everybody(bot: Bot, world: World) -> None:
    world.faults.add("500", 0.0, count=2)
    ask(world, SYSTEMS, 500)
    assert bot.refusal("getMe")[0] == 500


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10))
@settings(max_examples=200, deadline=None)
def test_no_request_breaks_it(name: str, query: str, api_key: str) -> None:
    world = World(ManualClock())
    for path in (f"/apay/{name}?{query}", f"/apay/Remotes/{DEPOSIT}?project_id={world.apay.project_id}&{query}"):
        for key in (api_key, world.apay.api_key):
            answer = world.apay.handle("GET", path, key)
            assert isinstance(answer, Answer)
            assert (answer.status, answer.json()["success"]) in ((400, False), (404, False))
