"""How long one buyer may have something reserved that others could want.

Knows three numbers: how long an accept reserves (`reservation_ttl`), how long a reservation lives with all its renewals
(`reservation_life`), and what an accept is worth at least. Never knows how many units there are, or who declines.

Theory. Each press of Pay renews the buyer's own reservation, so one finger could keep the last unit for ever. So a
reservation ends `reservation_life` after it began. A buyer who takes the unit again in the moment in which it expires
would keep it all the same: expired reservations of the product count for as long again, so that a buyer has it not much
more than half of the time. An accept near the end would be a promise of seconds; below `RESERVED_MILLISECONDS_MIN` the
query is declined, and what was promised before stands until its deadline.
"""

from apaycli.core.model import CheckoutFacts, Invoice, Reservation

RESERVED_MILLISECONDS_MIN = 300_000  # A-Pay's page takes a few minutes


def is_wanted(invoice: Invoice, capacity: int | None) -> bool:
    """Whether others could want what is reserved here. What the merchant offers to one named buyer is set aside."""
    return invoice.buyer_id is None and (invoice.uses_max is not None or capacity is not None)


def life_milliseconds(
    life_seconds: int | None, invoice: Invoice, facts: CheckoutFacts, capacity: int | None, now: int
) -> int | None:
    """How long this buyer's reservation may last from its beginning; None: no limit."""
    if life_seconds is None or not is_wanted(invoice, capacity):
        return None
    life, idle = life_seconds * 1000, 0
    if capacity is not None:
        # What ended in the future did so while the clock was wrong.
        recent = ((begun, ended) for begun, ended in facts.buyer_expired if now - life < ended <= now)
        idle = sum(ended - begun for begun, ended in recent)
    return life - idle


def reserved_until(own: Reservation | None, ttl_seconds: int, life: int | None, now: int) -> int:
    """The deadline of an accept given now: never earlier than one that was promised before."""
    until = now + ttl_seconds * 1000
    if life is not None:
        until = min(until, (own.created_at if own else now) + life)
    return max(until, own.expires_at) if own else until
