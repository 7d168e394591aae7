"""`apay messages`: every sentence as a buyer reads it, and whether the merchant's own file can be used."""

import re
import unicodedata

import pytest

from apaycli.core.messages import ENGLISH
from apaycli.messagefile import LANGUAGES
from shop import Done, Shop


def own(shop: Shop, text: str) -> None:
    """The merchant's file, beside the config that names it."""
    path = shop.write_config('[messages]\nfile = "messages.toml"\n')
    (path.parent / "messages.toml").write_text(text, "utf-8")


def rows(done: Done) -> dict[str, list[str]]:
    assert done.code == 0, done.err
    found = [line.split("\t") for line in done.out.splitlines()]
    return {row[0]: row[1:] for row in found}


# -- check -------------------------------------------------------------------------------------------------------------


def test_without_a_file_there_is_what_comes_with_apay(shop: Shop) -> None:
    done = shop.run("messages", "check")
    assert list(rows(done)) == ["en", *sorted(LANGUAGES)]
    assert rows(done)["en"] == [str(len(ENGLISH)), "0", "yes"]
    assert all(rows(done)[language] == [str(len(ENGLISH)), "0", "no"] for language in LANGUAGES)
    assert done.err == ""


def test_own_sentences_are_counted_by_language(shop: Shop) -> None:
    own(shop, '[en]\npaid = "Thanks!"\nhelp = "Ask us."\n[bn]\npaid = "টাকা"\n[fr]\npaid = "Merci"\n')
    found = rows(shop.run("messages", "check"))
    assert found["en"] == [str(len(ENGLISH)), "2", "yes"]
    assert found["bn"] == [str(len(ENGLISH)), "1", "no"]
    assert found["fr"] == ["0", "1", "-"]
    assert found["hi"][1] == "0"


def test_json_has_the_keys_of_the_contract(shop: Shop) -> None:
    own(shop, '[bn]\npaid = "টাকা"\n')
    document = shop.run("messages", "check", "--json").json
    assert all(tuple(row) == ("language", "sentences", "own", "reviewed") for row in document)
    assert document[1] == {"language": "bn", "sentences": len(ENGLISH), "own": 1, "reviewed": "no"}


