"""Asking A-Pay about receipts, one after the other, and writing down what it says at once.

Knows the order of steps, the pace, and when to give up. Never how a receipt and a deposit are compared
(`core/reconcile.py`), and never anything of an answer to a buyer: this runs beside the listener, or not at all.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from apaycli.apayapi import APay, APayError, APayUnreadable
from apaycli.clock import Clock
from apaycli.core.model import Mode
from apaycli.core.reconcile import Claim, Finding, Key, answers, compare, keys_in_order, not_found
from apaycli.errors import TelegramError
from apaycli.store.protocol import Store

LEARNED_KEY = "apay_deposit_key"
FAILURES_MAX = 5
_BACK_OFF_SECONDS = (2, 5, 15, 60)
_WAIT_SECONDS_MAX = 600
_CLAIMS_PER_BATCH = 200


class Span(NamedTuple):
    """Which receipts are asked about."""

    mode: Mode
    paid_from: int | None
    paid_before: int | None
    again: bool


@dataclass
class Inquiry:
    """One run. `seconds_between` keeps A-Pay from being flooded: its limits are not published."""

    apay: APay
    store: Store
    clock: Clock
    seconds_between: float
    say: Callable[[str], None] = lambda line: None
    _next_at: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)

    def ask_about(self, span: Span) -> Iterator[tuple[Claim, Finding]]:
        """What A-Pay says about each; each finding is in the ledger when it comes out of here.

        Raises APayError after five failures in a row. What was found before stays.
        """
        started_at, seen = self.clock.now(), set[int]()
        while claims := self._batch(span, started_at):
            claims = [claim for claim in claims if claim.receipt_id not in seen]
            if not claims:  # the clock went back, and everything looks old again
                return
            for claim in claims:
                seen.add(claim.receipt_id)
                finding = self._patiently(claim)
                with self.store.transaction() as tx:
                    tx.record_finding(finding, self.clock.now())
                    if finding.found_by is not None:
                        tx.remember(LEARNED_KEY, finding.found_by)
                yield claim, finding

    def _batch(self, span: Span, started_at: int) -> list[Claim]:
        paid = (span.paid_from, span.paid_before)
        return self.store.unreconciled(span.mode, paid, started_at, again=span.again, limit=_CLAIMS_PER_BATCH)

    def _patiently(self, claim: Claim) -> Finding:
        while True:
            try:
                finding = self._find(claim)
            except TelegramError as error:  # of A-Pay, and of the way to it
                self._failures += 1
                if self._failures >= FAILURES_MAX:
                    raise APayError(
                        f"A-Pay failed {FAILURES_MAX} times in a row: {error.message}",
                        hint="what was found is kept; apay reconcile goes on with the rest",
                    ) from None
                wait = max(_BACK_OFF_SECONDS[self._failures - 1], _asked_to_wait(error))
                self.say(f"{error.message}; next try in {wait} s")
                self._next_at = self.clock.monotonic() + wait
            else:
                self._failures = 0
                return finding

    def _find(self, claim: Claim) -> Finding:
        """By the key that led somewhere before, then by the other."""
        for key in keys_in_order(self.store.remembered(LEARNED_KEY)):
            self._keep_pace()
            try:
                deposit = self.apay.deposit(**_query(claim, key))
            except APayUnreadable as error:
                return not_found(claim, f"cannot check: {error.message}")
            if deposit is None:
                continue
            if not answers(deposit, claim, key):
                return not_found(claim, "cannot check: A-Pay answered about another deposit")
            return compare(claim, deposit, key)
        return not_found(claim)

    def _keep_pace(self) -> None:
        now = self.clock.monotonic()
        if self._next_at > now:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self.seconds_between


def _asked_to_wait(error: TelegramError) -> int:
    """Seconds. Raises APayError where they are more than anybody watches a command for."""
    seconds = (error.retry_after if isinstance(error, APayError) else None) or 0
    if seconds > _WAIT_SECONDS_MAX:
        raise APayError(
            f"{error.message}; A-Pay wants not to be asked for {seconds} s",
            hint="what was found is kept; apay reconcile goes on with the rest then",
        )
    return seconds


def _query(claim: Claim, key: Key) -> dict[str, str]:
    return {key: claim.id_for(key)}
