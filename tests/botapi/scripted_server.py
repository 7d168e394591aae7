"""A server on loopback that answers every request with the same scripted bytes, and misbehaves as told.

Knows sockets and just enough HTTP/1.1 to find the end of a request. It stands for whatever sits between apay and
Telegram: proxies, broken networks, captive portals.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Act = Callable[[socket.socket, threading.Event, bytes], None]  # connection, "it is over", request


def replies(raw: bytes) -> Act:
    """Send these bytes, then close."""

    def act(connection: socket.socket, _over: threading.Event, _request: bytes) -> None:
        connection.sendall(raw)

    return act


def http(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """A whole response; `length` lies about the body's size."""
    size = len(body) if length is None else length
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


def resets(connection: socket.socket, _over: threading.Event, _request: bytes) -> None:
    """RST: what a crashed server or a firewall sends."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closes(_connection: socket.socket, _over: threading.Event, _request: bytes) -> None:
    """FIN without one byte."""


def hangs(_connection: socket.socket, over: threading.Event, _request: bytes) -> None:
    over.wait()


def drips(raw: bytes, pause_seconds: float) -> Act:
    """The head at once, then the body byte by byte."""

    def act(connection: socket.socket, over: threading.Event, _request: bytes) -> None:
        head, blank, body = raw.partition(b"\r\n\r\n")
        connection.sendall(head + blank)
        for byte in body:
            if over.wait(pause_seconds):
                return
            connection.sendall(bytes([byte]))

    return act


class ScriptedServer:
    """`address` to talk to; `requests` is what came, heads and bodies, one entry a request."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = _read_request(connection)
            self.requests.append(request)
            self._act(connection, self._over, request)

    def close(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() alone does not
        self._socket.close()
        for thread in self._threads:
            thread.join(5)


def _read_request(connection: socket.socket) -> bytes:
    """Head and body of one request, told apart by Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:]]
    missing = next((int(value) for name, value in lines if name == b"content-length"), 0) - len(body)
    while missing > 0:
        chunk = connection.recv(65536)
        data, missing = data + chunk, missing - len(chunk)
    return data


@contextlib.contextmanager
def serving(act: Act) -> Iterator[ScriptedServer]:
    server = ScriptedServer(act)
    try:
        yield server
    finally:
        server.close()


def closed_port() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}"
