"""parse_mode: what is shown, and what is refused (errors.md row 71)."""

import pytest

from apaycli.sandbox.entities import parse_text
from apaycli.sandbox.wire import Refusal


@pytest.mark.parametrize(
    ("text", "mode", "shown"),
    [
        ("<b>&", "", "<b>&"),
        ("*a", "Markdown", "*a"),
        ("<b>a</b> &lt;&#38;&nbsp;", "HTML", "a <&&nbsp;"),
        ('<a href="https://a.example">a</a>', "html", "a"),
        ("<PRE>a</pre>", "HTML", "a"),
        (r"1\.5 *bold* \_", "MarkdownV2", "1.5 bold _"),
        ("`a.b`", "MarkdownV2", "a.b"),
        ("[a](https://a.example/x-y)", "MarkdownV2", "[a](https://a.example/x-y)"),
        ("||a||\n>b", "MarkdownV2", "||a||\n>b"),
    ],
)
def test_shown(text: str, mode: str, shown: str) -> None:
    assert parse_text(text, mode) == shown


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("é<", "HTML", "Unclosed start tag at byte offset 2"),
        ("<x>", "HTML", 'Unsupported start tag "x" at byte offset 0'),
        ("<b><i></b></i>", "HTML", "Unexpected end tag at byte offset 6"),
        ("<b>", "HTML", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a-b", "MarkdownV2", "Character '-' is reserved and must be escaped with the preceding '\\'"),
        ("*a", "MarkdownV2", "Can't find end of Bold entity at byte offset 2"),
        ("a_", "MarkdownV2", "Can't find end of Italic entity at byte offset 2"),
    ],
)
def test_refused(text: str, mode: str, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_text(text, mode)
    assert caught.value.description == f"Bad Request: can't parse entities: {reason}"
