"""`apay init`: what is asked, what is refused and why, and that files appear whole, together, and never unasked."""

import json
import os
from pathlib import Path

import pytest

from apaycli.config import load_config
from apaycli.config_places import state_folder
from apaycli.stockfile import read_stock_file
from apaycli.store.place import LedgerPlace
from shop import Done, Shop
from terminal import Terminal

FILES = ["bot-token", "config.toml", "provider-test-token", "stock.toml", "terms.txt"]
NOTHING = {"APAY_BOT_TOKEN": "", "APAY_TEST_PROVIDER_TOKEN": "", "APAY_STORE": "", "APAY_STOCK": ""}
BOTFATHER = (
    "Done! Congratulations on your new bot.\n\nUse this token to access the HTTP API:\n{}\nKeep your token secure"
)


def script(shop: Shop, *options: str, **environ: str) -> Done:
    """Without a terminal, and with both tokens."""
    return shop.run("init", "shop", "--offline", *options, **{"APAY_STORE": "", "APAY_STOCK": "", **environ})


def talk(shop: Shop, *answers: str, options: tuple[str, ...] = (), **environ: str) -> Done:
    """On a terminal; one answer after the other, and then the input ends."""
    stdin = "".join(answer + "\n" for answer in answers)
    return shop.run("init", "shop", *options, stdin=stdin, terminal=True, **{**NOTHING, **environ})


@pytest.fixture(autouse=True)
def here(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)


@pytest.fixture
def folder(shop: Shop) -> Path:
    return shop.folder / "shop"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_script_gets_every_file_private_and_good(shop: Shop, folder: Path) -> None:
    done = script(shop, "--json", "--title", "Kaffee & Küche", "--price", "419.50", "--stock", "unlimited")
    assert done.code == 0, done.err
    assert names(folder) == FILES
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    config = load_config(folder / "config.toml", {})
    assert (config.bot_token(), config.provider_token("test")) == (
        shop.world.bot_token,
        shop.world.test_provider_token,
    )
    assert config.warnings == ()
    assert (config.store_path, config.values["terms.version"]) == (Path("shop/apay.db").absolute(), "2026-01")
    [product] = read_stock_file(config.stock_file).products.values()
    assert (product.sku, product.title, product.stock) == ("kaffee-kuche", "Kaffee & Küche", None)
    assert (product.prices[0].amount, product.currency) == (41950, "INR")
    assert list(done.json) == ["folder", "bot_id", "bot_username", "files", "next"]
    assert [Path(file["path"]).name for file in done.json["files"]][-1] == "config.toml"
    assert (done.json["bot_username"], done.json["next"]) == (None, "apay listen --config shop/config.toml")


def test_no_token_is_ever_shown(shop: Shop) -> None:
    for options in ((), ("--json",), ("-vv", "--yes", "--price", "700"), ("--dry-run",), ("--price", "9")):
        done = script(shop, *options)
        assert shop.world.bot_token.partition(":")[2] not in done.out + done.err
        assert shop.world.test_provider_token not in done.out + done.err


def test_everything_that_is_missing_or_wrong_is_named_at_once(shop: Shop, folder: Path) -> None:
    options = ("--currency", "KHR", "--title", "x" * 33, "--stock", "-1", "--sku", "A b", "--support", " ")
    done = script(shop, *options, "--json", **NOTHING)
    assert (done.code, done.out, folder.exists()) == (2, "", False)
    problems = "\n".join(done.error["problems"])
    for said in ("APAY_BOT_TOKEN, or --bot-token-file", "APAY_TEST_PROVIDER_TOKEN, or --provider-token-file",
                 "A-Pay takes it, Telegram does not", "33 characters, at most 32", "--stock takes a whole number",
                 "--sku takes 1 to 32", "--support takes one line"):  # fmt: skip
        assert said in problems
    assert len(done.error["problems"]) == 7


def test_tokens_alone_that_are_missing_have_their_own_code(shop: Shop, folder: Path) -> None:
    assert script(shop, **NOTHING).code == 4
    done = script(shop, APAY_BOT_TOKEN=shop.world.test_provider_token)
    assert (done.code, folder.exists()) == (4, False)
    assert "looks like a provider token" in done.err


@pytest.mark.parametrize("price", ["1e3", "0", "0.001", "-5", "five", "99999999", "1"])
def test_a_price_that_nobody_could_pay_is_refused(shop: Shop, folder: Path, price: str) -> None:
    done = script(shop, f"--price={price}")
    assert (done.code, folder.exists()) == (2, False)
    assert "--price " in done.err


