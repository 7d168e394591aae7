"""What A-Pay takes now, asked at most every five minutes: before an invoice is sent.

Knows where the last answer is kept. Never stands in the way: what is not known is said, and the invoice goes out.
"""

import json
from typing import TYPE_CHECKING

from apaycli.cli.env import Env
from apaycli.errors import ApayError

if TYPE_CHECKING:
    from apaycli.core.model import Invoice, PaymentMethod
    from apaycli.store.protocol import Store

_KEPT = "apay_methods"


def warn_of_limits(invoice: "Invoice", store: "Store", env: Env) -> None:
    """Say it where no method of A-Pay would take this invoice. Nothing is asked where [apay] is not set up."""
    from apaycli.core.invoice import check_methods

    account = env.config.apay_account()
    if account is None:
        return
    try:
        methods = methods_now(account, store, env)
    except ApayError as error:
        env.output.warn(f"A-Pay's limits are not known now: {error.message}")
        return
    for problem in check_methods(invoice, methods):
        env.output.warn(f"{problem.field}: {problem.message}")


def methods_now(account: tuple[str, str, str], store: "Store", env: Env) -> "list[PaymentMethod]":
    """Asked now, or less than five minutes ago. Raises APayError: the account is wrong, or A-Pay is not there."""
    from apaycli.apayapi import POLL_SECONDS_MIN, APay
    from apaycli.botapi.http_httpx import get_once
    from apaycli.core.model import PaymentMethod
    from apaycli.store.digests import digest_of

    now, kept = env.clock.now(), json.loads(store.remembered(_KEPT) or "{}")
    asked = digest_of("\n".join(account).encode())  # another key, or another address, is another question
    if kept and 0 <= now - kept["asked_at"] < POLL_SECONDS_MIN * 1000 and kept.get("account") == asked:
        return [PaymentMethod(*row) for row in kept["methods"]]
    methods = APay(*account, get_once).payment_methods()
    rows = [[m.name, m.currency, m.min_amount, m.max_amount] for m in methods]
    with store.transaction() as tx:
        tx.remember(_KEPT, json.dumps({"asked_at": now, "account": asked, "methods": rows}))
    return methods
