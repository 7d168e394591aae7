"""What one word of `apay find` may mean: a person, a phone, an amount, a day, a charge id, a number.

Knows how merchants write these things down; never where they are looked up, or what a day is in whose time zone
(`span` says that).
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from apaycli.money import AmountError, currencies, parse_amount
from apaycli.text import without_invisible

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?", re.ASCII)  # 1,499.00 and India's 1,00,000
_PHONE = re.compile(r"\+?[0-9()-]+", re.ASCII)
_CHARGE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# Shorter ends of a charge id, and digits somewhere in a phone number, fit too many to mean anything.
_END_CHARACTERS_MIN = 4
_PHONE_DIGITS_ENOUGH = 11  # so many are a number by themselves; what follows is another word
_LETTERS_ALONE_MIN = 8  # of a charge id without a digit: shorter ones are names


@dataclass(frozen=True, slots=True)
class Sought:
    """One word: a receipt fits if any of these does."""

    anywhere: tuple[str, ...] = ()  # in names, @username, phone, e-mail; spellings of the same text
    username: str | None = None  # begins so
    charge_end: str | None = None  # one of the charge ids ends so
    number: int | None = None  # of the receipt, or of the buyer
    receipt_id: int | None = None
    amounts: tuple[tuple[str, int], ...] = ()  # currency, smallest units
    currency: str | None = None
    paid: tuple[int, int] | None = None  # from, before


def words_of(text: str) -> list[str]:
    """What is looked for, word by word, as it is seen. A number that begins as dialled, `+880 1712 345678`, is one
    word."""
    words: list[str] = []
    for word in without_invisible(text).split():
        dialled = words and words[-1][0] in "+(" and _PHONE.fullmatch(words[-1])
        if dialled and _PHONE.fullmatch(word) and _digits(words[-1]) < _PHONE_DIGITS_ENOUGH:
            words[-1] += word
        else:
            words.append(word)
    return words


def _digits(word: str) -> int:
    return sum(character.isdigit() for character in word)


def parse_word(word: str, span: Callable[[str], tuple[int, int]]) -> Sought:
    """`word` is not empty and has no blanks. `span` turns 2026-11-24 into instants, or raises."""
    if _DAY.fullmatch(word):
        return Sought(paid=span(word))
    if word.startswith("#") and _NUMBER.fullmatch(word[1:]):
        return Sought(receipt_id=int(word[1:]))
    if word.startswith("@") and len(word) > 1:
        return Sought(username=word[1:])
    return Sought(
        anywhere=_anywhere(word),
        charge_end=word if _may_end_a_charge(word) else None,
        number=int(word) if _NUMBER.fullmatch(word) else None,
        amounts=_amounts(word),
        currency=word.upper() if word.upper() in currencies() else None,
    )


def _may_end_a_charge(word: str) -> bool:
    if len(word) < _END_CHARACTERS_MIN or not _CHARGE.fullmatch(word):
        return False
    return len(word) >= _LETTERS_ALONE_MIN or any(character.isdigit() for character in word)


def _anywhere(word: str) -> tuple[str, ...]:
    if _PHONE.fullmatch(word):
        return _phone(word)
    if word.isascii():  # the store takes big and small ASCII letters for the same
        return (word,)
    spellings = (word, word.lower(), word.upper(), word.title())
    composed = [unicodedata.normalize(form, text) for text in spellings for form in ("NFC", "NFD")]
    return tuple(dict.fromkeys((word, *composed)))


def _phone(word: str) -> tuple[str, ...]:
    """Telegram keeps digits alone, with the country's code; people write 01712 or +880 1712."""
    digits = re.sub(r"[^0-9]", "", word).lstrip("0")
    return (digits,) if len(digits) >= _END_CHARACTERS_MIN else ()


def _amounts(word: str) -> tuple[tuple[str, int], ...]:
    """The amount in each currency that can write it so."""
    text = word.strip("".join(character for character in word if unicodedata.category(character) == "Sc"))
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    found = []
    for code in currencies():
        try:
            found.append((code, parse_amount(text, code)))
        except AmountError:
            continue
    return tuple(found)
