"""Gathering what check-live looks at: each source that fails becomes a fact, and the others are still seen."""

import json
from pathlib import Path
from typing import Any

import pytest

from apaycli.botapi.client import BotApi, Reply
from apaycli.checks.facts import gather_facts
from apaycli.checks.model import LiveFacts, Stability
from apaycli.clock import ManualClock
from apaycli.core.messages import ENGLISH
from apaycli.core.model import Mode
from apaycli.errors import ApayError, LedgerError
from apaycli.store.sqlite import SqliteStore, open_in_memory, open_sqlite
from ledger_rows import receipt
from shop import STOCK, Shop, Stream


def gather(
    shop: Shop, *, mode: Mode = "test", offline: bool = False, store: SqliteStore | ApayError | None = None,
    api: BotApi | None = None,
) -> LiveFacts:  # fmt: skip
    env = shop.env(Stream(), Stream(), Stream(), {})
    api = None if offline else api or env.open_api()
    ledger = store or open_in_memory()
    try:
        return gather_facts(env.config, mode, api, ledger, shop.clock)
    finally:
        if isinstance(ledger, SqliteStore):
            ledger.close()


class Saying:
    """The `Http` protocol that answers each method with a result of the test's choice."""

    def __init__(self, **results: Any) -> None:
        self.date = ""
        self._results = results

    def post(self, method: str, body: bytes, timeout_seconds: float) -> Reply:
        return Reply(200, json.dumps({"ok": True, "result": self._results[method]}).encode())

    def close(self) -> None:
        pass


def saying(**changes: Any) -> BotApi:
    results = {
        "getMe": {"id": 123, "username": "shop_bot"},
        "getWebhookInfo": {"url": "", "pending_update_count": 0},
        "getMyCommands": [{"command": "terms"}],
        "createInvoiceLink": "https://t.me/$probe",
    }
    return BotApi(Saying(**(results | changes)))


def test_a_good_shop_is_seen_whole(shop: Shop) -> None:
    shop.write_config('[terms]\ntext_file = "terms.txt"\nversion = "3"\n[support]\ntext = "Write to @help."\n')
    (shop.folder / ".config" / "apay" / "terms.txt").write_text("  Be nice.\n")
    facts = gather(shop)
    assert facts.telegram is not None
    assert (facts.telegram.error, facts.telegram.bot_username) == (None, "sandbox_merchant_bot")
    assert facts.telegram.bot_id == facts.configured_bot_id == int(shop.world.bot_token.partition(":")[0])
    assert facts.telegram.webhook is not None
    assert (facts.telegram.webhook.url, facts.telegram.webhook.pending_update_count) == ("", 0)
    assert facts.telegram.clock_offset_seconds == 0
    assert (facts.bot_token_error, facts.provider_token_error, facts.provider_token_word) == (None, None, "TEST")
    assert (facts.products, facts.stock_problems, facts.stock_warnings) == (2, (), ())
    assert (facts.terms_text, facts.terms_version, facts.terms_reply) == ("Be nice.", "3", "Be nice.")
    assert facts.support_reply == "\n\n".join(
        ("Write to @help.", ENGLISH["support_how"], ENGLISH["telegram_cannot_help"])
    )
    assert facts.now == shop.clock.now()
    assert facts.ledger.error is None
    assert facts.ledger.counts is not None
    assert facts.ledger.free_bytes is not None


def test_only_what_is_asked_is_asked(shop: Shop) -> None:
    gather(shop)
    assert [request["method"] for request in shop.requests()] == [
        "getme",
        "getwebhookinfo",
        "getmycommands",
        "createinvoicelink",
    ]


def test_offline_asks_nothing(shop: Shop) -> None:
    assert gather(shop, offline=True).telegram is None
    assert shop.requests() == []


@pytest.mark.parametrize("kind", ["500", "502-html", "401", "reset", "hang", "truncated", "empty", "429"])
def test_telegram_in_trouble_is_a_fact_and_the_rest_is_seen(shop: Shop, kind: str) -> None:
    shop.world.faults.add(kind, 0)
    facts = gather(shop)
    assert facts.telegram is not None
    assert facts.telegram.error
    assert shop.world.bot_token not in facts.telegram.error
    assert facts.products == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"getMe": [1]},
        {"getMe": {"id": "123"}},
        {"getMe": {"id": True}},
        {"getWebhookInfo": {"url": ""}},
        {"getWebhookInfo": {"url": "", "pending_update_count": "0"}},
        {"getWebhookInfo": {"url": None, "pending_update_count": 0}},
        {"getMyCommands": {}},
    ],
)
def test_answers_of_another_shape_are_never_taken_for_good_ones(shop: Shop, changes: dict[str, Any]) -> None:
    facts = gather(shop, api=saying(**changes))
    assert facts.telegram is not None
    assert facts.telegram.error == "Telegram's answers have another shape than the Bot API's"


