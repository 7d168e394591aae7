"""The tokens of `apay init`: from a file, the environment, or typed hidden; checked before anything is written.

Knows where a token may come from and what BotFather shows; never keeps one, never shows more than its end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apaycli.cli.asking import ask_hidden, complain
from apaycli.cli.env import Env
from apaycli.config_secrets import Secret, secret_of
from apaycli.errors import TokenError
from apaycli.files import FileProblem, read_text
from apaycli.pastes import (
    SECRET_BYTES_MAX,
    checked_bot_token,
    checked_provider_token,
    is_usual_provider_token,
    unwrapped,
)
from apaycli.text import hide, last_four

BOT, PROVIDER = secret_of("bot.token"), secret_of("provider.test_token")
_BOT_STEPS = """\
The bot. In Telegram open @BotFather, send /newbot and choose a name; it answers with a token, such as 123456:ABC-DEF.
For a bot that you have: /token."""
_PROVIDER_STEPS = """\
Payments. In @BotFather: /mybots, your bot, Payments, Paykassma (the button >> turns pages), Connect Paykassma Test.
Then Payments shows a line with a token that has :TEST: in it. Enter alone: later."""


@dataclass(frozen=True, slots=True)
class Bot:
    """What getMe said; `username` is None where nobody was asked."""

    token: str
    bot_id: int
    username: str | None


def given_token(secret: Secret, file: Path | None, env: Env) -> str | None:
    """From the file that was named, else from the environment; not yet checked. Raises TokenError."""
    if file is None:
        return env.environ.get(secret.variable) or None
    if str(file) == "-":
        return None if env.output.is_terminal(env.stdin) else env.stdin.read(SECRET_BYTES_MAX)  # there it is asked for
    try:
        return read_text(file, private=True, bytes_max=SECRET_BYTES_MAX)
    except FileProblem as problem:
        raise TokenError(f"the {secret.label} cannot be read: {problem}") from None


def _kept_token(secret: Secret, folder: Path, env: Env) -> str | None:
    """A shop that is set up again has its tokens already: Enter keeps them."""
    path = folder / secret.file
    try:
        kept = given_token(secret, path, env) if path.is_file() else None
    except TokenError:
        return None  # others can read it, or it is no text: it will be replaced
    if kept:
        env.output.say(f"  Enter keeps the one in {path}")
    return kept


def ask_bot(env: Env, folder: Path, identify: Callable[[str], Bot]) -> Bot:
    """Until Telegram knows the token."""
    env.output.say(_BOT_STEPS)
    kept = _kept_token(BOT, folder, env)
    while True:
        try:
            return identify(good_bot_token(ask_hidden(env, "Bot token") or kept or ""))
        except TokenError as error:
            complain(env, _whole(error))


def ask_provider_token(env: Env, folder: Path) -> str | None:
    """None: the merchant has none yet."""
    env.output.say(_PROVIDER_STEPS)
    kept = _kept_token(PROVIDER, folder, env)
    while True:
        text = ask_hidden(env, "Test provider token") or kept
        if not text:
            return None
        try:
            token = good_provider_token(text)
        except TokenError as error:
            complain(env, _whole(error))
            continue
        env.output.say(f"  {last_four(token)}, {len(token)} characters")
        return token


def good_bot_token(text: str) -> str:
    if not text.strip():
        raise TokenError("there is no bot token", hint="paste it, and press Enter")
    token = unwrapped(text)
    hide(token)
    return checked_bot_token(token)


def good_provider_token(text: str) -> str:
    token = unwrapped(text)
    hide(token)
    return checked_provider_token(token, "test")


def doubt_about(provider_token: str | None) -> str | None:
    if provider_token is None or is_usual_provider_token(provider_token):
        return None
    return "the test provider token is not like those of BotFather: digits, :TEST:, and more; compare it"


def identify(env: Env, api_url: str, bot_token: str, *, offline: bool) -> Bot:
    """Ask Telegram whose token it is. Raises TokenError, or TelegramError with the way around."""
    from apaycli.errors import TelegramError
    from apaycli.pastes import bot_id_of

    if offline:
        return Bot(bot_token, bot_id_of(bot_token), None)
    api = env.api_of(api_url, bot_token)
    try:
        bot: Any = api.read("getMe")
    except TelegramError as error:
        raise TelegramError(error.message, hint="try again; apay init --offline does not ask Telegram") from None
    finally:
        api.close()
    username = str(bot.get("username", "")) if isinstance(bot, dict) else ""
    return Bot(bot_token, bot_id_of(bot_token), username)


def _whole(error: TokenError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
