"""Wrong pastes of secrets: each is named, and none is repeated."""

from collections.abc import Callable

import pytest

from apaycli.errors import ApayError, ConfigError, TokenError
from apaycli.pastes import (
    checked_apay_key,
    checked_bot_token,
    checked_hook_secrets,
    checked_provider_token,
    is_usual_apay_key,
    is_usual_provider_token,
    unwrapped,
)

BOT_TOKEN = "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot"
TEST_TOKEN = "53391:TEST:canary-test-1234"
BOTFATHER = f"""Done! Congratulations on your new bot. You will find it at t.me/shop_bot.

Use this token to access the HTTP API:
{BOT_TOKEN}
Keep your token secure and store it safely, it can be used by anyone to control your bot."""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOTFATHER, "BotFather's whole message"),
        (f"Use this token to access the HTTP API: {BOT_TOKEN}", "BotFather's whole message"),
        (TEST_TOKEN, "looks like a provider token"),
        (f"{BOT_TOKEN}\n{TEST_TOKEN}", "looks like a provider token"),
        (f"{BOT_TOKEN}\n{BOT_TOKEN}", "blanks or several lines"),
        (BOT_TOKEN[:20] + " " + BOT_TOKEN[20:], "blanks or several lines"),
        (BOT_TOKEN[:20] + '"' + BOT_TOKEN[20:], "there are quotes in it"),
        (f'token="{BOT_TOKEN}', "there are quotes in it"),
        (BOT_TOKEN[:30], "digits, a colon"),
    ],
)
def test_a_bot_token(text: str, said: str) -> None:
    refuses(lambda: checked_bot_token(unwrapped(text)), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Paykassma Test: {TEST_TOKEN} 2026-01-02 10:00", "BotFather's whole line"),
        (f"1 method connected: {TEST_TOKEN}", "BotFather's whole line"),
        (TEST_TOKEN.replace("TEST", "LIVE"), "says :LIVE:"),
        (BOT_TOKEN, "looks like a bot token"),
        (f"{TEST_TOKEN} x", "blanks or several lines"),
        (TEST_TOKEN[:-4] + "'" + TEST_TOKEN[-4:], "there are quotes in it"),
    ],
)
def test_a_provider_token(text: str, said: str) -> None:
    refuses(lambda: checked_provider_token(unwrapped(text), "test"), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [(BOT_TOKEN, "token of Telegram's"), (TEST_TOKEN, "token of Telegram's"), ("canary canary", "blanks"),
     ("canary\u200bcanary", "malformed"), ("canary\ncanary", "malformed"), ("কcanary", "malformed")],
)  # fmt: skip
def test_a_key_of_apays(text: str, said: str) -> None:
    refuses(lambda: checked_apay_key(text), said)


def refuses(check: Callable[[], str], said: str) -> None:
    with pytest.raises(TokenError, match=said) as refusal:
        check()
    assert "canary" not in f"{refusal.value.message} {refusal.value.hint}"


@pytest.mark.parametrize("paste", ["{}", " {}\r\n", '"{}"', "'{}'", "`{}`"])
def test_good_ones_are_taken_without_what_a_paste_brings_along(paste: str) -> None:
    assert checked_bot_token(unwrapped(paste.format(BOT_TOKEN))) == BOT_TOKEN
    assert checked_provider_token(unwrapped(paste.format(TEST_TOKEN)), "test") == TEST_TOKEN
    assert checked_apay_key(unwrapped(paste.format("a1" * 16))) == "a1" * 16


def test_what_is_usual() -> None:
    assert is_usual_provider_token(TEST_TOKEN)
    assert not is_usual_provider_token("284685063-TEST-x")
    assert checked_provider_token("284685063-TEST-x", "test")  # providers differ: it is doubted, not refused
    assert is_usual_apay_key("a1" * 16)
    assert not is_usual_apay_key("A1" * 16)


def test_hook_secrets_one_a_line() -> None:
    assert checked_hook_secrets("a" * 16 + "\n\n  " + "b" * 16 + "\n") == ("a" * 16, "b" * 16)
    with pytest.raises(ConfigError, match="shorter than 16") as refusal:
        checked_hook_secrets("a" * 16 + "\ncanary")
    for token in ("123456:" + "A" * 35, "5339100000:TEST:canary-provider-CANARY"):
        with pytest.raises(ConfigError, match="is a token of Telegram's"):
            checked_hook_secrets(token)
    assert isinstance(refusal.value, ApayError)
    assert "canary" not in refusal.value.message
