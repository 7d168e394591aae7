"""The live checklist: an ordered tuple of names and pure functions over gathered facts.

Knows A-Pay's checklist (reference a-pay.md, section 8) and Telegram's, line by line, and when each is good.
Never gathers anything. Nothing passes that was not seen: what no API shows is `manual` until the owner has
stated it, dated, within the last 90 days. Each name has its paragraph in `docs/check-live.md`.
"""

from collections.abc import Callable

from apaycli.checks.model import Finding, LiveFacts, TelegramFacts
from apaycli.clock import render_instant
from apaycli.core.messages import ENGLISH
from apaycli.files import FREE_BYTES_MIN

ATTESTED_DAYS_MAX = 90
_DAY_MILLISECONDS = 86_400_000
_TERMS_CHARACTERS_MIN = 200
_NEEDED_UPDATES = ("message", "pre_checkout_query")
_PENDING_MANY = 1_000
_CLOCK_SECONDS_MAX = 30
_CONTACT_MILLISECONDS_MAX = 120_000
_ANSWER_MILLISECONDS_MAX = 3_000
_WAL_RESET_FIXED = (3, 51, 3)

Check = Callable[[LiveFacts], Finding]


def _attested(facts: LiveFacts, name: str, statement: str) -> Finding:
    """The owner's own word, which no API shows."""
    at = (facts.ledger.attestations or {}).get(name)
    how = f"if it is so: apay check-live --attest {name}"
    if at is None or at > facts.now + _DAY_MILLISECONDS:  # a date to come is a clock that was wrong
        return Finding("manual", f"{statement}: not stated yet", how)
    if facts.now - at > ATTESTED_DAYS_MAX * _DAY_MILLISECONDS:
        return Finding("manual", f"{statement}: stated more than {ATTESTED_DAYS_MAX} days ago", how, at)
    return Finding("pass", f"{statement}: stated by the owner on {render_instant(at)[:10]}", "", at)


def _unseen(facts: LiveFacts) -> Finding | None:
    """What to say of Telegram's side when nothing was seen of it."""
    if facts.bot_token_error:
        return Finding("fail", facts.bot_token_error, "set the bot token")
    if facts.telegram is None:
        return Finding("manual", "not looked at (--offline)", "run it again without --offline")
    if facts.telegram.error:
        return Finding("fail", facts.telegram.error, "reach Telegram first")
    return None


def _telegram(facts: LiveFacts) -> TelegramFacts:
    return facts.telegram or TelegramFacts(error="not looked at")


def check_two_step(facts: LiveFacts) -> Finding:
    return _attested(facts, "two-step", "two-step verification is on for the Telegram account that owns the bot")


def check_disputes(facts: LiveFacts) -> Finding:
    return _attested(facts, "disputes", "the owner takes responsibility for disputes and can process them")


def check_terms(facts: LiveFacts) -> Finding:
    if not facts.terms_text:
        return Finding("fail", "no terms are configured; /terms answers that there are none", "set [terms] text_file")
    if facts.terms_text not in facts.terms_reply:
        return Finding("fail", "the answer to /terms does not contain the whole text", "shorten it to 4096 characters")
    return Finding("pass", f"/terms answers with the configured text ({len(facts.terms_text)} characters)")


def check_terms_clear(facts: LiveFacts) -> Finding:
    length = len(facts.terms_text or "")
    if length < _TERMS_CHARACTERS_MIN:
        return Finding("fail", f"the terms have {length} characters", f"write at least {_TERMS_CHARACTERS_MIN}")
    return _attested(facts, "terms-clear", "the terms are clear and easy to understand")


def check_terms_confirmed(facts: LiveFacts) -> Finding:
    if facts.terms_required and facts.terms_version:
        said = "nobody can pay who has not agreed to the terms in force: the listener sees to it"
        return Finding("pass", said)
    statement = "buyers confirm the terms before they buy, in another way than [terms] require_acceptance = true"
    return _attested(facts, "terms-confirmed", statement)


def check_support(facts: LiveFacts) -> Finding:
    if not facts.support_text:
        return Finding("fail", "no contact is configured for /support", "set [support] text")
    if facts.support_text not in facts.support_reply:
        return Finding("fail", "the answer to /support does not contain the contact", "shorten [support] text")
    return Finding("pass", "/support answers with the configured contact")


def check_telegram_cannot_help(facts: LiveFacts) -> Finding:
    if ENGLISH["telegram_cannot_help"] not in facts.support_reply:
        return Finding("fail", "/support does not say that Telegram cannot help", "shorten [support] text")
    return Finding("pass", "/support and /paysupport say that Telegram's support cannot help")


def check_stable_server(facts: LiveFacts) -> Finding:
    return _attested(facts, "stable-server", "the listener runs as a service on a stable machine")


def check_backups(facts: LiveFacts) -> Finding:
    backup = facts.backup
    if backup is None:
        statement = "the ledger is backed up, in another way than [backup] dir"
        return _attested(facts, "backups", statement)
    if backup.made_at is None:
        return Finding("fail", "there is no backup yet", "apay backup; apay listen makes them by itself")
    if backup.error is not None:
        return Finding("fail", f"{backup.name} cannot be trusted: {backup.error}", "apay backup", backup.made_at)
    age = facts.now - backup.made_at
    seen = f"{backup.name} was opened and counted: {backup.receipts} receipt(s), {age // 3_600_000} h old"
    if age > 2 * backup.every_milliseconds:
        return Finding("fail", seen, "apay backup; is apay listen running?", backup.made_at)
    return Finding("pass", seen, "", backup.made_at)


