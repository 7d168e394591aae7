"""A-Pay's and Telegram's own checklist: what the owner must have seen to, line by line.

Knows which of it can be seen, and what stays the owner's dated word. Never gathers anything; the order of all checks
stands in `items.py`.
"""

import re
from dataclasses import replace

from apaycli.checks.model import Finding, LiveFacts
from apaycli.clock import render_instant
from apaycli.core.messages import ENGLISH

ATTESTED_DAYS_MAX = 90
DAY_MILLISECONDS = 86_400_000
_TERMS_CHARACTERS_MIN = 200
_TO_FILL_IN = re.compile(r"\[[^\[\]\n]+\]")
# An @username of Telegram, an e-mail address, a page, a phone number: one way at least to reach the shop.
CONTACT = re.compile(r"@[A-Za-z]\w{3,}|\S+@\S+\.\S+|https?://\S+|t\.me/\S+|\d[\d ()-]{5,}\d", re.ASCII)
# Of the time since the first start in seven days. Below the first it is worth a look, below the second no service.
_UP_PERCENT_GOOD, _UP_PERCENT_MIN = 99, 95
_CRASHES_MAX = 3


def _attested(facts: LiveFacts, name: str, statement: str) -> Finding:
    """The owner's own word, which no API shows."""
    at = (facts.ledger.attestations or {}).get(name)
    how = f"if it is so: apay check-live --attest {name}"
    if at is None or at > facts.now + DAY_MILLISECONDS:  # a date to come is a clock that was wrong
        return Finding("manual", f"{statement}: not stated yet", how)
    if facts.now - at > ATTESTED_DAYS_MAX * DAY_MILLISECONDS:
        return Finding("manual", f"{statement}: stated more than {ATTESTED_DAYS_MAX} days ago", how, at)
    return Finding("pass", f"{statement}: stated by the owner on {render_instant(at)[:10]}", "", at)


def check_two_step(facts: LiveFacts) -> Finding:
    return _attested(facts, "two-step", "two-step verification is on for the Telegram account that owns the bot")


def check_disputes(facts: LiveFacts) -> Finding:
    seen = facts.disputes
    if seen is not None and seen.error is not None:
        return Finding("fail", f"no folder of evidence can be made: {seen.error}", "apay verify")
    stated = _attested(facts, "disputes", "the owner takes responsibility for disputes and can process them")
    if seen is None:
        return stated
    tried = "no receipt yet to try a folder of evidence with"
    if seen.receipt_id is not None:
        tried = f"a folder of evidence for receipt {seen.receipt_id} can be made ({seen.files} files)"
    return replace(stated, seen=f"{stated.seen}; {tried}; {seen.open} dispute(s) open")


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
    gaps = _TO_FILL_IN.findall(facts.terms_text or "")
    if gaps:
        seen = f"{len(gaps)} place(s) in [brackets] stand in the terms, as in those that apay init wrote"
        return Finding("fail", seen, "fill them in: [terms] text_file")
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
    if not CONTACT.search(facts.support_text):
        return Finding(
            "fail",
            "the answer of /support names no way to reach you",
            "[support] text: name an @username, a phone number, an e-mail address or a page",
        )
    return Finding("pass", "/support answers with the configured contact")


def check_telegram_cannot_help(facts: LiveFacts) -> Finding:
    if ENGLISH["telegram_cannot_help"] not in facts.support_reply:
        return Finding("fail", "/support does not say that Telegram cannot help", "shorten [support] text")
    return Finding("pass", "/support and /paysupport say that Telegram's support cannot help")


def check_stable_server(facts: LiveFacts) -> Finding:
    stability = facts.ledger.stability
    if stability is None or facts.now - stability.since < DAY_MILLISECONDS:
        statement = "the listener runs as a service on a stable machine (its own record is shorter than a day)"
        return _attested(facts, "stable-server", statement)
    share = stability.up_milliseconds * 100 // (facts.now - stability.since)
    seen = (
        f"up {min(share, 100)} % since {render_instant(stability.since)}: {stability.starts} start(s),"
        f" {stability.crashes} of them ended without a word, {stability.gaps} gap(s) over 24 h"
    )
    if stability.gaps or share < _UP_PERCENT_MIN:
        return Finding("fail", seen, "run it as a service: docs/operations.md")
    if share < _UP_PERCENT_GOOD or stability.crashes > _CRASHES_MAX:
        return Finding("warn", seen, "see why it ended: docs/operations.md")
    return Finding("pass", seen)


def check_backups(facts: LiveFacts) -> Finding:
    backup = facts.backup
    if backup is None:
        statement = "the ledger is backed up, in another way than [backup] dir"
        return _attested(facts, "backups", statement)
    if backup.made_at is None:
        return Finding("fail", "there is no backup yet", "apay backup; apay listen makes them by itself")
    if backup.error is not None:
        return Finding(
            "fail",
            f"{backup.name} cannot be trusted: {backup.error}",
            backup.error_cure or "apay backup",
            backup.made_at,
        )
    age = facts.now - backup.made_at
    seen = f"{backup.name} was opened and counted: {backup.receipts} receipt(s), {age // 3_600_000} h old"
    if age > 2 * backup.every_milliseconds:
        return Finding("fail", seen, "apay backup; is apay listen running?", backup.made_at)
    return Finding("pass", seen, "", backup.made_at)


def check_goods(facts: LiveFacts) -> Finding:
    return _attested(facts, "physical-goods", "only physical goods and services are sold (digital ones need Stars)")
