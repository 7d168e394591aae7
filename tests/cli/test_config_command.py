"""`apay config`: every value with its origin, and secrets by their last four characters."""

import pytest

from apaycli.config import KEYS
from shop import Shop


def test_every_value_is_shown_with_its_origin(shop: Shop) -> None:
    path = shop.write_config('[listen]\npoll_timeout = "30s"\n[store]\nurl = "sqlite:file.db"\n')
    rows = [line.split("\t") for line in shop.run("config", "show", "--origin").out.splitlines()]
    assert [row[0] for row in rows] == [*(key.name for key in KEYS), "mode"]
    shown = {name: (value, origin) for name, value, origin in rows}
    assert shown["listen.poll_timeout"] == ("30s", str(path))
    assert shown["store.url"] == (str(shop.ledger), "APAY_STORE")
    assert shown["listen.reservation_ttl"] == ("30m", "default")
    assert shown["terms.version"] == ("", "default")
    assert shown["mode"] == ("test", "default")


def test_without_origin_there_are_two_columns(shop: Shop) -> None:
    assert {len(line.split("\t")) for line in shop.run("config", "show").out.splitlines()} == {2}


def test_json_has_value_and_origin(shop: Shop) -> None:
    document = shop.run("config", "show", "--json").json
    assert list(document) == [*(key.name for key in KEYS), "mode"]
    assert document["store.url"] == {"value": str(shop.ledger), "origin": "APAY_STORE"}
    assert document["terms.version"] == {"value": None, "origin": "default"}


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ((), {}, {"value": "test", "origin": "default"}),
        (("--live",), {}, {"value": "live", "origin": "--live"}),
        ((), {"APAY_LIVE": "1"}, {"value": "live", "origin": "APAY_LIVE"}),
        ((), {"APAY_LIVE": "0"}, {"value": "test", "origin": "APAY_LIVE"}),
    ],
)
def test_the_mode_and_who_said_so(
    shop: Shop, options: tuple[str, ...], environ: dict[str, str], expected: dict[str, str]
) -> None:
    assert shop.run("config", "show", "--json", *options, **environ).json["mode"] == expected


@pytest.mark.parametrize("options", [(), ("--origin",), ("--json",), ("-vv",), ("--debug",)])
def test_secrets_are_shown_by_their_end_alone(shop: Shop, options: tuple[str, ...]) -> None:
    token = "123456789:AAcanaryAAcanaryAAcanaryAAcanary_end"
    shop.write_config('[provider]\nlive_token = "53391:LIVE:canary-file"\n')
    done = shop.run("config", "show", *options, APAY_BOT_TOKEN=token)
    assert done.code == 0, done.err
    assert "…_end" in done.out
    assert "…file" in done.out
    assert "canary" not in done.out + done.err


@pytest.mark.parametrize("options", [(), ("--origin",), ("--json",), ("-vv",), ("--debug",)])
def test_a_token_inside_another_value_is_not_shown(shop: Shop, options: tuple[str, ...]) -> None:
    token = "987654321:AAcanaryBBcanaryBBcanaryBBcanary_end"
    shop.write_config(
        f'[hooks]\non_paid = ["/bin/echo", "{token}"]\non_paid_url = "https://shop.example/bot{token}/x"\n'
        '[support]\ntext = "53391:LIVE:canary-file"\n'
    )
    done = shop.run("config", "show", *options, APAY_API_URL=f"https://proxy.example/bot{token.replace(':', '%3A')}")
    assert done.code == 0, done.err
    assert "https://proxy.example/bot<bot token>" in done.out
    assert "https://shop.example/bot<bot token>/x" in done.out
    assert "canary" not in done.out + done.err


def test_a_short_secret_is_not_shown_at_all(shop: Shop) -> None:
    assert shop.run("config", "show", "--json", APAY_BOT_TOKEN="canary").json["bot.token"]["value"] == "…"


def test_the_path_is_told_whether_it_is_there_or_not(shop: Shop) -> None:
    path = shop.folder / ".config" / "apay" / "config.toml"
    assert shop.run("config", "path").out == f"{path}\n"
    assert shop.run("config", "path", "--json").json == {"path": str(path), "exists": False}
    shop.write_config("garbage = = =")
    assert shop.run("config", "path", "--json").json == {"path": str(path), "exists": True}
    assert shop.run("config", "path", "--config", "/other.toml").out == "/other.toml\n"


def test_the_command_line_goes_before_the_environment(shop: Shop) -> None:
    for name in ("line", "environ"):
        (shop.folder / f"{name}.toml").write_text(f'[support]\ntext = "{name}"\n')
    environ = {"APAY_CONFIG": str(shop.folder / "environ.toml")}
    options = ("--config", str(shop.folder / "line.toml"))
    assert shop.run("config", "show", "--json", **environ).json["support.text"]["value"] == "environ"
    assert shop.run("config", "show", "--json", *options, **environ).json["support.text"]["value"] == "line"


def test_a_broken_config_names_all_its_problems(shop: Shop) -> None:
    shop.write_config('[bot]\napi_url = "ftp://u:canary@x"\n[listen]\npoll_timeout = 5\n')
    done = shop.run("config", "show", "--json")
    assert (done.code, done.out) == (3, "")
    assert len(done.error["problems"]) == 2
    assert "canary" not in done.err


def test_keys_that_are_not_known_are_said(shop: Shop) -> None:
    shop.write_config("[backup]\nkeep = 5\n[bakup]\nkeep = 1\n")
    done = shop.run("config", "show")
    assert done.code == 0
    assert "backup.keep" not in done.err
    assert "[bakup] is not known (did you mean 'backup'?)" in done.err
