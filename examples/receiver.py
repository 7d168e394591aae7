#!/usr/bin/env python3
"""A small receiver for `on_paid_url`: it believes a POST only with a fresh, right signature.

    APAY_HOOK_SECRET=... python3 receiver.py 8077

Header `Apay-Signature: t=UNIX,v1=HEX[,v1=HEX]`; HEX is HMAC-SHA256 over `t.body` with the secret. Answers 204 when the
receipt is taken (or was taken before), 403 when the signature is wrong or older than five minutes.
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["APAY_HOOK_SECRET"].encode()
AGE_SECONDS_MAX = 300
BODY_BYTES_MAX = 1_000_000


def is_genuine(header: str, body: bytes) -> bool:
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not times[0].isdigit() or abs(time.time() - int(times[0])) > AGE_SECONDS_MAX:
        return False
    expected = hmac.new(SECRET, times[0].encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    given = [value.encode("utf-8", "replace") for name, _, value in parts if name == "v1"]
    return any(hmac.compare_digest(value, expected) for value in given)


class Receiver(BaseHTTPRequestHandler):
    taken: set[str] = set()  # a real shop keeps this in its database

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return self._answer(400)
        body = self.rfile.read(int(length))
        if not is_genuine(self.headers.get("Apay-Signature", ""), body):
            return self._answer(403)
        receipt = json.loads(body)
        if receipt["telegram_payment_charge_id"] not in self.taken:
            self.taken.add(receipt["telegram_payment_charge_id"])
            print(f"paid: {receipt['sku']} {receipt['total_amount']} {receipt['currency']}", flush=True)
        return self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
