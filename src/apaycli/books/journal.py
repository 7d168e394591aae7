"""Entries → plain-text journals of hledger and Beancount.

Knows their syntax and what in a stranger's name could be taken for it. Never knows which account money belongs to
(`core/postings.py`), nor time zones: the day of an instant is asked of `day_of`.

Files of several months can be read together: what must not be said twice (Beancount's `open`) is left to its
`auto_accounts` plugin.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from apaycli.core.postings import ACCOUNTS, Entry
from apaycli.money import format_amount
from apaycli.text import show

DayOf = Callable[[int], date]  # a UTC instant in milliseconds → the merchant's day

_TEXT_CHARACTERS_MAX = 1000
_AMOUNT_COLUMN = 40


def render_hledger(entries: Iterable[Entry], day_of: DayOf, heading: str) -> Iterator[str]:
    """Accounts first, entries, and at the end each currency that occurred: `hledger check --strict` is content."""
    accounts = "".join(f"account {account}\n" for account in ACCOUNTS)
    yield f"; {heading}\ndecimal-mark .\n\n{accounts}"
    seen: dict[str, None] = {}
    for entry in entries:
        seen[entry.currency] = None
        yield _hledger_entry(entry, day_of)
    yield "".join(f"\ncommodity {_hledger_sample(currency)}\n" for currency in seen)


def _hledger_sample(currency: str) -> str:
    number = format_amount(0, currency)
    return f"{number} {currency}" if "." in number else f"{number}. {currency}"


def _hledger_entry(entry: Entry, day_of: DayOf) -> str:
    mark = "!" if entry.undecided else "*"
    words = [_without(payee(entry), ";|\t"), _without(narration(entry), ";|\t")]
    lines = [f"{day_of(entry.at)} {mark} ({entry.receipt.receipt_id}) {' | '.join(words)}"]
    lines += [f"    ; {name}:{_without(value, ',')}" for name, value in tags(entry)]
    lines += [_posting(account, amount, entry.currency) for account, amount in entry.postings]
    return "\n" + "\n".join(lines) + "\n"


def render_beancount(entries: Iterable[Entry], day_of: DayOf, heading: str) -> Iterator[str]:
    yield f'; {heading}\nplugin "beancount.plugins.auto_accounts"\n'
    for entry in entries:
        yield _beancount_entry(entry, day_of)


def _beancount_entry(entry: Entry, day_of: DayOf) -> str:
    mark = "!" if entry.undecided else "*"
    lines = [f"{day_of(entry.at)} {mark} {_quoted(payee(entry))} {_quoted(narration(entry))}"]
    lines += [f"    {name}: {_quoted(value)}" for name, value in tags(entry)]
    lines += [_posting(account, amount, entry.currency) for account, amount in entry.postings]
    return "\n" + "\n".join(lines) + "\n"


def _posting(account: str, amount: int, currency: str) -> str:
    number = format_amount(amount, currency)
    gap = max(2, _AMOUNT_COLUMN - len(account) - len(number))
    return f"    {account}{' ' * gap}{number} {currency}"


def payee(entry: Entry) -> str:
    receipt = entry.receipt
    if receipt.buyer_name and receipt.buyer_name.strip():
        return _line(receipt.buyer_name)
    if receipt.buyer_username:
        return _line(f"@{receipt.buyer_username}")
    return f"buyer {receipt.buyer_id}" if receipt.buyer_id is not None else "unknown buyer"


def narration(entry: Entry) -> str:
    receipt = entry.receipt
    what = f"{receipt.quantity} x {receipt.title}" if receipt.title else "payment without an invoice"
    if entry.reference is None:
        return _line(what)
    return _line(f"refund that came back: {what}" if entry.came_back else f"refund: {what}")


def tags(entry: Entry) -> list[tuple[str, str]]:
    """What leads back to the ledger and to A-Pay. Names begin with a small letter, as Beancount wants them."""
    receipt = entry.receipt
    found = (
        ("charge", receipt.telegram_payment_charge_id),
        ("apay", receipt.provider_payment_charge_id),
        ("receipt", str(receipt.receipt_id)),
        ("sku", receipt.sku),
        ("flag", receipt.flag),
        ("reference", entry.reference),
    )
    return [(name, _line(value)) for name, value in found if value]


def _line(text: str) -> str:
    return show(text, _TEXT_CHARACTERS_MAX).strip()


def _without(text: str, characters: str) -> str:
    """`characters` mean something there, and cannot be escaped."""
    return text.translate({ord(character): "/" for character in characters})


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
