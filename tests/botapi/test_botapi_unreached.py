"""Why no connection came about: a certificate that is not trusted, no descriptor left, and everything else."""

import asyncio
import errno
import gc
import http.server
import os
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest
from slow_tls import CERTIFICATE, slow_tls
from test_botapi_http import BOT_TOKEN, SECRET, post_by_aiohttp, post_by_httpx, said

from apaycli.botapi.client import NotSent, NotTrusted, OutcomeUnknown, Reply
from apaycli.botapi.http_aiohttp import AiohttpHttp
from apaycli.botapi.http_httpx import get_once
from apaycli.botapi.unreached import unreached
from apaycli.errors import ApayError

Post = Callable[..., Reply]
both = pytest.mark.parametrize("post", [post_by_httpx, post_by_aiohttp], ids=["httpx", "aiohttp"])


class Good(http.server.BaseHTTPRequestHandler):
    """Answers every request; the connection stays open."""

    protocol_version = "HTTP/1.1"
    BODY = b'{"ok":true,"result":true}'

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.BODY)))
        self.end_headers()
        self.wfile.write(self.BODY)

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Good) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@both
def test_a_certificate_that_is_not_trusted_has_a_sentence_of_its_own(post: Post, port: int) -> None:
    with slow_tls(port) as proxy, pytest.raises(ApayError) as caught:
        post(proxy.address)
    assert type(caught.value) is NotTrusted  # a NotSent: nothing was said to whoever that is
    assert caught.value.message.startswith("the certificate of localhost is not trusted (self")
    assert "clock" in (caught.value.hint or "")
    assert SECRET not in said(caught.value)


def test_the_certificate_of_a_pays_server_is_told_of_in_the_same_words(port: int) -> None:
    with slow_tls(port) as proxy, pytest.raises(NotTrusted, match="the certificate of localhost is not trusted"):
        get_once(f"{proxy.address}/deposit-info", {}, 5)


def test_a_server_without_tls_has_no_bad_certificate(port: int) -> None:
    with pytest.raises(NotSent) as caught:
        post_by_aiohttp(f"https://127.0.0.1:{port}")  # it speaks no TLS
    assert type(caught.value) is NotSent
    assert "cannot be reached" in caught.value.message


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_open_files_are_named(number: int) -> None:
    outer = RuntimeError("wrapped by a library")
    outer.__cause__ = OSError(number, os.strerror(number))
    error = unreached(outer, f"https://api.telegram.org/bot{BOT_TOKEN}/getMe")
    assert "too many files are open" in error.message
    assert "ulimit" in (error.hint or "")
    assert SECRET not in said(error)


@pytest.mark.parametrize("url", ["https://[::1", "", "nonsense"])
def test_an_address_that_is_none_is_no_trouble(url: str) -> None:
    assert type(unreached(OSError(errno.ECONNREFUSED, "no"), url)) is NotSent


# -- connections of the listener --------------------------------------------------------------------------------------


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp reads the CA certificates when it is imported, too early for a variable: its context learns of ours."""
    import aiohttp.connector

    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(CERTIFICATE)


@pytest.mark.usefixtures("trusted")
def test_connections_stand_open_before_they_are_needed(port: int) -> None:
    async def ask(address: str) -> list[int]:
        http_client = AiohttpHttp(address, BOT_TOKEN, warm=3)
        counts = []
        try:
            async with asyncio.timeout(10):
                while proxy.connections < 4:  # three for answers, one for the poll
                    await asyncio.sleep(0.005)
                await asyncio.sleep(0.2)
                for method in ("getUpdates", "getMe"):
                    await http_client.post(method, b"{}", 5)
                    counts.append(proxy.connections)
                await asyncio.gather(*(http_client.post("answerShippingQuery", b"%d" % i, 5) for i in range(3)))
                counts.append(proxy.connections)
        finally:
            await http_client.close()
        return counts

    with slow_tls(port) as proxy:
        assert asyncio.run(ask(proxy.address)) == [4, 4, 4]


@pytest.mark.usefixtures("trusted")
def test_a_request_beside_its_first_attempt_has_a_connection_of_its_own(port: int) -> None:
    async def ask(address: str) -> int:
        http_client = AiohttpHttp(address, BOT_TOKEN)
        try:
            await http_client.post("getMe", b"{}", 5)
            await http_client.post("getMe", b"{}", 5)  # one after the other: the same connection
            assert proxy.connections == 1
            proxy.round_trip_seconds = 0.3
            same = [asyncio.ensure_future(http_client.post("answerPreCheckoutQuery", b"7", 5)) for _ in range(2)]
            await asyncio.gather(*same)
            return proxy.connections
        finally:
            await http_client.close()

    with slow_tls(port) as proxy:
        assert asyncio.run(ask(proxy.address)) == 2


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("seconds", "kind"), [(0.5, NotSent), (1.4, OutcomeUnknown)])
def test_a_request_that_waited_for_its_connection_never_left(port: int, seconds: float, kind: type[ApayError]) -> None:
    # TCP and TLS are two round trips: 1.2 s.
    with slow_tls(port) as proxy:
        proxy.round_trip_seconds = 0.6
        with pytest.raises(ApayError) as caught:
            post_by_aiohttp(proxy.address, "answerPreCheckoutQuery", seconds=seconds)
    with warnings.catch_warnings():  # a handshake that is given up leaves its socket to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert type(caught.value) is kind
