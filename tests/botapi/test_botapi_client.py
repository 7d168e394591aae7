"""Replies of the Bot API into results and kinds of failure; no socket is involved."""

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from botapi_spec import DATA

from apaycli.botapi.client import (
    AsyncBotApi,
    BotApi,
    NotSent,
    OutcomeUnknown,
    Refused,
    Reply,
    encode,
    parse_reply,
    parse_updates,
)
from apaycli.errors import ApayError, TokenError

RESPONSES = DATA / "updates" / "responses"
SECRET = "AAH4canaryCANARYcanaryCANARYcanary00"
BOT_TOKEN = f"123456789:{SECRET}"

# The class of every stored reply; good ones are in ok-*.
FAILURES: dict[str, type[ApayError]] = {
    "error-400-chat-not-found.json": Refused,
    "error-400-currency-total-amount-invalid.json": Refused,
    "error-400-group-upgraded.json": Refused,
    "error-400-parameter-required.json": Refused,
    "error-400-payment-provider-invalid.json": Refused,
    "error-400-query-too-old.json": Refused,
    "error-401-unauthorized.json": TokenError,
    "error-403-blocked.json": Refused,
    "error-403-cant-initiate.json": Refused,
    "error-403-kicked.json": Refused,
    "error-404-method.json": Refused,
    "error-404-not-found.json": TokenError,
    "error-409-other-getupdates.json": Refused,
    "error-409-setwebhook.json": Refused,
    "error-409-webhook-active.json": Refused,
    "error-413-entity-too-large.json": Refused,
    "error-429-retry-after.json": Refused,
    "error-500-restart.json": OutcomeUnknown,
    "error-502-body.html": OutcomeUnknown,
    "error-502-json.json": OutcomeUnknown,
    "error-504-body.html": OutcomeUnknown,
    "error-truncated-body.txt": OutcomeUnknown,
}


def stored(name: str) -> Reply:
    """A stored reply under the status in its name."""
    code = name.split("-")[1]
    return Reply(int(code) if code.isdigit() else 200, (RESPONSES / name).read_bytes())


def failure(parse: Callable[[], Any]) -> ApayError:
    with pytest.raises(ApayError) as caught:
        parse()
    return caught.value


def test_every_stored_reply_is_in_the_table() -> None:
    assert {path.name for path in RESPONSES.iterdir() if not path.name.startswith("ok-")} == set(FAILURES)


@pytest.mark.parametrize(("name", "kind"), FAILURES.items())
def test_a_failure_is_one_of_four_kinds(name: str, kind: type[ApayError]) -> None:
    assert type(failure(lambda: parse_reply("sendInvoice", stored(name)))) is kind
    assert type(failure(lambda: parse_updates(stored(name)))) is kind


@pytest.mark.parametrize("name", sorted(path.name for path in RESPONSES.glob("ok-*")))
def test_a_good_reply_is_its_result(name: str) -> None:
    assert parse_reply("getMe", stored(name)) is not None


def test_a_refusal_keeps_what_telegram_said() -> None:
    upgraded = failure(lambda: parse_reply("sendInvoice", stored("error-400-group-upgraded.json")))
    assert isinstance(upgraded, Refused)
    assert (upgraded.code, upgraded.migrate_to_chat_id, upgraded.retry_after) == (400, -1001234567890, None)
    busy = failure(lambda: parse_reply("sendInvoice", stored("error-429-retry-after.json")))
    assert isinstance(busy, Refused)
    assert (busy.code, busy.retry_after) == (429, 35)
    assert busy.description == "Too Many Requests: retry after 35"
    assert "wait" in (busy.hint or "")


ODD_BODIES = {
    "empty": b"",
    "blanks": b" \r\n",
    "half a document": b'{"ok":true,"resu',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "no ok": b'{"result":true}',
    "ok is a text": b'{"ok":"true","result":true}',
    "ok is a number": b'{"ok":1,"result":true}',
    "no UTF-8": b'{"ok":true,"result":"\xff\xfe"}',
    "nested without end": b"[" * 100_000,
    "a page": b"<html>It works</html>",
}


