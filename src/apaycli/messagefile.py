"""What the bot says from files: sentences in other languages, the merchant's own ones, the terms.

Knows where they lie and that each is checked when it is read; never when one is said (`core/messages.py` has the
names and the English). All problems are reported at once, each with file, language, name and what is allowed.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from apaycli.core.messages import EVERY_LANGUAGE, Messages, Sentences, check_sentence
from apaycli.errors import ConfigError
from apaycli.files import FileProblem, Real, parse_toml
from apaycli.files_trust import read_own_text
from apaycli.text import show

LANGUAGES = ("bn", "hi", "ur", "ne", "sw", "pt", "es", "uz")
_TERMS_CHARACTERS_MAX = 20_000  # five messages
_LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)


@cache
def translations() -> Mapping[str, Mapping[str, object]]:
    """What comes with apay, by language: `reviewed`, and `sentences` by name."""
    folder = files("apaycli") / "data" / "messages"
    return {code: tomllib.loads((folder / f"{code}.toml").read_text("utf-8")) for code in LANGUAGES}


def load_messages(own_file: Path | None, decline_wordings: Mapping[str, str]) -> Messages:
    """Everything that may be said. `decline_wordings` is `[declines]` of the config: `sold_out`, or `bn.sold_out`.
    Raises ConfigError with every problem of the merchant's file."""
    own: dict[str, dict[str, str]] = {}
    problems = []
    for key, text in decline_wordings.items():
        language, dot, reason = key.partition(".")
        name = f"declined_{reason if dot else key}"
        own.setdefault(language if dot else EVERY_LANGUAGE, {})[name] = text
        if wrong := check_sentence(name, text):
            problems.append(f"declines.{key} {wrong}")
    if problems:
        raise ConfigError("[declines] of the config has mistakes", problems=tuple(problems))
    for language, sentences in (read_own_file(own_file) if own_file else {}).items():
        own.setdefault(language, {}).update(sentences)
    return Messages(own, _translated())


def _translated() -> Sentences:
    found: dict[str, dict[str, str]] = {}
    for code, file in translations().items():
        sentences = file["sentences"]
        found[code] = dict(sentences) if isinstance(sentences, dict) else {}
    return found


def read_own_file(path: Path) -> dict[str, dict[str, str]]:
    """The merchant's file: a table for each language, a line for each sentence. Raises ConfigError."""
    try:
        table = parse_toml(read_own_text(path), path)
    except FileProblem as problem:
        raise ConfigError("the messages file cannot be read", problems=(str(problem),)) from None
    problems = [f"{path}: {problem}" for problem in _problems(table)]
    if problems:
        raise ConfigError(
            "the messages file has mistakes", problems=tuple(problems), hint="docs/conversation.md has the names"
        )
    return {language: dict(sentences) for language, sentences in table.items()}


def read_terms(file: Path | None) -> str | None:
    """The text of `[terms] text_file`, or None where there is none. Raises ConfigError."""
    if file is None:
        return None
    try:
        text = read_own_text(file).strip()
    except FileProblem as problem:
        raise ConfigError("the terms cannot be read", problems=(str(problem),)) from None
    if not text:
        raise ConfigError("the terms cannot be used", problems=(f"{file} holds no text",))
    if len(text) > _TERMS_CHARACTERS_MAX:
        said = f"{file} has {len(text)} characters, at most {_TERMS_CHARACTERS_MAX} are allowed"
        raise ConfigError("the terms cannot be used", problems=(said,))
    return text


def _problems(table: Mapping[str, object]) -> Iterator[str]:
    for language, sentences in table.items():
        if not _LANGUAGE.fullmatch(language):
            yield f"[{show(language, 20)}] is no language code, such as [bn]"
        elif not isinstance(sentences, dict):
            yield f"{language} must be a table: [{language}]"
        else:
            for name, text in sentences.items():
                wrong = check_sentence(name, None if isinstance(text, Real) else text)
                if wrong:
                    yield f"{language}.{show(name, 40)} {wrong}"
