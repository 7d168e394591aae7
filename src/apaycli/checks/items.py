"""The live checklist: an ordered tuple of names and pure functions over gathered facts.

Knows A-Pay's checklist (reference a-pay.md, section 8) and Telegram's, line by line, and when each is good.
Never gathers anything. Nothing passes that was not seen: what no API shows is `manual` until the owner has
stated it, dated, within the last 90 days. Each name has its paragraph in `docs/check-live.md`.
"""

from collections.abc import Callable
from functools import wraps

from apaycli.checks.model import Finding, LiveFacts, TelegramFacts
from apaycli.checks.owner_items import (
    DAY_MILLISECONDS,
    check_backups,
    check_disputes,
    check_goods,
    check_stable_server,
    check_support,
    check_telegram_cannot_help,
    check_terms,
    check_terms_clear,
    check_terms_confirmed,
    check_two_step,
)
from apaycli.checks.status import DEAF_MILLISECONDS
from apaycli.files import FREE_BYTES_MIN

REHEARSAL = "rehearsal"  # kept beside the owner's statements; only a rehearsal writes it
_NEEDED_UPDATES = ("message", "pre_checkout_query")
_PENDING_MANY = 1_000
_CLOCK_SECONDS_MAX = 30
_CONTACT_MILLISECONDS_MAX = 120_000
_ANSWER_MILLISECONDS_MAX = 3_000
_WAL_RESET_FIXED = (3, 51, 3)

Check = Callable[[LiveFacts], Finding]


def _at_telegram(check: Callable[[LiveFacts, TelegramFacts], Finding]) -> Check:
    """A check of Telegram's side, and what to say where nothing was seen of it."""

    @wraps(check)
    def checked(facts: LiveFacts) -> Finding:
        if facts.bot_token_error:
            return Finding("fail", facts.bot_token_error, facts.bot_token_cure or "apay config set-secret bot-token")
        if facts.telegram is None:
            return Finding("manual", "not looked at (--offline)", "run it again without --offline")
        if facts.telegram.error:
            return Finding("fail", facts.telegram.error, facts.telegram.error_cure or "reach Telegram first")
        return check(facts, facts.telegram)

    return checked


@_at_telegram
def check_bot(facts: LiveFacts, telegram: TelegramFacts) -> Finding:
    if telegram.bot_id != facts.configured_bot_id:
        return Finding("fail", f"Telegram says bot {telegram.bot_id}, the token says {facts.configured_bot_id}",
                       "copy the token again")  # fmt: skip
    return Finding("pass", f"@{telegram.bot_username} ({telegram.bot_id}) answers")


def check_provider_token(facts: LiveFacts) -> Finding:
    if facts.mode != "live":
        return Finding("fail", "this looks at test mode", "run apay check-live --live")
    if facts.provider_token_error:
        cure = facts.provider_token_cure or "apay config set-secret live-provider-token"
        if facts.provider_token_error.startswith("there is no"):
            cure = f"BotFather: Payments, Connect Paykassma Live gives one; then {cure}"
        return Finding("fail", facts.provider_token_error, cure)
    if facts.provider_token_word is None:
        return Finding("warn", "the provider token does not say :LIVE:", "compare it with BotFather's")
    return Finding("pass", f"the provider token says :{facts.provider_token_word}:")


@_at_telegram
def check_invoice_probe(facts: LiveFacts, telegram: TelegramFacts) -> Finding:
    probe = telegram.probe
    if probe is None:
        return Finding("manual", "no invoice could be tried: a provider token and a product are needed", "see above")
    if probe:
        return Finding("fail", f"Telegram refuses an invoice of this shop: {probe}", "apay explain says more")
    return Finding(
        "pass", "Telegram takes an invoice of this shop (a probe, shown to nobody; declined if anybody pays)"
    )


@_at_telegram
def check_webhook(facts: LiveFacts, telegram: TelegramFacts) -> Finding:
    webhook = telegram.webhook
    if webhook and webhook.url:
        return Finding("fail", f"a webhook is set: {webhook.url}",
                       "if it is not yours, /revoke the token at BotFather; else apay listen --take-over")  # fmt: skip
    return Finding("pass", "no webhook is set")


