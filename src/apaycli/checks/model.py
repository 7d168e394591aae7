"""What check-live gathers and what it finds, as frozen values.

Knows the names; never how a fact is gathered (`facts.py`) or judged (`items.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from apaycli.core.model import Mode
from apaycli.store.values import LedgerCounts, ListenerRun

Outcome = Literal["pass", "warn", "fail", "manual"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """`getWebhookInfo`; `allowed_updates` is None where Telegram's default is in force."""

    url: str
    pending_update_count: int
    allowed_updates: tuple[str, ...] | None
    last_error_message: str


@dataclass(frozen=True, slots=True)
class TelegramFacts:
    """What Telegram said. `error` is set where it said nothing useful."""

    error: str | None = None
    error_cure: str = ""
    bot_id: int = 0
    bot_username: str = ""
    webhook: Webhook | None = None
    commands: frozenset[str] = frozenset()
    clock_offset_seconds: int | None = None
    probe: str | None = None  # what createInvoiceLink said to a probe: "" is good; None: not asked


@dataclass(frozen=True, slots=True)
class Stability:
    """What the listener's own record says of the last seven days."""

    since: int  # the first start in that time
    starts: int
    crashes: int  # runs that never said that they stopped
    up_milliseconds: int
    gaps: int  # times of more than 24 hours without Telegram


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What lies on disk. `error` is set where the ledger could not be read."""

    error: str | None = None
    exists: bool = False
    bot_id: int | None = None  # whose ledger it is; None where it was never bound
    problems: tuple[str, ...] = ()
    counts: LedgerCounts | None = None
    last_run: ListenerRun | None = None
    attestations: Mapping[str, int] | None = None
    stability: Stability | None = None  # None: it has not run in seven days
    free_bytes: int | None = None
    sqlite_version: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """The newest backup, opened and counted a moment ago; `made_at` is None where there is none."""

    every_milliseconds: int
    made_at: int | None = None
    name: str = ""
    receipts: int = 0
    newest_receipt_at: int | None = None
    error: str | None = None  # why it cannot be trusted
    error_cure: str = ""


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """Disputes on record, and the folder of evidence for the newest receipt: put together and thrown away."""

    open: int
    receipt_id: int | None = None  # None: there is no receipt yet
    files: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """Everything the checks look at, read once. `telegram` is None with --offline."""

    now: int
    mode: Mode
    telegram: TelegramFacts | None
    ledger: LedgerFacts
    bot_token_error: str | None
    configured_bot_id: int | None
    provider_token_error: str | None
    provider_token_word: str | None  # TEST or LIVE, as the token says; None where it says nothing
    stock_problems: tuple[str, ...]
    stock_warnings: tuple[str, ...]
    products: int
    open_files: tuple[str, ...] | None  # files with secrets or money that others can read; None: cannot be seen here
    in_version_control: bool
    terms_text: str | None
    terms_required: bool
    terms_version: str | None
    support_text: str | None
    terms_reply: str  # what the listener's own code answers to /terms and /support
    support_reply: str
    backup: BackupFacts | None = None  # None: no backups are configured
    disputes: DisputeFacts | None = None  # None: not looked at
    bot_token_cure: str = ""  # where the trouble itself says what to do
    provider_token_cure: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer: what was seen, and the one thing to do next ("" where nothing is)."""

    outcome: Outcome
    seen: str
    next_step: str = ""
    seen_at: int | None = None
