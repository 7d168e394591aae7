"""What must agree inside a ledger, as queries that return rows only where it does not.

Knows every table and what stands in two places; never the received bytes (`checks/verify.py` reads those). Each
name is a heading of `docs/ledger.md`. Written as joins over groups, so that a million receipts are read once.
"""

from typing import NamedTuple

from apaycli.store.sqlite_hooks import HOOK_STATE


class Sum(NamedTuple):
    """One thing that must agree; `meaning` says what it means that a row came."""

    name: str
    meaning: str
    sql: str


# Quick enough for each check-live.
SUMS: tuple[Sum, ...] = (
    Sum(
        "units-sold",
        "units sold of a SKU differ from its receipts",
        "SELECT mode, sku, sold, (SELECT coalesce(sum(booked_units), 0) FROM receipts r"
        " WHERE r.mode = s.mode AND r.sku = s.sku) AS counted FROM stock s WHERE sold <> counted",
    ),
    Sum(
        "units-held",
        "units held of a SKU differ from its pending reservations",
        "SELECT mode, sku, held, (SELECT coalesce(sum(quantity), 0) FROM reservations r"
        " WHERE r.mode = s.mode AND r.sku = s.sku AND state = 'pending') AS counted FROM stock s WHERE held <> counted",
    ),
    Sum(
        "units-counted",
        "the units of a SKU are not counted at all",
        "SELECT mode, sku FROM receipts WHERE booked_units > 0 AND sku IS NOT NULL"
        " UNION SELECT mode, sku FROM reservations WHERE state = 'pending' AND sku IS NOT NULL"
        " EXCEPT SELECT mode, sku FROM stock",
    ),
    Sum(
        "uses-paid",
        "paid uses of an invoice differ from its receipts",
        "SELECT invoice_id, uses_paid, coalesce(paid, 0) AS counted FROM invoices LEFT JOIN"
        " (SELECT invoice_id, sum(booked_uses) AS paid FROM receipts WHERE booked_uses > 0 GROUP BY invoice_id)"
        " USING (invoice_id) WHERE uses_paid <> counted",
    ),
    Sum(
        "uses-held",
        "held uses of an invoice differ from its pending reservations",
        "SELECT invoice_id, uses_held, (SELECT count(*) FROM reservations r WHERE r.invoice_id = i.invoice_id"
        " AND state = 'pending') AS counted FROM invoices i WHERE uses_held <> counted",
    ),
    Sum(
        "reservation-receipt",
        "a posted reservation has no receipt",
        "SELECT reservation_id FROM reservations v WHERE state = 'posted'"
        " AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.reservation_id = v.reservation_id)",
    ),
)