@pytest.mark.parametrize("status", [200, 201, 301, 418, 502])
@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
def test_what_is_no_reply_leaves_the_outcome_unknown(body: bytes, status: int) -> None:
    assert type(failure(lambda: parse_reply("sendInvoice", Reply(status, body)))) is OutcomeUnknown
    assert type(failure(lambda: parse_updates(Reply(status, body)))) is OutcomeUnknown


ODD_REFUSALS: list[tuple[bytes, int, type[ApayError]]] = [
    (b'{"ok":false}', 400, Refused),
    (b'{"ok":false}', 503, OutcomeUnknown),
    (b'{"ok":false,"error_code":500}', 200, OutcomeUnknown),
    (b'{"ok":false,"error_code":"401","description":"x"}', 400, Refused),
    (b'{"ok":false,"error_code":true,"description":7,"parameters":[]}', 400, Refused),
    (b'{"ok":false,"error_code":401,"description":null}', 401, TokenError),
    (b'{"ok":false,"error_code":404,"description":"Not Found: METHOD not found"}', 404, Refused),
    (b'{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":"5"}}', 429, Refused),
    (b'{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":1.5}}', 429, Refused),
]


@pytest.mark.parametrize(("body", "status", "kind"), ODD_REFUSALS)
def test_an_odd_refusal_is_classed_and_never_a_crash(body: bytes, status: int, kind: type[ApayError]) -> None:
    error = failure(lambda: parse_reply("sendInvoice", Reply(status, body)))
    assert type(error) is kind
    assert getattr(error, "retry_after", None) is None


UPDATES = (
    b'{"ok":true,"result":[{"update_id":710000115,\n"message":{"message_id":1,"text":"a ]}, b",'
    b'"successful_payment":{"currency":"BDT","telegram_payment_charge_id":"c1"}}},'
    b'{"update_id":710000116,\n"message":{"message_id":2,"successful_payment":{"currency":"BDT",'
    b'"telegram_payment_charge_id":"c2","shipping_option_id":"[{"}}}]}'
)


def test_updates_come_apart_undecoded() -> None:
    assert [raw[:24] for raw in parse_updates(Reply(200, UPDATES)) or []] == [
        b'{"update_id":710000115,\n',
        b'{"update_id":710000116,\n',
    ]
    assert parse_updates(Reply(200, b' {"ok" : true , "result": [ ] } \n')) == []
    assert len(parse_updates(stored("ok-getUpdates-two.json")) or []) == 2


@pytest.mark.parametrize("body", [b'{"ok":true,"result":null}', b'{"ok":true}', b' {"ok" : true, "result" : null } '])
def test_a_result_that_is_missing_has_a_sentence_of_its_own(body: bytes) -> None:
    for parse in (lambda: parse_updates(Reply(200, body)), lambda: parse_reply("getUpdates", Reply(200, body))):
        error = failure(parse)
        assert type(error) is OutcomeUnknown
        assert error.message == "Telegram's answer to getUpdates has no result (ok is true, result is null)"


def test_a_result_of_another_kind_is_not_called_cut_off() -> None:
    error = failure(lambda: parse_updates(Reply(200, b'{"ok":true,"result":{"a":1}}')))
    assert error.message == "Telegram's answer to getUpdates holds no list of updates but a dict (HTTP 200)"


def test_a_reply_that_was_cut_off_anywhere_yields_no_update() -> None:
    # What is handed on is recorded and confirmed: half a payment would be kept as a dead letter, and its
    # whole would never come again.
    whole_looking = UPDATES.index(b"]}, b") + 2  # cut exactly there, nothing but luck could tell
    for end in set(range(len(UPDATES))) - {whole_looking}:
        with pytest.raises(OutcomeUnknown):
            parse_updates(Reply(200, UPDATES[:end]))


def test_a_broken_update_in_a_whole_reply_is_handed_on_alone() -> None:
    broken = b'{"ok":true,"result":[{"update_id":7,\n"message":{{{"},{"update_id":8,\n"message":{}}]}'
    assert parse_updates(Reply(200, broken)) == [b'{"update_id":7,\n"message":{{{"}', b'{"update_id":8,\n"message":{}}']
    assert parse_updates(Reply(200, b'{"ok":true,"result":[{"message":{{{"}]}')) is None


