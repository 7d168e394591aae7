"""`apay commands publish`: the bot's menu, in every language, as Telegram keeps it afterwards."""

import pytest

from apaycli.core.messages import ENGLISH
from apaycli.messagefile import LANGUAGES, translations
from shop import Shop

NAMES = ("start", "terms", "support", "paysupport")


def own(shop: Shop, text: str) -> None:
    path = shop.write_config('[messages]\nfile = "messages.toml"\n')
    (path.parent / "messages.toml").write_text(text, "utf-8")


def menu(shop: Shop, language: str) -> dict[str, str]:
    """What Telegram shows whoever speaks this language; "" is everybody else."""
    return {each["command"]: each["description"] for each in shop.world.commands["default", language]}


def test_everybody_and_every_language_gets_the_four(shop: Shop) -> None:
    assert shop.run("commands", "publish").code == 0
    assert set(shop.world.commands) == {("default", ""), *(("default", language) for language in LANGUAGES)}
    for scope in shop.world.commands:
        assert tuple(menu(shop, scope[1])) == NAMES


def test_everybody_else_reads_english(shop: Shop) -> None:
    shop.run("commands", "publish")
    assert menu(shop, "") == {name: ENGLISH[f"command_{name}"] for name in NAMES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_reads_its_own(shop: Shop, language: str) -> None:
    shop.run("commands", "publish")
    sentences = translations()[language]["sentences"]
    assert isinstance(sentences, dict)
    assert menu(shop, language) == {name: sentences[f"command_{name}"] for name in NAMES}


def test_ones_own_sentence_goes_first(shop: Shop) -> None:
    own(shop, '[en]\ncommand_start = "Ducks"\n[bn]\ncommand_terms = "শর্ত"\n')
    assert shop.run("commands", "publish").code == 0
    assert menu(shop, "")["start"] == "Ducks"
    assert menu(shop, "")["terms"] == ENGLISH["command_terms"]
    assert menu(shop, "bn")["terms"] == "শর্ত"
    assert menu(shop, "bn")["start"] not in ("Ducks", ENGLISH["command_start"])


def test_a_language_of_ones_own_gets_a_menu_where_telegram_knows_such(shop: Shop) -> None:
    """Telegram takes two letters (Bot API, setMyCommands.language_code)."""
    own(shop, '[fr]\ncommand_start = "En vente"\n[fil]\ncommand_start = "Binebenta"\n')
    assert shop.run("commands", "publish").code == 0
    assert menu(shop, "fr") == {name: ENGLISH[f"command_{name}"] for name in NAMES} | {"start": "En vente"}
    assert ("default", "fil") not in shop.world.commands


def test_what_was_there_is_replaced(shop: Shop) -> None:
    shop.world.commands["default", ""] = [{"command": "old", "description": "x"}]
    shop.run("commands", "publish")
    assert "old" not in menu(shop, "")


def test_twice_is_as_good_as_once(shop: Shop) -> None:
    first = shop.run("commands", "publish")
    before = dict(shop.world.commands)
    assert shop.run("commands", "publish") == first
    assert shop.world.commands == before


def test_the_result_is_a_row_for_each_language(shop: Shop) -> None:
    done = shop.run("commands", "publish")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[0] for row in rows] == ["en", *sorted(LANGUAGES)]
    assert {row[1] for row in rows} == {"/start, /terms, /support, /paysupport"}
    assert done.err == f"apay: @sandbox_merchant_bot, test mode, ledger {shop.ledger}\n"
    assert not shop.ledger.exists()


def test_json_has_the_keys_of_the_contract(shop: Shop) -> None:
    document = shop.run("commands", "publish", "--json").json
    assert all(tuple(row) == ("language", "commands") for row in document)
    assert [row["language"] for row in document] == ["en", *sorted(LANGUAGES)]
    assert document[0]["commands"] == [{"command": n, "description": ENGLISH[f"command_{n}"]} for n in NAMES]
    for row in document:
        code = "" if row["language"] == "en" else row["language"]
        assert row["commands"] == shop.world.commands["default", code]


def test_a_request_whose_reply_is_lost_is_repeated(shop: Shop) -> None:
    """To put the same list there twice does no harm."""
    shop.world.faults.add("reset", shop.clock.monotonic(), methods=("setMyCommands",), count=1, after=True)
    assert shop.run("commands", "publish").code == 0
    assert len(shop.world.commands) == 1 + len(LANGUAGES)


def test_a_telegram_that_is_away_is_an_error(shop: Shop) -> None:
    shop.world.faults.add("502-html", shop.clock.monotonic(), methods=("setMyCommands",))
    done = shop.run("commands", "publish", "--json")
    assert (done.code, done.out, done.error["code"]) == (5, "", "outcome_unknown")
    assert shop.world.commands == {}


def test_a_wrong_token_is_exit_code_4(shop: Shop) -> None:
    assert shop.run("commands", "publish", APAY_BOT_TOKEN="1:" + "x" * 35).code == 4
    assert shop.world.commands == {}


def test_a_broken_messages_file_leaves_the_menu_alone(shop: Shop) -> None:
    own(shop, '[en]\ncommand_strat = "x"\n')
    done = shop.run("commands", "publish")
    assert done.code == 3
    assert "en.command_strat is not the name of a sentence (did you mean 'command_start'?)" in done.err
    assert shop.requests() == []


def test_a_sentence_that_telegram_would_refuse_leaves_the_menu_alone(shop: Shop) -> None:
    """It is the file's mistake, known before the first request."""
    own(shop, f'[hi]\ncommand_terms = "{"x" * 257}"\n')
    done = shop.run("commands", "publish")
    assert done.code == 3
    assert shop.world.commands == {}
