"""Translations that are complete, the merchant's own sentences with every mistake named, and the terms."""

import os
import re
from importlib.resources import files
from pathlib import Path

import pytest

from apaycli.core.messages import ENGLISH, EVERY_LANGUAGE, Messages, check_sentence, placeholders
from apaycli.core.model import DeclineReason
from apaycli.core.wording import decline_sentence, utf16_units
from apaycli.errors import ConfigError
from apaycli.messagefile import LANGUAGES, load_messages, read_own_file, read_terms, translations

COMMAND_UNITS_MAX = 256  # Bot API BotCommand.description
BUTTON_UNITS_MAX = 64  # our own limit for a button on a phone
DECLINE_UNITS_MAX = 200
_HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def sentences(language: str) -> dict[str, str]:
    found = translations()[language]["sentences"]
    assert isinstance(found, dict)
    return found


def own_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "messages.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_own_file(path)
    assert caught.value.exit_code == 3
    return caught.value


def problems(folder: Path, text: str) -> list[str]:
    """What is said about the file, without its name."""
    path = own_file(folder, text)
    error = refused(path)
    assert error.message == "the messages file has mistakes"
    assert all(problem.startswith(f"{path}: ") for problem in error.problems)
    return [problem.removeprefix(f"{path}: ") for problem in error.problems]


# -- what comes with apay ----------------------------------------------------------------------------------------------

each_language = pytest.mark.parametrize("language", LANGUAGES)


def test_every_file_is_a_language_and_every_language_a_file() -> None:
    there = {entry.name for entry in (files("apaycli") / "data" / "messages").iterdir()}
    assert there == {f"{language}.toml" for language in LANGUAGES}
    assert set(LANGUAGES) == {"bn", "hi", "ur", "ne", "sw", "pt", "es", "uz"}


@each_language
def test_a_translation_has_every_sentence_and_no_other(language: str) -> None:
    assert list(sentences(language)) == list(ENGLISH)
    assert set(translations()[language]) == {"reviewed", "sentences"}
    assert isinstance(translations()[language]["reviewed"], bool)


@each_language
@pytest.mark.parametrize("name", ENGLISH)
def test_a_translation_keeps_to_the_rules(language: str, name: str) -> None:
    text = sentences(language)[name]
    assert check_sentence(name, text) is None
    assert placeholders(text) == placeholders(ENGLISH[name])
    assert text == text.strip()
    assert not _HARMFUL.search(text)


@each_language
def test_a_translation_is_none_of_the_english_ones(language: str) -> None:
    same = {name for name, text in sentences(language).items() if text == ENGLISH[name]}
    assert same <= {"buy_button"}


@each_language
def test_a_translation_names_the_same_commands(language: str) -> None:
    for name, english in ENGLISH.items():
        commands = sorted(set(re.findall(r"/[a-z]+", english)))
        assert sorted(set(re.findall(r"(?<![\w/])/[a-z]+", sentences(language)[name]))) == commands, name


@each_language
@pytest.mark.parametrize("reason", DeclineReason)
def test_a_refusal_fits_its_place_whole(language: str, reason: DeclineReason) -> None:
    text = sentences(language)[f"declined_{reason}"]
    assert "\n" not in text
    assert utf16_units(text) <= DECLINE_UNITS_MAX
    assert decline_sentence(reason, load_messages(None, {}), language) == text


@each_language
def test_buttons_and_commands_fit_their_places(language: str) -> None:
    said = sentences(language)
    assert utf16_units(said["agree_button"]) <= BUTTON_UNITS_MAX
    for name in ("start", "terms", "support", "paysupport"):
        assert 1 <= utf16_units(said[f"command_{name}"]) <= COMMAND_UNITS_MAX
        assert "\n" not in said[f"command_{name}"]


def test_english_fits_its_places_too() -> None:
    assert utf16_units(ENGLISH["agree_button"]) <= BUTTON_UNITS_MAX
    commands = [text for name, text in ENGLISH.items() if name.startswith("command_")]
    refusals = [text for name, text in ENGLISH.items() if name.startswith("declined_")]
    assert (len(commands), len(refusals)) == (4, len(DeclineReason) + 1)  # buyer_limit has two
    assert max(map(utf16_units, commands)) <= COMMAND_UNITS_MAX
    assert max(map(utf16_units, refusals)) <= DECLINE_UNITS_MAX


