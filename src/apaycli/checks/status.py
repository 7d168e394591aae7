"""How the shop stands, and what its owner must look at: the facts of `apay status` and its alarms.

Knows one function per alarm, in order; never how a fact is gathered or shown. An alarm is something that does not
mend itself; a listener that is stopped is none until nobody has heard Telegram for longer than the owner allows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from apaycli.clock import render_instant
from apaycli.core.model import Mode
from apaycli.core.notices import gap_sentence
from apaycli.core.stock import StockLevel
from apaycli.files import FREE_BYTES_MIN
from apaycli.store.values import Gap, LedgerCounts, ListenerRun, MissingReceipt, ReservedUnits, Restore

DEAF_MILLISECONDS = 45_000  # three heartbeats and a slow disk
_RESERVATIONS_MANY = 3  # of one product, by one buyer
SUPPORT_MILLISECONDS = 24 * 3_600_000  # a request that waits longer rings


@dataclass(frozen=True, slots=True)
class Status:
    """Read at one moment, `now`. `run` is the last run of the listener, whether it lives or not."""

    now: int
    mode: Mode
    run: ListenerRun | None
    counts: LedgerCounts
    gaps: tuple[Gap, ...]
    free_bytes: int | None
    stock_problems: tuple[str, ...]
    gap_milliseconds_max: int
    updates_kept: int = 0  # beside the ledger, because it was locked: the listener's next start records them
    backup_every: int | None = None  # milliseconds; None: no backups are configured
    backup_made_at: int | None = None
    ledger_doubt: str | None = None  # it is missing, or another one: then the facts above are not the shop's
    ledger_missing: bool = False
    restores: tuple[Restore, ...] = ()  # not reviewed yet
    missing_receipts: tuple[MissingReceipt, ...] = ()
    levels: tuple[StockLevel, ...] = ()  # of the stock file's products, in this mode
    reserved: tuple[ReservedUnits, ...] = ()  # those large enough for an alarm
    reservation_ttl_milliseconds: int = 0

    @property
    def listening(self) -> bool:
        """A run that has not ended and whose heart beat a moment ago."""
        run = self.run
        return run is not None and run.stopped_at is None and self.now - run.alive_at <= DEAF_MILLISECONDS

    @property
    def heard_at(self) -> int | None:
        """Telegram's last word; a run that has not heard any counts from its start."""
        return None if self.run is None else self.run.last_contact_at or self.run.started_at

    @property
    def gap_milliseconds(self) -> int | None:
        return None if self.heard_at is None else max(0, self.now - self.heard_at)


@dataclass(frozen=True, slots=True)
class Alarm:
    """`name` is stable; `next_step` is what to do."""

    name: str
    sentence: str
    next_step: str


def alarms_of(status: Status) -> list[Alarm]:
    """Every alarm that rings, the gravest first."""
    return [alarm for ring in ALARMS if (alarm := ring(status)) is not None]


def _ledger(status: Status) -> Alarm | None:
    if status.ledger_doubt is None:
        return None
    cure = "put the right one back, or run apay restore; a new one only on purpose: apay listen --new-ledger"
    return Alarm("ledger", status.ledger_doubt, cure)


def _listener(status: Status) -> Alarm | None:
    if status.ledger_missing:
        return None  # what the listener did stands in it
    gap, listen = status.gap_milliseconds, _listen_command(status)
    if gap is None:
        return Alarm("listener", "apay listen has never run with this ledger", f"start {listen}: docs/operations.md")
    if gap <= status.gap_milliseconds_max:
        return _other_mode(status, listen)
    since = render_instant(status.heard_at or 0)
    return Alarm(
        "listener",
        f"nobody has heard Telegram since {since}; it keeps receipts 24 h and nobody can buy",
        "look at what the listener says" if status.listening else f"start {listen}",
    )


def _listen_command(status: Status) -> str:
    return "apay listen --live" if status.mode == "live" else "apay listen"


def _other_mode(status: Status, listen: str) -> Alarm | None:
    """It lives, and declines everybody who wants to pay real money. The other way round nobody loses anything."""
    run = status.run
    if run is None or not status.listening or (run.mode, status.mode) != ("test", "live"):
        return None
    sentence = f"the listener runs in {run.mode} mode: who pays a {status.mode} invoice is declined"
    return Alarm("listener", sentence, f"stop it, and start {listen}")


def _gaps(status: Status) -> Alarm | None:
    if not status.gaps:
        return None
    sentences = "; ".join(gap_sentence(gap.from_at, gap.until_at) for gap in status.gaps)
    return Alarm("gap", sentences, "compare, then: apay status --acknowledge")


def _restore(status: Status) -> Alarm | None:
    """Until the owner has compared: the ledger itself cannot know what it lacks."""
    if not status.restores:
        return None
    last = status.restores[-1]
    since = min(restore.backup_ends_at for restore in status.restores)
    start = f"that ends at {render_instant(since)}" if since else "that was empty"
    sentence = f"the ledger was restored at {render_instant(last.restored_at)} from a backup {start}"
    sentence += ": payments in between may be missing"
    if status.missing_receipts:
        count = len(status.missing_receipts)
        sentence += f"; {count} {'receipt is' if count == 1 else 'receipts are'} known only from the replaced ledger"
        sentence += f" ({last.kept_as})" if last.kept_as else ""
    if not all(restore.replaced_read for restore in status.restores):
        sentence += "; the replaced ledger was missing or could not be read whole, so there may be more"
    return Alarm("restore", sentence, "compare with the A-Pay dashboard, then: apay status --acknowledge")


