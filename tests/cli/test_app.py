"""The command line as a whole: exit codes, the command tree, and how a program ends."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer.main

from apaycli.cli.app import COMMANDS, build_app
from apaycli.store.lock import ledger_lock
from shop import NOBODY, RAHIM, STOCK, Done, Shop

DUCK = ("send-invoice", "rubber-duck", "--to", RAHIM)


# -- exit codes (product.md section 10) --------------------------------------------------------------------------------


def done(shop: Shop, *more: str) -> Done:
    return shop.run("stock", *more)


def bug(shop: Shop, *more: str) -> Done:
    def fail(method: str, body: bytes) -> None:
        raise RuntimeError(f"at /bot{shop.world.bot_token}/{method} \x1b[2J")

    shop.before = fail
    return shop.run(*DUCK, *more)


def wrong_usage(shop: Shop, *more: str) -> Done:
    return shop.run("stock", "add", "rubber-duck", "0", *more)


def wrong_stock_file(shop: Shop, *more: str) -> Done:
    shop.write_stock(STOCK.replace("price = 499", "price = 1e3").replace("stock = 10", "stock = 10\nstok = 10"))
    return shop.run("stock", *more)


def wrong_config(shop: Shop, *more: str) -> Done:
    shop.write_config('[bot]\napi_url = "ftp://x"\n[listen]\npoll_timeout = 5\n')
    return shop.run("stock", *more)


def no_token(shop: Shop, *more: str) -> Done:
    return shop.run(*DUCK, *more, APAY_BOT_TOKEN="")


def refused(shop: Shop, *more: str) -> Done:
    return shop.run("send-invoice", "rubber-duck", "--to", NOBODY, *more)


def not_good(shop: Shop, *more: str) -> Done:
    return shop.run("check-live", "--offline", *more)


def second_listener(shop: Shop, *more: str) -> Done:
    with ledger_lock(shop.ledger, "apay listen", shop.clock.now()):
        return shop.run("listen", "--once", *more)


def unconfirmed(shop: Shop, *more: str) -> Done:
    return shop.run(*DUCK, "--live", *more, APAY_LIVE_PROVIDER_TOKEN=shop.world.live_provider_token)


def no_ledger(shop: Shop, *more: str) -> Done:
    return shop.run("export", *more)


ENDINGS: tuple[tuple[int, Callable[..., Done], str | None], ...] = (
    (0, done, None),
    (1, bug, "unexpected"),
    (2, wrong_usage, "usage"),
    (3, wrong_stock_file, "config"),
    (3, wrong_config, "config"),
    (4, no_token, "token"),
    (5, refused, "telegram"),
    (6, not_good, None),
    (7, second_listener, "another_listener"),
    (8, unconfirmed, "needs_confirmation"),
    (9, no_ledger, "ledger"),
)


@pytest.mark.parametrize(("code", "end", "slug"), ENDINGS, ids=[end.__name__ for _, end, _ in ENDINGS])
def test_each_ending_has_its_exit_code(shop: Shop, code: int, end: Callable[..., Done], slug: str | None) -> None:
    ended = end(shop)
    assert ended.code == code
    assert bool(ended.out) == (code in (0, 6))
    errors = [line for line in ended.err.splitlines() if line.startswith("apay: error: ")]
    assert len(errors) == (slug is not None)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("code", "end", "slug"), ENDINGS, ids=[end.__name__ for _, end, _ in ENDINGS])
def test_each_failure_with_json_is_one_object_on_stderr(
    shop: Shop, code: int, end: Callable[..., Done], slug: str | None
) -> None:
    ended = end(shop, "--json")
    assert ended.code == code
    objects = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    if slug is None:
        assert objects == []
        assert json.loads(ended.out)
        return
    assert ended.out == ""
    (found,) = objects
    assert list(found) == ["error"]
    assert list(found["error"])[:3] == ["code", "message", "hint"]
    assert found["error"]["code"] == slug
    assert ("problems" in found["error"]) == (slug == "config")
    assert len(found["error"].get("problems", ())) in (0, 2)


@pytest.mark.parametrize(("code", "end", "slug"), ENDINGS, ids=[end.__name__ for _, end, _ in ENDINGS])
def test_no_ending_shows_a_secret_or_obeys_strangers(
    shop: Shop, code: int, end: Callable[..., Done], slug: str | None
) -> None:
    for more in ((), ("--json",), ("-vv",), ("--debug",)):
        ended = end(shop, *more)
        for secret in (shop.world.bot_token, shop.world.live_provider_token, shop.world.test_provider_token):
            assert secret not in ended.out + ended.err
            assert secret.split(":")[-1] not in ended.out + ended.err
        assert all(c.isprintable() or c in "\n\t" for c in ended.out + ended.err)


def test_quiet_says_nothing_but_errors(shop: Shop) -> None:
    assert shop.run(*DUCK, "-q").err == ""
    assert refused(shop, "-q").err.startswith("apay: error: ")


# -- a bug -------------------------------------------------------------------------------------------------------------


def test_a_bug_is_one_sentence_and_a_private_report_without_secrets(shop: Shop) -> None:
    ended = bug(shop)
    report = shop.folder / ".local" / "state" / "apay" / "last-bug.txt"
    assert ended.err.splitlines()[-2:] == [
        "apay: error: unexpected: RuntimeError (a bug in apay)",
        f"apay: hint: the report lies in {report}; --debug prints it",
    ]
    assert report.stat().st_mode & 0o777 == 0o600
    assert report.parent.stat().st_mode & 0o777 == 0o700
    text = report.read_text("utf-8")
    assert "Traceback" in text
    assert "RuntimeError: at /bot<" in text
    assert shop.world.bot_token not in text


def test_debug_prints_the_report_and_writes_none(shop: Shop) -> None:
    ended = bug(shop, "--debug")
    assert "Traceback" in ended.err
    assert shop.world.bot_token not in ended.err
    assert "\x1b" not in ended.err
    assert not (shop.folder / ".local" / "state" / "apay" / "last-bug.txt").exists()


def test_a_report_that_cannot_be_written_says_how_to_see_it(shop: Shop) -> None:
    (shop.folder / ".local").write_text("in the way")
    assert "run it again with --debug" in bug(shop).err


def test_text_that_no_file_can_hold_still_ends_in_one_sentence(shop: Shop) -> None:
    def fail(method: str, body: bytes) -> None:
        raise RuntimeError("\udc80 from a file name")

    shop.before = fail
    ended = shop.run(*DUCK)
    assert (ended.code, "a bug in apay" in ended.err) == (1, True)


def test_ctrl_c_is_130_and_with_quiet_says_nothing(shop: Shop) -> None:
    def interrupt(method: str, body: bytes) -> None:
        raise KeyboardInterrupt

    shop.before = interrupt
    ended = shop.run(*DUCK, "-q")
    assert (ended.code, ended.out, ended.err) == (130, "", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_through_the_cleaning_up(shop: Shop, number: int, code: int) -> None:
    shop.run(*DUCK)
    signal.signal(number, lambda *_: None)  # without a handler of apay's own the tests themselves would end here
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: signal.raise_signal(number))
        ended = shop.run("export", "--csv", str(shop.folder / "receipts.csv"))
    assert (ended.code, ended.out) == (code, "")
    assert ended.err == f"apay: apay export was interrupted: {shop.folder / 'receipts.csv'} was not written\n"
    assert [path.name for path in shop.folder.iterdir() if "receipts" in path.name] == []


# -- usage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "command"), [((), "apay"), (("config",), "apay config")])
def test_no_command_is_a_short_help_and_code_2(shop: Shop, arguments: tuple[str, ...], command: str) -> None:
    ended = shop.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"Usage: {command} ")
    assert "Commands:" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (("stok",), "Did you mean 'stock'?", "apay --help"),
        (("listn",), "Did you mean 'listen'", "apay --help"),
        (("stock", "chek"), "no such command 'chek'", "apay stock --help"),
        (("stock", "--jsn"), "--json", "apay stock --help"),
        ((*DUCK, "--quantty", "3"), "--quantity", "apay send-invoice --help"),
        ((*DUCK, "--quantity"), "requires an argument", "apay --help"),
        (("export", "a", "b"), "unexpected extra argument", "apay export --help"),
        (("stock", "add", "rubber-duck"), "missing argument", "apay stock add --help"),
        (("sandbox", "--port", "70000"), "--port takes 0 to 65535", None),
        (("sandbox", "--port", "x\x1b[2J"), "is not a valid int", "apay sandbox --help"),
    ],
)
def test_wrong_usage_says_what_was_meant_and_where_help_is(
    shop: Shop, arguments: tuple[str, ...], said: str, hint: str | None
) -> None:
    ended = shop.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "\x1b" not in ended.err
    assert ("apay: hint: " in ended.err) == (hint is not None)
    assert hint is None or f"apay: hint: {hint}\n" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        (*DUCK, "--token", "123456:canary"),
        (*DUCK, "--token=123456:canary"),
        ("--token", "123456:canary", "stock"),
        ("stock", "--token-file", "x"),
        (*DUCK, "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot"),
        ("check-live", "--only", "53391:LIVE:canary"),
        ("53391:TEST:canary",),
        (*DUCK, "--title", "https://api.telegram.org/bot123456789:AAcanaryAAcanaryAAcanaryAAcanary/getMe"),
    ],
)
def test_a_token_on_the_command_line_is_refused_and_not_repeated(shop: Shop, arguments: tuple[str, ...]) -> None:
    for more in ((), ("--json",)):
        ended = shop.run(*arguments, *more)
        assert (ended.code, ended.out) == (2, "")
        assert "can be read by everybody on this machine" in ended.err
        assert "APAY_BOT_TOKEN" in ended.err
        assert "canary" not in ended.err
    assert shop.requests() == []


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("\udcff", "\\xff"),
        ("Ente \udce4.csv", "Ente \\xe4.csv"),
        ("a\ud800", "a\\ud800"),
        ("\udcff\x1b[2J", "\\xff\\x1b[2J"),
    ],
    ids=ascii,
)
def test_an_argument_that_is_no_text_is_wrong_usage_of_every_command(shop: Shop, argument: str, shown: str) -> None:
    for path in TREE:
        for arguments in ((argument,), ("--config", argument), (f"--since={argument}",)):
            ended = shop.run(*path.split()[1:], *arguments)
            assert (ended.code, ended.out) == (2, ""), path
            option = arguments[0].partition("=")[0] + "=" if "=" in arguments[0] else ""
            assert f"apay: error: an argument is not UTF-8 text: {option}{shown}\n" in ended.err
            assert "apay: hint: set the terminal to UTF-8; a file with such a name must be renamed first\n" in ended.err
    assert list(shop.folder.rglob("*")) == [shop.stock_file]


# -- the command tree --------------------------------------------------------------------------------------------------


def commands(node: Any, path: str = "apay") -> Iterator[tuple[str, Any]]:
    """Every command that can be run, with its path."""
    for name, child in sorted(getattr(node, "commands", {}).items()):
        yield from commands(child, f"{path} {name}")
    if path != "apay" and not (getattr(node, "commands", None) and not node.invoke_without_command):
        yield path, node


TREE = dict(commands(typer.main.get_command(build_app())))


def test_the_tree_has_every_command() -> None:
    assert {path.split()[1] for path in TREE} == set(COMMANDS)


@pytest.mark.parametrize("path", TREE)
def test_every_command_has_the_common_options_and_an_example(
    path: str, capsys: pytest.CaptureFixture[str], shop: Shop
) -> None:
    options = {flag for option in TREE[path].params for flag in option.opts}
    assert {"--json", "-q", "--quiet", "-v", "--verbose", "--config", "--live", "--color", "--no-input"} <= options
    assert shop.run(*path.split()[1:], "--help").code == 0
    shown, said = capsys.readouterr()
    assert said == ""
    example = next((line.strip() for line in shown.splitlines() if line.strip().startswith(path)), None)
    assert example is not None, f"{path} --help has no example"


@pytest.mark.parametrize("path", ["send-invoice", "stock add", "stock count"])
def test_what_changes_something_can_be_tried_dry(path: str) -> None:
    assert "--dry-run" in {flag for option in TREE[f"apay {path}"].params for flag in option.opts}


def test_help_names_every_command(capsys: pytest.CaptureFixture[str], shop: Shop) -> None:
    for word in ("-h", "--help"):
        assert shop.run(word).code == 0
        shown, _ = capsys.readouterr()
        assert [name for name in COMMANDS if f"  {name} " not in shown] == []


def test_a_command_brings_no_other_command() -> None:
    app = build_app(["stock"])
    assert [group.name for group in app.registered_groups] == ["stock"]
    assert app.registered_commands == []
