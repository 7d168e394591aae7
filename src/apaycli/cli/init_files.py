"""The files that `apay init` writes: config, stock file, terms; and their check by the real loaders.

Knows the words of each file; never asks a person, and never touches what is there already.
"""

from pathlib import Path
from typing import Any

_CONFIG = """\
# apay's config. One config file is one bot; paths are relative to this file.
# Only what is needed stands here: sample-config.toml of the project has every key with its default.
# Nothing in a file switches to real money: that is --live, or APAY_LIVE=1 for a service.

[bot]
token_file = "bot-token"                     # yours alone; another one: apay config set-secret bot-token
{api_url}
[provider]
test_token_file = "provider-test-token"      # Paykassma Test
# live_token_file = "provider-live-token"    # Paykassma Live: apay config set-secret live-provider-token

[store]
url = "sqlite:apay.db"                       # the ledger: who paid what. apay backup copies it

[stock]
file = "stock.toml"                          # your products

[terms]
version = {terms_version}
text_file = "terms.txt"                      # what /terms answers; a new text needs a new version
# require_acceptance = true                  # who has not agreed to the terms cannot pay

[support]
text = {support}
# forward_to = 123456789                     # a chat that is told of requests behind /support

# [notify]
# chat = 123456789                           # a chat that is told of payments

# [backup]
# dir = "backups"                            # then apay listen makes one every 6 hours
"""

_STOCK = """\
# Your products. apay stock check names mistakes; a listener takes changes up within two seconds.
# stock is the number of units ever offered: more arrived, apay stock add SKU 5. docs/stock-file.md has every key.

currency = "{currency}"

[products.{sku}]
title = {title}
description = {description}
price = {price}
{stock}
"""

# Plain words for a start. What stands in [brackets] only the merchant knows.
_TERMS = """\
Terms of sale, version {version}

1. Who sells: [name of your shop or firm, address, country].

2. What is sold: physical goods and services, as each invoice describes them. Digital goods are not sold here.

3. Price and payment: the amount on the invoice, in its currency, [taxes included]. You pay through A-Pay (Paykassma); \
we never see your card or account. A payment counts when the bot says so.

4. Delivery: [where to, how, and within how many days after the payment].

5. Giving back: write to us within [14] days after delivery if something is missing, broken or not what you ordered. \
We send it again or give the money back within [7] days, by the way it was paid or another that you agree to.

6. Questions and complaints: {support}
In this chat, /support followed by your question also reaches us. Telegram's own support cannot help with purchases \
made here, and neither can the developers of Telegram.

7. Your data: we keep what you enter on the invoice for delivery and for our books, and give it to nobody but \
[the carrier]. Ask us, and what the law does not make us keep is deleted.

By paying you agree to these terms.
"""


def config_text(answers: dict[str, Any]) -> str:
    api_url = answers["api_url"]
    return _CONFIG.format(
        api_url="" if api_url is None else f"api_url = {toml_text(api_url)}\n",
        terms_version=toml_text(answers["terms_version"]),
        support=toml_text(answers["support"]),
    )


def stock_text(answers: dict[str, Any]) -> str:
    from apaycli.money import format_amount

    currency, stock = answers["currency"], answers["stock"]
    whole = format_amount(answers["price"], currency)
    return _STOCK.format(
        currency=currency,
        sku=answers["sku"],
        title=toml_text(answers["title"]),
        description=toml_text(answers["description"]),
        price=whole.removesuffix("." + "0" * len(whole.partition(".")[2])),
        stock='stock = "unlimited"' if stock is None else f"stock = {stock}",
    )


def terms_text(answers: dict[str, Any]) -> str:
    return _TERMS.format(version=answers["terms_version"], support=answers["support"])


def toml_text(text: str) -> str:
    """`text` in quotes, as TOML wants it."""
    import tomlkit  # heavy, and only here

    return str(tomlkit.item(text).as_string())


def check_files(folder: Path, config_name: str, kept: set[str]) -> None:
    """Read the files as every other command will. Raises ConfigError or TokenError. Where one is `kept`, it is its
    owner's own, and the others are read without it."""
    from apaycli.config import load_config
    from apaycli.merchant import read_shop
    from apaycli.stockfile import StockFile, read_stock_file

    stock = StockFile({}) if "stock.toml" in kept else read_stock_file(folder / "stock.toml")
    if config_name in kept:
        return
    config = load_config(folder / config_name, {})
    if (folder / "bot-token").exists():
        config.bot_token()
    if (folder / "provider-test-token").exists():
        config.provider_token("test")
    if "terms.txt" not in kept:
        read_shop(config, stock, "test")