@_at_telegram
def check_pending(facts: LiveFacts, telegram: TelegramFacts) -> Finding:
    webhook = telegram.webhook
    count = webhook.pending_update_count if webhook else 0
    if count > _PENDING_MANY:
        return Finding("fail", f"{count} updates wait at Telegram", "run apay listen: after 24 h receipts are lost")
    return Finding("warn" if count > 10 else "pass", f"{count} updates wait at Telegram",
                   "run apay listen" if count > 10 else "")  # fmt: skip


@_at_telegram
def check_allowed_updates(facts: LiveFacts, telegram: TelegramFacts) -> Finding:
    webhook = telegram.webhook
    allowed = webhook.allowed_updates if webhook else None
    missing = [kind for kind in _NEEDED_UPDATES if allowed is not None and kind not in allowed]
    if missing:
        return Finding("fail", f"Telegram does not send {' and '.join(missing)}: payments are being lost",
                       "run apay listen: it asks for them; find out what narrowed the list")  # fmt: skip
    return Finding("pass", "Telegram sends messages and pre-checkout queries")


@_at_telegram
def check_commands(facts: LiveFacts, telegram: TelegramFacts) -> Finding:
    missing = [f"/{name}" for name in ("terms", "support") if name not in telegram.commands]
    if missing:
        return Finding("fail", f"{' and '.join(missing)} not in the bot's menu",
                       "apay commands publish")  # fmt: skip
    return Finding("pass", "/terms and /support are in the bot's menu")


def check_stock_file(facts: LiveFacts) -> Finding:
    if facts.stock_problems:
        return Finding("fail", "; ".join(facts.stock_problems), "apay stock check")
    if facts.stock_warnings:
        return Finding("warn", "; ".join(facts.stock_warnings), "look at these prices")
    return Finding("pass", f"{facts.products} product(s) within Telegram's limits and A-Pay's whole units")


def check_secrets(facts: LiveFacts) -> Finding:
    if facts.open_files is None:
        return Finding("manual", "this system does not say who can read a file", "look at the permissions yourself")
    if facts.open_files:
        seen = f"others can read or replace {', '.join(facts.open_files)}"
        return Finding("fail", seen, "chmod 600 each file, chmod 700 each folder")
    if facts.in_version_control:
        return Finding("warn", "the config lies in a version-controlled folder", "keep tokens out of commits")
    return Finding("pass", "config, secrets and ledger are private")


def check_ledger(facts: LiveFacts) -> Finding:
    if facts.ledger.error:
        cure = "stop apay, move the file aside, restore a copy" if facts.ledger.exists else "apay listen creates it"
        return Finding("fail", facts.ledger.error, cure)
    if facts.ledger.bot_id is not None and facts.ledger.bot_id != facts.configured_bot_id:
        return Finding(
            "fail",
            f"it is the ledger of bot {facts.ledger.bot_id}, not of bot {facts.configured_bot_id}",
            "give each bot its own config and ledger",
        )
    if facts.ledger.problems:
        return Finding("fail", "; ".join(facts.ledger.problems), "apay verify; docs/ledger.md says what to do")
    counts = facts.ledger.counts
    if counts is None:
        return Finding("manual", "not looked at", "apay check-live --only ledger")
    letters, conflicts, receipts = counts.dead_letters_with_payment, counts.conflicts, counts.receipts
    if letters or conflicts:
        return Finding("fail", f"{letters} unreadable update(s) mention a payment, {conflicts} payment(s) contradict",
                       "apay deadletters list" if letters else "look at them before going live")  # fmt: skip
    if facts.ledger.sqlite_version < _WAL_RESET_FIXED:
        version = ".".join(map(str, facts.ledger.sqlite_version))
        return Finding("pass", f"intact, sums agree, {receipts} receipt(s); SQLite {version}, one writer")
    return Finding("pass", f"intact, sums agree, {receipts} receipt(s)")


@_at_telegram
def check_clock(facts: LiveFacts, telegram: TelegramFacts) -> Finding:
    offset = telegram.clock_offset_seconds
    if offset is None:
        return Finding("manual", "the server did not tell its time", "compare the machine's clock yourself")
    if abs(offset) > _CLOCK_SECONDS_MAX:
        return Finding("fail", f"the clock is {offset} s off the server's", "switch on time synchronisation (NTP)")
    return Finding("pass", f"the clock is within {_CLOCK_SECONDS_MAX} s of the server's")


