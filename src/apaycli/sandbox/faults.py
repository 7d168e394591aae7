"""Faults: what goes wrong between a bot and Telegram, decided here, acted out by the transport.

Knows outages, how long or how often they last, and which replies they turn into. Must never know what a
method does: a fault strikes before the method took effect, or after it and only the reply is lost.
"""

from dataclasses import dataclass, replace
from typing import Any

from apaycli.sandbox.polling import OTHER_GET_UPDATES
from apaycli.sandbox.wire import HTML_TYPE, Answer, Refusal, ok

HTML = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
HTML += "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

KINDS = ("500", "502-html", "504-html", "429", "401", "409", "empty", "truncated", "break", "reset", "hang", "delay")


def page(status: int, title: str) -> Answer:
    """What the HTTP server in front of the Bot API says when it has no backend."""
    return Answer(status, {"Content-Type": HTML_TYPE}, HTML.format(title).encode())


@dataclass
class Outage:
    """One fault. It ends after `count` requests or at `until_monotonic`; with neither it stays until removed."""

    outage_id: int
    kind: str
    methods: frozenset[str] = frozenset()
    count: int | None = None
    until_monotonic: float | None = None
    after: bool = False
    retry_after: int = 5
    delay_seconds: float = 0.0
    struck_count: int = 0

    def applies(self, method: str, now: float) -> bool:
        return not self.is_over(now) and (not self.methods or method in self.methods)

    def is_over(self, now: float) -> bool:
        used_up = self.count is not None and self.struck_count >= self.count
        return used_up or (self.until_monotonic is not None and now >= self.until_monotonic)

    def reshape(self, answer: Answer) -> Answer:
        """The reply that reaches the bot in place of `answer`."""
        if self.kind == "truncated":
            spoiled = replace(answer, body=answer.body[: len(answer.body) // 2])
        elif self.kind in ("reset", "hang", "break"):
            spoiled = replace(answer, transport=self.kind)
        elif self.kind == "delay":
            spoiled = answer
        else:
            spoiled = self._other_answer()
        return spoiled.delayed(self.delay_seconds)

    def _other_answer(self) -> Answer:
        if self.kind == "502-html":
            return page(502, "502 Bad Gateway")
        if self.kind == "504-html":
            return page(504, "504 Gateway Time-out")
        if self.kind == "empty":
            return Answer(200, {"Content-Type": "application/json"}, b"")
        return self._refusal().answer()

    def _refusal(self) -> Refusal:
        if self.kind == "429":
            return Refusal(429, f"retry after {self.retry_after}", retry_after=self.retry_after)
        if self.kind == "401":
            return Refusal(401)
        if self.kind == "409":
            return Refusal(409, OTHER_GET_UPDATES)
        return Refusal(500, "restart")

    def render(self) -> dict[str, Any]:
        return {**vars(self), "methods": sorted(self.methods)}


class Faults:
    """The outages in force, oldest first. The first that applies to a request strikes."""

    def __init__(self) -> None:
        self.outages: list[Outage] = []
        self._serial = 0

    def add(self, kind: str, now: float, *, seconds: float | None = None, methods: Any = (), **how: Any) -> Outage:
        """Raises ValueError for a kind that does not exist."""
        if kind not in KINDS:
            raise ValueError(f"unknown outage kind {kind!r}, not one of {', '.join(KINDS)}")
        self._serial += 1
        until = None if seconds is None else now + seconds
        names = frozenset(method.lower() for method in methods)
        outage = Outage(self._serial, kind, names, until_monotonic=until, **how)
        self.outages.append(outage)
        return outage

    def strike(self, method: str, now: float) -> Outage | None:
        """The fault this request meets, counted; None when all is well."""
        self.outages = [outage for outage in self.outages if not outage.is_over(now)]
        for outage in self.outages:
            if outage.applies(method, now):
                outage.struck_count += 1
                return outage
        return None

    def clear(self) -> None:
        self.outages.clear()


UNTOUCHED = ok(True)  # stands in for the reply of a method that a fault kept from running
