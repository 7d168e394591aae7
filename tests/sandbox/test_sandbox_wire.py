"""Requests and envelopes: section 1 of the reference."""

import json
from urllib.parse import urlencode

import pytest

from apaycli.sandbox.wire import Answer, Params, Refusal, Waiting, describe, parse_call

TOKEN = "123456789:" + "A" * 35
FORM = "application/x-www-form-urlencoded"
JSON = "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/bot{TOKEN}/getMe", (TOKEN, "getme")),
        (f"/bot{TOKEN}/GETME", (TOKEN, "getme")),
        (f"/bot{TOKEN}/test/sendInvoice", (TOKEN, "sendinvoice")),
        (f"/bot{TOKEN.replace(':', '%3A')}/getMe?x=1", (TOKEN, "getme")),
    ],
)
def test_path(path: str, expected: tuple[str, str]) -> None:
    call = parse_call(path, "", b"")
    assert (call.token, call.method) == expected


@pytest.mark.parametrize(
    "path", ["/", "/getMe", f"/{TOKEN}/getMe", f"/bot{TOKEN}", f"/file/bot{TOKEN}/x", f"/bot{TOKEN}/a/b"]
)
def test_path_that_is_not_the_bot_api(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_call(path, "", b"")
    assert caught.value.description == "Not Found"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, urlencode({"n": 7, "b": "true", "list": '["a", 1]', "t": "x y"}).encode()),
        (JSON, b'{"n": 7, "b": true, "list": ["a", 1], "t": "x y"}'),
        (JSON, b'{"n": "7", "b": "true", "list": "[\\"a\\", 1]", "t": "x y"}'),
    ],
)
def test_same_parameters_in_every_dress(content_type: str, body: bytes) -> None:
    params = parse_call(f"/bot{TOKEN}/getMe", content_type, body).params
    assert (params.integer("n"), params.flag("b"), params.decoded("list"), params.text("t")) == (
        7,
        True,
        ["a", 1],
        "x y",
    )


def test_query_string_comes_before_the_body_and_the_first_of_two_counts() -> None:
    params = parse_call(f"/bot{TOKEN}/getMe?a=1&a=2&b=%F0%9F%8D%B5", JSON, b'{"a": 3, "c": 4}').params
    assert params.values == {"a": "1", "b": "\U0001f375", "c": "4"}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff{}", b'{"a": 1,}', b"[" * 100_000])
def test_body_that_is_no_json_object_is_ignored_in_silence(body: bytes) -> None:
    assert parse_call(f"/bot{TOKEN}/getMe", JSON, body).params.values == {}


def test_too_many_bytes() -> None:
    with pytest.raises(Refusal) as caught:
        parse_call(f"/bot{TOKEN}/getMe", JSON, b" " * (1 << 20) + b"{}")
    assert (caught.value.code, caught.value.description) == (413, "Request Entity Too Large")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("True", True), ("YES", True), ("1", True), ("on", False), ("2", False), ("", False)],
)
def test_flags(text: str, expected: bool) -> None:
    assert Params({"x": text}).flag("x") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7), ("-7", -7), ("abc", 0), ("7.5", 0), ("+7", 0), ("", 100), ("9" * 5000, 0), ("٧", 0)],
)
def test_integers_are_lenient(text: str, expected: int) -> None:
    assert Params({"x": text}).integer("x", 100) == expected


def test_integers_are_clamped() -> None:
    params = Params({"limit": "1000", "low": "-5"})
    assert (params.integer("limit", 100, 1, 100), params.integer("low", 100, 1, 100)) == (100, 1)


def test_empty_is_not_given() -> None:
    with pytest.raises(Refusal) as caught:
        Params({"title": ""}).required("title")
    assert caught.value.description == 'Bad Request: parameter "title" is required'


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (400, "The payload must be encoded in UTF-8", "Bad Request: the payload must be encoded in UTF-8"),
        (400, "PAYMENT_PROVIDER_INVALID", "Bad Request: PAYMENT_PROVIDER_INVALID"),
        (401, "", "Unauthorized"),
        (429, "retry after 35", "Too Many Requests: retry after 35"),
    ],
)
def test_error_text(code: int, message: str, expected: str) -> None:
    assert describe(code, message) == expected


def test_429_has_a_header_too() -> None:
    answer = Refusal(429, "retry after 35", retry_after=35).answer()
    assert answer.headers["Retry-After"] == "35"
    assert json.loads(answer.body)["parameters"] == {"retry_after": 35}


def test_waiting_is_resolved_once_and_calls_back_late_comers_too() -> None:
    waiting, seen = Waiting(0.0), []
    waiting.when_done(seen.append)
    first, second = Answer(200, {}, b"1"), Answer(200, {}, b"2")
    waiting.resolve(first)
    waiting.resolve(second)
    waiting.when_done(seen.append)
    assert seen == [first, first]
