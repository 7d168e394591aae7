"""What `apay stats`, `apay day` and their page have in common: the figures, gathered and as JSON.

Knows which verbs of the ledger to ask. How they add up is `core/stats.py`'s.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apaycli.cli.spans import Span
    from apaycli.core.model import Mode
    from apaycli.core.stats import Figures, Refusals, Statistics
    from apaycli.store.protocol import Store


def gather_statistics(store: "Store", mode: "Mode", span: "Span") -> "Statistics":
    from apaycli.core.stats import answer_times, summed_up

    answers = answer_times(*store.answer_histogram(mode, span.from_at, span.before_at))
    declined = store.declined(mode, span.from_at, span.before_at)
    return summed_up(span.names, span.edges, store.sales(mode, span.edges), declined, answers)


def figures_document(figures: "Figures") -> dict[str, int]:
    return figures._asdict()


def refusal_document(key: tuple[str, str], refusals: "Refusals") -> dict[str, Any]:
    reason, currency = key
    return {"reason": reason, "currency": currency or None, **refusals._asdict()}


def shared_document(statistics: "Statistics") -> dict[str, Any]:
    """What both commands say of the whole stretch of time."""
    answers = statistics.answers
    return {
        "totals": [{"currency": code, **figures_document(each)} for code, each in statistics.totals.items()],
        "flags": dict(statistics.flags),
        "unreadable_receipts": statistics.unreadable,
        "refusals": [refusal_document(key, each) for key, each in statistics.refusals.items()],
        "answers": {
            "answers": answers.answers,
            "typical_milliseconds": answers.typical_milliseconds,
            "slow_milliseconds": answers.slow_milliseconds,
            "slowest_milliseconds": answers.slowest_milliseconds,
            "too_late": answers.too_late,
            "unconfirmed": answers.unconfirmed,
        },
    }


def amounts(figures: "Figures", currency: str, *, exact: bool) -> tuple[str, str, str, str]:
    """Takings, tips, delivery, what went back: `499.00` for programs, `₹499.00` for people, who see no zeros."""
    from apaycli.money import format_amount, render_money

    values = (figures.total_amount, figures.tip_amount, figures.shipping_amount, figures.refund_amount)
    if exact:
        return tuple(format_amount(value, currency) for value in values)  # type: ignore[return-value]
    takings, *others = values
    shown = (render_money(value, currency) if value else "" for value in others)
    return (render_money(takings, currency), *shown)  # type: ignore[return-value]


def answers_sentence(statistics: "Statistics") -> str:
    answers = statistics.answers
    if not answers.answers:
        said = "none reached Telegram"
    else:
        said = (
            f"{answers.answers}, half within {answers.typical_milliseconds} ms, 95 of 100 within"
            f" {answers.slow_milliseconds} ms, slowest {answers.slowest_milliseconds} ms"
        )
    said += f"; {answers.too_late} too late for Telegram" if answers.too_late else ""
    return said + (f"; {answers.unconfirmed} sent and not confirmed by Telegram" if answers.unconfirmed else "")


def refusal_sentence(key: tuple[str, str], refusals: "Refusals") -> str:
    from apaycli.money import render_money

    reason, currency = key
    asked = f"{reason}: asked {refusals.queries} time(s) by {refusals.buyers} buyer(s)"
    lost = [f"{refusals.units} unit(s)"] if refusals.units else []
    lost += [render_money(refusals.total_amount, currency)] if refusals.total_amount and currency else []
    return f"{asked}; lost {', '.join(lost)}" if lost else f"{asked}; nothing lost, they paid later"
