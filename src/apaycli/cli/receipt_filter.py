"""Which receipts: the options that choose them, as the ledger's filter.

Knows how people name days, modes and flags; never what happens to the receipts.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from apaycli.cli.env import Env
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.core.model import Mode, ReceiptFilter


@dataclass(frozen=True, slots=True)
class Choice:
    """As it was typed."""

    since: str | None = None
    until: str | None = None
    mode: str | None = None
    sku: str | None = None
    currency: str | None = None
    flag: str | None = None


def parse_choice(choice: Choice, env: Env) -> "ReceiptFilter":
    from apaycli.cli.days import midnight, parse_day
    from apaycli.core.model import Flag, ReceiptFilter

    flags = [*Flag, "none"]
    if choice.flag is not None and choice.flag not in flags:
        raise UsageError(f"--flag takes {', '.join(flags)}")
    since = parse_day(choice.since, "--since") if choice.since is not None else None
    until = parse_day(choice.until, "--until") if choice.until is not None else None
    if since and until and until < since:
        raise UsageError("--until lies before --since")
    return ReceiptFilter(
        mode=_mode(choice.mode, env),
        paid_from=midnight(since) if since else None,
        paid_before=midnight(until + timedelta(days=1)) if until else None,
        sku=choice.sku,
        currency=_currency(choice.currency),
        flag=choice.flag,
    )


def _currency(text: str | None) -> str | None:
    """As it is written in the ledger: a small letter would find nothing, and look like a month without sales."""
    from apaycli.money import currencies
    from apaycli.text import nearest, show

    if text is None:
        return None
    code = text.upper()
    if code not in currencies():
        raise UsageError(f"--currency {show(text, 12)!r} is not known{nearest(code, list(currencies()))}")
    return code


def _mode(text: str | None, env: Env) -> "Mode | None":
    if env.common.live and text == "test":
        raise UsageError("--live is real money, and --mode test is not: one of them")
    match text:
        case None:
            return env.mode
        case "all":
            return None
        case "test" | "live" as mode:
            return mode
    raise UsageError("--mode takes test, live or all")