def test_a_price_that_apay_may_round_is_warned_about(shop: Shop) -> None:
    assert "A-Pay takes whole INR only" in script(shop, "--price", "499.50").err


def test_tokens_come_from_files_that_only_their_owner_can_read(shop: Shop, folder: Path) -> None:
    file = shop.folder / "token"
    file.write_text(f'"{shop.world.bot_token}"\n')
    file.chmod(0o644)
    refused = script(shop, "--bot-token-file", "token", **NOTHING)
    assert "chmod 600" in refused.err
    file.chmod(0o600)
    stdin = shop.world.test_provider_token + "\n"
    options = ("--offline", "--bot-token-file", "token", "--provider-token-file", "-")
    assert shop.run("init", "shop", *options, stdin=stdin, **NOTHING).code == 0
    assert (folder / "bot-token").read_text() == shop.world.bot_token + "\n"
    assert (folder / "provider-test-token").read_text() == stdin


# -- what is there already -----------------------------------------------------------------------------------------


def test_a_shop_that_is_set_up_anew_where_its_files_are_gone_may_get_a_new_ledger(shop: Shop, folder: Path) -> None:
    script(shop)
    place = LedgerPlace(folder / "apay.db", state_folder(shop.environ))
    place.remember("abc", 0)
    log = folder / "apay.db-wal"
    log.write_bytes(b"left behind")
    for options in ((), ("--yes", "--price", "700"), ("--yes", "--dry-run", "--price", "800")):
        done = script(shop, *options)  # the config is there: nothing is forgotten
        assert (done.code, place.is_lost, log.exists()) == (0, True, True), done.err
    (folder / "config.toml").unlink()
    assert script(shop, "--yes", "--dry-run").code == 0
    assert place.is_lost
    done = script(shop, "--yes")
    assert (done.code, place.is_lost) == (0, False), done.err
    assert "put it back before you start" in " ".join(done.err.split())
    (kept,) = folder.glob("apay.db.before-*-wal")
    assert kept.read_bytes() == b"left behind"
    assert "there was a ledger" not in script(shop).err


def test_the_same_again_changes_nothing(shop: Shop, folder: Path) -> None:
    script(shop)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = script(shop, "--json")
    assert {file["state"] for file in done.json["files"]} == {"unchanged"}
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_nothing_is_replaced_without_a_yes(shop: Shop, folder: Path) -> None:
    script(shop)
    old = (folder / "stock.toml").read_text()
    done = script(shop, "--price", "700", "--support", "@new")
    assert (done.code, done.out, names(folder)) == (8, "", FILES)
    assert "stock.toml, terms.txt, config.toml" in done.err
    assert "--yes" in done.err
    done = script(shop, "--price", "700", "--yes", "--json")
    assert done.code == 0
    states = {Path(file["path"]).name: (file["state"], file["before"]) for file in done.json["files"]}
    assert states["stock.toml"] == ("written", "shop/stock.toml.before")
    assert states["config.toml"] == ("unchanged", None)
    assert (folder / "stock.toml.before").read_text() == old
    assert "price = 700" in (folder / "stock.toml").read_text()


def test_a_token_that_others_can_read_is_written_again(shop: Shop, folder: Path) -> None:
    script(shop)
    (folder / "bot-token").chmod(0o644)
    assert script(shop).code == 8
    assert script(shop, "--yes").code == 0
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_on_a_terminal_each_file_is_asked_for(shop: Shop, folder: Path) -> None:
    script(shop)
    tokens = {"APAY_BOT_TOKEN": shop.world.bot_token, "APAY_TEST_PROVIDER_TOKEN": shop.world.test_provider_token}
    answers = ("", "", "800", "", "@new", "n", "y", "")  # stock.toml stays, terms.txt goes, config.toml stays
    done = talk(shop, *answers, options=("--offline",), **tokens)
    assert done.code == 0, done.err
    assert "price = 500" in (folder / "stock.toml").read_text()
    assert "@new" in (folder / "terms.txt").read_text()
    assert "@new" not in (folder / "config.toml").read_text()
    assert names(folder) == sorted([*FILES, "terms.txt.before"])


