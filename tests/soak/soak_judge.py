"""What must be true after a soak: the sentences of `crash_judge.py`, and those that only a soak can break.

Each product for itself is not oversold; nobody who had half their ten seconds waits in vain (`soak_time.py`).
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import crash_judge
from soak_shop import SoakShop
from soak_time import excuse, sums, taken_seconds

from apaycli.sandbox.checkouts import summarize

_SHOWN_MAX = 20
# Telegram takes 30 messages a second. Where more is paid in a second, messages about receipts go on for long after.
_WAITING = "notice(s) were never told"


def violations(shop: SoakShop) -> list[str]:
    """Sentences, none when all is right. The sandbox must not be served any more."""
    found = [sentence for sentence in crash_judge.violations(shop) if not sentence.endswith(_WAITING)]
    return [*found, *_oversold(shop), *_late(shop), *shop.complaints]


def _rows(shop: SoakShop, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{shop.ledger}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


def _oversold(shop: SoakShop) -> Iterator[str]:
    """Of no product more was sold than the highest number that a whole stock file ever had."""
    kept = "flag IS NULL OR flag IN ('late', 'amount_mismatch')"
    for sku, count in _rows(shop, f"SELECT sku, sum(quantity) FROM receipts WHERE {kept} GROUP BY sku"):
        if count > shop.capacity.get(sku, 0):
            yield f"oversold: {count} of {shop.capacity.get(sku, 0)}, {sku}"


def lateness(shop: SoakShop) -> Counter[str]:
    """Queries that were not answered in time by their excuse; "" for those without one."""
    late = [checkout for checkout in shop.world.books.checkouts.values() if checkout.outcome == "timeout"]
    return Counter(excuse(checkout.asked_monotonic, shop.windows) for checkout in late)


def _late(shop: SoakShop) -> Iterator[str]:
    checkouts = shop.world.books.checkouts.values()
    yield from (f"without an outcome: {c.pre_checkout_query_id}" for c in checkouts if c.outcome is None)
    began = min((checkout.asked_monotonic for checkout in checkouts), default=0.0)
    for checkout in checkouts:
        asked = checkout.asked_monotonic
        if checkout.outcome == "timeout" and not excuse(asked, shop.windows):
            taken = taken_seconds(asked, shop.windows)
            yield f"late: {checkout.pre_checkout_query_id}, {asked - began:.1f} s after the start, {taken:.1f} s taken"


def shown(found: list[str]) -> list[str]:
    """The sentences of each kind, not more than a page."""
    seen = Counter[str]()
    lines = []
    for sentence in found:
        kind = sentence.partition(":")[0]
        seen[kind] += 1
        if seen[kind] <= _SHOWN_MAX:
            lines.append(sentence)
    return lines + [f"{kind}: {n - _SHOWN_MAX} more" for kind, n in seen.items() if n > _SHOWN_MAX]


def summary(shop: SoakShop, found: list[str]) -> str:
    """One line with every number."""
    checkouts = list(shop.world.books.checkouts.values())
    told, words = summarize(checkouts), Counter(sentence.partition(":")[0] for sentence in found)
    answered = {
        record.params["pre_checkout_query_id"]
        for record in shop.requests.records
        if record.method == "answerprecheckoutquery"
    }
    late = lateness(shop)
    without = late.pop("", 0)
    unanswered = sum(c.outcome == "timeout" and c.pre_checkout_query_id not in answered for c in checkouts)
    receipts = _rows(shop, "SELECT count(*) FROM receipts")[0][0]
    times = told["answer_milliseconds"]
    return ", ".join(
        (
            f"{len(shop.world.books.charges)} payments, {receipts} receipts",
            f"{words['lost']} lost, {words['doubled']} doubled, {words['oversold'] + words['paid too often']} oversold",
            f"{told['accepted']} accepted, {told['declined']} declined",
            f"{without + late.total()} late (without excuse {without}{_listed(late, '; ')}), {unanswered} unanswered",
            f"answers in ms p50 {times['p50']} p99 {times['p99']} slowest {times['slowest']}",
            f"{shop.kills} kills in {shop.listened} lives",
            f"done to the shop: {_listed(shop.troubles)}",
            f"faults: {shop.weather.struck.total()} ({_listed(shop.weather.struck)})",
            f"seconds taken: {_listed(sums(shop.windows))}",
            f"{_rows(shop, 'SELECT count(*) FROM notices')[0][0]} messages to buyers wait",
            f"{len(found)} violations",
        )
    )


def _listed(counts: Counter[str], before: str = "") -> str:
    return before * bool(counts) + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
