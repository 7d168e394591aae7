"""The buyers of a sandbox in another process, over its control API.

Knows how to POST JSON to loopback. Never imported by the client that the sandbox tests.
"""

import json
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener


class RemoteBuyers:
    """`docs/sandbox.md` describes every action and its fields."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._opener = build_opener(ProxyHandler({}))  # loopback: no proxy in between

    def act(self, action: str, **fields: Any) -> dict[str, Any]:
        """One action, such as `act("press_pay", payload=..., buyer=1001, wait=True)`."""
        request = Request(f"{self._address}/sandbox/{action}", json.dumps(fields).encode(), method="POST")  # noqa: S310
        return self._read(request)

    def look(self, what: str) -> dict[str, Any]:
        """`ledger`, `requests`, `state` and their neighbours."""
        return self._read(Request(f"{self._address}/sandbox/{what}"))  # noqa: S310

    def _read(self, request: Request) -> dict[str, Any]:
        with self._opener.open(request, timeout=20) as response:
            document = json.loads(response.read())
        if not isinstance(document, dict):
            raise TypeError("the sandbox answered with something else than an object")
        return document
