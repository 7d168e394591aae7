"""Tokens from file and environment: wrong pastes are named, the wrong mode is refused, and nothing is repeated."""

from pathlib import Path

import pytest

from apaycli.config import KEYS, Config, load_config, shown_value
from apaycli.core.model import Mode
from apaycli.errors import TokenError

BOT_TOKEN = "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot"
TEST_TOKEN = "53391:TEST:canary-test-1234"
LIVE_TOKEN = "53391:LIVE:canary-live-5678"


def load(folder: Path, text: str = "", **environ: str) -> Config:
    """The config of `text`, in a private file that is named on the command line."""
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_config(path, environ)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (TEST_TOKEN, "looks like a provider token"),
        (LIVE_TOKEN, "looks like a provider token"),
        (BOT_TOKEN + "\n" + BOT_TOKEN, "blanks or several lines"),
        (BOT_TOKEN[:20] + " " + BOT_TOKEN[20:], "blanks or several lines"),
        (BOT_TOKEN + "/../getMe", "digits, a colon"),
        (BOT_TOKEN.replace(":", ""), "digits, a colon"),
        (BOT_TOKEN[:30], "digits, a colon"),
        ("@my_canary_bot", "digits, a colon"),
        ("0" + BOT_TOKEN, "digits, a colon"),
        (BOT_TOKEN.replace("1", "١", 1), "digits, a colon"),
    ],
)
def test_a_wrong_paste_of_the_bot_token_is_named_and_not_repeated(tmp_path: Path, token: str, said: str) -> None:
    with pytest.raises(TokenError, match=said) as refusal:
        load(tmp_path, APAY_BOT_TOKEN=token).bot_token()
    assert refusal.value.exit_code == 4
    assert "canary" not in f"{refusal.value} {refusal.value.hint}"


@pytest.mark.parametrize(
    ("mode", "token", "said"),
    [
        ("test", LIVE_TOKEN, "says :LIVE:, but this runs in test mode"),
        ("live", TEST_TOKEN, "says :TEST:, but this runs in live mode"),
        ("test", LIVE_TOKEN + " x", "says :LIVE:, but this runs in test mode"),
        ("test", f"{LIVE_TOKEN}\n{TEST_TOKEN}", "says :LIVE:, but this runs in test mode"),
        ("test", f"{TEST_TOKEN}\n{LIVE_TOKEN}", "blanks or several lines"),
        ("test", TEST_TOKEN + " x", "blanks or several lines"),
        ("live", LIVE_TOKEN + "\tx", "blanks or several lines"),
        ("test", BOT_TOKEN, "looks like a bot token"),
    ],
)
def test_a_wrong_provider_token_is_named_and_not_repeated(tmp_path: Path, mode: Mode, token: str, said: str) -> None:
    config = load(tmp_path, APAY_TEST_PROVIDER_TOKEN=token, APAY_LIVE_PROVIDER_TOKEN=token)
    with pytest.raises(TokenError, match=said) as refusal:
        config.provider_token(mode)
    assert f"the {mode} provider token" in str(refusal.value)
    assert "canary" not in f"{refusal.value} {refusal.value.hint}"


@pytest.mark.parametrize("paste", ["{}", " {}\n", '"{}"', "'{}'", "`{}`", '  "{}"  \r\n'])
def test_blanks_and_quotes_around_a_pasted_token_are_passed_over(tmp_path: Path, paste: str) -> None:
    config = load(tmp_path, APAY_BOT_TOKEN=paste.format(BOT_TOKEN), APAY_TEST_PROVIDER_TOKEN=paste.format(TEST_TOKEN))
    assert config.bot_token() == BOT_TOKEN
    assert config.provider_token("test") == TEST_TOKEN


def test_each_mode_has_its_own_provider_token(tmp_path: Path) -> None:
    config = load(tmp_path, APAY_TEST_PROVIDER_TOKEN=TEST_TOKEN)
    assert config.provider_token("test") == TEST_TOKEN
    with pytest.raises(TokenError, match="there is no live provider token") as refusal:
        config.provider_token("live")
    assert refusal.value.hint == (
        "set APAY_LIVE_PROVIDER_TOKEN, or provider.live_token_file in the config"
        " and apay config set-secret live-provider-token"
    )


def test_a_token_file_is_read_and_the_environment_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "bot-token").write_text(f"\ufeff{BOT_TOKEN}\r\n", "utf-8")
    (tmp_path / "bot-token").chmod(0o600)
    text = '[bot]\ntoken_file = "bot-token"'
    assert load(tmp_path, text).bot_token() == BOT_TOKEN
    assert load(tmp_path, text, APAY_BOT_TOKEN="1" + BOT_TOKEN).bot_token() == "1" + BOT_TOKEN


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [(None, 0, "No such file"), (BOT_TOKEN, 0o644, "chmod 600"), ("", 0o600, "there is no bot token"),
     (" \n", 0o600, "there is no bot token"), ("A" * 5000, 0o600, "larger than")],
)  # fmt: skip
def test_a_token_file_that_cannot_be_used_is_a_token_error(
    tmp_path: Path, content: str | None, mode: int, said: str
) -> None:
    if content is not None:
        (tmp_path / "bot-token").write_text(content)
        (tmp_path / "bot-token").chmod(mode)
    with pytest.raises(TokenError, match=said):
        load(tmp_path, '[bot]\ntoken_file = "bot-token"').bot_token()


def test_secrets_are_shown_by_their_last_four_characters(tmp_path: Path) -> None:
    config = load(tmp_path, f'[bot]\ntoken = "{BOT_TOKEN}"')
    shown = {key.name: shown_value(config, key) for key in KEYS}
    assert shown["bot.token"] == "…_bot"
    assert shown["provider.live_token"] is None
    assert "canary" not in str(shown)