# The rest, for `apay verify`.
FURTHER_SUMS: tuple[Sum, ...] = (
    Sum(
        "units-known",
        "a SKU is counted that has neither a receipt nor a reservation",
        "SELECT mode, sku FROM stock s"
        " WHERE NOT EXISTS (SELECT 1 FROM receipts r WHERE r.mode = s.mode AND r.sku = s.sku)"
        " AND NOT EXISTS (SELECT 1 FROM reservations v WHERE v.mode = s.mode AND v.sku = s.sku)",
    ),
    Sum(
        "invoice-lists",
        "an invoice's prices, tips or needs cannot be read",
        "SELECT invoice_id FROM invoices"
        " WHERE NOT (json_valid(prices) AND json_valid(suggested_tip_amounts) AND json_valid(need))",
    ),
    Sum(
        "invoice-total",
        "the total of an invoice differs from its price lines",
        "SELECT invoice_id, total_amount, CASE WHEN json_valid(prices)"
        " THEN (SELECT sum(json_extract(value, '$[1]')) FROM json_each(prices)) END AS counted"
        " FROM invoices WHERE total_amount IS NOT counted",
    ),
    Sum(
        "reservation-ended",
        "a reservation lives and has ended",
        "SELECT reservation_id, state, ended_at FROM reservations WHERE (state = 'pending') <> (ended_at IS NULL)",
    ),
    Sum(
        "reservation-entries",
        "the accepted queries of a reservation differ from its entries",
        "SELECT reservation_id, entries, coalesce(queries, 0) AS counted FROM reservations LEFT JOIN"
        " (SELECT reservation_id, count(*) AS queries, sum(void) AS void FROM decisions WHERE ok = 1"
        " GROUP BY reservation_id)"
        " USING (reservation_id) WHERE entries <> counted OR entries_void <> coalesce(void, 0)",
    ),
    Sum(
        "decision-reservation",
        "a decision and its reservation do not fit",
        "SELECT pre_checkout_query_id, ok, reservation_id FROM decisions d LEFT JOIN reservations v"
        " USING (reservation_id) WHERE (ok = 1) <> (reservation_id IS NOT NULL)"
        " OR (v.reservation_id IS NOT NULL AND (d.invoice_id IS NOT v.invoice_id OR d.buyer_id <> v.buyer_id))",
    ),
    Sum(
        "receipt-reservation",
        "a receipt and its reservation do not fit",
        "SELECT receipt_id, reservation_id, state FROM receipts r JOIN reservations v USING (reservation_id)"
        " WHERE state <> 'posted' OR r.booked_uses <> 1 OR r.booked_units <> v.quantity OR r.mode <> v.mode"
        " OR r.invoice_id IS NOT v.invoice_id OR r.sku IS NOT v.sku OR r.buyer_id IS NOT v.buyer_id",
    ),
    Sum(
        "receipt-invoice",
        "a receipt and its invoice do not fit",
        "SELECT receipt_id, invoice_id FROM receipts r JOIN invoices i USING (invoice_id)"
        " WHERE r.invoice_payload <> i.invoice_payload OR r.mode <> i.mode OR r.sku IS NOT i.sku"
        " OR r.quantity <> i.quantity OR r.title IS NOT i.title",
    ),
    Sum(
        "receipt-refund",
        "a refund is due without flag or reason, or not marked for what must go back, or done without its reference",
        "SELECT receipt_id, flag, refund_state FROM receipts LEFT JOIN"
        " (SELECT receipt_id, reference FROM refunds WHERE came_back_at IS NULL) USING (receipt_id)"
        " WHERE (refund_state = 'due' AND refund_reason IS NULL"
        " AND coalesce(flag, '') NOT IN ('oversold', 'duplicate'))"
        " OR (refund_state IS NULL AND flag IN ('oversold', 'duplicate'))"
        " OR (refund_state IS 'done') <> (reference IS NOT NULL)",
    ),
    Sum(
        "receipt-dispute",
        "the dispute state of a receipt differs from its last dispute",
        "SELECT receipt_id, dispute_state, counted FROM receipts LEFT JOIN"
        " (SELECT receipt_id, coalesce(outcome, 'open') AS counted, max(dispute_id) FROM disputes GROUP BY receipt_id)"
        " USING (receipt_id) WHERE dispute_state IS NOT counted",
    ),
    Sum(
        "receipt-search",
        "apay find looks for a receipt by something else than what stands in it",
        "SELECT receipt_id FROM receipt_search_wanted w LEFT JOIN receipt_search s USING (receipt_id)"
        " WHERE (w.mode, w.paid_at, w.currency, w.total_amount, w.buyer_id, w.text)"
        " IS NOT (s.mode, s.paid_at, s.currency, s.total_amount, s.buyer_id, s.text)"
        " UNION ALL SELECT receipt_id FROM receipt_search WHERE receipt_id NOT IN (SELECT receipt_id FROM receipts)",
    ),
    Sum(
        "receipt-hooks",
        "the hook state of a receipt differs from its hooks",
        f"SELECT receipt_id, hook_state, {HOOK_STATE} AS counted FROM receipts WHERE hook_state IS NOT counted",  # noqa: S608
    ),
    Sum(
        "evidence-receipt",
        "the bytes of a payment are kept, and its receipt is missing",
        "SELECT telegram_payment_charge_id, kind FROM evidence e WHERE kind IN ('receipt', 'conflict') AND NOT EXISTS"
        " (SELECT 1 FROM receipts r WHERE r.telegram_payment_charge_id = e.telegram_payment_charge_id)",
    ),
)
