"""From an empty folder to a paid test receipt with init, listen and send-invoice: by a person and by a script.

And a bot token that is changed while the listener runs.
"""

import json
import subprocess
import sys

import pytest
from merchant import PROVIDER_TOKEN, RAHIM, Merchant, Running

from terminal import Terminal

QUESTIONS_MAX = 8


@pytest.fixture
def newcomer(merchant: Merchant, tmp_path_factory: pytest.TempPathFactory) -> Merchant:
    """Nothing but an account: no config, no stock file, no token; the sandbox is all they know."""
    merchant.stock_file.unlink()
    for name in ("APAY_BOT_TOKEN", "APAY_TEST_PROVIDER_TOKEN", "APAY_STORE", "APAY_STOCK"):
        del merchant.environ[name]
    home = tmp_path_factory.mktemp("home")  # beside the folder that is searched for tokens: here they must be
    merchant.environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    merchant.ledger = home / "config" / "apay" / "apay.db"
    return merchant


def sell_one(merchant: Merchant, listener: Running, sku: str, amount: str, *options: str) -> None:
    merchant.apay("send-invoice", sku, "--to", str(RAHIM), *options)
    [invoice] = merchant.call(lambda: list(merchant.world.books.invoices.values()))
    checkout = merchant.press(invoice.form.payload)
    assert checkout.outcome == "accepted"
    merchant.pay(checkout)
    listener.wait_for("PAID (test)", "out")
    merchant.quiet()
    merchant.check_books()
    [receipt] = merchant.receipts()
    assert (receipt.sku, receipt.flag, receipt.mode) == (sku, None, "test")
    assert any(amount in line for line in listener.out)


def test_a_person_gets_there_with_eight_answers(newcomer: Merchant) -> None:
    with Terminal("init", environ=newcomer.environ, folder=newcomer.folder) as terminal:
        terminal.answer("config, stock file and ledger lie [", "")
        terminal.answer("Bot token (hidden): ", newcomer.world.bot_token)
        terminal.wait_for("this is @sandbox_merchant_bot")
        terminal.answer("Test provider token (hidden): ", newcomer.world.test_provider_token)
        terminal.answer("Currency [INR]: ", "")
        terminal.answer("A first product, as buyers read it [", "Iron bear")
        terminal.answer("Its price in INR [500]: ", "1250")
        terminal.answer("How many there are, or unlimited [10]: ", "3")
        terminal.answer("Where buyers reach you", "@bear_help")
        code, out = terminal.end()
    assert code == 0, terminal.screen
    assert terminal.screen.count("]: ") + terminal.screen.count("(hidden): ") == QUESTIONS_MAX
    assert terminal.screen.rstrip().endswith("apay: next: apay listen")
    for secret in (newcomer.world.bot_token, newcomer.world.test_provider_token):
        assert secret not in terminal.screen + out
    with newcomer.listening() as listener:
        sell_one(newcomer, listener, "iron-bear", "₹1,250.00")


def test_a_script_gets_there_without_a_question(newcomer: Merchant) -> None:
    tokens = {
        "APAY_BOT_TOKEN": newcomer.world.bot_token, "APAY_TEST_PROVIDER_TOKEN": newcomer.world.test_provider_token
    }  # fmt: skip
    newcomer.environ |= tokens
    done = newcomer.apay("init", "--no-input", "--json", "--title", "Tea", "--currency", "BDT", "--price", "500")
    said = json.loads("\n".join(done.out))
    assert (said["bot_username"], said["next"]) == ("sandbox_merchant_bot", "apay listen")
    assert {file["state"] for file in said["files"]} == {"written"}
    for name in (*tokens, "APAY_API_URL"):
        del newcomer.environ[name]  # all of it stands in the files now
    with newcomer.listening() as listener:
        sell_one(newcomer, listener, "tea", "৳ 500.00")


def test_the_command_that_comes_next_works_for_another_folder(
    newcomer: Merchant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shops") / "my shop"
    newcomer.environ |= {"APAY_BOT_TOKEN": newcomer.world.bot_token, "APAY_TEST_PROVIDER_TOKEN": PROVIDER_TOKEN}
    done = newcomer.apay("init", str(folder), "--no-input", "--json")
    newcomer.ledger = folder / "apay.db"
    following = json.loads("\n".join(done.out))["next"]
    assert following == f"apay listen --config '{folder / 'config.toml'}'"
    config = ("--config", str(folder / "config.toml"))
    with newcomer.listening(*config) as listener:
        sell_one(newcomer, listener, "rubber-duck", "₹500.00", *config)


def test_the_bot_token_is_changed_while_the_listener_runs(newcomer: Merchant) -> None:
    newcomer.environ |= {"APAY_BOT_TOKEN": newcomer.world.bot_token, "APAY_TEST_PROVIDER_TOKEN": PROVIDER_TOKEN}
    newcomer.apay("init", "--no-input")
    del newcomer.environ["APAY_BOT_TOKEN"]
    with newcomer.listening() as listener:
        newcomer.quiet()
        new = newcomer.call(newcomer.world.revoke_bot_token)
        newcomer.call(newcomer.world.buyers.send_text, RAHIM, "hello")  # the poll comes back, and the next is refused
        listener.wait_for("does not accept the bot token")
        changed = subprocess.run(
            [sys.executable, "-m", "apaycli", "config", "set-secret", "bot-token", "-"],
            input=new + "\n", text=True, capture_output=True, check=False, env=newcomer.environ,
        )  # fmt: skip
        assert changed.returncode == 0, changed.stderr
        assert changed.stdout.startswith(f"bot-token\t…{new[-4:]}\t")
        listener.wait_for("there is a new bot token")
        sell_one(newcomer, listener, "rubber-duck", "₹500.00")
        assert listener.end() == 0
