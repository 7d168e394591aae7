"""`apay check-live`: each line with its evidence, an exit code for scripts, and statements that are dated."""

import pytest

from apaycli.checks.items import ATTESTABLE, CHECKS, REHEARSAL
from apaycli.clock import ManualClock
from apaycli.core.incoming import PreCheckoutQuery
from apaycli.core.model import Decision, DeclineReason, Invoice, LabeledPrice, User
from apaycli.errors import LedgerError
from apaycli.store.sqlite import SqliteStore
from apaycli.store.values import AnswerResult
from ledger_rows import receipt
from shop import STOCK, Shop

NAMES = [name for name, _ in CHECKS]
LIVE = ("check-live", "--live")
LIVE_INVOICE = Invoice(
    invoice_id="inv_1", mode="live", invoice_payload="payload", chat_id="1001", sku="rubber-duck", title="Duck",
    description="Yellow.", currency="INR", prices=(LabeledPrice("Duck", 49900),), quantity=1, forwarding="deep-link",
    created_at=1,
)  # fmt: skip


@pytest.fixture
def ready(shop: Shop) -> Shop:
    """A shop that passes every check there is."""
    config = shop.write_config('[terms]\ntext_file = "terms.txt"\n[support]\ntext = "Write to @myshop_help."\n')
    config.with_name("terms.txt").write_text("You get what you paid for, or your money back. " * 6)
    shop.environ["APAY_LIVE_PROVIDER_TOKEN"] = shop.world.live_provider_token
    shop.world.handle(
        f"/bot{shop.world.bot_token}/setMyCommands",
        "application/json",
        b'{"commands": [{"command": "terms", "description": "Terms"}, {"command": "support", "description": "Help"}]}',
    )
    now = shop.clock.now()
    with shop.store() as store:
        store.bind_bot(int(shop.world.bot_token.partition(":")[0]))
        query = PreCheckoutQuery(1, "q1", User(1001), "INR", 49900, "payload")
        decision = Decision("q1", False, DeclineReason.SOLD_OUT, "no")
        with store.transaction() as tx:
            run = tx.start_run(4711, "live", now)
            tx.record_life(run, now, now)
            tx.record_invoice(LIVE_INVOICE)
            tx.record_decision(query, decision, now)
            tx.record_answers([AnswerResult("q1", "sent", now, 40)])
            for name in (*ATTESTABLE, REHEARSAL):
                tx.attest(name, now)
    return shop


def test_a_shop_that_is_ready_is_exit_code_0(ready: Shop) -> None:
    done = ready.run(*LIVE, "--json")
    assert {check["name"]: check["outcome"] for check in done.json["checks"]} == dict.fromkeys(NAMES, "pass")
    assert (done.code, done.err) == (0, "")


def test_an_answer_in_the_other_mode_shows_nothing_of_this_one(ready: Shop) -> None:
    done = ready.run("check-live", "--only", "answers", "--json")
    assert (done.code, done.json["checks"][0]["outcome"]) == (6, "manual")
    assert ready.run(*LIVE, "--only", "answers").code == 0


def test_a_warning_does_not_stand_in_the_way(ready: Shop) -> None:
    ready.write_stock(STOCK.replace("price = 499", "price = 499.5"))
    done = ready.run(*LIVE, "--only", "stock-file", "--json")
    assert (done.code, done.json["checks"][0]["outcome"]) == (0, "warn")


@pytest.mark.parametrize("outcome", ["fail", "manual"])
def test_a_failure_or_an_open_statement_is_exit_code_6(ready: Shop, outcome: str) -> None:
    if outcome == "fail":
        ready.world.faults.add("500", 0)
    else:
        assert isinstance(ready.clock, ManualClock)
        ready.clock.advance(91 * 86_400)
    done = ready.run(*LIVE, "--json", "--only", "bot" if outcome == "fail" else "two-step")
    assert done.code == 6
    assert [check["outcome"] for check in done.json["checks"]] == [outcome]
    assert "error" not in done.err


def test_json_has_every_check_in_order_with_when_and_what_next(shop: Shop) -> None:
    done = shop.run("check-live", "--json")
    assert done.code == 6
    assert list(done.json) == ["mode", "checked_at", "checks"]
    assert (done.json["mode"], done.json["checked_at"]) == ("test", "2026-01-01T10:00:00Z")
    assert [check["name"] for check in done.json["checks"]] == NAMES
    for check in done.json["checks"]:
        assert list(check) == ["name", "outcome", "seen", "seen_at", "next_step"]
        assert check["outcome"] in ("pass", "warn", "fail", "manual")
        assert (check["next_step"] is None) == (check["outcome"] == "pass")
        assert check["seen_at"].endswith("Z")


def test_each_line_elsewhere_is_tab_separated_and_on_a_terminal_for_people(shop: Shop) -> None:
    rows = [line.split("\t") for line in shop.run("check-live").out.splitlines()]
    assert [name for _, name, _, _ in rows] == NAMES
    shown = shop.run("check-live", "--color", "never", terminal=True).out
    assert "manual  two-step" in shown
    assert "next: if it is so: apay check-live --attest two-step" in shown
    assert shown.splitlines()[-1].endswith(" manual")
    assert "\t" not in shown
    assert "\x1b" not in shown
    assert "\x1b[31mfail  \x1b[0m" in shop.run("check-live", terminal=True).out


