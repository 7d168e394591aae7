"""The bytes of one update → a JSON object, read strictly or leniently; and a stranger's text as it may be stored.

Knows JSON, and what two readers might read differently: repeated keys, constants, bytes that are no UTF-8. Never knows
what a field means, nor which of the two readings an update deserves (`core/update.py`). Must never raise
anything but Broken and ValueError for bytes from the network.
"""

import json
import re
from typing import Any, cast

from apaycli.text import storable

DEPTH_MAX = 64
_INTEGER_DIGITS_MAX = 20
# Possessive, and an unclosed string runs to the end: no input makes it look twice at the same byte.
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
# A byte that is no UTF-8 becomes two surrogates. JSON escapes cannot say the same: `\ud800\udcff` is one character.
_BAD_BYTE = re.compile("\ud800([\udc80-\udcff])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INEXACT = re.compile(f"{_BAD_BYTE.pattern}|{_SURROGATE.pattern}|\\\\")


class Broken(Exception):
    """A part that is needed is missing or of the wrong type; the message names it."""


def loads(raw: bytes) -> dict[str, Any]:
    """Strictly: whatever two readers might read differently is refused."""
    _refuse_depth(raw)
    return _object(json.loads(raw.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constants))


def loads_leniently(raw: bytes) -> dict[str, Any]:
    """What can be read beyond doubt: a key that stands twice with different values is left out, a constant that is no
    number is null, a byte that is no UTF-8 is kept apart from any other. For whoever waits, and for money."""
    _refuse_depth(raw)
    text = re.sub("[\udc80-\udcff]", lambda match: "\ud800" + match.group(), raw.decode("utf-8", "surrogateescape"))
    decoder = json.JSONDecoder(
        object_pairs_hook=_without_doubt,
        parse_constant=lambda _name: None,
        parse_int=lambda digits: int(digits) if len(digits) <= _INTEGER_DIGITS_MAX else None,
        strict=False,
    )
    return _object(decoder.decode(text))


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Broken("no JSON object")
    return cast("dict[str, Any]", value)


def _refuse_depth(raw: bytes) -> None:
    if _depth(raw) > DEPTH_MAX:
        raise Broken(f"nested deeper than {DEPTH_MAX}")


def _depth(raw: bytes) -> int:
    """An upper bound, brackets inside strings included: those are rare, and only many of them matter."""
    if raw.count(b"{") + raw.count(b"[") <= DEPTH_MAX:
        return 0
    depth = deepest = 0
    for token in TOKEN.finditer(raw):
        symbol = token.group()
        depth += (symbol in (b"{", b"[")) - (symbol in (b"}", b"]"))
        deepest = max(deepest, depth)
    return deepest


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise Broken("a key stands twice in one object")
    return keys


def _without_doubt(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    for key, value in pairs:
        if key in keys and (keys[key] != value or type(keys[key]) is not type(value)):
            del keys[key]
    return keys


def _no_constants(name: str) -> None:
    raise Broken(f"{name} is no JSON number")


def shown(text: str) -> str:
    """A name or a form: what no database takes is replaced by a mark."""
    return storable(_BAD_BYTE.sub("\ufffd", text))


def exact(text: str) -> str:
    """An id: two are equal only where the same was received. What no database takes is written out (as `\\xff` or
    `\\ud800`); so that nobody can write that, a backslash is doubled. Telegram's own ids have none of it."""
    return _INEXACT.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    found = match.group()
    if found == "\\":
        return "\\\\"
    return f"\\x{ord(found[1]) - 0xDC00:02x}" if len(found) == 2 else f"\\u{ord(found):04x}"


def is_text(value: str) -> bool:
    """Whether it is text through and through, so that it can be sent back as it came."""
    return _SURROGATE.search(value) is None