def check_disk(facts: LiveFacts) -> Finding:
    free = facts.ledger.free_bytes
    if free is None:
        return Finding("manual", "free space is not known", "look at the disk yourself")
    mib = free // (1024 * 1024)
    if free < FREE_BYTES_MIN:
        return Finding("fail", f"{mib} MiB free", "make room: below 100 MiB the ledger is in danger")
    return Finding("pass", f"{mib} MiB free")


def _listen(facts: LiveFacts) -> str:
    return "apay listen --live" if facts.mode == "live" else "apay listen"


def check_listener(facts: LiveFacts) -> Finding:
    if facts.ledger.error:
        return Finding("fail", facts.ledger.error, "see to the ledger first")
    run = facts.ledger.last_run
    if run is None:
        return Finding("fail", "apay listen has never run with this ledger", _listen(facts))
    if run.stopped_at is not None:
        return Finding("fail", "the listener was stopped", _listen(facts), run.stopped_at)
    if facts.now - run.alive_at > DEAF_MILLISECONDS:
        seen = "the listener has gone silent: it ended by an error, was killed, or the machine went down"
        return Finding("fail", seen, _listen(facts), run.alive_at)
    contact = run.last_contact_at
    if contact is None or facts.now - contact > _CONTACT_MILLISECONDS_MAX:
        return Finding("fail", "the listener has had no contact for more than two minutes",
                       "look at its output, or start it", contact)  # fmt: skip
    if run.mode != facts.mode:
        cure = f"stop it, and start {_listen(facts)}" if facts.mode == "live" else "apay check-live --live looks at it"
        return Finding("fail", f"the listener runs in {run.mode} mode", cure, contact)
    return Finding("pass", f"the listener (pid {run.pid}) is in contact with Telegram", "", contact)


def check_answers(facts: LiveFacts) -> Finding:
    slowest = facts.ledger.counts.answers_slowest_milliseconds if facts.ledger.counts else None
    if slowest is None:
        return Finding("manual", f"no pre-checkout of a {facts.mode} invoice was answered yet",
                       f"with {_listen(facts)} running, send a {facts.mode} invoice and press Pay"
                       " (the question alone is enough)")  # fmt: skip
    if slowest > _ANSWER_MILLISECONDS_MAX:
        return Finding("warn", f"the slowest answer took {slowest} ms", "Telegram waits 10 s: look at machine and line")
    return Finding("pass", f"the slowest answer took {slowest} ms")


def check_rehearsal(facts: LiveFacts) -> Finding:
    at = (facts.ledger.attestations or {}).get(REHEARSAL)
    if at is None or not 0 <= facts.now - at <= DAY_MILLISECONDS:
        seen = "not played in the last 24 hours" if at is not None else "never played"
        return Finding("manual", seen, "apay check-live --rehearse", at)
    return Finding("pass", "bought, sold out, told twice, killed and started again, as it should be", "", at)


# A-Pay's and Telegram's own lines first, in their order; then what a machine can see.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("two-step", check_two_step),
    ("disputes", check_disputes),
    ("terms", check_terms),
    ("terms-clear", check_terms_clear),
    ("terms-confirmed", check_terms_confirmed),
    ("support", check_support),
    ("telegram-cannot-help", check_telegram_cannot_help),
    ("stable-server", check_stable_server),
    ("backups", check_backups),
    ("physical-goods", check_goods),
    ("bot", check_bot),
    ("provider-token", check_provider_token),
    ("invoice-probe", check_invoice_probe),
    ("webhook", check_webhook),
    ("pending", check_pending),
    ("allowed-updates", check_allowed_updates),
    ("commands", check_commands),
    ("stock-file", check_stock_file),
    ("secrets", check_secrets),
    ("ledger", check_ledger),
    ("clock", check_clock),
    ("disk", check_disk),
    ("listener", check_listener),
    ("answers", check_answers),
    ("rehearsal", check_rehearsal),
)

ATTESTABLE = ("two-step", "disputes", "terms-clear", "terms-confirmed", "stable-server", "backups", "physical-goods")
