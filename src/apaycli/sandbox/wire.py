"""The wire of the Bot API: requests into parameters, results and refusals into envelopes.

Knows the path `/bot<token>/<method>`, the four ways to write parameters, and what the real server does with
odd ones (it rarely complains: most odd values become 0, false or "not given"). Must never know what a method
means, and never touches a socket: an `Answer` is bytes and a few wishes to whoever owns the connection.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

JsonObject: TypeAlias = dict[str, Any]

JSON_TYPE = "application/json"
HTML_TYPE = "text/html"
PARAMETERS_BYTES_MAX = 1 << 20  # "request parameters over 1 MiB: 413" [S]

NUMBER = re.compile(r"-?[0-9]{1,19}")

PREFIXES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}


@dataclass(frozen=True)
class Answer:
    """One HTTP reply, and how the transport should (mis)behave while sending it.

    `transport` is `reply` (send it), `reset` (drop the connection instead), `hang` (never answer) or `break`
    (promise the whole body, send half of it, drop the connection).
    """

    status: int
    headers: dict[str, str]
    body: bytes
    delay_seconds: float = 0.0
    transport: str = "reply"

    def delayed(self, seconds: float) -> "Answer":
        return replace(self, delay_seconds=self.delay_seconds + seconds)

    def json(self) -> Any:
        return json.loads(self.body)


class Waiting:
    """A reply that is not there yet. The world resolves it; the owner of the connection listens.

    `deadline` is in seconds of the world's monotonic clock: at that moment at the latest, `World.tick` has an
    answer. `reshape` lets a fault replace the answer after the method took effect.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.answer: Answer | None = None
        self.reshape: Callable[[Answer], Answer] | None = None
        self._callbacks: list[Callable[[Answer], None]] = []

    def resolve(self, answer: Answer) -> None:
        """Give the answer; a second call changes nothing."""
        if self.answer is not None:
            return
        self.answer = self.reshape(answer) if self.reshape else answer
        for callback in self._callbacks:
            callback(self.answer)

    def when_done(self, callback: Callable[[Answer], None]) -> None:
        """Call back once there is an answer: at once if it is already there."""
        if self.answer is not None:
            callback(self.answer)
        else:
            self._callbacks.append(callback)


class Refusal(Exception):
    """The Bot API says no. `message` is the text behind the prefix of the code."""

    def __init__(self, code: int, message: str = "", **parameters: int) -> None:
        super().__init__(message)
        self.code = code
        self.description = describe(code, message)
        self.parameters = parameters

    def answer(self) -> Answer:
        envelope: JsonObject = {"ok": False, "error_code": self.code, "description": self.description}
        headers = {"Content-Type": JSON_TYPE}
        if self.parameters:
            envelope["parameters"] = self.parameters
        if "retry_after" in self.parameters:
            headers["Retry-After"] = str(self.parameters["retry_after"])
        return Answer(self.code, headers, dump(envelope))


def describe(code: int, message: str) -> str:
    """The server's wording: prefix by code, then the message with a lower first letter.

    Codes of the data centre (all capitals) keep their letters, so that
    `Bad Request: PAYMENT_PROVIDER_INVALID` comes out as it does in reality [S].
    """
    prefix = PREFIXES[code]
    if not message:
        return prefix
    if message.split(" ")[0].isupper():
        return f"{prefix}: {message}"
    return f"{prefix}: {message[0].lower()}{message[1:]}"


def dump(value: Any) -> bytes:
    """Compact JSON in ASCII, as the server writes it."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def ok(result: Any, description: str | None = None) -> Answer:
    envelope: JsonObject = {"ok": True, "result": result}
    if description is not None:
        envelope["description"] = description
    return Answer(200, {"Content-Type": JSON_TYPE}, dump(envelope))


def ok_raw(result: bytes) -> Answer:
    """A success whose result is already JSON text (or, for injected updates, something that should have been)."""
    return Answer(200, {"Content-Type": JSON_TYPE}, b'{"ok":true,"result":' + result + b"}")


@dataclass(frozen=True)
class Params:
    """Parameters as text, the way the server sees them. Absent and empty are the same thing [S]."""

    values: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.values.get(name, "")

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise Refusal(400, f'Parameter "{name}" is required')
        return value

    def flag(self, name: str) -> bool:
        """`true`, `yes`, `1` in any case; anything else is false [S]."""
        return self.text(name).strip().lower() in ("true", "yes", "1")

    def integer(self, name: str, default: int = 0, low: int | None = None, high: int | None = None) -> int:
        """An optional Integer: not a number is 0, out of range is clamped, neither is refused [S]."""
        value = self.text(name)
        number = read_integer(value) if value else default
        if low is not None:
            number = max(low, number)
        if high is not None:
            number = min(high, number)
        return number

    def decoded(self, name: str) -> Any:
        """The JSON value written in a parameter. Raises ValueError when it is no JSON."""
        return json.loads(self.text(name))


def read_integer(text: str) -> int:
    """A number the lenient way: an optional sign and digits, everything else is 0."""
    return int(text) if NUMBER.fullmatch(text) else 0


@dataclass(frozen=True)
class Call:
    """One request: which bot, which method (lower case), which parameters."""

    token: str
    method: str
    params: Params


def parse_call(path: str, content_type: str, body: bytes) -> Call:
    """Read one request. Raises Refusal for a path that is not the Bot API's, or too many bytes."""
    location, _, query = path.partition("?")
    if len(body) + len(query) > PARAMETERS_BYTES_MAX:
        raise Refusal(413)
    token, method = parse_location(location)
    values = parse_body(content_type, body)
    # The query string is read first, and of two values the first one counts.
    values.update(reversed(parse_form(query)))
    return Call(token, method, Params(values))


def parse_location(location: str) -> tuple[str, str]:
    """`/bot<token>/<method>` or `/bot<token>/test/<method>`; the method's case does not matter [D]."""
    parts = [unquote(part) for part in location.split("/")]
    if len(parts) == 4 and parts[2] == "test":
        parts = [parts[0], parts[1], parts[3]]
    if len(parts) != 3 or parts[0] or not parts[1].startswith("bot"):
        raise Refusal(404)
    return parts[1].removeprefix("bot"), parts[2].lower()


def parse_form(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")


def parse_body(content_type: str, body: bytes) -> dict[str, str]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON_TYPE:
        return parse_json_body(body)
    if kind == "application/x-www-form-urlencoded":
        return dict(reversed(parse_form(body.decode("ascii", "surrogateescape"))))
    return {}


def parse_json_body(body: bytes) -> dict[str, str]:
    """A JSON object; strings as they are, everything else as its JSON text.

    A body that is not a JSON object is ignored in silence [S]: the method then misses its parameters.
    Bytes that are not UTF-8 survive as lone surrogates, so that the payload's own check can see them.
    """
    try:
        document = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return parse_object(document).values


def parse_object(document: JsonObject) -> Params:
    """An object's members as parameters: strings as they are, everything else as its JSON text."""
    return Params({key: value if isinstance(value, str) else json.dumps(value) for key, value in document.items()})


def byte_length(text: str) -> int:
    """Length in UTF-8, also of text that is not."""
    return len(text.encode("utf-8", "surrogatepass"))


def is_utf8(text: str) -> bool:
    """False for text that came from bytes which were not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
