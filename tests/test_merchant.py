"""From the merchant's files to the shop that the rules see: what becomes of each setting."""

from dataclasses import fields
from pathlib import Path

import pytest

from apaycli.config import KEYS, load_config
from apaycli.core.decide import Shop
from apaycli.core.messages import ENGLISH
from apaycli.errors import ConfigError, TokenError
from apaycli.merchant import read_shop
from apaycli.stockfile import read_stock_file

STOCK = 'currency = "INR"\n[products.duck]\ntitle = "Duck"\ndescription = "Yellow."\nprice = 499\nstock = 3\n'
SECRET = "a-secret-of-16-letters"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stock.toml").write_text(STOCK)
    (tmp_path / "terms.txt").write_text("1. Ducks are final.\n")
    (tmp_path / "messages.toml").write_text('[en]\npaid = "Thanks for {amount}!"\n')
    program = tmp_path / "credit"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    return tmp_path


def shop_of(folder: Path, text: str = "", mode: str = "test", **environ: str) -> Shop:
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    config = load_config(path, environ)
    assert config.warnings == ()
    return read_shop(config, read_stock_file(config.stock_file), mode)  # type: ignore[arg-type]


def test_without_settings_every_field_has_its_default(folder: Path) -> None:
    shop = shop_of(folder)
    assert list(shop.products) == ["duck"]
    said = {field.name: getattr(shop, field.name) for field in fields(Shop)}
    said["messages"], said["products"] = None, None
    assert said == {
        "mode": "test", "products": None, "reservation_ttl_seconds": 1800, "messages": None, "hooks": (),
        "reserved_units_max": 3, "reservation_life_seconds": 7200,
        "notify_chat": None, "terms_text": None, "terms_version": None, "require_acceptance": False,
        "close_when_paid": False, "support_text": None, "support_chat": None,
    }  # fmt: skip


def test_a_reservation_lives_as_long_as_one_accept_at_least(folder: Path) -> None:
    shop = shop_of(folder, '[listen]\nreservation_ttl = "1d"\nreservation_life = "10m"')
    assert (shop.reservation_ttl_seconds, shop.reservation_life_seconds) == (86_400, 86_400)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ('[listen]\nreservation_ttl = "10m"', "reservation_ttl_seconds", 600),
        ('[listen]\nreservation_life = "1d"', "reservation_life_seconds", 86_400),
        ("[listen]\nreserved_per_buyer = 9", "reserved_units_max", 9),
        ("[listen]\nclose_when_paid = true", "close_when_paid", True),
        ("[listen]\nclose_when_paid = false", "close_when_paid", False),
        ('[terms]\nversion = "2026-11"', "terms_version", "2026-11"),
        ('[terms]\ntext_file = "terms.txt"', "terms_text", "1. Ducks are final."),
        ('[terms]\nversion = "2"\ntext_file = "terms.txt"\nrequire_acceptance = true', "require_acceptance", True),
        ('[support]\ntext = "Call +880 1"', "support_text", "Call +880 1"),
        ("[support]\nforward_to = 123456789", "support_chat", "123456789"),
        ("[support]\nforward_to = -1001234567890", "support_chat", "-1001234567890"),
        ('[support]\nforward_to = "@myshop_help"', "support_chat", "@myshop_help"),
        ("[notify]\nchat = 123456789", "notify_chat", "123456789"),
        ('[notify]\nchat = "@myshop"', "notify_chat", "@myshop"),
        ('[hooks]\non_paid = ["./credit"]', "hooks", ("program",)),
    ],
)
def test_a_setting_becomes_its_field_and_no_other(folder: Path, text: str, field: str, value: object) -> None:
    plain, shop = shop_of(folder), shop_of(folder, text)
    assert getattr(shop, field) == value
    also = {"terms_version", "terms_text"} if field == "require_acceptance" else set()
    others = {each.name for each in fields(Shop)} - {field} - also
    assert {name: getattr(shop, name) for name in others} == {name: getattr(plain, name) for name in others}


@pytest.mark.parametrize("mode", ["test", "live"])
def test_the_mode_is_handed_in(folder: Path, mode: str) -> None:
    assert shop_of(folder, mode=mode).mode == mode


def test_a_variable_can_stand_in_a_text(folder: Path) -> None:
    assert shop_of(folder, '[support]\ntext = "Call ${SHOP_PHONE}"', SHOP_PHONE="+880 1").support_text == "Call +880 1"


def test_the_products_are_those_of_the_stock_file(folder: Path) -> None:
    (product,) = shop_of(folder).products.values()
    assert (product.sku, product.total_amount, product.stock) == ("duck", 49900, 3)


# -- sentences ---------------------------------------------------------------------------------------------------------


