"""The world's entrance, its tokens, its determinism, and faults."""

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_bot import Bot
from sandbox_shapes import SPEC

from apaycli.clock import ManualClock
from apaycli.sandbox.faults import KINDS
from apaycli.sandbox.methods import METHODS, TABLE
from apaycli.sandbox.request_log import mask
from apaycli.sandbox.wire import Answer, Waiting
from apaycli.sandbox.world import World


def test_tokens_have_the_documented_shapes(world: World) -> None:
    assert re.fullmatch(r"[1-9][0-9]{0,15}:[A-Za-z0-9_-]{30,}", world.bot_token)
    assert re.fullmatch(r"[0-9]+:TEST:[0-9a-f-]{36}", world.test_provider_token)
    assert re.fullmatch(r"[0-9]+:LIVE:[0-9a-f-]{36}", world.live_provider_token)


def test_given_tokens_are_used(clock: ManualClock) -> None:
    token = "42:" + "x" * 30
    world = World(clock, bot_token=token, test_provider_token="1:TEST:a", live_provider_token="1:LIVE:a")
    assert (world.bot.id, world.provider_tokens) == (42, {"1:TEST:a", "1:LIVE:a"})
    with pytest.raises(ValueError, match="bot token"):
        World(clock, bot_token="42:short")


@pytest.mark.parametrize(
    ("token", "code", "text"),
    [
        ("123456789:" + "A" * 35, 401, "Unauthorized"),
        ("nonsense", 401, "Unauthorized: invalid token specified"),
        ("0" + "1" * 5 + ":" + "A" * 35, 401, "Unauthorized: invalid token specified"),
    ],
)
def test_wrong_tokens(world: World, token: str, code: int, text: str) -> None:
    answer = world.handle(f"/bot{token}/getMe")
    assert (answer.status, answer.json()["description"]) == (code, text)


def test_unknown_method_and_path(world: World) -> None:
    answer = world.handle(f"/bot{world.bot_token}/sendNothing")
    assert answer.json() == {"ok": False, "error_code": 404, "description": "Not Found: method not found"}
    assert world.handle("/").json() == {"ok": False, "error_code": 404, "description": "Not Found"}


def test_get_me(bot: Bot, world: World) -> None:
    me = bot.call("getMe")
    assert me["id"] == int(world.bot_token.partition(":")[0])
    world.settings.supports_inline_queries = False
    assert bot.answer("GETME").json()["result"]["supports_inline_queries"] is False


def test_test_environment_and_get_with_a_query_string(bot: Bot, world: World) -> None:
    params = bot.invoice(prices='[{"label":"Tea","amount":50000}]')
    answer = world.handle(f"/bot{world.bot_token}/test/SendInvoice?{urlencode(params)}")
    assert answer.json()["result"]["invoice"]["total_amount"] == 50000


def test_every_method_is_documented() -> None:
    assert {name for name, _ in TABLE} <= SPEC["methods"].keys()


def test_derived_numbers_repeat_and_cost_no_draw(clock: ManualClock) -> None:
    worlds = [World(clock, seed) for seed in (1, 1, 2)]
    numbers = [world.derive_number("chat 5") for world in worlds]
    assert numbers[0] == numbers[1] != numbers[2]
    assert worlds[0].derive_number("chat 6") != numbers[0]
    assert all(0 <= number < 2**63 for number in numbers)
    assert worlds[0].new_slug() == World(clock, 1).new_slug()


def play(seed: int) -> bytes:
    """A little story; returns everything the bot saw."""
    world = World(ManualClock(), seed)
    bot = Bot(world)
    bot.send_invoice()
    checkout = world.buyers.press_pay("tea-1", 1001)
    bot.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)
    world.buyers.pay(checkout.checkout_id)
    return bot.answer("getUpdates").body + bot.link().encode() + json.dumps(world.books.render()).encode()


def test_same_seed_same_bytes() -> None:
    assert play(7) == play(7)
    assert play(7) != play(8)


def test_commands_by_scope_and_language(bot: Bot) -> None:
    commands = [{"command": "terms", "description": "Terms"}]
    bot.call("setMyCommands", commands=commands)
    assert bot.call("getMyCommands") == bot.call("getMyCommands", scope={"type": "default"}) == commands
    assert bot.call("getMyCommands", language_code="bn") == []
    assert bot.call("getMyCommands", scope={"type": "chat", "chat_id": 5}) == []
    bot.call("setMyCommands", commands=commands, scope={"type": "chat", "chat_id": 5})
    bot.call("deleteMyCommands")
    assert bot.call("getMyCommands") == []
    assert bot.call("getMyCommands", scope={"type": "chat", "chat_id": "5"}) == commands


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, 'parameter "commands" is required'),
        ({"commands": "["}, "can't parse commands JSON object"),
        ({"commands": {}}, "expected an Array of commands"),
        ({"commands": [{"command": "Terms", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "terms", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "a", "description": "x"}] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": [], "language_code": "xyz"}, "invalid language code specified"),
        ({"commands": [], "scope": {"type": "x"}}, "can't parse BotCommandScope: unsupported type specified"),
    ],
    ids=str,
)
def test_command_refusals(bot: Bot, params: dict[str, Any], text: str) -> None:
    assert bot.refusal("setMyCommands", **params)[1] == f"Bad Request: {text}"


