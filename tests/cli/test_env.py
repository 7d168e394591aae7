"""What a command works with: opened on first use, and asking only where somebody can answer."""

import pytest

from apaycli.cli.env import Common, Env, new_ids
from apaycli.cli.output import Output
from apaycli.errors import ConfigError, LedgerError, LedgerLost, NeedsConfirmation, TokenError
from apaycli.store.sqlite import open_sqlite
from shop import Shop, ShopEnv, Stream


def env_of(shop: Shop, *, stdin: str = "", terminal: bool = False, common: Common | None = None) -> ShopEnv:
    env = shop.env(Stream(), Stream(), Stream(stdin, terminal=terminal), {})
    env.common = common or Common()
    return env


def said(env: Env) -> str:
    assert isinstance(env.output.stderr, Stream)
    return env.output.stderr.getvalue()


def test_nothing_is_opened_before_it_is_asked_for(shop: Shop) -> None:
    shop.write_stock("garbage")
    env = env_of(shop)
    assert env.mode == "test"
    assert env.config.store_path == shop.ledger
    assert not shop.ledger.exists()
    with pytest.raises(ConfigError):
        _ = env.stock


def test_what_was_read_once_is_not_read_again(shop: Shop) -> None:
    env = env_of(shop)
    stock = env.stock
    shop.write_stock("garbage")
    assert env.stock is stock


def test_warnings_of_config_and_stock_file_are_said_once(shop: Shop) -> None:
    shop.write_config("[bakup]\nkeep = 1\n")
    shop.write_stock(shop.stock_file.read_text().replace("499", "499.5"))
    env = env_of(shop)
    for _ in range(2):
        assert (env.config, env.stock) is not None
    assert said(env).count("[bakup] is not known (did you mean 'backup'?)") == 1
    assert said(env).count("A-Pay takes whole INR only") == 1


def test_a_ledger_is_made_for_writing_and_belongs_to_the_bot(shop: Shop) -> None:
    with pytest.raises(LedgerError, match="there is no ledger at"):
        env_of(shop).open_store(read_only=True)
    with pytest.raises(LedgerError, match="there is no ledger at"):
        env_of(shop).open_store()
    env_of(shop).open_store(create=True).close()
    assert shop.ledger.stat().st_mode & 0o777 == 0o600
    shop.environ["APAY_BOT_TOKEN"] = "4711:" + "x" * 35
    with pytest.raises(ConfigError, match="is the ledger of bot"):
        env_of(shop).open_store()
    env_of(shop).open_store(read_only=True).close()


def test_a_missing_ledger_that_is_known_is_made_by_nothing_and_read_by_nothing(shop: Shop) -> None:
    env_of(shop).open_store(create=True).close()
    away = shop.ledger.rename(shop.folder / "away.db")
    for how in ({"create": True}, {"read_only": True}, {}):
        with pytest.raises(LedgerLost, match="is missing, and there was one: apay has used it before"):
            env_of(shop).open_store(**how)
    assert not shop.ledger.exists()
    away.rename(shop.ledger)
    env_of(shop).open_store().close()


def test_another_ledger_in_its_place_is_read_and_not_written_until_that_is_said_to_be_right(shop: Shop) -> None:
    env_of(shop).open_store(create=True).close()
    shop.ledger.unlink()
    open_sqlite(shop.ledger).close()
    env_of(shop).open_store(read_only=True).close()
    with pytest.raises(LedgerLost, match="is not the ledger that was there before"):
        env_of(shop).open_store(create=True)
    env_of(shop).open_store(create=True, accept_another=True).close()
    env_of(shop).open_store().close()


def test_a_copy_of_the_ledger_is_the_same_ledger(shop: Shop) -> None:
    env_of(shop).open_store(create=True).close()
    copy = shop.folder / "copy.db"
    copy.write_bytes(shop.ledger.read_bytes())
    copy.replace(shop.ledger)
    env_of(shop).open_store().close()


def test_a_state_folder_that_cannot_be_used_is_told_and_stops_nobody(shop: Shop) -> None:
    (shop.folder / ".local").write_text("in the way")
    env = env_of(shop)
    env.open_store(create=True).close()
    assert "the state folder" in said(env)


def test_a_ledger_for_writing_needs_the_bot_token(shop: Shop) -> None:
    shop.environ["APAY_BOT_TOKEN"] = "nonsense"
    with pytest.raises(TokenError):
        env_of(shop).open_store(create=True)


@pytest.mark.parametrize(("live", "word"), [(False, "test"), (True, "LIVE")])
def test_the_first_line_names_bot_mode_and_ledger(shop: Shop, live: bool, word: str) -> None:
    env = env_of(shop, common=Common(live=live))
    env.say_where("@shop\x1b[2J")
    assert said(env) == f"apay: @shop\\x1b[2J, {word} mode, ledger {shop.ledger}\n"


@pytest.mark.parametrize(
    ("terminal", "common"),
    [(False, Common()), (True, Common(no_input=True)), (True, Common(as_json=True)), (False, Common(quiet=True))],
)
def test_nobody_is_asked_where_nobody_can_answer(shop: Shop, terminal: bool, common: Common) -> None:
    env = env_of(shop, stdin="y\n", terminal=terminal, common=common)
    with pytest.raises(NeedsConfirmation) as refusal:
        env.confirm("Really?", yes=False)
    assert refusal.value.hint == "add --yes"
    assert said(env) == ""
    assert env.stdin.read() == "y\n"  # nothing was read: under cron a pipe may never end


def test_yes_answers_without_asking(shop: Shop) -> None:
    env = env_of(shop, terminal=True)
    env.confirm("Really?", yes=True)
    assert said(env) == ""


@pytest.mark.parametrize(("answer", "confirmed"), [("y\n", True), ("Yes\r\n", True), ("no\n", False), ("", False)])
def test_only_yes_is_yes(shop: Shop, answer: str, confirmed: bool) -> None:
    env = env_of(shop, stdin=answer, terminal=True)
    if confirmed:
        env.confirm("Really?", yes=False)
    else:
        with pytest.raises(NeedsConfirmation, match="nothing was done"):
            env.confirm("Really?", yes=False)
    assert said(env) == "Really? [y/N] "


def test_the_output_is_made_of_the_common_options(shop: Shop) -> None:
    output = env_of(shop, common=Common(as_json=True, quiet=True, verbose=2, color="never")).output
    assert isinstance(output, Output)
    assert (output.as_json, output.quiet, output.verbose, output.color) == (True, True, 2, "never")


def test_ids_are_new_each_time_and_within_telegrams_limits() -> None:
    made = [new_ids() for _ in range(200)]
    assert len({ids.invoice_id for ids in made}) == len({ids.invoice_payload for ids in made}) == 200
    for ids in made:
        assert 1 <= len(ids.invoice_payload.encode()) <= 128
        assert len(ids.invoice_id) <= 64
        assert ids.invoice_id not in ids.invoice_payload