def test_the_sentences_are_the_merchants_then_ours(folder: Path) -> None:
    shop = shop_of(folder, '[messages]\nfile = "messages.toml"\n[declines]\nsold_out = "Gone"\nbn.sold_out = "শেষ"\n')
    assert shop.messages.say("paid", "en", amount="₹5") == "Thanks for ₹5!"
    assert shop.messages.say("declined_sold_out", "ur") == "Gone"
    assert shop.messages.say("declined_sold_out", "bn") == "শেষ"
    assert shop.messages.say("for_sale", "bn") == "বিক্রির জন্য আছে:"
    assert shop.messages.say("for_sale", "fr") == ENGLISH["for_sale"]


def test_mistakes_in_the_sentences_are_all_told(folder: Path) -> None:
    (folder / "messages.toml").write_text('[en]\npayd = "x"\nhelp = 5\n')
    with pytest.raises(ConfigError) as caught:
        shop_of(folder, '[messages]\nfile = "messages.toml"')
    assert len(caught.value.problems) == 2
    assert all(str(folder / "messages.toml") in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[messages]\nfile = "missing.toml"', "the messages file cannot be read"),
        ('[terms]\ntext_file = "missing.txt"', "the terms cannot be read"),
        ('[terms]\ntext_file = "empty.txt"', "the terms cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_stops_it(folder: Path, text: str, said: str) -> None:
    (folder / "empty.txt").write_text("\n")
    with pytest.raises(ConfigError) as caught:
        shop_of(folder, text)
    assert caught.value.message == said
    assert str(folder) in caught.value.problems[0]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", ["terms.version", "terms.text_file"]),
        ('version = "1"', ["terms.text_file"]),
        ('text_file = "terms.txt"', ["terms.version"]),
    ],
)
def test_nobody_can_agree_to_terms_that_are_not_there(folder: Path, text: str, missing: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        shop_of(folder, f"[terms]\nrequire_acceptance = true\n{text}")
    assert [problem.rpartition(" needs ")[2] for problem in caught.value.problems] == missing


# -- hooks -------------------------------------------------------------------------------------------------------------


def test_an_address_is_a_hook_once_its_secret_is_there(folder: Path) -> None:
    text = '[hooks]\non_paid_url = "https://shop.example/paid"\n'
    assert shop_of(folder, text, APAY_HOOK_SECRET=SECRET).hooks == ("url",)
    assert shop_of(folder, text + f'secret = "{SECRET}"\n').hooks == ("url",)
    file = folder / "hook-secret"
    file.write_text(f"{SECRET}\n{SECRET}-new\n")
    file.chmod(0o600)
    assert shop_of(folder, text + 'secret_file = "hook-secret"\n').hooks == ("url",)


def test_both_hooks_run_the_program_first(folder: Path) -> None:
    text = '[hooks]\non_paid_url = "https://shop.example/paid"\non_paid = ["./credit", "--source", "telegram"]\n'
    assert shop_of(folder, text, APAY_HOOK_SECRET=SECRET).hooks == ("program", "url")


@pytest.mark.parametrize(
    ("secret", "error"), [("", TokenError), ("too-short", ConfigError), (f"{SECRET}\nshort", ConfigError)]
)
def test_a_secret_that_is_missing_or_short_is_told_at_the_start(
    folder: Path, secret: str, error: type[Exception]
) -> None:
    """Not at the first receipt."""
    with pytest.raises(error) as caught:
        shop_of(folder, '[hooks]\non_paid_url = "https://shop.example/paid"\n', APAY_HOOK_SECRET=secret)
    assert "hooks.on_paid_url" in str(caught.value)
    assert "short" not in str(caught.value).replace("is shorter than", "")


def test_a_secret_that_is_given_twice_is_refused(folder: Path) -> None:
    """As for the tokens: nobody knows which one is meant."""
    file = folder / "hook-secret"
    file.write_text(f"{SECRET}-new\n")
    file.chmod(0o600)
    text = '[hooks]\non_paid_url = "https://shop.example/paid"\nsecret_file = "hook-secret"\n'
    with pytest.raises(ConfigError) as caught:
        shop_of(folder, text + f'secret = "{SECRET}"\n')
    (problem,) = caught.value.problems
    assert problem.endswith("hooks.secret and hooks.secret_file are both given; keep one")


def test_a_secret_without_an_address_is_no_hook(folder: Path) -> None:
    assert shop_of(folder, f'[hooks]\nsecret = "{SECRET}"\n').hooks == ()


def test_every_setting_of_these_tables_is_one_that_is_tried_here() -> None:
    """A new key must find its way into the shop, or be named here as one that is read elsewhere."""
    tables = ("terms", "support", "messages", "notify", "hooks")
    assert {key.name for key in KEYS if key.name.partition(".")[0] in tables} == {
        "terms.version", "terms.text_file", "terms.require_acceptance", "support.text", "support.forward_to",
        "messages.file", "notify.chat", "hooks.on_paid", "hooks.on_paid_url", "hooks.secret", "hooks.secret_file",
    }  # fmt: skip
