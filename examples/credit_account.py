#!/usr/bin/env python3
"""A hook that credits a customer's account, exactly once, although it may be called again.

In the config:

    [hooks]
    on_paid = ["./credit_account.py", "accounts.db"]

apay gives the receipt as JSON on stdin and calls again until this ends with code 0. The charge id is the key:
a receipt that was credited already changes nothing.
"""

import json
import sqlite3
import sys


def main() -> int:
    receipt = json.load(sys.stdin)
    with sqlite3.connect(sys.argv[1]) as db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS credits"
            " (charge_id TEXT PRIMARY KEY, buyer_id TEXT, currency TEXT, amount INTEGER, mode TEXT)"
        )
        db.execute(
            "INSERT INTO credits VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                receipt["telegram_payment_charge_id"],
                receipt["buyer_id"],
                receipt["currency"],
                receipt["total_amount"],
                receipt["mode"],
            ),
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
