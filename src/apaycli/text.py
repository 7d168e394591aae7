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

# Characters that take no room: soft hyphen, joiners, bidi controls, fillers, variation selectors, tags (for Unicode:
# Default_Ignorable_Code_Point). Two names that differ in them alone look the same. The inside of a character class.
_INVISIBLE_BMP = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb"
)
INVISIBLE = _INVISIBLE_BMP + "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
_INVISIBLE = re.compile(f"[{INVISIBLE}]")

# Where an invisible character belongs to the writing, it stays: a joiner beside the sign that removes a vowel (Bengali,
# Hindi and their neighbours), a non-joiner between Arabic letters (Persian, Urdu), what joins or colours emoji, keycap.
_VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u0f84\u1039\u103a\u17d2"
_INDIC = "\u0900-\u0dff"
_ARABIC = "\u0620-\u065f\u066e-\u06d3\u06d5\u06fa-\u06ff\u0750-\u077f\u0870-\u08ff"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_UNLESS_WRITING = (
    rf"(?<![{_VIRAMAS}][\u200c\u200d])"
    rf"(?!(?<=[{_INDIC}][\u200c\u200d])[{_VIRAMAS}])"
    rf"(?!(?<=[{_ARABIC}]\u200c)[{_ARABIC}])"
    rf"(?!(?<=[{_EMOJI}\ufe0f]\u200d)[{_EMOJI}])"
    rf"(?<![{_EMOJI}][\ufe0e\ufe0f])"
    r"(?!(?<=[0-9#*]\ufe0f)\u20e3)"
)

# C0, DEL and C1; line separators; lone surrogates, which no encoder accepts; noncharacters; and what is invisible.
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff"
_HARMFUL = re.compile(f"[{_CONTROLS}{INVISIBLE}]{_UNLESS_WRITING}")
# The same for a quick look at much text: a class with ranges above U+FFFF is ten times slower, one such range is not.
_HARMFUL_BMP = re.compile(f"[{_CONTROLS}{_INVISIBLE_BMP}]{_UNLESS_WRITING}")
_HARMFUL_ABOVE = (re.compile("[\U0001bca0-\U0001d17a]"), re.compile("[\U000e0000-\U000e0fff]"))

# More in a row than may stack, if they were marks: what is no letter, digit or ASCII.
_COMBINING_MAYBE = re.compile(rf"[^\w\x00-\x7f]{{{_COMBINING_MARKS_MAX + 1}}}")

_BOT_TOKEN = re.compile(r"(?<![0-9])[0-9]{1,16}(?::|%3[Aa])[A-Za-z0-9_-]{30,}")
_PROVIDER_TOKEN = re.compile(r"(?<![0-9])[0-9]+(?::|%3[Aa])(TEST|LIVE)(?::|%3[Aa])[^\s\"'\\&]+")
_USER_INFO = re.compile(r"://[^\s/?#@\"']+@")

_secrets: set[str] = set()


def show(text: str, limit: int = _SHOWN_CHARACTERS_MAX) -> str:
    """`text` on one line, harmless in a terminal or a log, at most `limit` characters.

    Harmful and invisible characters are made visible (`\\x1b`, `\\u202e`), so that two hostile names stay two names.
    """
    visible = _HARMFUL.sub(_escape, text[: limit + 1])
    visible = _thin_out_combining_marks(visible)
    return visible if max(len(text), len(visible)) <= limit else visible[: limit - 1] + "…"


def bytes_visible(text: str) -> str:
    """An argument or a path whose bytes are no UTF-8 text, with those bytes as `\\xff`."""
    return re.sub("[\\udc80-\\udcff]", lambda match: f"\\x{ord(match.group()) - 0xDC00:02x}", text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


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
    searched = (_HARMFUL_BMP, *_HARMFUL_ABOVE, _COMBINING_MAYBE)
    return not any(pattern.search(text) for pattern in searched)


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that is exact for a program and harmless on a terminal: harmful characters are `\\u` escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _HARMFUL.sub(lambda match: match.group() if match.group() == "\n" else json.dumps(match.group())[1:-1], text)


def without_invisible(text: str) -> str:
    """For comparing what people see: a name that was typed with what stands in the ledger."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


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