def test_without_a_file_the_translations_speak() -> None:
    messages = load_messages(None, {})
    assert messages.languages == ["en", *sorted(LANGUAGES)]
    assert messages.own == {}
    assert messages.say("for_sale", "bn-BD") == sentences("bn")["for_sale"]
    assert messages.say("for_sale", "fr") == ENGLISH["for_sale"]


# -- the merchant's own file -------------------------------------------------------------------------------------------


def test_a_good_file_is_taken(tmp_path: Path) -> None:
    path = own_file(
        tmp_path,
        """\ufeff[en]
paid = "Thanks! Order {receipt}: {title}, {amount}. We pack today."
for_sale = '''Ducks,
and more:'''

[bn]
paid = "ধন্যবাদ! রসিদ {receipt}।"

[fr]
for_sale = "En vente :"

[fil]
""",
    )
    messages = load_messages(path, {})
    assert messages.say("paid", "en", receipt=7, title="Duck", amount="₹5") == (
        "Thanks! Order 7: Duck, ₹5. We pack today."
    )
    assert messages.say("paid", "bn", receipt=7, title="Duck", amount="₹5") == "ধন্যবাদ! রসিদ 7।"
    assert messages.say("for_sale", None) == "Ducks,\nand more:"
    assert messages.say("for_sale", "fr-CA") == "En vente :"
    assert messages.say("for_sale", "bn") == sentences("bn")["for_sale"]
    assert messages.say("support_none", "fr") == ENGLISH["support_none"]
    assert messages.languages == ["en", *sorted([*LANGUAGES, "fil", "fr"])]


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read_own_file(own_file(tmp_path, "# nothing yet\n")) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[en]\npayd = "x"', "en.payd is not the name of a sentence (did you mean 'paid'?)"),
        ('[en]\nzzzzzzzz = "x"', "en.zzzzzzzz is not the name of a sentence"),
        ('[bn]\npaid = "{sum}"', "bn.paid has the placeholder {sum}; it takes {amount}, {receipt}, {title}"),
        ('[bn]\nfor_sale = "{title}"', "bn.for_sale has the placeholder {title}; it takes none"),
        ('[bn]\npaid = "{amount"', "bn.paid has a brace that belongs to no placeholder"),
        ('[bn]\npaid = "{}"', "bn.paid has a brace that belongs to no placeholder"),
        ('[bn]\npaid = "{Amount}"', "bn.paid has a brace that belongs to no placeholder"),
        ('[en]\npaid = ""', "en.paid must be a text in quotes, and not empty"),
        ('[en]\npaid = " "', "en.paid must be a text in quotes, and not empty"),
        ("[en]\npaid = 5", "en.paid must be a text in quotes, and not empty"),
        ("[en]\npaid = 1.5", "en.paid must be a text in quotes, and not empty"),
        ("[en]\npaid = true", "en.paid must be a text in quotes, and not empty"),
        ('[en]\npaid = ["x"]', "en.paid must be a text in quotes, and not empty"),
        ('[en.paid]\nlate = "x"', "en.paid must be a text in quotes, and not empty"),
        ("[en]\npaid = 2026-01-01", "en.paid must be a text in quotes, and not empty"),
        (f'[en]\npaid = "{"x" * 1001}"', "en.paid has 1001 characters, at most 1000 are allowed"),
        ('en = "x"', "en must be a table: [en]"),
        ("[[en]]\n", "en must be a table: [en]"),
        ('paid = "x"', "[paid] is no language code, such as [bn]"),
        ("[EN]\n", "[EN] is no language code, such as [bn]"),
        ("[pt-br]\n", "[pt-br] is no language code, such as [bn]"),
        ("[e]\n", "[e] is no language code, such as [bn]"),
        ('["*"]\n', "[*] is no language code, such as [bn]"),
        ('["\\u0995"]\n', "[ক] is no language code, such as [bn]"),
        ('["\\u001b[2J"]\n', "[\\x1b[2J] is no language code, such as [bn]"),
        ('[en]\n"\\u202e" = "x"', "en.\\u202e is not the name of a sentence"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (told,) = problems(tmp_path, text)
    assert told.startswith(said)
    assert not set("\x1b\u202e") & set(told)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = '[english]\nx = 1\n[en]\npayd = "x"\nfor_sale = ""\n[bn]\npaid = "{sum}"\nhelp = "good"\n'
    assert [told.split()[0] for told in problems(tmp_path, text)] == [
        "[english]", "en.payd", "en.for_sale", "bn.paid",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["command_start", "command_terms", "command_support", "command_paysupport"])
def test_a_command_that_telegram_would_refuse_is_a_mistake(tmp_path: Path, name: str) -> None:
    """Else `apay commands publish` would stop half-way through the languages."""
    assert read_own_file(own_file(tmp_path, f'[en]\n{name} = "{"x" * COMMAND_UNITS_MAX}"'))
    (told,) = problems(tmp_path, f'[en]\n{name} = "{"x" * (COMMAND_UNITS_MAX + 1)}"')
    assert told == f"en.{name} has 257 characters, at most 256 are allowed"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[en", "Expected ']'"),
        (b"[en]\npaid = unquoted\n", "line 2"),
        (b"\xff\xfe[en]", "is not UTF-8 text; save it as UTF-8"),
        (b"[en]\n" + b"#" * 1024 * 1024, "is larger than"),
        (b"a" + b".a" * 2000 + b" = 1", "has more than 1000 dots"),
    ],
    ids=["open", "unquoted", "bytes", "large", "deep"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = own_file(tmp_path, content)
    error = refused(path)
    assert error.message == "the messages file cannot be read"
    (told,) = error.problems
    assert told.startswith(f"{path}: ")
    assert said in told


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, said in (("missing", "No such file"), ("", "is not a regular file"), ("fifo", "is not a regular file")):
        assert said in refused(tmp_path / name).problems[0]


# -- [declines] --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language_code", "said"),
    [("bn", "শেষ"), ("bn-BD", "শেষ"), ("ur", "all gone"), ("en", "all gone"), ("fr", "all gone"), (None, "all gone")],
)
def test_the_configs_refusals_go_first(language_code: str | None, said: str) -> None:
    """Those for everybody before our translations, those for one language before both."""
    messages = load_messages(None, {"sold_out": "all gone", "bn.sold_out": "শেষ"})
    assert messages.say("declined_sold_out", language_code) == said
    assert messages.say("declined_expired", "ur") == sentences("ur")["declined_expired"]


def test_the_configs_refusals_stand_beside_the_file(tmp_path: Path) -> None:
    path = own_file(tmp_path, '[bn]\npaid = "টাকা এসেছে"\n')
    messages = load_messages(path, {"bn.sold_out": "শেষ", "expired": "too late"})
    assert messages.say("paid", "bn") == "টাকা এসেছে"
    assert messages.say("declined_sold_out", "bn") == "শেষ"
    assert messages.own == {
        "bn": {"paid": "টাকা এসেছে", "declined_sold_out": "শেষ"},
        EVERY_LANGUAGE: {"declined_expired": "too late"},
    }


@pytest.mark.parametrize("reason", DeclineReason)
def test_every_reason_can_be_worded_and_is_cut_to_its_place(reason: DeclineReason) -> None:
    messages: Messages = load_messages(None, {str(reason): "word " * 100})
    said = decline_sentence(reason, messages, "bn")
    assert said.startswith("word word")
    assert utf16_units(said) <= DECLINE_UNITS_MAX


# -- the terms ---------------------------------------------------------------------------------------------------------


def terms_refused(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_terms(path)
    return caught.value


def test_the_terms_are_the_files_text(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_text("\ufeff\n1. Ducks are final.\n\n2. আর কিছু না।\n\n", "utf-8")
    assert read_terms(path) == "1. Ducks are final.\n\n2. আর কিছু না।"
    assert read_terms(None) is None


@pytest.mark.parametrize("text", ["", "\n", " \t\n\n", "\ufeff"])
def test_empty_terms_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "terms.txt"
    path.write_text(text, "utf-8")
    error = terms_refused(path)
    assert error.message == "the terms cannot be used"
    assert error.problems == (f"{path} holds no text",)


def test_terms_have_an_end(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_text("ধ" * 20_000 + "\n", "utf-8")
    assert read_terms(path) == "ধ" * 20_000
    path.write_text("ধ" * 20_001, "utf-8")
    assert terms_refused(path).problems == (f"{path} has 20001 characters, at most 20000 are allowed",)


def test_terms_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"Caf\xe9")
    (tmp_path / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    cases = (("missing", "No such file"), ("", "is not a regular file"), ("latin", "is not UTF-8"), ("large", "larger"))
    for name, said in cases:
        error = terms_refused(tmp_path / name)
        assert error.message == "the terms cannot be read"
        assert str(tmp_path / name) in error.problems[0]
        assert said in error.problems[0]
