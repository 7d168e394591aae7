"""A long way to Telegram: a TLS server on loopback behind a wire that delays every byte by half a round trip.

Knows sockets, TLS and time; never HTTP or what is said. The wire lies below TLS, so that a new connection costs what it
costs on a slow network: one round trip for TCP (the first bytes wait for it here, because loopback connects at once),
one for TLS 1.3, one for the request. A client trusts it only where SSL_CERT_FILE names `CERTIFICATE`.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "localhost.pem"


class SlowTls:
    """`address` is https on this machine; what comes there is handed on, decrypted, to `target_port`.

    `round_trip_seconds` may be changed at any time. `connections` counts those that were opened.
    """

    def __init__(self, target_port: int) -> None:
        self.round_trip_seconds = 0.0
        self.connections = 0
        self.address = ""
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._tls_port = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._thread = threading.Thread(target=self._main, name="slow-tls", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _main(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._clear())

    async def _serve(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self._loop.set_exception_handler(lambda _loop, _context: None)  # clients hang up as they like
        tls = await asyncio.start_server(self._decrypt, "127.0.0.1", 0, ssl=context, backlog=500)
        wire = await asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=500)
        self._tls_port = tls.sockets[0].getsockname()[1]
        self.address = f"https://localhost:{wire.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._over.wait()
        wire.close()
        tls.close()

    async def _clear(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)  # the transports close their sockets

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self._join(reader, writer, self._tls_port, lambda: self.round_trip_seconds / 2, self.round_trip_seconds)

    async def _decrypt(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._join(reader, writer, self._target_port, lambda: 0.0, 0.0)

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        port: int,
        delay_seconds: Callable[[], float],
        first_seconds: float,
    ) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            self._writers.append(writer)
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
            self._writers.append(there_writer)
            await asyncio.gather(
                self._pump(reader, there_writer, delay_seconds, first_seconds),
                self._pump(there_reader, writer, delay_seconds, 0.0),
                return_exceptions=True,
            )

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        delay_seconds: Callable[[], float],
        first_seconds: float,
    ) -> None:
        """Every chunk arrives `delay_seconds` after it came, the first one later; then the end of the stream."""
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def arrive() -> None:
            while True:
                due, chunk = await travelling.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not chunk:
                    return
                writer.write(chunk)
                await writer.drain()

        arriving = asyncio.ensure_future(arrive())
        extra = first_seconds
        with contextlib.suppress(OSError, ssl.SSLError):
            while chunk := await reader.read(65536):
                travelling.put_nowait((self._loop.time() + delay_seconds() + extra, chunk))
                extra = 0.0
        travelling.put_nowait((self._loop.time() + delay_seconds(), b""))
        with contextlib.suppress(OSError, ssl.SSLError):
            await arriving
        writer.close()


@contextlib.contextmanager
def slow_tls(target_port: int) -> Iterator[SlowTls]:
    proxy = SlowTls(target_port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()
