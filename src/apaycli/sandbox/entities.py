"""parse_mode: the text behind HTML and MarkdownV2, and the server's complaints about them.

Knows enough of both to refuse what the real server refuses (errors.md row 71); the entities themselves are
not kept. Must never know where the text goes.
"""

import html
import re

from apaycli.sandbox.wire import Refusal, byte_length

TAGS = frozenset(
    "a b blockquote code del em i ins pre s span strike strong tg-emoji tg-spoiler tg-time u".split(" "),
)
TAG = re.compile(r"<(/?)([A-Za-z-]+)((?:\s[^<>]*)?)/?>")
# The only named entities the Bot API knows; numeric ones all work.
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#[0-9]+|#x[0-9a-fA-F]+);")
# Inside code and the address of a link other rules hold; both are taken out before looking for mistakes.
CODE_OR_LINK = re.compile(r"```.*?```|`[^`\n]*`|(?<=\])\((?:\\.|[^)\\])*\)", re.DOTALL)
ESCAPED = re.compile(r"\\.", re.DOTALL)
QUOTE_OR_SPOILER = re.compile(r"^(?:\*\*)?>|\|\||!(?=\[)", re.MULTILINE)
RESERVED = re.compile(r"[>#+\-=|{}.!]")


def parse_text(text: str, parse_mode: str) -> str:
    """The text as it will be shown. Raises Refusal for a mode that does not exist, or broken markup."""
    mode = parse_mode.lower()
    if mode in ("", "markdown"):
        return text
    if mode == "html":
        return parse_html(text)
    if mode == "markdownv2":
        return parse_markdown(text)
    raise Refusal(400, "unsupported parse_mode")


def complain(reason: str) -> Refusal:
    return Refusal(400, f"can't parse entities: {reason}")


def parse_html(text: str) -> str:
    shown, place = "", 0
    opened: list[str] = []
    while (start := text.find("<", place)) >= 0:
        shown += text[place:start]
        tag = TAG.match(text, start)
        if tag is None:
            raise complain(f"Unclosed start tag at byte offset {byte_length(text[:start])}")
        is_end, name = bool(tag[1]), tag[2].lower()
        if is_end:
            if not opened or opened.pop() != name:
                raise complain(f"Unexpected end tag at byte offset {byte_length(text[:start])}")
        elif name not in TAGS:
            raise complain(f'Unsupported start tag "{name}" at byte offset {byte_length(text[:start])}')
        else:
            opened.append(name)
        place = tag.end()
    if opened:
        raise complain(f'Can\'t find end tag corresponding to start tag "{opened[-1]}"')
    return ENTITY.sub(lambda match: html.unescape(match.group()), shown + text[place:])


def parse_markdown(text: str) -> str:
    """MarkdownV2. Complains about reserved characters without a backslash and about marks that do not pair."""
    bare = ESCAPED.sub("", CODE_OR_LINK.sub("", text))
    reserved = RESERVED.search(QUOTE_OR_SPOILER.sub("", bare))
    if reserved is not None:
        raise complain(f"Character '{reserved.group()}' is reserved and must be escaped with the preceding '\\'")
    for mark, name in (("*", "Bold"), ("_", "Italic"), ("~", "Strikethrough"), ("`", "Code")):
        if bare.replace("__", "").count(mark) % 2:
            raise complain(f"Can't find end of {name} entity at byte offset {byte_length(text)}")
    return re.sub(r"\\(.)|[*_~`]", lambda match: match[1] or "", text)