@pytest.mark.parametrize(
    "description",
    [
        f"Bad Request: https://api.telegram.org/bot{BOT_TOKEN}/sendInvoice failed",
        f"Unauthorized {BOT_TOKEN}",
        "Bad Request: 1234567890:TEST:canary-provider-token is wrong",
    ],
)
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 429, 500])
def test_no_token_in_what_an_error_says(code: int, description: str) -> None:
    body = encode({"ok": False, "error_code": code, "description": description})
    error = failure(lambda: parse_reply("sendInvoice", Reply(code, body)))
    shown = [str(error), repr(error), error.message, str(error.hint), *traceback.format_exception(error)]
    assert not any(SECRET in text or "canary-provider-token" in text for text in shown)


def test_a_hostile_description_is_shown_harmless() -> None:
    body = encode({"ok": False, "error_code": 400, "description": "Bad\x1b[2J\u202e\nRequest"})
    message = failure(lambda: parse_reply("getMe", Reply(400, body))).message
    assert message == "Telegram refused getMe: Bad\\x1b[2J\\u202e\\x0aRequest"


class ScriptedHttp:
    """An `Http` that plays replies and failures in their order, and remembers what was asked."""

    def __init__(self, *script: Reply | ApayError) -> None:
        self.script = list(script)
        self.asked: list[tuple[str, bytes, float]] = []
        self.date = ""
        self.closed = False

    def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        self.asked.append((method, body, timeout_seconds))
        step = self.script.pop(0)
        if isinstance(step, ApayError):
            raise step
        return step

    def close(self) -> None:
        self.closed = True


GOOD = Reply(200, b'{"ok":true,"result":{"id":1}}')
LOST, DOWN = OutcomeUnknown("lost"), NotSent("down")
NO = Reply(400, b'{"ok":false,"error_code":400,"description":"Bad Request: no"}')


@pytest.mark.parametrize(
    ("script", "asked", "kind"),
    [
        ((GOOD,), 1, None),
        ((LOST, DOWN, GOOD), 3, None),
        ((Reply(502, b"<html>"), GOOD), 2, None),
        ((LOST, LOST, LOST, GOOD), 3, OutcomeUnknown),
        ((DOWN, DOWN, DOWN, GOOD), 3, NotSent),
        ((NO, GOOD), 1, Refused),
        ((stored("error-401-unauthorized.json"), GOOD), 1, TokenError),
    ],
)
def test_a_read_is_repeated_while_nothing_is_known(script: Any, asked: int, kind: type[ApayError] | None) -> None:
    http = ScriptedHttp(*script)
    if kind is None:
        assert BotApi(http).read("getMe") == {"id": 1}
    else:
        assert type(failure(lambda: BotApi(http).read("getMe"))) is kind
    assert [method for method, _, _ in http.asked] == ["getMe"] * asked


def test_a_call_is_never_repeated_by_itself() -> None:
    http = ScriptedHttp(LOST, GOOD)
    assert failure(lambda: BotApi(http).call("sendInvoice", {})) is LOST
    assert len(http.asked) == 1


def test_parameters_travel_as_json_in_utf8() -> None:
    http = ScriptedHttp(GOOD)
    api = BotApi(http)
    api.call("sendMessage", {"text": "৳ 5", "chat_id": 2**52}, 7)
    api.close()
    assert http.asked == [("sendMessage", '{"text": "৳ 5", "chat_id": 4503599627370496}'.encode(), 7)]
    assert http.closed


def test_the_listeners_api_reads_the_same_replies() -> None:
    class Scripted:
        async def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
            return Reply(200, UPDATES) if method == "getUpdates" else NO

        async def close(self) -> None: ...

    async def ask() -> None:
        api = AsyncBotApi(Scripted())
        raws, body = await api.get_updates({}, 1)
        assert len(raws or []) == 2
        assert body == UPDATES
        with pytest.raises(Refused):
            await api.call("answerPreCheckoutQuery", {})
        await api.close()

    asyncio.run(ask())