@pytest.mark.parametrize("method", ["getMe", "getWebhookInfo", "getMyCommands"])
def test_an_answer_without_a_result_is_called_that(shop: Shop, method: str) -> None:
    facts = gather(shop, api=saying(**{method: None}))
    assert facts.telegram is not None
    assert facts.telegram.error == f"Telegram's answer to {method} has no result (ok is true, result is null)"


def test_hostile_answers_are_shown_harmless_and_without_secrets(shop: Shop) -> None:
    info = {
        "url": f"https://evil.example/{shop.world.bot_token}\x1b[2J",
        "pending_update_count": 3,
        "last_error_message": "\u202eerror\n53391:LIVE:canary",
        "allowed_updates": ["message", 5],
    }
    facts = gather(
        shop, api=saying(getMe={"id": 1, "username": "b\x1b]52;c"}, getWebhookInfo=info, getMyCommands=[5, {}, None])
    )
    assert facts.telegram is not None
    assert facts.telegram.webhook is not None
    seen = f"{facts.telegram.bot_username} {facts.telegram.webhook.url} {facts.telegram.webhook.last_error_message}"
    assert seen.isprintable()
    assert shop.world.bot_token not in seen
    assert "canary" not in seen
    assert facts.telegram.webhook.allowed_updates == ("message", "5")


def test_the_clock_is_compared_with_the_servers(shop: Shop) -> None:
    assert isinstance(shop.clock, ManualClock)
    env = shop.env(Stream(), Stream(), Stream(), {})
    ahead = ManualClock(shop.clock.now() + 90_000)
    facts = gather_facts(env.config, "test", env.open_api(), LedgerError("none"), ahead)
    assert facts.telegram is not None
    assert facts.telegram.clock_offset_seconds == 90
    facts = gather(shop, api=saying())  # it does not say its time
    assert facts.telegram is not None
    assert facts.telegram.clock_offset_seconds is None


def test_tokens_that_are_wrong_are_facts(shop: Shop) -> None:
    shop.environ |= {"APAY_BOT_TOKEN": "canary", "APAY_TEST_PROVIDER_TOKEN": "53391:LIVE:canary"}
    facts = gather(shop, offline=True)
    assert facts.bot_token_error is not None
    assert facts.provider_token_error is not None
    assert (facts.configured_bot_id, facts.provider_token_word) == (None, None)
    assert "canary" not in facts.bot_token_error + facts.provider_token_error


@pytest.mark.parametrize(("token", "word"), [("53391:TEST:abc", "TEST"), ("53391-abc", None), ("53391:DEMO:abc", None)])
def test_the_provider_tokens_own_word_is_seen(shop: Shop, token: str, word: str | None) -> None:
    shop.environ["APAY_TEST_PROVIDER_TOKEN"] = token
    assert gather(shop, offline=True).provider_token_word == word


def test_a_broken_stock_file_is_a_fact_with_all_its_problems(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("price = 499", "price = 1e3").replace("price = 1500", "price = true"))
    facts = gather(shop, offline=True)
    assert (len(facts.stock_problems), facts.products) == (2, 0)


def test_terms_that_cannot_be_read_are_no_terms(shop: Shop) -> None:
    shop.write_config('[terms]\ntext_file = "nowhere.txt"\n')
    assert gather(shop, offline=True).terms_text is None
    assert gather(shop, offline=True).support_text is None
    assert ENGLISH["telegram_cannot_help"] in gather(shop, offline=True).support_reply


def test_a_long_contact_never_pushes_telegrams_sentence_out(shop: Shop) -> None:
    shop.write_config(f'[support]\ntext = "{"x" * 5000}"\n')
    facts = gather(shop, offline=True)
    assert ENGLISH["telegram_cannot_help"] in facts.support_reply
    assert facts.support_text is not None
    assert facts.support_text not in facts.support_reply


def test_a_ledger_that_is_not_there_is_a_fact(shop: Shop) -> None:
    facts = gather(shop, offline=True, store=LedgerError("there is no ledger"))
    assert (facts.ledger.error, facts.ledger.counts, facts.ledger.last_run) == ("there is no ledger", None, None)
    assert facts.ledger.free_bytes is not None
    assert facts.ledger.sqlite_version >= (3, 37)


def test_a_damaged_ledger_is_a_fact_and_the_rest_is_seen(shop: Shop) -> None:
    """Damage may show only when the rows are read, long after the file was opened."""
    with shop.store() as store, store.transaction() as tx:
        for number in range(300):
            tx.record_receipt(receipt(number), number, b"{}", 1)
    damaged = bytearray(shop.ledger.read_bytes())
    start = len(damaged) * 3 // 4  # rows and indexes; the schema lies before
    damaged[start:] = b"\xa5" * (len(damaged) - start)
    shop.ledger.write_bytes(damaged)
    for name in ("-wal", "-shm"):
        Path(f"{shop.ledger}{name}").unlink(missing_ok=True)
    store = open_sqlite(shop.ledger, read_only=True)
    facts = gather(shop, store=store)
    assert facts.ledger.error or facts.ledger.problems
    assert facts.products == 2
    assert facts.telegram is not None
    assert facts.telegram.error is None


