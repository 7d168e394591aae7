"""TOML as merchants write it, and as nobody should: files built from pieces, and text that is no TOML at all.

Knows what may stand in a config or a stock file, rightly or not; never knows what apay makes of it.
"""

import os
from pathlib import Path

from hypothesis import strategies as st

# What may stand behind `key =`. Each is one TOML value, or tries to be one.
VALUES = (
    "1", "0", "-1", "499", "499.00", "19.99", "1_500", "0x10", "0o17", "0b1", "1e3", "-0.0", "inf", "-inf", "nan",
    "+1", "9223372036854775807", "9223372036854775808", "9" * 4301, "0x" + "F" * 5000, "1." + "0" * 5000,
    "1e999999999", "01", "1.", ".5", "1_", "true", "false", "True", "null", "", "''", '""', "' '", "'499'", '"499"',
    "'٤٩٩'", "'４９９'", "'-5'", '"1e3"', '"∞"', "'INR'", "'BDT'", "'XTR'", "'inr'", "'KHR'", "'USD'", "[]", "{}",
    "[1]", "['']", "[[]]", "[{}]", "{a = 1}", "[{ label = 'Duck', amount = 450 }]",
    "[{ label = '', amount = -450 }, { label = 'x', amount = 1 }]",
    "[{ label = 'Duck', amount = 450 }, { label = 'Discount', amount = '-50' }]",
    "{ max = 50, suggested = [10, 20] }", "{ max = 50 }", "{ suggested = [10] }",
    "{ max = -1, suggested = [0, 0, 0, 0, 0] }", "{ max = 5.0, suggested = 5 }", "['name', 'phone']", "['name', 5]",
    "'pay-button'", "'deep-link'", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "1979-02-30", "'''a\nb'''",
    '"""a"b"""', '"\\u0000"', '"\\u001b[2J"', '"\\ud800"', '"\\U00110000"', "'\x00'", "'\x1b'", "'a\u202eb'",
    "'" + "a\u0301" * 50 + "'", "'" + "🦆" * 16 + "'", "'" + "🦆" * 17 + "'", "'" + "D" * 32 + "'",
    "'" + "D" * 33 + "'", "'" + "D" * 300 + "'", "'" + "n/" * 3000 + "'", "'~'", "'~/x'", "'~nobody-here/x'",
    "'~\u0660'", "'.'", "'..'", "'/'", "'/dev/null'", "'/dev/zero'", "'a b'", "'\\\\host\\share'", "'${HOME}'",
    "'${NOT_SET}'", "'${}'", "'sqlite:apay.db'", "'sqlite:'", "'sqlite:///x'", "'postgresql://x'", "'mysql:x'",
    "'C:/x'", "'30m'", "'4m'", "'1d'", "'25h'", "'1 m'", "'1M'", "'٣٠m'", "'9999999d'",
    "'https://shop.example/x?y=1'", "'http://127.0.0.1:8081'", "'http://[::1'", "'http://[::1]:99999'",
    "'https://a:b@c'", "'https://169.254.1.1'", "'https://[fe80::1%25eth0]'", "'https://[v1.x]'",
    "'file:///etc/passwd'", "'https://é.example'", "'https://'", "'//'", "'http://1.2.3'", "['./program']",
    "['/bin/sh', '-c']", "['~nobody-here/x']", "['" + "p" * 300 + "']", "['/dev/null']", "['/']", "['a\u0000']",
    "'123456789:" + "A" * 35 + "'", "'1:TEST:x'", "'1:LIVE:x'", "'@shop'", "'-1001234567890'", "123456789",
    "'secret-with-16-chars'", "'short'", "'Sold out.'",
)  # fmt: skip

COMMENTS = ("", " # why", " # \"quoted\" 'it' = 5 [x]", "\t# ৳ 🦆")
LINE_ENDS = ("\n", "\r\n")
BLOCKS = (
    "",
    "# a comment of its own",
    "[",
    "]",
    "=",
    "x",
    "[[products]]",
    "[products]",
    "[a.b.c]",
    "\ufeff",
    "a.b.c = 1",
)


def lines(key: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """`key = value  # comment`."""
    return st.builds("{} = {}{}".format, key, st.sampled_from(VALUES), st.sampled_from(COMMENTS))


def _damage(content: bytes, wounds: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, instead in wounds:
        here = place % (len(content) + 1)
        content = content[:here] + instead + content[here + length :]
    return content


_INSTEAD = st.binary(max_size=4) | st.sampled_from((b"", b"\n", b'"', b"'''", b"\xff\xfe", b"\x00"))
_WOUNDS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 8), _INSTEAD), min_size=1, max_size=3)


def files(well_meant: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """What may lie where the file should be: well meant, damaged, in another encoding, or anything."""
    sound = well_meant.map(_utf8)
    other_encodings = st.builds(str.encode, well_meant, st.sampled_from(("utf-16", "utf-8-sig")), st.just("replace"))
    anything = st.binary(max_size=300) | st.text(max_size=300).map(_utf8)
    return st.one_of(sound, sound, sound, sound, st.builds(_damage, sound, _WOUNDS), other_encodings, anything)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# Within the size that is read, and hard on whoever reads it.
LARGE = {
    "a comment": "#" * 500_000,
    "empty lines": "\n" * 500_000,
    "one long text": "x = '" + "x" * 500_000 + "'",
    "a long key": "k" * 500_000 + " = 1",
    "a deep array": "x = " + "[" * 200_000,
    "a deep table": "x = " + "{a = " * 50_000,
    "an open text": 'x = """' + "\\u0061" * 50_000,
    "a long number": "x = " + "9" * 500_000,
    "a long hexadecimal number": "x = 0x" + "F" * 200_000,
    "a deep key": ".".join("a" * 10_000) + " = 1",
    "many keys": "".join(f"key{number} = 1\n" for number in range(10_000)),
    "many tables": "".join(f"[table{number}]\n" for number in range(10_000)),
    "no TOML": "\x00" * 500_000,
}


def put(path: Path, content: bytes) -> None:
    """A new file each time: an old one cut short and written again is flushed to the disk by some file systems."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
