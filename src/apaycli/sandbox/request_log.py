"""The request log: what the bot asked and what it was told.

Knows how to remember a bounded number of requests without secrets. Must never know what a method does.
"""

import re
from collections import deque
from dataclasses import dataclass

from apaycli.sandbox.wire import Answer, JsonObject, Params

REQUEST_COUNT_MAX = 10_000
PROVIDER_TOKEN = re.compile(r"^([0-9]{1,5})[0-9]*(:[A-Z]+:).*$", re.DOTALL)


def mask(token: str) -> str:
    """`53391***:TEST:***`: enough to see which one it was."""
    return PROVIDER_TOKEN.sub(r"\1***\2***", token) if PROVIDER_TOKEN.match(token) else "***"


@dataclass
class RequestRecord:
    """One request. `status` stays None while a long poll waits."""

    serial: int
    at: int
    method: str
    params: dict[str, str]
    fault: str | None = None
    status: int | None = None
    reply: str | None = None

    def finish(self, answer: Answer) -> None:
        """Keep the status, and of a failure also the body."""
        self.status = answer.status
        if answer.status != 200:
            self.reply = answer.body.decode("utf-8", "replace")

    def render(self) -> JsonObject:
        return dict(vars(self))


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self.records: deque[RequestRecord] = deque(maxlen=REQUEST_COUNT_MAX)
        self.count = 0

    def add(self, at: int, method: str, params: Params) -> RequestRecord:
        shown = dict(params.values)
        if shown.get("provider_token"):
            shown["provider_token"] = mask(shown["provider_token"])
        self.count += 1
        record = RequestRecord(self.count, at, method, shown)
        self.records.append(record)
        return record

    def render(self, limit: int = REQUEST_COUNT_MAX, method: str = "") -> list[JsonObject]:
        chosen = [record for record in self.records if method.lower() in ("", record.method)]
        return [record.render() for record in chosen[-limit:]]