def test_files_that_others_can_read_are_named(shop: Shop) -> None:
    config = shop.write_config('[bot]\ntoken_file = "bot-token"\n[apay]\napi_key_file = "apay-key"\n')
    secrets = [config.with_name(name) for name in ("bot-token", "apay-key")]
    for path in (config, *secrets):
        path.touch()
        path.chmod(0o600)
    with shop.store():
        assert gather(shop, offline=True).open_files == ()
        wide = [config, *secrets, shop.ledger, Path(f"{shop.ledger}-wal")]
        for path in wide:
            path.chmod(0o644)
        assert gather(shop, offline=True).open_files == tuple(map(str, wide))


def test_folders_where_others_may_write_and_open_backups_are_named(shop: Shop) -> None:
    config = shop.write_config('[backup]\ndir = "backups"\n')
    config.chmod(0o600)
    backup = config.parent / "backups" / "apay-20260101T000000Z.db.gz"
    backup.parent.mkdir()
    backup.touch(0o644)
    shop.ledger = shop.folder / "ledgers" / "apay.db"  # a config in such a folder is refused by every command
    shop.ledger.parent.mkdir()
    shop.environ["APAY_STORE"] = str(shop.ledger)
    shop.ledger.parent.chmod(0o777)
    with shop.store():
        open_files = shop.run("check-live", "--offline", "--only", "secrets").out
    assert str(backup) in open_files
    assert f"{shop.ledger.parent}/\t" in open_files


def test_a_config_under_version_control_is_seen(shop: Shop) -> None:
    assert not gather(shop, offline=True).in_version_control
    shop.write_config("")
    (shop.folder / ".git").mkdir()
    assert gather(shop, offline=True).in_version_control


def probe_of(shop: Shop, api: BotApi | None = None) -> str | None:
    facts = gather(shop, api=api)
    assert facts.telegram is not None
    assert facts.telegram.error is None
    return facts.telegram.probe


def test_the_probe_asks_telegram_about_the_provider_token(shop: Shop) -> None:
    assert probe_of(shop) == ""
    shop.environ["APAY_TEST_PROVIDER_TOKEN"] = "53391:TEST:another-shop"
    refused = probe_of(shop)
    assert refused
    assert "another-shop" not in refused
    assert "PAYMENT_PROVIDER_INVALID" in refused


def test_the_probe_is_in_no_ledger_so_whoever_pays_it_is_declined(shop: Shop) -> None:
    with shop.store() as store:
        gather(shop, store=store)
    (asked,) = [row["params"] for row in shop.requests("createinvoicelink")]
    assert asked["payload"] == "apay-probe-test"
    with shop.store() as store, store.transaction() as tx:
        assert tx.invoice_by_payload("apay-probe-test") is None


def test_without_a_product_or_a_provider_token_nothing_is_probed(shop: Shop) -> None:
    shop.write_stock('[[product]]\nsku = "a"\ntitle = "A"\nprice = 499\nquantity = 1\npaused = true\n')
    assert probe_of(shop) is None
    shop.write_stock(STOCK)
    shop.environ["APAY_TEST_PROVIDER_TOKEN"] = ""
    assert probe_of(shop) is None
    assert "createinvoicelink" not in [request["method"] for request in shop.requests()]


def test_the_listeners_own_record_is_read_for_seven_days(shop: Shop) -> None:
    minute, day, now = 60_000, 86_400_000, shop.clock.now()
    with shop.store() as store:
        assert gather(shop, offline=True, store=open_in_memory()).ledger.stability is None
        with store.transaction() as tx:
            old = tx.start_run(1, "live", now - 9 * day)  # before the seven days
            tx.record_life(old, now - 8 * day, now - 8 * day)
            killed = tx.start_run(2, "live", now - 3 * day)  # never said that it stopped
            tx.record_life(killed, now - 2 * day, now - 2 * day)
            stopped = tx.start_run(3, "live", now - 2 * day + minute)
            tx.record_life(stopped, now - day, now - day)
            tx.stop_run(stopped, now - day)
            lives = tx.start_run(4, "live", now - day)
            tx.record_life(lives, now, now)
        facts = gather_facts(shop.env(Stream(), Stream(), Stream(), {}).config, "test", None, store, shop.clock)
        expected = Stability(since=now - 3 * day, starts=3, crashes=1, up_milliseconds=3 * day - minute, gaps=0)
        assert facts.ledger.stability == expected
        later = ManualClock(now + day)  # the last one was killed as well
        facts = gather_facts(shop.env(Stream(), Stream(), Stream(), {}).config, "test", None, store, later)
        assert facts.ledger.stability is not None
        assert facts.ledger.stability.crashes == 2
