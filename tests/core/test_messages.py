"""The bot's sentences: which one is chosen, what is put in, and which of a file are refused."""

import pytest

from apaycli.core.messages import ENGLISH, EVERY_LANGUAGE, Messages, check_sentence, declined_name, paid_name
from apaycli.core.model import DeclineReason, Flag

NAME = "support_received"


@pytest.mark.parametrize(
    ("language_code", "said"),
    [
        ("bn", "own bn 7"),
        ("bn-BD", "own bn 7"),
        ("BN_bd", "own bn 7"),
        ("hi", "for all 7"),
        ("en", "for all 7"),
        (None, "for all 7"),
    ],
)
def test_the_merchants_words_go_first(language_code: str | None, said: str) -> None:
    messages = Messages(
        own={"bn": {NAME: "own bn {number}"}, EVERY_LANGUAGE: {NAME: "for all {number}"}},
        translated={"bn": {NAME: "ours bn {number}"}, "hi": {NAME: "ours hi {number}"}},
    )
    assert messages.say(NAME, language_code, number=7) == said


@pytest.mark.parametrize(
    ("language_code", "said"), [("hi", "ours 7"), ("pt-br", "own en 7"), ("", "own en 7"), ("x" * 999, "own en 7")]
)
def test_then_the_translation_then_english(language_code: str, said: str) -> None:
    messages = Messages(own={"en": {NAME: "own en {number}"}}, translated={"hi": {NAME: "ours {number}"}})
    assert messages.say(NAME, language_code, number=7) == said


def test_an_empty_sentence_is_none() -> None:
    assert Messages(own={"bn": {NAME: " "}}).say("for_sale", "bn") == ENGLISH["for_sale"]
    assert Messages(own={"bn": {NAME: " "}}).say(NAME, "bn", number=1) == ENGLISH[NAME].replace("{number}", "1")


def test_from_right_to_left_what_is_put_in_is_isolated() -> None:
    urdu = Messages(translated={"ur": {"buy_button": "{title}، {price}"}})
    assert urdu.say("buy_button", "ur", title="Duck", price="₹5") == "\u2068Duck\u2069، \u2068₹5\u2069"
    assert urdu.say("buy_button", "en", title="Duck", price="₹5") == "Duck, ₹5"


def test_what_is_put_in_is_not_read_again() -> None:
    assert Messages().say("buy_button", "en", title="{price}", price="{title}") == "{price}, {title}"


def test_the_languages_are_english_and_whatever_has_a_sentence() -> None:
    assert Messages({EVERY_LANGUAGE: {}, "sw": {}}, {"bn": {}}).languages == ["en", "bn", "sw"]


def test_every_flag_and_every_reason_has_a_sentence() -> None:
    assert {paid_name(flag) for flag in (None, *Flag)} | {declined_name(r) for r in DeclineReason} <= set(ENGLISH)


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("paid", "Thanks for {amount}!", None),
        ("paid", "Thanks!", None),
        ("payd", "Thanks!", "is not the name of a sentence (did you mean 'paid'?)"),
        ("paid", "", "must be a text in quotes, and not empty"),
        ("paid", 5, "must be a text in quotes, and not empty"),
        ("paid", "{sum}", "has the placeholder {sum}; it takes {amount}, {receipt}, {title}"),
        ("for_sale", "{sum}", "has the placeholder {sum}; it takes none"),
        ("paid", "{amount", "has a brace that belongs to no placeholder; it takes {amount}, {receipt}, {title}"),
        ("paid", "{0}", "has a brace that belongs to no placeholder; it takes {amount}, {receipt}, {title}"),
        ("paid", "x" * 1001, "has 1001 characters, at most 1000 are allowed"),
    ],
)
def test_a_sentence_of_a_file_is_checked(name: str, text: object, wrong: str | None) -> None:
    assert check_sentence(name, text) == wrong


@pytest.mark.parametrize("name", ENGLISH)
def test_english_passes_its_own_check(name: str) -> None:
    assert check_sentence(name, ENGLISH[name]) is None
