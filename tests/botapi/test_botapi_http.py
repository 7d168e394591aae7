"""The two HTTP clients on a real socket: what is known after each kind of trouble, and that no token is told."""

import asyncio
import gzip
import socket
import threading
import traceback
from collections.abc import Callable

import pytest
from scripted_server import Act, ScriptedServer, closed_port, closes, drips, hangs, http, replies, resets, serving

from apaycli.botapi import client
from apaycli.botapi.client import BODY_BYTES_MAX, NotSent, OutcomeUnknown, Reply, TooLarge
from apaycli.botapi.http_aiohttp import AiohttpHttp
from apaycli.botapi.http_httpx import HttpxHttp
from apaycli.errors import ApayError

SECRET = "AAH4canaryCANARYcanaryCANARYcanary00"
BOT_TOKEN = f"123456789:{SECRET}"
GOOD = b'{"ok":true,"result":true}'
BOMB = gzip.compress(b" " * (8 * BODY_BYTES_MAX))
Post = Callable[..., Reply]


def post_by_httpx(address: str, method: str = "getMe", body: bytes = b"{}", seconds: float = 5.0) -> Reply:
    http_client = HttpxHttp(address, BOT_TOKEN)
    try:
        return http_client.post(method, body, seconds)
    finally:
        http_client.close()


def post_by_aiohttp(address: str, method: str = "getMe", body: bytes = b"{}", seconds: float = 5.0) -> Reply:
    async def ask() -> Reply:
        http_client = AiohttpHttp(address, BOT_TOKEN)
        try:
            return await http_client.post(method, body, seconds)
        finally:
            await http_client.close()

    return asyncio.run(ask())


both = pytest.mark.parametrize("post", [post_by_httpx, post_by_aiohttp], ids=["httpx", "aiohttp"])


def said(error: BaseException) -> str:
    """Everything that a person or a log could get to see of an error."""
    return "\n".join([str(error), repr(error), str(getattr(error, "hint", "")), *traceback.format_exception(error)])


@both
def test_a_request_is_one_post_of_json_that_wants_it_uncompressed(post: Post) -> None:
    with serving(replies(http(GOOD))) as server:
        assert post(server.address, "sendMessage", b'{"text":"x"}') == Reply(200, GOOD)
    [request] = server.requests
    head, _, body = request.lower().partition(b"\r\n\r\n")
    assert request.startswith(f"POST /bot{BOT_TOKEN}/sendMessage HTTP/1.1\r\n".encode())
    assert b"content-type: application/json" in head
    assert b"accept-encoding: identity" in head
    assert body == b'{"text":"x"}'


@both
@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "502 Bad Gateway"])
def test_a_reply_of_any_status_is_handed_on_whole(post: Post, status: str) -> None:
    with serving(replies(http(b"<html>", status))) as server:
        assert post(server.address) == Reply(int(status[:3]), b"<html>")