def check_goods(facts: LiveFacts) -> Finding:
    return _attested(facts, "physical-goods", "only physical goods and services are sold (digital ones need Stars)")


def check_bot(facts: LiveFacts) -> Finding:
    unseen = _unseen(facts)
    if unseen:
        return unseen
    telegram = _telegram(facts)
    if telegram.bot_id != facts.configured_bot_id:
        return Finding("fail", f"Telegram says bot {telegram.bot_id}, the token says {facts.configured_bot_id}",
                       "copy the token again")  # fmt: skip
    return Finding("pass", f"@{telegram.bot_username} ({telegram.bot_id}) answers")


def check_provider_token(facts: LiveFacts) -> Finding:
    if facts.mode != "live":
        return Finding("fail", "this looks at test mode", "run apay check-live --live")
    if facts.provider_token_error:
        return Finding("fail", facts.provider_token_error, "BotFather: Payments, Connect Paykassma Live")
    if facts.provider_token_word is None:
        return Finding("warn", "the provider token does not say :LIVE:", "compare it with BotFather's")
    return Finding("pass", f"the provider token says :{facts.provider_token_word}:")


def check_webhook(facts: LiveFacts) -> Finding:
    unseen = _unseen(facts)
    if unseen:
        return unseen
    webhook = _telegram(facts).webhook
    if webhook and webhook.url:
        return Finding("fail", f"a webhook is set: {webhook.url}",
                       "if it is not yours, /revoke the token at BotFather; else apay listen --take-over")  # fmt: skip
    return Finding("pass", "no webhook is set")


def check_pending(facts: LiveFacts) -> Finding:
    unseen = _unseen(facts)
    if unseen:
        return unseen
    webhook = _telegram(facts).webhook
    count = webhook.pending_update_count if webhook else 0
    if count > _PENDING_MANY:
        return Finding("fail", f"{count} updates wait at Telegram", "run apay listen: after 24 h receipts are lost")
    return Finding("warn" if count > 10 else "pass", f"{count} updates wait at Telegram",
                   "run apay listen" if count > 10 else "")  # fmt: skip


def check_allowed_updates(facts: LiveFacts) -> Finding:
    unseen = _unseen(facts)
    if unseen:
        return unseen
    webhook = _telegram(facts).webhook
    allowed = webhook.allowed_updates if webhook else None
    missing = [kind for kind in _NEEDED_UPDATES if allowed is not None and kind not in allowed]
    if missing:
        return Finding("fail", f"Telegram does not send {' and '.join(missing)}: payments are being lost",
                       "run apay listen: it asks for them; find out what narrowed the list")  # fmt: skip
    return Finding("pass", "Telegram sends messages and pre-checkout queries")


def check_commands(facts: LiveFacts) -> Finding:
    unseen = _unseen(facts)
    if unseen:
        return unseen
    missing = [f"/{name}" for name in ("terms", "support") if name not in _telegram(facts).commands]
    if missing:
        return Finding("fail", f"{' and '.join(missing)} not in the bot's menu",
                       "BotFather: /setcommands, add: terms - Terms; support - Help")  # fmt: skip
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
        return Finding("fail", f"others can read {', '.join(facts.open_files)}", "chmod 600 them")
    if facts.in_version_control:
        return Finding("warn", "the config lies in a version-controlled folder", "keep tokens out of commits")
    return Finding("pass", "config, tokens and ledger are private")


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


def check_clock(facts: LiveFacts) -> Finding:
    unseen = _unseen(facts)
    if unseen:
        return unseen
    offset = _telegram(facts).clock_offset_seconds
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


def check_listener(facts: LiveFacts) -> Finding:
    if facts.ledger.error:
        return Finding("fail", facts.ledger.error, "see to the ledger first")
    run = facts.ledger.last_run
    if run is None:
        return Finding("fail", "apay listen has never run with this ledger", "start it")
    if run.stopped_at is not None:
        return Finding("fail", "the listener was stopped", "start apay listen", run.stopped_at)
    contact = run.last_contact_at
    if contact is None or facts.now - contact > _CONTACT_MILLISECONDS_MAX:
        return Finding("fail", "the listener has had no contact for more than two minutes",
                       "look at its output, or start it", contact)  # fmt: skip
    if run.mode != facts.mode:
        return Finding("fail", f"the listener runs in {run.mode} mode", f"restart it for {facts.mode}", contact)
    return Finding("pass", f"the listener (pid {run.pid}) is in contact with Telegram", "", contact)


def check_answers(facts: LiveFacts) -> Finding:
    slowest = facts.ledger.counts.answers_slowest_milliseconds if facts.ledger.counts else None
    if slowest is None:
        return Finding("manual", "no pre-checkout was answered yet", "pay one test invoice")
    if slowest > _ANSWER_MILLISECONDS_MAX:
        return Finding("warn", f"the slowest answer took {slowest} ms", "Telegram waits 10 s: look at machine and line")
    return Finding("pass", f"the slowest answer took {slowest} ms")


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
)

ATTESTABLE = ("two-step", "disputes", "terms-clear", "terms-confirmed", "stable-server", "backups", "physical-goods")
