"""The live checklist: one passing and one failing example of each line, and nothing passes unseen."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from apaycli.checks.items import ATTESTABLE, CHECKS, REHEARSAL
from apaycli.checks.model import (
    BackupFacts,
    DisputeFacts,
    Finding,
    LedgerFacts,
    LiveFacts,
    Stability,
    TelegramFacts,
    Webhook,
)
from apaycli.checks.owner_items import ATTESTED_DAYS_MAX
from apaycli.core.messages import ENGLISH
from apaycli.store.values import LedgerCounts, ListenerRun

NOW = 1_767_261_600_000
DAY = 86_400_000
TERMS = "You get what you paid for, or your money back. " * 6
SUPPORT = "Write to @myshop_help."

COUNTS = LedgerCounts(
    receipts=7,
    receipts_flagged=0,
    reservations_pending=0,
    units_held=0,
    dead_letters=0,
    dead_letters_with_payment=0,
    conflicts=0,
    hooks_failed=0,
    hooks_waiting=0,
    refunds_due=0,
    notices=0,
    answers_slowest_milliseconds=40,
)
RUN = ListenerRun(
    pid=4711, mode="live", started_at=NOW - DAY, alive_at=NOW - 5_000, last_contact_at=NOW - 5_000, stopped_at=None
)
GOOD = LiveFacts(
    now=NOW,
    mode="live",
    telegram=TelegramFacts(
        bot_id=123,
        bot_username="shop_bot",
        webhook=Webhook("", 0, ("message", "pre_checkout_query"), ""),
        commands=frozenset({"terms", "support"}),
        clock_offset_seconds=1,
        probe="",
    ),
    ledger=LedgerFacts(
        counts=COUNTS,
        last_run=RUN,
        attestations=dict.fromkeys((*ATTESTABLE, REHEARSAL), NOW - DAY),
        free_bytes=10**9,
        sqlite_version=(3, 51, 3),
    ),
    bot_token_error=None,
    configured_bot_id=123,
    provider_token_error=None,
    provider_token_word="LIVE",
    stock_problems=(),
    stock_warnings=(),
    products=3,
    open_files=(),
    in_version_control=False,
    terms_text=TERMS,
    terms_required=False,
    terms_version="1",
    support_text=SUPPORT,
    terms_reply=TERMS,
    support_reply=f"{SUPPORT}\n\n{ENGLISH['telegram_cannot_help']}",
)


def with_telegram(**changes: Any) -> LiveFacts:
    assert GOOD.telegram is not None
    return replace(GOOD, telegram=replace(GOOD.telegram, **changes))


def with_webhook(**changes: Any) -> LiveFacts:
    return with_telegram(webhook=replace(Webhook("", 0, None, ""), **changes))


def with_ledger(**changes: Any) -> LiveFacts:
    return replace(GOOD, ledger=replace(GOOD.ledger, **changes))


def with_counts(**changes: Any) -> LiveFacts:
    return with_ledger(counts=replace(COUNTS, **changes))


def with_run(**changes: Any) -> LiveFacts:
    return with_ledger(last_run=replace(RUN, **changes))


def unstated(name: str) -> LiveFacts:
    stated = {other: at for other, at in dict.fromkeys(ATTESTABLE, NOW).items() if other != name}
    return with_ledger(attestations=stated)


def with_record(**changes: Any) -> LiveFacts:
    return with_ledger(stability=replace(RECORD, **changes))


HOUR = 3_600_000
# Seven days of the listener's own record, with no second away.
RECORD = Stability(since=NOW - 7 * DAY, starts=2, crashes=0, up_milliseconds=7 * DAY, gaps=0)
BACKUP = BackupFacts(HOUR, NOW - HOUR, "apay-1.db.gz", 7, NOW - HOUR)
NO_TOKEN = replace(GOOD, bot_token_error="there is no bot token", telegram=None)
UNREACHED = with_telegram(error="Telegram cannot be reached")
OFFLINE = replace(GOOD, telegram=None)

# Per name: facts, outcome, and words of what is seen or what to do.
BAD: dict[str, list[tuple[LiveFacts, str, str]]] = {
    "two-step": [(unstated("two-step"), "manual", "--attest two-step")],
    "disputes": [
        (unstated("disputes"), "manual", "--attest disputes"),
        (replace(unstated("disputes"), disputes=DisputeFacts(2, 17, 9)), "manual", "2 dispute(s) open"),
        (replace(GOOD, disputes=DisputeFacts(0, error="row 3 is missing")), "fail", "row 3 is missing"),
    ],
    "terms": [
        (replace(GOOD, terms_text=None), "fail", "set [terms] text_file"),
        (replace(GOOD, terms_reply=TERMS[:50]), "fail", "shorten it"),
    ],
    "terms-clear": [
        (replace(GOOD, terms_text="Be nice."), "fail", "the terms have 8 characters"),
        (replace(GOOD, terms_text=None), "fail", "the terms have 0 characters"),
        (unstated("terms-clear"), "manual", "--attest terms-clear"),
        (replace(GOOD, terms_text=TERMS + "[name of your shop], [14] days"), "fail", "2 place(s) in [brackets]"),
    ],
    "terms-confirmed": [(unstated("terms-confirmed"), "manual", "--attest terms-confirmed")],
    "support": [
        (replace(GOOD, support_text=None), "fail", "set [support] text"),
        (replace(GOOD, support_reply="Hello"), "fail", "does not contain the contact"),
        (replace(GOOD, support_text="Ask us.", support_reply="Ask us."), "fail", "name an @username, a phone number"),
        (replace(GOOD, support_text="Room 12345", support_reply="Room 12345"), "fail", "names no way to reach you"),
    ],
    "telegram-cannot-help": [(replace(GOOD, support_reply=SUPPORT), "fail", "does not say that Telegram cannot help")],
    "stable-server": [
        (unstated("stable-server"), "manual", "--attest stable-server"),
        (with_record(gaps=1), "fail", "1 gap(s) over 24 h run it as a service"),
        (with_record(up_milliseconds=7 * DAY * 94 // 100), "fail", "up 94 % since 2025-12-25T10:00:00Z: 2 start(s)"),
        (with_record(up_milliseconds=7 * DAY * 98 // 100), "warn", "up 98 % since"),
        (with_record(crashes=4), "warn", "4 of them ended without a word"),
    ],
    "backups": [
        (unstated("backups"), "manual", "--attest backups"),
        (replace(GOOD, backup=BackupFacts(HOUR)), "fail", "there is no backup yet"),
        (replace(GOOD, backup=replace(BACKUP, error="it is torn")), "fail", "cannot be trusted: it is torn"),
        (replace(GOOD, backup=replace(BACKUP, error="x", error_cure="[backup] decrypt")), "fail", "[backup] decrypt"),
        (replace(GOOD, backup=replace(BACKUP, made_at=NOW - 2 * HOUR - 1)), "fail", "7 receipt(s), 2 h old"),
    ],
    "physical-goods": [(unstated("physical-goods"), "manual", "--attest physical-goods")],
    "bot": [
        (with_telegram(bot_id=124), "fail", "Telegram says bot 124, the token says 123"),
        (NO_TOKEN, "fail", "there is no bot token"),
        (replace(NO_TOKEN, bot_token_error="others can read it", bot_token_cure="chmod 600 x"), "fail", "chmod 600 x"),
        (with_telegram(error="401", error_cure="apay config set-secret bot-token"), "fail", "set-secret bot-token"),
        (UNREACHED, "fail", "Telegram cannot be reached"),
        (OFFLINE, "manual", "run it again without --offline"),
    ],
    "provider-token": [
        (replace(GOOD, mode="test"), "fail", "run apay check-live --live"),
        (replace(GOOD, provider_token_error="there is no live provider token"), "fail", "Connect Paykassma Live"),
        (
            replace(GOOD, provider_token_error="others can read it", provider_token_cure="chmod 600 x"),
            "fail",
            "others can read it chmod 600 x",
        ),
        (replace(GOOD, provider_token_word=None), "warn", "does not say :LIVE:"),
    ],
    "invoice-probe": [
        (with_telegram(probe="PAYMENT_PROVIDER_INVALID"), "fail", "refuses an invoice of this shop: PAYMENT_PROVIDER"),
        (with_telegram(probe=None), "manual", "a provider token and a product are needed"),
        (UNREACHED, "fail", "Telegram cannot be reached"),
        (OFFLINE, "manual", "--offline"),
    ],
    "webhook": [
        (with_webhook(url="https://evil.example/hook"), "fail", "https://evil.example/hook"),
        (with_webhook(url="https://evil.example/hook"), "fail", "/revoke the token"),
        (UNREACHED, "fail", "Telegram cannot be reached"),
        (OFFLINE, "manual", "--offline"),
    ],
    "pending": [
        (with_webhook(pending_update_count=11), "warn", "11 updates wait"),
        (with_webhook(pending_update_count=1_001), "fail", "after 24 h receipts are lost"),
        (OFFLINE, "manual", "--offline"),
    ],
    "allowed-updates": [
        (with_webhook(allowed_updates=("message",)), "fail", "does not send pre_checkout_query"),
        (with_webhook(allowed_updates=("pre_checkout_query",)), "fail", "does not send message:"),
        (with_webhook(allowed_updates=()), "fail", "message and pre_checkout_query"),
        (OFFLINE, "manual", "--offline"),
    ],
    "commands": [
        (with_telegram(commands=frozenset({"terms"})), "fail", "/support not in the bot's menu"),
        (with_telegram(commands=frozenset()), "fail", "/terms and /support not in"),
        (OFFLINE, "manual", "--offline"),
    ],
    "stock-file": [
        (replace(GOOD, stock_problems=("stock.toml: bad", "stock.toml: worse")), "fail", "bad; stock.toml: worse"),
        (replace(GOOD, stock_warnings=("odd price",)), "warn", "odd price"),
    ],
    "secrets": [
        (replace(GOOD, open_files=("/shop/bot-token",)), "fail", "others can read or replace /shop/bot-token"),
        (replace(GOOD, in_version_control=True), "warn", "version-controlled"),
        (replace(GOOD, open_files=None), "manual", "look at the permissions yourself"),
    ],
    "ledger": [
        (with_ledger(error="there is no ledger"), "fail", "there is no ledger apay listen creates it"),
        (with_ledger(error="it is damaged", exists=True), "fail", "it is damaged stop apay, move the file aside"),
        (with_ledger(problems=("units sold differ",)), "fail", "units sold differ"),
        (with_counts(dead_letters_with_payment=1), "fail", "1 unreadable update(s) mention a payment"),
        (with_counts(conflicts=2), "fail", "2 payment(s) contradict"),
        (with_ledger(counts=None), "manual", "not looked at"),
    ],
    "clock": [
        (with_telegram(clock_offset_seconds=31), "fail", "31 s off"),
        (with_telegram(clock_offset_seconds=-31), "fail", "-31 s off"),
        (with_telegram(clock_offset_seconds=None), "manual", "did not tell its time"),
        (OFFLINE, "manual", "--offline"),
    ],
    "disk": [
        (with_ledger(free_bytes=100 * 1024 * 1024 - 1), "fail", "99 MiB free"),
        (with_ledger(free_bytes=None), "manual", "look at the disk yourself"),
    ],
    "listener": [
        (with_ledger(last_run=None), "fail", "has never run"),
        (with_ledger(last_run=None, error="the ledger is damaged"), "fail", "the ledger is damaged"),
        (with_run(stopped_at=NOW - 1), "fail", "the listener was stopped"),
        (with_run(last_contact_at=None), "fail", "no contact"),
        (with_run(last_contact_at=NOW - 120_001), "fail", "no contact for more than two minutes"),
        (with_run(mode="test"), "fail", "the listener runs in test mode"),
        (replace(GOOD, mode="test"), "fail", "apay check-live --live looks at it"),
        (with_run(alive_at=NOW - 45_001), "fail", "has gone silent"),
    ],
    "answers": [
        (with_counts(answers_slowest_milliseconds=None), "manual", "send a live invoice and press Pay"),
        (with_counts(answers_slowest_milliseconds=3_001), "warn", "the slowest answer took 3001 ms"),
        (with_ledger(counts=None), "manual", "no pre-checkout of a live invoice was answered yet"),
    ],
    "rehearsal": [
        (with_ledger(attestations={}), "manual", "never played apay check-live --rehearse"),
        (with_ledger(attestations={REHEARSAL: NOW - DAY - 1}), "manual", "not played in the last 24 hours"),
        (with_ledger(attestations={REHEARSAL: NOW + 1}), "manual", "not played in the last 24 hours"),
    ],
}
STILL_GOOD: list[tuple[str, LiveFacts]] = [
    ("allowed-updates", with_webhook(allowed_updates=None)),
    ("pending", with_webhook(pending_update_count=10)),
    ("clock", with_telegram(clock_offset_seconds=-30)),
    ("disk", with_ledger(free_bytes=100 * 1024 * 1024)),
    ("listener", with_run(last_contact_at=NOW - 120_000)),
    ("listener", with_run(alive_at=NOW - 45_000)),
    ("answers", with_counts(answers_slowest_milliseconds=3_000)),
    ("ledger", with_ledger(sqlite_version=(3, 40, 1))),
    ("disputes", replace(GOOD, disputes=DisputeFacts(1, 17, 9))),
    ("disputes", replace(GOOD, disputes=DisputeFacts(0))),
    ("ledger", with_counts(dead_letters=5, receipts_flagged=2)),
    ("stable-server", with_record(crashes=3, up_milliseconds=7 * DAY * 99 // 100)),
    ("stable-server", replace(with_record(), ledger=replace(with_record().ledger, attestations={}))),
    *(
        ("support", replace(GOOD, support_text=text, support_reply=text))
        for text in (
            "@myshop_help",
            "help@shop.example",
            "https://shop.example/help",
            "t.me/myshop",
            "+880 1711-223344",
        )
    ),
]


def finding(name: str, facts: LiveFacts) -> Finding:
    return dict(CHECKS)[name](facts)


def test_every_check_has_its_examples() -> None:
    assert list(BAD) == [name for name, _ in CHECKS]
    assert len(dict(CHECKS)) == len(CHECKS)


def test_apays_and_telegrams_own_lines_come_first_in_their_order() -> None:
    assert [name for name, _ in CHECKS] == [
        "two-step", "disputes", "terms", "terms-clear", "terms-confirmed", "support", "telegram-cannot-help",
        "stable-server", "backups", "physical-goods", "bot", "provider-token", "invoice-probe", "webhook", "pending",
        "allowed-updates", "commands", "stock-file", "secrets", "ledger", "clock", "disk", "listener", "answers",
        "rehearsal",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name, _ in CHECKS])
def test_each_check_passes_when_all_is_well_and_asks_for_nothing(name: str) -> None:
    found = finding(name, GOOD)
    assert (found.outcome, found.next_step) == ("pass", "")
    assert found.seen


@pytest.mark.parametrize(("name", "facts"), STILL_GOOD)
def test_each_check_passes_up_to_its_limit(name: str, facts: LiveFacts) -> None:
    assert finding(name, facts).outcome == "pass"


@pytest.mark.parametrize(
    ("name", "facts", "outcome", "said"),
    [(name, *example) for name, examples in BAD.items() for example in examples],
    ids=[f"{name}-{number}" for name, examples in BAD.items() for number, _ in enumerate(examples)],
)
def test_each_check_finds_what_is_wrong_and_says_what_to_do(
    name: str, facts: LiveFacts, outcome: str, said: str
) -> None:
    found = finding(name, facts)
    assert found.outcome == outcome
    assert said in f"{found.seen} {found.next_step}"
    assert found.next_step
    assert found.seen


@pytest.mark.parametrize("name", ATTESTABLE)
@pytest.mark.parametrize(
    ("age", "outcome"),
    [(0, "pass"), (ATTESTED_DAYS_MAX * DAY, "pass"), (ATTESTED_DAYS_MAX * DAY + 1, "manual"), (3650 * DAY, "manual")],
)
def test_a_statement_is_good_for_ninety_days(name: str, age: int, outcome: str) -> None:
    found = finding(name, with_ledger(attestations={name: NOW - age}))
    assert (found.outcome, found.seen_at) == (outcome, NOW - age)
    assert ("more than 90 days ago" in found.seen) == (outcome == "manual")
    day = datetime.fromtimestamp((NOW - age) / 1000, UTC).date().isoformat()
    assert found.seen.endswith(f": stated by the owner on {day}") == (outcome == "pass")
    assert found.next_step == ("" if outcome == "pass" else f"if it is so: apay check-live --attest {name}")


def test_only_what_no_api_shows_can_be_stated() -> None:
    stated = replace(UNSEEN, ledger=replace(UNSEEN.ledger, attestations=dict.fromkeys(dict(CHECKS), NOW)))
    passed = [name for name, check in CHECKS if check(stated).outcome == "pass"]
    # There are no terms to be clear; a rehearsal is dated by the program that played it.
    assert passed == [*(name for name in ATTESTABLE if name != "terms-clear"), REHEARSAL]
    assert REHEARSAL not in ATTESTABLE


def test_offline_says_so_and_passes_only_what_lies_here() -> None:
    for name in ("bot", "invoice-probe", "webhook", "pending", "allowed-updates", "commands", "clock"):
        found = finding(name, OFFLINE)
        assert (found.outcome, found.seen) == ("manual", "not looked at (--offline)")
    for name in ("terms", "support", "stock-file", "secrets", "ledger", "disk"):
        assert finding(name, OFFLINE).outcome == "pass"


UNSEEN = LiveFacts(
    now=NOW,
    mode="live",
    telegram=None,
    ledger=LedgerFacts(error="there is no ledger"),
    bot_token_error=None,
    configured_bot_id=None,
    provider_token_error="there is no live provider token",
    provider_token_word=None,
    stock_problems=("stock.toml: No such file or directory",),
    stock_warnings=(),
    products=0,
    open_files=None,
    in_version_control=False,
    terms_text=None,
    terms_required=False,
    terms_version=None,
    support_text=None,
    terms_reply="",
    support_reply="",
)


def test_a_backup_that_was_opened_and_counted_is_evidence() -> None:
    finding = dict(CHECKS)["backups"](replace(UNSEEN, backup=BACKUP))
    assert (finding.outcome, finding.seen_at) == ("pass", NOW - HOUR)
    assert "apay-1.db.gz was opened and counted: 7 receipt(s), 1 h old" in finding.seen


def test_a_gate_that_is_shut_is_the_confirmation() -> None:
    asked = replace(UNSEEN, terms_required=True, terms_version="3")
    assert dict(CHECKS)["terms-confirmed"](asked).outcome == "pass"
    assert dict(CHECKS)["terms-confirmed"](replace(asked, terms_version=None)).outcome == "manual"


@pytest.mark.parametrize("telegram", [None, TelegramFacts(error="no answer")])
@pytest.mark.parametrize("token_error", [None, "there is no bot token"])
def test_nothing_passes_that_was_not_seen(telegram: TelegramFacts | None, token_error: str | None) -> None:
    facts = replace(UNSEEN, telegram=telegram, bot_token_error=token_error)
    assert [name for name, check in CHECKS if check(facts).outcome in ("pass", "warn")] == []


def test_every_fact_is_looked_at_by_some_example() -> None:
    """Each field differs from the good facts in at least one bad example, save for what is only told."""
    examples = [facts for all_of_one in BAD.values() for facts, _, _ in all_of_one]
    told = {"now", "configured_bot_id", "products", "terms_version", "terms_required"}
    for field in fields(LiveFacts):
        if field.name not in told:
            assert any(getattr(facts, field.name) != getattr(GOOD, field.name) for facts in examples), field.name