UNKNOWN: dict[str, Act] = {
    "reset": resets,
    "closed without an answer": closes,
    "silence": hangs,
    "body cut off": replies(http(GOOD, length=500)),
    "chunks cut off": replies(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"ok"'),
    "no HTTP": replies(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "body over the cap": replies(http(b" " * (BODY_BYTES_MAX + 1))),
    "body over the cap in chunks": replies(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (BODY_BYTES_MAX + 10)
        + b" " * (BODY_BYTES_MAX + 10)
        + b"\r\n0\r\n\r\n"
    ),
    "a body that never ends": drips(http(b" " * 5000), 0.02),
}


TOO_LARGE = (UNKNOWN["body over the cap"], UNKNOWN["body over the cap in chunks"])


@both
@pytest.mark.parametrize("act", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_once_it_has_left_the_outcome_is_unknown(post: Post, act: Act) -> None:
    with serving(act) as server, pytest.raises(ApayError) as caught:
        post(server.address, "sendInvoice", seconds=0.3)
    assert type(caught.value) is (TooLarge if act in TOO_LARGE else OutcomeUnknown)
    assert SECRET not in said(caught.value)
    assert len(server.requests) == 1  # never repeated by the library


@both
def test_a_request_that_never_left_is_known_not_to_have_arrived(post: Post) -> None:
    with pytest.raises(ApayError) as caught:
        post(closed_port(), "sendInvoice")
    assert type(caught.value) is NotSent
    assert caught.value.hint
    assert SECRET not in said(caught.value)


@both
@pytest.mark.parametrize("name", ["no-such-host.invalid", "[::1"])
def test_a_name_that_leads_nowhere_tells_no_token(post: Post, name: str) -> None:
    with pytest.raises(ApayError) as caught:
        post(f"http://{name}:9", "sendInvoice", seconds=2)
    assert SECRET not in said(caught.value)


@both
def test_a_redirect_is_not_followed(post: Post) -> None:
    with serving(replies(http(GOOD))) as elsewhere:
        target = f"Location: {elsewhere.address}/bot{BOT_TOKEN}/getMe"
        with serving(replies(http(b"moved", "302 Found", target))) as server:
            reply = post(server.address)
    assert (reply.status, reply.body) == (302, b"moved")
    assert elsewhere.requests == []
    with pytest.raises(OutcomeUnknown):
        client.parse_reply("getMe", reply)


@both
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_compressed_body_is_never_inflated(post: Post, encoding: str) -> None:
    with serving(replies(http(BOMB, "200 OK", f"Content-Encoding: {encoding}"))) as server:
        assert post(server.address) == Reply(200, BOMB)


@both
def test_a_body_just_under_the_cap_is_taken(post: Post) -> None:
    with serving(replies(http(b" " * BODY_BYTES_MAX))) as server:
        assert len(post(server.address).body) == BODY_BYTES_MAX


@both
def test_the_environments_proxy_is_not_asked_about_this_machine(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(replies(http(b"proxy"))) as proxy, serving(replies(http(GOOD))) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        assert post(server.address).body == GOOD
    assert proxy.requests == []


def test_a_client_says_nothing_of_its_token() -> None:
    async def asynchronous() -> list[str]:
        http_client = AiohttpHttp("http://127.0.0.1:9", BOT_TOKEN)
        await http_client.close()
        return [repr(http_client), str(http_client)]

    synchronous = HttpxHttp("http://127.0.0.1:9", BOT_TOKEN)
    synchronous.close()
    texts = [repr(synchronous), str(synchronous), *asyncio.run(asynchronous())]
    assert not any(SECRET in text for text in texts)


def test_the_commands_client_remembers_the_servers_clock() -> None:
    date = "Date: Mon, 24 Nov 2025 06:40:36 GMT"
    with serving(replies(http(GOOD, "200 OK", date))) as server:
        http_client = HttpxHttp(server.address, BOT_TOKEN)
        assert http_client.date == ""
        http_client.post("getMe", b"{}", 5)
        http_client.close()
    assert http_client.date == "Mon, 24 Nov 2025 06:40:36 GMT"


def test_the_listeners_client_makes_many_requests_at_once() -> None:
    async def ask(server: ScriptedServer) -> list[Reply]:
        http_client = AiohttpHttp(server.address, BOT_TOKEN)
        try:
            return await asyncio.gather(*(http_client.post("getMe", b"{}", 5) for _ in range(60)))
        finally:
            await http_client.close()

    with serving(replies(http(GOOD))) as server:
        assert asyncio.run(ask(server)) == [Reply(200, GOOD)] * 60


def test_many_slow_answers_never_keep_the_next_poll_waiting() -> None:
    async def ask(address: str) -> None:
        http_client = AiohttpHttp(address, BOT_TOKEN)
        slow = [asyncio.ensure_future(http_client.post("answerPreCheckoutQuery", b"{}", 30)) for _ in range(250)]
        try:
            while len(server.requests) < 100:  # as many connections as there are for answers
                await asyncio.sleep(0.005)
            await http_client.post("getUpdates", b"{}", 1)
        finally:
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
            await http_client.close()

    def act(connection: socket.socket, over: threading.Event, request: bytes) -> None:
        if b"getUpdates" in request:
            connection.sendall(http(b'{"ok":true,"result":[]}'))
        else:
            over.wait()

    with serving(act) as server:
        asyncio.run(ask(server.address))
