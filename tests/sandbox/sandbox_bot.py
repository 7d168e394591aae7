"""A bot for tests: calls a world in-process and checks every success against the documentation."""

import json
from typing import Any

from sandbox_shapes import result_complaints

from apaycli.sandbox.wire import Answer, Waiting
from apaycli.sandbox.world import World


class Bot:
    """Calls a world in-process. Every success is checked against the documented return type."""

    def __init__(self, world: World) -> None:
        self.world = world

    def start(self, method: str, /, **params: Any) -> Answer | Waiting:
        return self.world.handle(
            f"/bot{self.world.bot_token}/{method}", "application/json", json.dumps(params).encode()
        )

    def answer(self, method: str, /, **params: Any) -> Answer:
        answer = self.start(method, **params)
        assert isinstance(answer, Answer), f"{method} waits"
        return answer

    def call(self, method: str, /, **params: Any) -> Any:
        """The result; fails unless the call succeeds."""
        document = self.answer(method, **params).json()
        assert document["ok"], document
        assert result_complaints(method, document["result"]) == []
        return document["result"]

    def refusal(self, method: str, /, **params: Any) -> tuple[int, str]:
        """Error code and description; fails if the call succeeds."""
        answer = self.answer(method, **params)
        document = answer.json()
        assert not document["ok"], document
        assert document["error_code"] == answer.status
        return answer.status, document["description"]

    def invoice(self, **changes: Any) -> dict[str, Any]:
        """Parameters of a good invoice over 500.00 BDT to Rahim, with changes; None takes a field out."""
        params: dict[str, Any] = {
            "chat_id": 1001,
            "title": "Tea",
            "description": "Black tea, 500 g",
            "payload": "tea-1",
            "provider_token": self.world.test_provider_token,
            "currency": "BDT",
            "prices": [{"label": "Tea", "amount": 50000}],
            **changes,
        }
        return {key: value for key, value in params.items() if value is not None}

    def send_invoice(self, **changes: Any) -> Any:
        return self.call("sendInvoice", **self.invoice(**changes))

    def link(self, **changes: Any) -> Any:
        return self.call("createInvoiceLink", **self.invoice(chat_id=None, **changes))

    def updates(self, offset: int = 0, **params: Any) -> list[dict[str, Any]]:
        updates: list[dict[str, Any]] = self.call("getUpdates", offset=offset, **params)
        return updates
