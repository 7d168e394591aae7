"""What a declined buyer reads: never empty, one line, at most 200 UTF-16 units, in their language if there is one."""

import pytest
from core_samples import product
from hypothesis import given, settings
from hypothesis import strategies as st

from apaycli.core.messages import ENGLISH, EVERY_LANGUAGE, Messages, declined_name
from apaycli.core.model import DeclineReason
from apaycli.core.wording import SENTENCE_UNITS_MAX, cut_at_word, decline_sentence, utf16_units

fixed = settings(derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize("reason", DeclineReason)
def test_every_reason_has_a_polite_sentence_of_its_own(reason: DeclineReason) -> None:
    sentence = decline_sentence(reason, Messages(), None)
    assert sentence == ENGLISH[declined_name(reason)]
    assert 20 <= utf16_units(sentence) <= SENTENCE_UNITS_MAX == 200
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert list(ENGLISH.values()).count(sentence) == 1


def words(**sentences: str) -> Messages:
    """`sold_out` is for everybody, `bn_sold_out` for one language."""
    own: dict[str, dict[str, str]] = {}
    for key, text in sentences.items():
        language = key[:2] if key[2] == "_" else EVERY_LANGUAGE
        own.setdefault(language, {})["declined_" + (key[3:] if key[2] == "_" else key)] = text
    return Messages(own)


WORDINGS = words(sold_out="all gone", bn_sold_out="শেষ", pt_expired="tarde")


@pytest.mark.parametrize(
    ("reason", "language_code", "sentence"),
    [
        (DeclineReason.SOLD_OUT, "bn", "শেষ"),
        (DeclineReason.SOLD_OUT, "bn-BD", "শেষ"),
        (DeclineReason.SOLD_OUT, "BN-bd", "শেষ"),
        (DeclineReason.SOLD_OUT, "en", "all gone"),
        (DeclineReason.SOLD_OUT, None, "all gone"),
        (DeclineReason.SOLD_OUT, "", "all gone"),
        (DeclineReason.SOLD_OUT, "x" * 1000, "all gone"),
        (DeclineReason.EXPIRED, "pt-BR", "tarde"),
        (DeclineReason.EXPIRED, "bn", ENGLISH[declined_name(DeclineReason.EXPIRED)]),
    ],
)
def test_the_buyers_language_then_the_merchants_words_then_ours(
    reason: DeclineReason, language_code: str | None, sentence: str
) -> None:
    assert decline_sentence(reason, WORDINGS, language_code) == sentence


def test_the_products_own_sentence_is_for_sold_out_alone() -> None:
    duck = product(sold_out="No ducks left. A bear?")
    assert decline_sentence(DeclineReason.SOLD_OUT, WORDINGS, "bn", duck) == "No ducks left. A bear?"
    assert (
        decline_sentence(DeclineReason.BUYER_LIMIT, Messages(), None, duck)
        == ENGLISH[declined_name(DeclineReason.BUYER_LIMIT)]
    )
    assert decline_sentence(DeclineReason.SOLD_OUT, WORDINGS, "bn", product()) == "শেষ"


def test_a_wording_of_several_lines_is_read_as_one() -> None:
    wordings = words(sold_out="  All gone.\n\n\tCome back\u2028tomorrow. \n")
    assert decline_sentence(DeclineReason.SOLD_OUT, wordings, "en") == "All gone. Come back tomorrow."


@pytest.mark.parametrize(
    "empty", [{"sold_out": ""}, {"bn_sold_out": ""}, {"bn_sold_out": " \n\u3000", "sold_out": " "}]
)
def test_an_empty_wording_is_none(empty: dict[str, str]) -> None:
    assert (
        decline_sentence(DeclineReason.SOLD_OUT, words(**empty), "bn") == ENGLISH[declined_name(DeclineReason.SOLD_OUT)]
    )


@pytest.mark.parametrize(
    ("text", "units_max", "cut"),
    [
        ("short", 5, "short"),
        ("two words", 8, "two…"),
        ("two words", 9, "two words"),
        ("a bb ccc", 6, "a bb…"),
        ("a bb ccc", 5, "a bb…"),
        ("unbreakable", 5, "unbr…"),
        ("🦆🦆🦆", 6, "🦆🦆🦆"),
        ("🦆🦆🦆", 5, "🦆🦆…"),
        ("🦆🦆🦆", 4, "🦆…"),
        ("duck 🦆🦆", 8, "duck…"),
        ("", 5, ""),
    ],
)
def test_too_long_is_cut_behind_a_word(text: str, units_max: int, cut: str) -> None:
    assert cut_at_word(text, units_max) == cut


@fixed
@given(st.text(alphabet=st.characters(exclude_categories=()), min_size=1, max_size=400))
def test_whatever_the_merchant_writes_the_sentence_can_be_sent(text: str) -> None:
    sentence = decline_sentence(DeclineReason.SOLD_OUT, words(sold_out=text), "en")
    assert 1 <= utf16_units(sentence) <= 200
    assert len(sentence.splitlines()) <= 1
    sentence.encode("utf-8")


@pytest.mark.parametrize(("text", "units"), [("", 0), ("a", 1), ("ঢাকা", 4), ("🦆", 2), ("👩‍🚀", 5), ("\ud800", 1)])
def test_characters_beyond_the_basic_plane_count_twice(text: str, units: int) -> None:
    assert utf16_units(text) == units
