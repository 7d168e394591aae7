"""More verbs of the ledger: what can be counted in it.

Knows what can be asked; never what a day is, or what counts as takings. `store/protocol.py` joins these to the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from apaycli.core.model import Mode

if TYPE_CHECKING:
    from apaycli.core.stats import Declined, Sales  # only named here


class Counting(Protocol):
    """Part of `Store`."""

    def sales(self, mode: Mode, edges: Sequence[int]) -> list[Sales]:
        """Receipts added up between each two neighbours of `edges`; the first is bucket 0."""
        ...

    def declined(self, mode: Mode, from_at: int, before_at: int) -> Iterator[Declined]:
        """In the order in which they were declined. A query without an invoice has no mode and is in both."""
        ...

    def answer_histogram(self, mode: Mode, from_at: int, before_at: int) -> tuple[dict[int, int], int, int]:
        """How many answers that reached Telegram took so many milliseconds; how many were too late; and of how many
        Telegram's reply was lost."""
        ...

    def first_activity(self, mode: Mode) -> int | None:
        """When the first receipt of the mode was paid, or the ledger's first query was decided."""
        ...
