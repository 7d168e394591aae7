"""Changing `stock`: one number changes, and everything else stays as the merchant wrote it."""

import os
from pathlib import Path

import pytest

from apaycli.errors import ConfigError
from apaycli.stockedit import set_stock
from apaycli.stockfile import read_stock_file

TEXT = """\
# My shop, since 2019

currency = "INR"    # rupees

[products.zebra]    # comes first, stays first
title = "Zebra"
description = 'A "real" one.'
price = 1_500       # grouped
stock   =   3       # on the shelf: 2

# ducks below
[products.duck]
title = "Duck ৳ 🦆"
description = "Yellow."
prices = [
    { label = "Duck", amount = 450 },   # net
    { label = "GST", amount = 49.00 },
]
tips = { max = 50, suggested = [10, 20] }
"""


def write(folder: Path, text: str, mode: int = 0o644) -> Path:
    path = folder / "stock.toml"
    path.write_bytes(text.encode())
    path.chmod(mode)
    return path


def test_one_number_changes_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    set_stock(path, "zebra", 8)
    assert path.read_text() == TEXT.replace("stock   =   3       #", "stock   =   8       #")


def test_a_product_without_stock_gets_the_line_in_its_own_table(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    set_stock(path, "duck", 5)
    assert path.read_text() == TEXT + "stock = 5\n"
    products = read_stock_file(path).products
    assert (products["duck"].stock, products["zebra"].stock) == (5, 3)
    assert list(products) == ["zebra", "duck"]


WORDS = 'title = "Duck"\ndescription = "Y."\nprice = 499\n'
TOP = 'currency = "INR"\n'


@pytest.mark.parametrize(
    "text",
    [
        TOP + '[products]\nduck = { title = "Duck", description = "Y.", price = 499, stock = 3 } # in line\n',
        TOP + '[products]\nduck.title = "Duck" # dots\nduck.description = "Y."\nduck.price = 499\nduck.stock = 3\n',
        TOP + 'products.duck = { title = "Duck", description = "Y.", price = 499, stock = "unlimited" }\n',
        TOP + "[products.duck]\n" + WORDS + "stock = 'unlimited'\n[products.duck.tips]\nmax = 50\n",
        (TOP + "[products.duck] # Windows\n" + WORDS + "stock = 3\n").replace("\n", "\r\n"),
        "\ufeff" + TOP + "[products.duck]\n" + WORDS + "stock = 3",
    ],
)
def test_every_way_of_writing_a_product_can_be_changed(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    before = read_stock_file(path).products["duck"]
    set_stock(path, "duck", 12)
    after = read_stock_file(path).products["duck"]
    assert after.stock == 12
    assert (after.title, after.prices, after.tips) == (before.title, before.prices, before.tips)
    for comment in ("# in line", "# dots", "# Windows"):
        assert (comment in path.read_bytes().decode()) == (comment in text)
    assert ("\r\n" in text) == (b"\r\n" in path.read_bytes())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, TEXT, mode)
    set_stock(path, "zebra", 8)
    assert path.stat().st_mode & 0o777 == mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = write(tmp_path / "real", TEXT)
    link = tmp_path / "stock.toml"
    link.symlink_to(real)
    set_stock(link, "zebra", 8)
    set_stock(link, "duck", 5)
    assert link.is_symlink()
    assert read_stock_file(real).products["zebra"].stock == 8


@pytest.mark.parametrize(
    ("text", "sku"),
    [(TEXT, "bear"), ('currency = "INR"\n', "zebra"), ("products = 5\n", "zebra"), ("[products.zebra\n", "zebra")],
)  # fmt: skip
def test_what_cannot_be_changed_is_left_as_it_is(tmp_path: Path, text: str, sku: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match="cannot be changed here; edit the file by hand"):
        set_stock(path, sku, 8)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, TEXT)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        set_stock(path, "zebra", 8)
    assert path.read_text() == TEXT
    assert list(tmp_path.iterdir()) == [path]
