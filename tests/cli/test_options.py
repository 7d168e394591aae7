"""The options that every command has: in every help, before or after the command, and never forgotten."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import typer

from apaycli.cli.app import build_app
from apaycli.cli.env import Common
from apaycli.cli.options import _COMMON, LEADING, command
from shop import STOCK, Shop


def test_every_common_option_is_a_field_and_may_stand_first() -> None:
    assert set(_COMMON) == set(inspect.signature(Common).parameters)
    group: Any = typer.main.get_command(build_app(["config"]))
    options = [option for option in group.commands["config"].commands["show"].params if option.name in _COMMON]
    assert len(options) == len(_COMMON)
    assert {flag for option in options for flag in option.opts} | {"-vv"} == set(LEADING)
    assert {flag for option in options if not option.is_flag and not option.count for flag in option.opts} == {
        flag for flag, has_value in LEADING.items() if has_value
    }


def test_a_commands_own_options_come_before_the_common_ones() -> None:
    @command
    def greet(env: object, name: str = "you") -> None:
        """Say hello."""

    parameters = inspect.signature(greet).parameters
    assert list(parameters) == ["ctx", "name", *_COMMON]
    assert parameters["ctx"].annotation is typer.Context
    assert greet.__doc__ == "Say hello."


@pytest.mark.parametrize(
    "arguments",
    [
        ("stock", "--json"),
        ("--json", "stock"),
        ("--json", "-q", "stock"),
        ("-q", "stock", "--json"),
        ("--color", "never", "--json", "stock"),
        ("--color=never", "--json", "stock"),
        ("stock", "--json", "check"),
        ("--json", "stock", "check"),
        ("stock", "check", "--json"),
    ],
)
def test_json_may_stand_anywhere(shop: Shop, arguments: tuple[str, ...]) -> None:
    done = shop.run(*arguments)
    assert done.code == 0, done.err
    assert set(done.json) & {"mode", "file"}


@pytest.mark.parametrize(
    "arguments",
    [("--live", "stock"), ("stock", "--live"), ("--live", "stock", "--json"), ("stock", "--json", "--live")],
)
def test_live_may_stand_anywhere(shop: Shop, arguments: tuple[str, ...]) -> None:
    assert shop.run(*arguments, "--json").json["mode"] == "live"


@pytest.mark.parametrize("where", [0, 1, 2])
def test_live_before_a_subcommand_counts_the_live_stock(shop: Shop, where: int) -> None:
    """`count` adds what is sold and held in its mode: the wrong mode would offer units that are sold."""
    with shop.store() as store:
        store.db.execute("INSERT INTO stock VALUES ('live', 'rubber-duck', 1, 4)")
    words = ["stock", "count", "rubber-duck", "5", "--json"]
    words.insert(where, "--live")
    assert shop.run(*words).json["stock"] == 10


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_config_named_before_a_subcommand_is_the_one_that_is_read(shop: Shop, tmp_path: Path, where: int) -> None:
    del shop.environ["APAY_STOCK"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "stock.toml").write_text(STOCK)
    (tmp_path / "other" / "config.toml").write_text("")
    words = ["stock", "add", "rubber-duck", "5", "--json"]
    words[where:where] = ["--config", str(tmp_path / "other" / "config.toml")]
    assert shop.run(*words).json["stock"] == 15
    assert "stock = 15" in (tmp_path / "other" / "stock.toml").read_text()
    assert shop.stock_file.read_text() == STOCK


def test_quiet_before_a_subcommand_stays_quiet(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("price = 499", "price = 499.5"))
    assert "warning" in shop.run("stock", "check").err
    assert shop.run("stock", "-q", "check").err == ""
    assert shop.run("-q", "stock", "check").err == ""


def test_behind_two_dashes_stands_no_option(shop: Shop) -> None:
    done = shop.run("--json", "send-invoice", "--", "--json")
    assert done.code == 2
    assert done.error["code"] == "usage"
    assert "--to is missing" in done.error["message"] or "no product '--json'" in done.error["message"]


@pytest.mark.parametrize("color", ["purple", "", "ALWAYS", "\x1b[2J"])
def test_colour_takes_three_words(shop: Shop, color: str) -> None:
    done = shop.run("stock", "--color", color)
    assert (done.code, done.out) == (2, "")
    assert "takes auto, always or never" in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    "arguments", [("--config",), ("--json",), ("--live",), ("stock", "--config"), ("stock", "--color")]
)
def test_an_option_without_its_rest_is_a_usage_error(shop: Shop, arguments: tuple[str, ...]) -> None:
    done = shop.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "error" in done.err