def test_dry_run_checks_and_writes_nothing(shop: Shop, folder: Path) -> None:
    done = script(shop, "--dry-run", "--json")
    assert (done.code, folder.exists()) == (0, False)
    assert {file["state"] for file in done.json["files"]} == {"would be written"}


def test_what_the_real_loaders_refuse_is_never_put_in_place(shop: Shop, folder: Path) -> None:
    done = script(shop, "--support", "Write to ${NOBODY}")
    assert done.code == 3
    assert "NOBODY" in done.err
    assert not folder.exists()


def test_dir_and_config_contradict_each_other(shop: Shop) -> None:
    assert script(shop, "--config", "x.toml").code == 2


@pytest.mark.parametrize("named", ["--config", "APAY_CONFIG"])
def test_a_config_that_is_named_lies_there_under_that_name(shop: Shop, named: str) -> None:
    where = shop.folder / "my" / "own.toml"
    environ = {"APAY_CONFIG": str(where)} if named == "APAY_CONFIG" else {}
    options = ("--config", str(where)) if named == "--config" else ()
    done = shop.run("init", "--offline", "--json", *options, APAY_STORE="", APAY_STOCK="", **environ)
    assert done.code == 0, done.err
    assert names(where.parent) == sorted([*FILES[:1], "own.toml", *FILES[2:]])
    assert done.json["next"] == ("apay listen" if environ else f"apay listen --config {where}")


# -- Telegram ------------------------------------------------------------------------------------------------------


def test_a_token_that_telegram_does_not_know_is_asked_for_again(shop: Shop, folder: Path) -> None:
    with shop.served():
        token = shop.world.bot_token
        done = talk(shop, token[:-1] + "!", token[:-4] + "AAAA", token, "", "", "", "", "", "")
    assert done.code == 0, done.err
    assert "digits, a colon and at least 30" in done.err
    assert "does not accept the bot token" in done.err
    assert "this is @sandbox_merchant_bot" in done.err
    assert (folder / "bot-token").read_text() == token + "\n"
    assert 'api_url = "http://127.0.0.1' in (folder / "config.toml").read_text()


def test_without_a_provider_token_it_says_how_to_add_it(shop: Shop, folder: Path) -> None:
    done = talk(shop, shop.world.bot_token, "", "", "", "", "", "", options=("--offline",))
    assert done.code == 0, done.err
    assert "provider-test-token" not in names(folder)
    assert "next: apay config set-secret test-provider-token --config shop/config.toml" in done.err


def test_out_of_reach_it_says_the_way_around(shop: Shop, folder: Path) -> None:
    with shop.served():
        pass
    done = shop.run("init", "shop", "--no-input")
    assert (done.code, folder.exists()) == (5, False)
    assert "--offline" in done.err


# -- the conversation ----------------------------------------------------------------------------------------------


def test_wrong_answers_are_named_and_asked_for_again(shop: Shop, folder: Path) -> None:
    world = shop.world
    done = talk(
        shop, world.test_provider_token, "", f'"{world.bot_token}"', world.bot_token, world.live_provider_token,
        world.test_provider_token, "tnd", "eur", "bdt", "x" * 33, "Tea", "12,50", "1", "600", "many", "7", "@me",
        options=("--offline",),
    )  # fmt: skip
    assert done.code == 0, done.err
    for said in ("looks like a provider token", "there is no bot token", "looks like a bot token", "says :LIVE:",
                 "'TND' is not in Telegram's list of currencies (A-Pay takes it, Telegram does not)",
                 "EUR is not in A-Pay's list", "at most 32", "digits (0-9) and at most one point",
                 "outside Telegram's limits", "takes a whole number"):  # fmt: skip
        assert said in done.err
    assert "KHR, TND" in done.err.replace("GNF, ", "")
    assert '[products.tea]\ntitle = "Tea"' in (folder / "stock.toml").read_text()
    assert 'text = "Write to @me"' in (folder / "config.toml").read_text()


@pytest.mark.parametrize("count", range(7))
def test_an_input_that_ends_leaves_nothing(shop: Shop, folder: Path, count: int) -> None:
    answers = (shop.world.bot_token, shop.world.test_provider_token, "", "", "", "", "")
    done = talk(shop, *answers[:count], options=("--offline",))
    assert (done.code, folder.exists()) == (8, False)


def test_given_answers_are_not_asked_for(shop: Shop) -> None:
    options = ("--currency", "INR", "--title", "Tea", "--price", "500", "--stock", "1", "--support", "@me", "--offline")
    tokens = {"APAY_BOT_TOKEN": shop.world.bot_token, "APAY_TEST_PROVIDER_TOKEN": shop.world.test_provider_token}
    assert talk(shop, options=options, **tokens).code == 0


