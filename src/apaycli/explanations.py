"""What each error means, who must act, and what to do: package data `data/errors.toml`, and how one is found in it.

Knows the texts by which an error is recognised, also inside a whole line that somebody pasted. Never knows who asks,
or what becomes of the answer. Texts of others may change: what fits nothing is not explained, and never guessed.
"""

import functools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TEXT_LENGTH_MAX = 4000  # of what is asked about; a longer paste is cut
_NEAREST_MAX = 3
_NEAR = 0.55
_JSON_CODE = re.compile(r'"code": ?"([a-z_]+)"')
_EXIT = re.compile(r"\bexit(?:ed|s)?(?:[ _-]?(?:code|status))?[ :=_-]*(?:with )?([0-9]{1,3})\b")
_HTTP = re.compile(r"(?:\b(?:http(?:/[0-9.]+)?|error|error_code|status|code)\W{1,4}|\(|^)([45][0-9]{2})\b(?![.,][0-9])")
_OWN_WORD = re.compile(r"(?:\bno: |\bflagged |\bflag |\breason |\breceipt [0-9]+ )([a-z_]+)")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "`": "'"})


@dataclass(frozen=True, slots=True)
class Explanation:
    """One entry. `kind` and `code` together name it; `texts` are lower-case parts of what others say."""

    kind: str
    code: str
    happened: str
    who: str
    todo: str
    texts: tuple[str, ...] = ()
    http: int | None = None
    row: int | None = None


@functools.cache
def explanations() -> tuple[Explanation, ...]:
    """All of them, in the order of the file."""
    tables = tomllib.loads((Path(__file__).parent / "data" / "errors.toml").read_text("utf-8"))
    return tuple(_entry(kind, code, row) for kind, rows in tables.items() for code, row in rows.items())


def _entry(kind: str, code: str, row: dict[str, object]) -> Explanation:
    texts, http, number = row.get("texts", []), row.get("http"), row.get("row")
    return Explanation(
        kind=kind,
        code=code,
        happened=str(row["happened"]),
        who=str(row["who"]),
        todo=str(row["todo"]),
        texts=tuple(map(str, texts)) if isinstance(texts, list) else (),
        http=http if isinstance(http, int) else None,
        row=number if isinstance(number, int) else None,
    )


def explain(text: str) -> tuple[Explanation, ...]:
    """What `text` means: a code, a text of Telegram's, or a whole line with one in it. Empty: nothing is known.

    Several only where one word has several meanings. A name stands before what it contains, words before numbers.
    """
    asked = _plain(text)
    for found in (
        _coded(asked),
        _said(asked),
        _coded(match.group(1)) if (match := _JSON_CODE.search(asked)) else (),
        _worded(asked),
        _kind_of("exit", match.group(1)) if (match := _EXIT.search(asked)) else (),
        _kind_of("http", match.group(1)) if (match := _HTTP.search(asked)) else (),
    ):
        if found:
            return found
    return ()


def said_by_telegram(description: str) -> Explanation | None:
    """The entry for a text of Telegram's, if there is one."""
    return next((entry for entry in _said(_plain(description)) if entry.kind == "telegram"), None)


def nearest_codes(text: str) -> list[str]:
    """Codes that look or sound like it, the nearest first."""
    import difflib

    asked = _plain(text)
    names: dict[str, str] = {}
    for entry in explanations():
        names |= dict.fromkeys((entry.code, entry.code.replace("_", " "), *entry.texts), entry.code)
    near = difflib.get_close_matches(asked, names, n=8, cutoff=_NEAR)
    words = set(re.findall(r"[a-z]{4,}", asked))
    shared = [name for name in names if words & set(re.findall(r"[a-z]{4,}", name))]
    return list(dict.fromkeys(names[name] for name in [*near, *shared]))[:_NEAREST_MAX]


def _plain(text: str) -> str:
    return " ".join(text[:_TEXT_LENGTH_MAX].translate(_QUOTES).lower().split())


def _coded(asked: str) -> tuple[Explanation, ...]:
    code = asked.strip(" .:'\"").replace("-", "_").replace(" ", "_")
    return tuple(entry for entry in explanations() if entry.code == code)


def _kind_of(kind: str, code: str) -> tuple[Explanation, ...]:
    return tuple(entry for entry in explanations() if (entry.kind, entry.code) == (kind, code))


def _said(asked: str) -> tuple[Explanation, ...]:
    """Whose text is in it: theirs before ours, which often quotes theirs; then the longest, since `private chat not
    found` says more than `chat not found`."""
    fitting = [
        ((entry.kind != "error", len(text)), entry) for entry, text, pattern in _patterns() if pattern.search(asked)
    ]
    best = max((weight for weight, _ in fitting), default=None)
    return _once(entry for weight, entry in fitting if weight == best)


@functools.cache
def _patterns() -> tuple[tuple[Explanation, str, re.Pattern[str]], ...]:
    return tuple((entry, text, _pattern(text)) for entry in explanations() for text in entry.texts)


def _pattern(text: str) -> re.Pattern[str]:
    """`*` is anything, also the dots that stand for it in a list. Words are whole at both ends."""
    inner = r".*?".join(re.escape(part) for part in text.split("*"))
    start = r"(?<![a-z0-9_])" if text[0].isalnum() else ""
    end = r"(?![a-z0-9_])" if text[-1].isalnum() else ""
    return re.compile(start + inner + end)


def _worded(asked: str) -> tuple[Explanation, ...]:
    """A code of ours as a word of the line: with an underscore anywhere, another one where the listener puts it."""
    words = {word for word in re.findall(r"[a-z_]+", asked) if "_" in word}
    words |= set(_OWN_WORD.findall(asked))
    return tuple(entry for entry in explanations() if entry.code in words)


def _once(entries: Iterable[Explanation]) -> tuple[Explanation, ...]:
    return tuple({(entry.kind, entry.code): entry for entry in entries}.values())