def test_on_a_terminal_it_is_a_table(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    heading, english, *_ = shop.run("messages", "check", terminal=True, NO_COLOR="1").out.splitlines()
    assert heading.split() == ["LANGUAGE", "SENTENCES", "YOUR", "OWN", "REVIEWED"]
    assert english.split() == ["en", str(len(ENGLISH)), "0", "yes"]


def test_refusals_of_the_config_are_ones_own_too(shop: Shop) -> None:
    shop.write_config('[declines]\nbn.sold_out = "শেষ"\nbn.expired = "দেরি"\n')
    assert rows(shop.run("messages", "check"))["bn"] == [str(len(ENGLISH)), "2", "no"]


@pytest.mark.parametrize("words", [("check",), ("preview", "bn")])
def test_mistakes_are_told_all_at_once_with_their_file(shop: Shop, words: tuple[str, ...]) -> None:
    own(shop, f'[en]\npayd = "x"\n[bn]\npaid = "{{sum}}"\n[english]\n["\\u001b[2J"]\n[fr]\n"{"x" * 5000}" = "x"\n')
    done = shop.run("messages", *words)
    assert (done.code, done.out) == (3, "")
    error, *problems, hint = done.err.splitlines()
    assert error == "apay: error: the messages file has mistakes"
    assert hint.startswith("apay: hint: ")
    path = shop.folder / ".config" / "apay" / "messages.toml"
    assert len(problems) == 5
    assert all(problem.startswith(f"  {path}: ") for problem in problems)
    assert "en.payd is not the name of a sentence (did you mean 'paid'?)" in problems[0]
    assert "\x1b" not in done.err
    assert len(done.err) < 3000
    as_json = shop.run("messages", *words, "--json")
    assert (as_json.code, as_json.error["code"], len(as_json.error["problems"])) == (3, "config", 5)


def test_the_hint_is_of_use_while_the_file_has_mistakes(shop: Shop) -> None:
    """A command that fails with the very same error is none."""
    own(shop, '[en]\npayd = "x"\n')
    hint = shop.run("messages", "check", "--json").error["hint"]
    assert hint
    if hint.startswith("apay "):
        assert shop.run(*hint.split()[1:]).code == 0


def test_a_missing_file_is_named(shop: Shop) -> None:
    path = shop.write_config('[messages]\nfile = "messages.toml"\n')
    done = shop.run("messages", "check")
    assert done.code == 3
    assert f"  {path.parent / 'messages.toml'}: No such file or directory\n" in done.err


# -- preview -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_sentence_is_shown_with_values_in_place(shop: Shop, language: str) -> None:
    done = shop.run("messages", "preview", language)
    found = rows(done)
    assert list(found) == list(ENGLISH)
    assert all(len(row) == 1 and row[0] for row in found.values())
    assert not re.search(r"[{}]", done.out)
    assert "₹499.00" in found["paid"][0]
    assert "Rubber duck" in found["paid"][0]
    assert "17" in found["paid"][0]
    assert done.err == ""


@pytest.mark.parametrize("language", ["en", "bn", "ur"])
def test_a_preview_is_readable(shop: Shop, language: str) -> None:
    """No escapes, no control characters, no sentence cut off."""
    out = shop.run("messages", "preview", language).out
    assert "\\x" not in out
    assert "\\u" not in out
    assert "…" not in out
    assert all(unicodedata.category(character) != "Cc" or character in "\t\n" for character in out)


def test_without_a_language_it_is_english(shop: Shop) -> None:
    assert shop.run("messages", "preview").out == shop.run("messages", "preview", "en").out


@pytest.mark.parametrize("language", ["bn", "BN", "bn-BD", "bn_IN"])
def test_a_language_is_named_as_telegram_names_it(shop: Shop, language: str) -> None:
    assert shop.run("messages", "preview", language).out == shop.run("messages", "preview", "bn").out


def test_the_button_is_named_in_the_same_language(shop: Shop) -> None:
    document = shop.run("messages", "preview", "bn", "--json").json
    assert document["agree_button"] in document["terms_first"]


def test_json_is_each_sentence_by_its_name(shop: Shop) -> None:
    document = shop.run("messages", "preview", "en", "--json").json
    assert list(document) == list(ENGLISH)
    assert document["for_sale"] == "For sale:"
    assert document["support_reply"] == "The shop, about your request 7:"


def test_json_is_exact(shop: Shop) -> None:
    """A program gets the sentence as a buyer does, its lines, too."""
    document = shop.run("messages", "preview", "en", "--json").json
    assert document["help"] == ENGLISH["help"]


def test_ones_own_words_are_shown_and_the_others_stay(shop: Shop) -> None:
    own(shop, '[bn]\npaid = "রসিদ {receipt}, {title}, {amount}"\n')
    document = shop.run("messages", "preview", "bn", "--json").json
    assert document["paid"].startswith("রসিদ 17, ")
    assert document["for_sale"] == "বিক্রির জন্য আছে:"
    assert shop.run("messages", "preview", "en", "--json").json["paid"].startswith("Thank you!")


def test_a_language_of_ones_own_falls_back_to_english(shop: Shop) -> None:
    own(shop, '[fr]\npaid = "Merci, {amount}"\n')
    document = shop.run("messages", "preview", "fr", "--json").json
    assert (document["paid"], document["for_sale"]) == ("Merci, ₹499.00", "For sale:")


def test_a_long_sentence_of_ones_own_is_shown_whole(shop: Shop) -> None:
    """It may have 1,000 characters; whoever reads the preview must see the last one."""
    own(shop, f'[en]\nsupport_none = "{"word " * 199}last"\n')
    for terminal in (False, True):
        out = shop.run("messages", "preview", "en", terminal=terminal, NO_COLOR="1").out
        assert "word last" in " ".join(out.split())


def test_refusals_of_the_config_are_shown(shop: Shop) -> None:
    shop.write_config('[declines]\nsold_out = "All gone"\nbn.sold_out = "শেষ"\n')
    said = {
        code: shop.run("messages", "preview", code, "--json").json["declined_sold_out"] for code in ("en", "bn", "ur")
    }
    assert said == {"en": "All gone", "bn": "শেষ", "ur": "All gone"}


def test_hostile_words_of_ones_own_do_no_harm(shop: Shop) -> None:
    own(shop, '[en]\npaid = "a\\u001b[2Jb\\u202e{title}[red]"\n')
    for options in ((), ("--json",)):
        for terminal in (False, True):
            done = shop.run("messages", "preview", *options, terminal=terminal, NO_COLOR="1")
            assert not set("\x1b\u202e") & set(done.out + done.err)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("xx", "there is no sentence in 'xx'"),
        ("eng", "there is no sentence in 'eng' (did you mean 'en'?)"),
        ("", "there is no sentence in ''"),
        ("-BD", "no such option"),
        ("\x1b[2J", "there is no sentence in '\\\\x1b[2J'"),
        ("x" * 100_000, "there is no sentence in 'xxx"),
        ("*", "there is no sentence in '*'"),
    ],
)
def test_an_unknown_language_is_refused(shop: Shop, language: str, said: str) -> None:
    shop.write_config('[declines]\nsold_out = "All gone"\n')
    done = shop.run("messages", "preview", language)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "\x1b" not in done.err
    assert len(done.err) < 500


def test_neither_asks_telegram_nor_needs_a_ledger(shop: Shop) -> None:
    shop.environ |= {"APAY_BOT_TOKEN": "", "APAY_TEST_PROVIDER_TOKEN": ""}
    assert shop.run("messages", "check").code == 0
    assert shop.run("messages", "preview").code == 0
    assert shop.requests() == []
    assert not shop.ledger.exists()
