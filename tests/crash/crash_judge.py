"""What must be true after any number of crashes: the sandbox's own books against the ledger.

Knows nothing of how it went. The sentences of `simulation_checker.py`, and what only real processes can show: hooks,
answers on the wire, words on a stream.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import simulation_checker
from botapi_spec import log_complaints
from crash_shop import CrashShop

from apaycli.core.messages import ENGLISH, declined_name
from apaycli.core.model import DeclineReason
from apaycli.store.sqlite import SqliteStore, open_sqlite

# What one chapter is worth, summed up at the end of a run.
FIGURES = (
    "kills", "lives", "charges", "lost", "doubled", "oversold", "violations", "accepted", "declined", "unanswered",
)  # fmt: skip
_UNAVAILABLE = ENGLISH[declined_name(DeclineReason.UNAVAILABLE)]


@dataclass(frozen=True)
class _Invoice:
    invoice_id: str
    uses_max: int | None


@dataclass(frozen=True)
class _Story:
    """What `simulation_checker` looks at."""

    world: Any
    clock: Any
    store: SqliteStore
    invoices: list[_Invoice]
    checkouts: list[Any]
    lives: int
    capacity_highest: int


def violations(shop: CrashShop) -> list[str]:
    """Sentences, none when all is right. The sandbox must not be served any more."""
    with closing(open_sqlite(shop.ledger, read_only=True)) as store:
        return [
            *simulation_checker.violations(_story(shop, store)),  # type: ignore[arg-type]
            *_answers_stand(shop, store),
            *_hooks_ran(shop, store),
            *log_complaints(shop.requests.records),
            *_nothing_was_said_in_anger(shop),
        ]


def _story(shop: CrashShop, store: SqliteStore) -> _Story:
    invoices = [_Invoice(*row) for row in store.db.execute("SELECT invoice_id, uses_max FROM invoices")]
    checkouts = list(shop.world.books.checkouts.values())
    return _Story(shop.world, shop.clock, store, invoices, checkouts, shop.listened, shop.capacity_highest)


def _answers_stand(shop: CrashShop, store: SqliteStore) -> Iterator[str]:
    """A2: each answer sent equals the stored decision, however many times it is sent."""
    decisions = dict(store.db.execute("SELECT pre_checkout_query_id, ok FROM decisions").fetchall())
    for record in shop.requests.records:
        if record.method.lower() == "answerprecheckoutquery":
            query_id, ok = record.params["pre_checkout_query_id"], record.params["ok"] == "true"
            if record.params.get("error_message") != _UNAVAILABLE and decisions.get(query_id) != ok:
                yield f"an answer is not the record's: {query_id}"


def _hooks_ran(shop: CrashShop, store: SqliteStore) -> Iterator[str]:
    """C1, C2: at least once for each receipt that fits, never without a claim on disk, repeated by crashes alone."""
    if not shop.hook:
        return
    path = shop.folder / "hook-runs.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    ran = Counter(json.loads(line)["telegram_payment_charge_id"] for line in lines)
    rows = store.db.execute(
        "SELECT telegram_payment_charge_id, state, attempts, flag FROM hooks JOIN receipts USING (receipt_id)"
    )
    hooks = defaultdict(lambda: ("missing", 0, None), {row[0]: row[1:] for row in rows})
    for (charge_id,) in store.db.execute("SELECT telegram_payment_charge_id FROM receipts"):
        state, attempts, flag = hooks[charge_id]
        times = ran[charge_id]
        if state != ("done" if flag in (None, "late") else "waiting"):
            yield f"the hook of a receipt flagged {flag} is {state}: {charge_id}"
        if state == "done" and times == 0:
            yield f"a hook never ran: {charge_id}"
        if times > attempts or attempts > 1 + shop.kills:
            yield f"a hook ran {times} times in {attempts} attempts with {shop.kills} kills: {charge_id}"


def _nothing_was_said_in_anger(shop: CrashShop) -> Iterator[str]:
    said = shop.log.read_text("utf-8", "replace")
    if "Traceback" in said:
        yield "a traceback was shown: " + said[said.index("Traceback") :][:2000]
    tokens = (shop.world.bot_token.partition(":")[2], shop.world.test_provider_token)
    if any(token in said for token in tokens):
        yield "a token was shown"


def figures(shop: CrashShop, found: list[str]) -> dict[str, int]:
    """FIGURES by name, from what `violations` found."""
    outcomes = Counter(checkout.outcome for checkout in shop.world.books.checkouts.values())
    words = Counter(sentence.partition(":")[0] for sentence in found)
    return {
        "kills": shop.kills,
        "lives": shop.listened,
        "charges": len(shop.world.books.charges),
        "lost": words["lost"],
        "doubled": words["doubled"],
        "oversold": words["oversold"] + words["paid too often"],
        "violations": len(found),
        "accepted": outcomes["accepted"],
        "declined": outcomes["declined"],
        "unanswered": outcomes["timeout"],
    }