# -- on a real terminal --------------------------------------------------------------------------------------------


def at_a_terminal(shop: Shop) -> Terminal:
    environ = {"HOME": str(shop.folder), "PYTHONUTF8": "1", "COLUMNS": "100"}
    return Terminal("init", "shop", "--offline", environ=environ, folder=shop.folder)


def test_a_whole_message_pasted_is_named_and_does_not_spill_into_the_next_question(shop: Shop, folder: Path) -> None:
    with at_a_terminal(shop) as terminal:
        terminal.answer("Bot token (hidden): ", BOTFATHER.format(shop.world.bot_token))
        terminal.wait_for("BotFather's whole message is there; copy the token alone")
        terminal.answer("Bot token (hidden): ", f"{shop.world.bot_token}\n{shop.world.bot_token}")
        terminal.wait_for("there are blanks or several lines in it")
        terminal.answer("Bot token (hidden): ", f"'{shop.world.bot_token}' \n\n")
        terminal.answer(
            "Test provider token (hidden): ", f"Paykassma Test: {shop.world.test_provider_token} 2026-01-02"
        )
        terminal.wait_for("BotFather's whole line is there")
        terminal.answer("Test provider token (hidden): ", "")
        for _ in range(5):
            terminal.answer("]: ", "")
        assert terminal.end()[0] == 0, terminal.screen
    assert shop.world.bot_token not in terminal.screen
    assert shop.world.test_provider_token not in terminal.screen
    assert (folder / "bot-token").read_text() == shop.world.bot_token + "\n"


@pytest.mark.parametrize("at", ["Bot token (hidden): ", "Test provider token (hidden): ", "Where buyers reach you"])
def test_ctrl_c_leaves_nothing_behind(shop: Shop, folder: Path, at: str) -> None:
    answers = {"Bot token (hidden): ": shop.world.bot_token, "Test provider token (hidden): ": "", "Currency [": "",
               "first product": "", "Its price": "", "How many": ""}  # fmt: skip
    with at_a_terminal(shop) as terminal:
        for question, words in answers.items():
            if question == at:
                break
            terminal.answer(question, words)
        terminal.wait_for(at)
        terminal.press(b"\x03")
        code, out = terminal.end()
    assert (code, out, folder.exists()) == (130, "", False), terminal.screen
    assert "Traceback" not in terminal.screen


def test_json_has_one_document_and_asks_nothing(shop: Shop) -> None:
    done = shop.run("init", "shop", "--offline", "--json", terminal=True)
    assert done.code == 0
    assert json.loads(done.out)["folder"] == "shop"


def test_a_place_that_cannot_be_is_refused_before_anything_is_asked(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = shop.run("init", str(tmp_path / "file" / "shop"), terminal=True)
    assert (done.code, done.out) == (2, "")
    assert f"{tmp_path / 'file'} is not a folder" in done.err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_refused_before_anything_is_asked(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "ro").mkdir(0o500)
    done = shop.run("init", str(tmp_path / "ro" / "shop"), terminal=True)
    assert (done.code, done.out) == (2, "")
    assert f"nothing can be written into {tmp_path / 'ro'}" in done.err


def test_a_shop_that_is_set_up_again_keeps_its_tokens_with_enter(shop: Shop, folder: Path) -> None:
    answers = ("", "", "499", "", "@myshop_help")
    offline = ("--offline",)
    first = talk(shop, shop.world.bot_token, shop.world.test_provider_token, *answers, options=offline)
    assert first.code == 0, first.err
    assert "Enter keeps" not in first.err
    tokens = [(folder / name).read_bytes() for name in ("bot-token", "provider-test-token")]
    again = talk(shop, "", "", *answers, options=offline)
    assert again.code == 0, again.err
    assert again.err.count("Enter keeps the one in") == 2
    assert shop.world.bot_token not in again.err
    assert [(folder / name).read_bytes() for name in ("bot-token", "provider-test-token")] == tokens
    (folder / "bot-token").chmod(0o644)  # that one is not trusted
    again = talk(shop, shop.world.bot_token, "", *answers, "y", options=offline)
    assert again.code == 0, again.err
    assert (folder / "bot-token").stat().st_mode & 0o777 == 0o600
