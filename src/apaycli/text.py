"""Strangers' text and secrets on their way out.

Knows which characters can hurt a terminal, a log or a spreadsheet of log lines, and what a secret
looks like. `show` and `redact` are the only way to a terminal or a log for text that apay did not
write itself: a buyer's name, a bot's name, the text of an API error, an exception.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_SHOWN_CHARACTERS_MAX = 200
_COMBINING_MARKS_MAX = 6  # real scripts stack three or four; a flood of them overprints the lines around it

# C0, DEL and C1; bidi controls, which reorder what stands beside them; line separators; lone surrogates,
# which no encoder accepts; noncharacters and the byte-order mark. U+200C and U+200D stay: Bengali, Hindi
# and Persian need them.
_HARMFUL = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff\\ufffe\\uffff]"
)

# More in a row than may stack, if they were marks: what is no letter, digit or ASCII.
_COMBINING_MAYBE = re.compile(rf"[^\w\x00-\x7f]{{{_COMBINING_MARKS_MAX + 1}}}")

_BOT_TOKEN = re.compile(r"(?<![0-9])[0-9]{1,16}(?::|%3[Aa])[A-Za-z0-9_-]{30,}")
_PROVIDER_TOKEN = re.compile(r"(?<![0-9])[0-9]+(?::|%3[Aa])(TEST|LIVE)(?::|%3[Aa])[^\s\"'\\&]+")
_USER_INFO = re.compile(r"://[^\s/?#@\"']+@")

_secrets: set[str] = set()


def show(text: str, limit: int = _SHOWN_CHARACTERS_MAX) -> str:
    """`text` on one line, harmless in a terminal or a log, at most `limit` characters.

    Harmful characters are made visible (`\\x1b`, `\\u202e`), so that two hostile names stay two names.
    """
    visible = _HARMFUL.sub(_escape, text[: limit + 1])
    visible = _thin_out_combining_marks(visible)
    return visible if max(len(text), len(visible)) <= limit else visible[: limit - 1] + "…"


def bytes_visible(text: str) -> str:
    """An argument or a path whose bytes are no UTF-8 text, with those bytes as `\\xff`."""
    return re.sub("[\\udc80-\\udcff]", lambda match: f"\\x{ord(match.group()) - 0xDC00:02x}", text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _thin_out_combining_marks(text: str) -> str:
    if text.isascii():
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        category = unicodedata.category(character)
        if category != "Cf":  # a joiner has no width: marks behind it still fall on the same character
            run = run + 1 if category in {"Mn", "Me"} else 0
        if run <= _COMBINING_MARKS_MAX:
            kept.append(character)
    return "".join(kept)


def shows_as_it_is(text: str) -> bool:
    """Whether `show` would surely leave `text` alone, whatever its length; False: perhaps not. For many at once."""
    if text.isascii():
        return text.isprintable()
    return not _HARMFUL.search(text) and not _COMBINING_MAYBE.search(text)


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that is exact for a program and harmless on a terminal: harmful characters are `\\u` escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _HARMFUL.sub(lambda match: match.group() if match.group() == "\n" else f"\\u{ord(match.group()):04x}", text)


def storable(text: str) -> str:
    """`text` as given, with lone surrogates replaced: they come from JSON `\\ud800` and no database takes them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def hide(secret: str) -> None:
    """From now on `redact` blanks out this very text, whatever its shape. Called where secrets are read."""
    if len(secret) >= 4:
        _secrets.add(secret)


def redact(text: str) -> str:
    """`text` without bot tokens, provider tokens, users and passwords of addresses, and whatever `hide` was told."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "<secret>")
    text = _PROVIDER_TOKEN.sub(r"<provider token \1>", text)
    text = _BOT_TOKEN.sub("<bot token>", text)
    return _USER_INFO.sub("://<user>@", text)


def last_four(secret: str) -> str:
    """How a secret is named to its owner: its end, never its beginning."""
    return "…" + secret[-4:] if len(secret) >= 12 else "…"


def nearest(word: str, known: Iterable[str]) -> str:
    """`" (did you mean 'stock'?)"`, or "" where nothing is near: for keys, SKUs, options."""
    import difflib  # rarely needed

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