def _dead_letters(status: Status) -> Alarm | None:
    count = status.counts.dead_letters_with_payment
    if not count:
        return None
    what = "1 update that may hold a payment" if count == 1 else f"{count} updates that may hold a payment"
    return Alarm("dead_letters", f"{what} could not be read", "apay deadletters list")


def _conflicts(status: Status) -> Alarm | None:
    count = status.counts.conflicts
    if not count:
        return None
    sentence = f"{count} payment(s) came twice with other content; the first record stands"
    return Alarm("conflicts", sentence, "compare with the A-Pay dashboard, then: apay status --acknowledge")


def _shipping(status: Status) -> Alarm | None:
    counts, said = status.counts, []
    if counts.shipping_failures:
        buyers = "1 buyer" if counts.shipping_failures == 1 else f"{counts.shipping_failures} buyers"
        said.append(f"{buyers} got no answer about delivery and could not pay")
    if counts.shipping_free_left_out:
        buyers = "1 buyer was" if counts.shipping_free_left_out == 1 else f"{counts.shipping_free_left_out} buyers were"
        said.append(f"{buyers} not offered a delivery option that costs nothing")
    if not said:
        return None
    sentence = f"{'; '.join(said)}; the last reason: {counts.shipping_error}"
    return Alarm(
        "shipping", sentence, "apay stock check names options without a price; then: apay status --acknowledge"
    )


def _query_conflicts(status: Status) -> Alarm | None:
    count = status.counts.query_conflicts
    if not count:
        return None
    queries = "1 decided query" if count == 1 else f"{count} decided queries"
    sentence = f"{queries} came again with other content; the first decision stands"
    return Alarm("query_conflicts", sentence, "see what else has the bot token, then: apay status --acknowledge")


def _inbox(status: Status) -> Alarm | None:
    if not status.updates_kept or status.listening:
        return None
    updates = "1 update" if status.updates_kept == 1 else f"{status.updates_kept} updates"
    sentence = (
        f"{updates}, kept beside the ledger while it was locked, and forgotten by Telegram: not in the ledger yet"
    )
    return Alarm("inbox", sentence, f"start {_listen_command(status)}, which records what is there")


def _hooks(status: Status) -> Alarm | None:
    count = status.counts.hooks_failed
    return Alarm("hooks", f"{count} hook(s) were given up", "apay hooks list --state failed") if count else None


def _support(status: Status) -> Alarm | None:
    oldest_at = status.counts.support_oldest_at
    if oldest_at is None or status.now - oldest_at < SUPPORT_MILLISECONDS:
        return None
    sentence = f"a buyer waits for an answer since {render_instant(oldest_at)}; {status.counts.support_requests} open"
    return Alarm("support", sentence, "apay support list")


def _backup(status: Status) -> Alarm | None:
    every, made_at = status.backup_every, status.backup_made_at
    if every is None or status.run is None:
        return None
    since = made_at if made_at is not None else status.run.started_at
    if status.now - since <= 2 * every:
        return None
    newest = "there is no backup" if made_at is None else f"the newest backup is of {render_instant(made_at)}"
    return Alarm("backup", newest, "apay backup says what is wrong")


def _stock(status: Status) -> Alarm | None:
    if not status.stock_problems:
        return None
    sentence = f"the stock file has mistakes: {'; '.join(status.stock_problems[:3])}"
    return Alarm("stock", sentence, "apay stock check; a running listener keeps to the last good one")


def _overcommitted(status: Status) -> Alarm | None:
    levels = [level for level in status.levels if level.overcommitted]
    if not levels:
        return None
    named = "; ".join(f"{each.sku}: stock {each.stock}, sold {each.sold}, reserved {each.held}" for each in levels[:3])
    sentence = f"more is sold and reserved than the stock file has: {named}"
    return Alarm("overcommitted", sentence, "count what is there, then: apay stock count SKU UNITS")


def _reserved(status: Status) -> Alarm | None:
    """One buyer has most of a product, in several reservations or for longer than one lasts without renewal. A large
    order alone is none."""
    left = {each.sku: each.stock - each.sold for each in status.levels if each.stock is not None}
    for each in status.reserved:
        renewed = (
            each.reservations >= _RESERVATIONS_MANY or status.now - each.since > status.reservation_ttl_milliseconds
        )
        if renewed and each.units * 2 > left.get(each.sku, each.units * 2):
            units = f"{each.units} of {left[each.sku]} units of {each.sku}"
            sentence = (
                f"buyer {each.buyer_id} has {units} reserved since {render_instant(each.since)}, and has not paid"
            )
            return Alarm(
                "reserved", sentence, "ask the buyer; apay invoices cancel INVOICE keeps them from pressing again"
            )
    return None


def _disk(status: Status) -> Alarm | None:
    free = status.free_bytes
    if free is None or free >= FREE_BYTES_MIN:
        return None
    return Alarm("disk", f"{free // 2**20} MiB are free where the ledger lies", "make room")


ALARMS: tuple[Callable[[Status], Alarm | None], ...] = (
    _ledger,
    _listener,
    _gaps,
    _restore,
    _dead_letters,
    _conflicts,
    _shipping,
    _query_conflicts,
    _inbox,
    _hooks,
    _support,
    _backup,
    _stock,
    _overcommitted,
    _reserved,
    _disk,
)
