"""What people paste for a secret: what is passed over, and what is wrong with it, in one sentence.

Knows the shapes of tokens and keys, and the usual wrong pastes. Never knows where a secret came from or goes to, and
never repeats one: a message may be shown to anybody.
"""

import re

from apaycli.errors import ConfigError, TokenError

SECRET_BYTES_MAX = 4096
_BOT_TOKEN = re.compile(r"[1-9][0-9]{0,15}:[A-Za-z0-9_-]{30,}", re.ASCII)
_PROVIDER_TOKEN = re.compile(r"[0-9]+:(TEST|LIVE):", re.ASCII)
_BOTFATHER_TALK = re.compile(r"http api|this token|your token|new bot", re.IGNORECASE)
_BOTFATHER_LINE = re.compile(r"paykassma|connected", re.IGNORECASE)
_APAY_KEY = re.compile(r"[a-z0-9]{32}", re.ASCII)
_HOOK_SECRET_LENGTH_MIN = 16


def unwrapped(text: str) -> str:
    """Without the blanks and quotes that a paste brings along."""
    return text.strip().strip("\"'`").strip()


def checked_bot_token(token: str) -> str:
    """The token itself. Raises TokenError with the likely mistake."""
    if _BOT_TOKEN.fullmatch(token):
        return token
    if re.search(r"\s", token) and _BOTFATHER_TALK.search(token):
        cause = "BotFather's whole message is there; copy the token alone"
    elif re.search(r":(TEST|LIVE):", token):
        cause = "it looks like a provider token"
    elif re.search(r"\s", token):
        cause = "there are blanks or several lines in it"
    elif re.search("[\"'`]", token):
        cause = "there are quotes in it"
    else:
        cause = "it is digits, a colon and at least 30 of A-Z a-z 0-9 _ -"
    raise TokenError(f"the bot token is malformed: {cause}", hint="copy it again from @BotFather (/token)")


def bot_id_of(token: str) -> int:
    """The number before the colon is the bot's user id."""
    return int(token.partition(":")[0])


def checked_provider_token(token: str, mode: str) -> str:
    """The token itself. One that names the other mode is refused, and so is what cannot be one."""
    name = f"{mode} provider token"
    match = _PROVIDER_TOKEN.match(token)
    if match and match.group(1).lower() != mode:
        raise TokenError(
            f"the {name} says :{match.group(1)}:, but this runs in {mode} mode",
            hint="BotFather gives one token for Paykassma Test and another for Paykassma Live",
        )
    hint = "copy it again from BotFather: /mybots, your bot, Payments"
    if _BOT_TOKEN.fullmatch(token):
        raise TokenError(f"the {name} looks like a bot token", hint=hint)
    if re.search(r"\s", token) and _BOTFATHER_LINE.search(token):
        raise TokenError(f"the {name} is malformed: BotFather's whole line is there; copy the token alone", hint=hint)
    if not token.isprintable() or " " in token:
        raise TokenError(f"the {name} is malformed: there are blanks or several lines in it", hint=hint)
    if re.search("[\"'`]", token):
        raise TokenError(f"the {name} is malformed: there are quotes in it", hint=hint)
    return token


def is_usual_provider_token(token: str) -> bool:
    """Whether it looks as BotFather's do. Nobody has promised that all of them will."""
    return bool(_PROVIDER_TOKEN.match(token))


def checked_hook_secrets(text: str) -> tuple[str, ...]:
    """One secret a line; while they are changed, the old and the new one. Raises ConfigError."""
    secrets = [line.strip() for line in text.splitlines() if line.strip()]
    if any(len(secret) < _HOOK_SECRET_LENGTH_MIN for secret in secrets):
        raise ConfigError(f"a secret for hooks.on_paid_url is shorter than {_HOOK_SECRET_LENGTH_MIN} characters")
    if any(_BOT_TOKEN.fullmatch(secret) or _PROVIDER_TOKEN.match(secret) for secret in secrets):
        raise ConfigError("a secret for hooks.on_paid_url is a token of Telegram's: make one of its own")
    return tuple(secrets)


def checked_apay_key(key: str) -> str:
    """A key of A-Pay's own API, as it may stand in a header. Raises TokenError."""
    hint = "copy it again from A-Pay's dashboard: the table Projects, apikey"
    if _BOT_TOKEN.fullmatch(key) or _PROVIDER_TOKEN.match(key):
        raise TokenError("the key of A-Pay's API looks like a token of Telegram's", hint=hint)
    if not key.isascii() or not key.isprintable() or re.search("[ \"'`]", key):
        raise TokenError("the key of A-Pay's API is malformed: there are blanks, quotes or several lines", hint=hint)
    return key


def is_usual_apay_key(key: str) -> bool:
    """Whether it has the shape that A-Pay's documentation gives."""
    return bool(_APAY_KEY.fullmatch(key))