def test_request_log_hides_the_provider_token(bot: Bot, world: World) -> None:
    bot.send_invoice()
    bot.refusal("sendInvoice", **bot.invoice(title=""))
    log = world.requests.render()
    assert [record["status"] for record in log] == [200, 400]
    assert "title" in log[1]["reply"]
    text = json.dumps(log) + json.dumps(world.state())
    assert world.test_provider_token not in text
    assert world.bot_token not in text
    assert "***:TEST:***" in text


@pytest.mark.parametrize(
    ("token", "shown"), [("5339112345:TEST:abc", "53391***:TEST:***"), ("1:LIVE:x", "1***:LIVE:***"), ("secret", "***")]
)
def test_mask(token: str, shown: str) -> None:
    assert mask(token) == shown


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "delay"])
def test_faults_strike_before_or_after_the_method(bot: Bot, world: World, kind: str, after: bool) -> None:
    world.faults.add(kind, world.clock.monotonic(), count=1, after=after)
    answer = bot.answer("sendInvoice", **bot.invoice())
    assert len(world.books.invoices) == after
    assert answer.transport == (kind if kind in ("reset", "hang", "break") else "reply")
    if kind.isdigit():
        assert answer.status == int(kind)
        assert json.loads(answer.body)["error_code"] == int(kind)
    elif kind.endswith("-html"):
        assert str(answer.status) in kind
        assert answer.body.startswith(b"<html>")
    elif kind in ("empty", "truncated"):
        assert answer.status == 200
        with pytest.raises(ValueError):
            json.loads(answer.body)
    assert bot.send_invoice(), "one request, not more"


def test_fault_429_says_how_long(bot: Bot, world: World) -> None:
    world.faults.add("429", 0.0, retry_after=35)
    answer = bot.answer("getMe")
    assert (answer.headers["Retry-After"], answer.json()["parameters"]) == ("35", {"retry_after": 35})
    assert answer.json()["description"] == "Too Many Requests: retry after 35"


def test_faults_by_method_and_time(bot: Bot, world: World, clock: ManualClock) -> None:
    world.faults.add("500", clock.monotonic(), seconds=5, methods=["sendInvoice"])
    assert bot.call("getMe")
    assert bot.refusal("sendInvoice", **bot.invoice())[0] == 500
    clock.advance(5)
    assert bot.send_invoice()
    world.faults.add("500", clock.monotonic())
    world.faults.clear()
    assert bot.call("getMe")
    with pytest.raises(ValueError, match="unknown outage kind"):
        world.faults.add("flood", 0.0)


def test_slow_way_there_makes_an_answer_late(bot: Bot, world: World, clock: ManualClock) -> None:
    bot.send_invoice()
    checkout = world.buyers.press_pay("tea-1", 1001)
    world.faults.add("delay", 0.0, delay_seconds=11.0, count=1)
    waiting = bot.start("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)
    assert isinstance(waiting, Waiting)
    clock.advance(11)
    world.tick()
    assert checkout.outcome == "timeout"
    assert waiting.answer is not None
    assert waiting.answer.status == 400


def test_slow_way_back_changes_nothing_but_the_reply(bot: Bot, world: World) -> None:
    bot.send_invoice()
    checkout = world.buyers.press_pay("tea-1", 1001)
    world.faults.add("delay", 0.0, delay_seconds=11.0, count=1, after=True)
    answer = bot.answer("answerPreCheckoutQuery", pre_checkout_query_id=checkout.pre_checkout_query_id, ok=True)
    assert (checkout.outcome, answer.delay_seconds, answer.status) == ("accepted", 11.0, 200)


def test_lost_reply_of_a_long_poll_repeats_the_updates(bot: Bot, world: World) -> None:
    world.faults.add("reset", 0.0, count=1, after=True, methods=["getUpdates"])
    waiting = bot.start("getUpdates", timeout=20)
    assert isinstance(waiting, Waiting)
    world.buyers.send_text(1001, "hi")
    assert waiting.answer is not None
    assert waiting.answer.transport == "reset"
    assert len(bot.updates()) == 1


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["1001", "@a", "{", "[1]"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
NAMES = sorted(
    {field["name"] for name in ("sendInvoice", "answerInlineQuery") for field in SPEC["methods"][name]["fields"]}
)
NAMES += [
    "offset",
    "limit",
    "allowed_updates",
    "url",
    "text",
    "parse_mode",
    "commands",
    "scope",
    "ok",
    "shipping_options",
    "message_id",
    "inline_message_id",
    "callback_query_id",
]


@given(st.sampled_from(sorted(METHODS)), st.dictionaries(st.sampled_from(NAMES), ANYTHING))
@settings(max_examples=300, deadline=None)
def test_no_request_breaks_the_world(method: str, params: dict[str, Any]) -> None:
    world = World(ManualClock())
    Bot(world).send_invoice()
    defaults = Bot(world).invoice()
    for body in (params, {**defaults, **params}):
        answer = world.handle(f"/bot{world.bot_token}/{method}", "application/json", json.dumps(body).encode())
        assert isinstance(answer, Waiting) or answer.status in (200, 400, 403, 409)
        assert not isinstance(answer, Answer) or isinstance(json.loads(answer.body)["ok"], bool)


@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/x-www-form-urlencoded", "", "x"]))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_world(body: bytes, content_type: str) -> None:
    world = World(ManualClock())
    answer = world.handle(f"/bot{world.bot_token}/sendInvoice?title=a&description=b", content_type, body)
    assert answer.status == 400