def test_only_looks_at_what_was_asked_in_the_order_of_the_list(ready: Shop) -> None:
    done = ready.run(*LIVE, "--only", "disk", "--only", "ledger", "--json")
    assert [check["name"] for check in done.json["checks"]] == ["ledger", "disk"]
    assert done.code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only", "lodger"), "--only 'lodger' is not known (did you mean 'ledger'?)"),
        (("--only", ""), "--only '' is not known; it takes two-step, disputes"),
        (("--only", "\x1b[2J"), "is not known; it takes two-step, disputes"),
        (("--attest", "two_step"), "--attest 'two_step' is not known (did you mean 'two-step'?)"),
        (("--attest", "bot"), "--attest 'bot' is not known; it takes two-step, disputes"),
        (("--attest", "ledger"), "--attest 'ledger' is not known"),
    ],
)
def test_an_unknown_name_is_refused_and_nothing_is_stated(shop: Shop, options: tuple[str, ...], said: str) -> None:
    done = shop.run("check-live", "--attest", "two-step", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "\x1b" not in done.err
    assert not shop.ledger.exists()
    assert shop.requests() == []


def test_a_statement_is_recorded_with_its_date_and_good_for_90_days(shop: Shop) -> None:
    assert isinstance(shop.clock, ManualClock)
    done = shop.run("check-live", "--attest", "two-step", "--attest", "backups", "--only", "two-step", "--json")
    assert (done.code, done.json["checks"][0]["outcome"]) == (0, "pass")
    shop.clock.advance(90 * 86_400)
    (check,) = shop.run("check-live", "--only", "two-step", "--json").json["checks"]
    assert (check["outcome"], check["seen_at"]) == ("pass", "2026-01-01T10:00:00Z")
    shop.clock.advance(1)
    (check,) = shop.run("check-live", "--only", "two-step", "--json").json["checks"]
    assert (check["outcome"], check["seen_at"]) == ("manual", "2026-01-01T10:00:00Z")
    assert shop.run("check-live", "--attest", "two-step", "--only", "two-step").code == 0


def test_a_folder_of_evidence_is_tried_with_the_newest_receipt(ready: Shop) -> None:
    def disputes() -> str:
        return ready.run("check-live", "--live", "--only", "disputes").out

    assert "no receipt yet to try a folder of evidence with; 0 dispute(s) open" in disputes()
    with ready.store() as store, store.transaction() as tx:
        for number in (1, 2):
            tx.record_receipt(receipt(number, mode="live"), number, b"raw", ready.clock.now())
        assert tx.open_dispute(1, "never came", ready.clock.now())
    assert "for receipt 2 can be made (8 files); 1 dispute(s) open" in disputes()


def test_a_ledger_that_cannot_give_its_evidence_fails(ready: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(self: SqliteStore, receipt_id: int) -> None:
        raise LedgerError("the ledger is damaged")

    with ready.store() as store, store.transaction() as tx:
        tx.record_receipt(receipt(1, mode="live"), 1, b"raw", ready.clock.now())
    monkeypatch.setattr(SqliteStore, "dossier", torn)
    done = ready.run("check-live", "--live", "--only", "disputes")
    assert done.code == 6
    assert "no folder of evidence can be made: the ledger is damaged" in done.out


def test_a_cure_is_about_the_shop_that_was_asked_about(shop: Shop) -> None:
    config = shop.write_config("")
    (check,) = shop.run("check-live", "--config", str(config), "--only", "two-step", "--json").json["checks"]
    assert check["next_step"] == f"if it is so: apay --config {config} check-live --attest two-step"
    (check,) = shop.run("check-live", "--only", "two-step", "--json").json["checks"]
    assert check["next_step"] == "if it is so: apay check-live --attest two-step"


def test_a_rejected_token_is_not_called_out_of_reach(shop: Shop) -> None:
    shop.environ["APAY_BOT_TOKEN"] = shop.world.bot_token[:-1] + "x"
    (check,) = shop.run("check-live", "--only", "bot", "--json").json["checks"]
    assert (check["outcome"], check["next_step"]) == ("fail", "apay config set-secret bot-token")


def test_a_statement_without_a_bot_token_is_exit_code_4(shop: Shop) -> None:
    done = shop.run("check-live", "--attest", "two-step", APAY_BOT_TOKEN="")
    assert (done.code, done.out) == (4, "")


def test_offline_asks_nobody_and_passes_nothing_of_telegrams(ready: Shop) -> None:
    before = len(ready.requests())
    done = ready.run(*LIVE, "--offline", "--json")
    assert done.code == 6
    assert len(ready.requests()) == before
    manual = [check["name"] for check in done.json["checks"] if check["outcome"] == "manual"]
    assert manual == ["bot", "invoice-probe", "webhook", "pending", "allowed-updates", "commands", "clock"]


def test_a_missing_token_is_called_missing_and_not_offline(shop: Shop) -> None:
    done = shop.run("check-live", "--only", "bot", "--json", APAY_BOT_TOKEN="")
    (check,) = done.json["checks"]
    assert (done.code, check["outcome"], check["seen"]) == (6, "fail", "there is no bot token")


def test_a_webhook_that_somebody_set_is_shown_harmless(ready: Shop) -> None:
    done = ready.run(*LIVE, "--only", "webhook")
    assert done.code == 0
    ready.world.polling.webhook.url = f"https://evil.example/{ready.world.bot_token}\x1b[2J"
    done = ready.run(*LIVE, "--only", "webhook")
    assert done.code == 6
    assert "https://evil.example/<" in done.out
    assert "\x1b" not in done.out
    assert ready.world.bot_token not in done.out


def test_a_broken_config_is_exit_code_3_and_no_checklist(shop: Shop) -> None:
    shop.write_config("[bot]\napi_url = 5\n")
    done = shop.run("check-live")
    assert (done.code, done.out) == (3, "")


def test_live_is_what_it_is_about(ready: Shop) -> None:
    assert ready.run("check-live", "--only", "provider-token").code == 6
    assert ready.run(*LIVE, "--only", "provider-token").code == 0
