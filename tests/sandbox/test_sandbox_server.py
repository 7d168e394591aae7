"""The sandbox on real loopback sockets: long poll, conflicts, reset, hang, broken bodies, many at once."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import aiohttp
import pytest

from apaycli.clock import ManualClock, SystemClock
from apaycli.sandbox.server import ServerThread, serve
from apaycli.sandbox.world import World

INVOICE = {"title": "Tea", "description": "Black", "payload": "tea-1", "currency": "BDT"}


@pytest.fixture
def server() -> Iterator[ServerThread]:
    world = World(SystemClock())
    world.settings.conflict_hold_seconds = 0
    with ServerThread(world) as running:
        yield running


class Client:
    """One aiohttp session as the bot, and as the hand that plays the buyers."""

    def __init__(self, session: aiohttp.ClientSession, server: ServerThread) -> None:
        self.session = session
        self.server = server

    async def bot(self, method: str, /, **params: Any) -> Any:
        url = f"{self.server.address}/bot{self.server.world.bot_token}/{method}"
        async with self.session.post(url, json=params) as response:
            return await response.json()

    async def control(self, name: str, /, **document: Any) -> Any:
        async with self.session.post(f"{self.server.address}/sandbox/{name}", json=document) as response:
            return await response.json()

    async def send_invoice(self, **changes: Any) -> Any:
        token = self.server.world.test_provider_token
        prices = [{"label": "Tea", "amount": 50000}]
        params = {"chat_id": -4001, **INVOICE, "provider_token": token, "prices": prices, **changes}
        return await self.bot("sendInvoice", **params)

    async def until_polled(self) -> None:
        while not (await self._state())["is_polled"]:
            await asyncio.sleep(0)

    async def _state(self) -> Any:
        async with self.session.get(f"{self.server.address}/sandbox/state") as response:
            return await response.json()


def play(server: ServerThread, story: Any) -> Any:
    """Run `story(client)` with a session of its own."""

    async def run() -> Any:
        timeout = aiohttp.ClientTimeout(total=20)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            result: Coroutine[Any, Any, Any] = story(Client(session, server))
            return await result

    return asyncio.run(run())


def test_long_poll_wakes_and_the_sale_goes_through(server: ServerThread) -> None:
    async def story(client: Client) -> tuple[Any, Any, Any]:
        await client.send_invoice()
        poll = asyncio.create_task(client.bot("getUpdates", timeout=50))
        await client.until_polled()
        press = asyncio.create_task(client.control("press_pay", payload="tea-1", buyer=1001, wait=True))
        update = (await poll)["result"][0]
        query_id = update["pre_checkout_query"]["id"]
        assert not press.done()
        await client.bot("answerPreCheckoutQuery", pre_checkout_query_id=query_id, ok=True)
        checkout = await press
        charge = await client.control("pay", checkout_id=checkout["checkout_id"])
        updates = await client.bot("getUpdates", offset=update["update_id"] + 1, timeout=50)
        return checkout, charge, updates["result"]

    checkout, charge, updates = play(server, story)
    assert checkout["outcome"] == "accepted"
    assert checkout["answer_milliseconds"] < 5000
    payment = updates[0]["message"]["successful_payment"]
    assert payment["telegram_payment_charge_id"] == charge["telegram_payment_charge_id"]


def test_second_poll_ends_the_first_with_409(server: ServerThread) -> None:
    async def story(client: Client) -> tuple[Any, Any]:
        first = asyncio.create_task(client.bot("getUpdates", timeout=50))
        await client.until_polled()
        second = asyncio.create_task(client.bot("getUpdates", timeout=50))
        conflict = await first
        await client.control("send_text", user=1001, text="hi")
        return conflict, await second

    conflict, updates = play(server, story)
    assert conflict["error_code"] == 409
    assert len(updates["result"]) == 1


def test_conflict_hold_is_acted_out(server: ServerThread) -> None:
    server.world.settings.conflict_hold_seconds = 0.05

    async def story(client: Client) -> list[float]:
        await client.bot("setWebhook", url="https://shop.example.com/")
        times = []
        for _ in range(2):
            start = time.monotonic()
            assert (await client.bot("getUpdates"))["error_code"] == 409
            times.append(time.monotonic() - start)
        return times

    assert play(server, story)[1] >= 0.05


def test_client_that_hangs_up_is_forgotten(server: ServerThread) -> None:
    async def story(client: Client) -> Any:
        poll = asyncio.create_task(client.bot("getUpdates", timeout=50))
        await client.until_polled()
        poll.cancel()
        while (await client._state())["is_polled"]:
            await asyncio.sleep(0)
        await client.control("send_text", user=1001, text="hi")
        return await client.bot("getUpdates")

    assert len(play(server, story)["result"]) == 1


@pytest.mark.parametrize("after", [False, True])
def test_reset(server: ServerThread, after: bool) -> None:
    async def story(client: Client) -> Any:
        await client.control("outage", kind="reset", count=1, after=after, methods=["sendInvoice"])
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.send_invoice()
        return (await client._state())["invoice_count"]

    assert play(server, story) == after


def test_hang(server: ServerThread) -> None:
    async def story(client: Client) -> Any:
        await client.control("outage", kind="hang", count=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.bot("getMe")
        return await client.bot("getMe")

    assert play(server, story)["ok"]


def test_broken_body(server: ServerThread) -> None:
    async def story(client: Client) -> Any:
        await client.control("outage", kind="break", count=1, after=True)
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.bot("getMe")
        return await client.bot("getMe")

    assert play(server, story)["ok"]


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [
        ("502-html", 502, "text/html"),
        ("504-html", 504, "text/html"),
        ("429", 429, "application/json"),
        ("truncated", 200, "application/json"),
        ("empty", 200, "application/json"),
    ],
)
def test_spoiled_replies(server: ServerThread, kind: str, status: int, content_type: str) -> None:
    server.call(server.world.faults.add, kind, 0.0, retry_after=7)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", f"/bot{server.world.bot_token}/getMe")
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert (response.status, response.headers.get_content_type()) == (status, content_type)
    assert response.headers["Retry-After"] == ("7" if kind == "429" else None)
    if status != 429:
        with pytest.raises(ValueError):
            json.loads(body)


def test_too_big(server: ServerThread) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", f"/bot{server.world.bot_token}/sendMessage", b"a" * (3 << 20))
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["error_code"]) == (413, 413)
    connection.close()


def test_delay_is_real_waiting(server: ServerThread) -> None:
    async def story(client: Client) -> float:
        await client.control("outage", kind="delay", delay_milliseconds=50)
        start = time.monotonic()
        await client.bot("getMe")
        return time.monotonic() - start

    assert play(server, story) >= 0.05


def test_the_ten_seconds_run_by_themselves(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apaycli.sandbox.dialogue.ANSWER_SECONDS", 0.05)

    async def story(client: Client) -> Any:
        await client.send_invoice()
        return await client.control("press_pay", payload="tea-1", buyer=1001, wait=True)

    assert play(server, story)["outcome"] == "timeout"


def test_many_buyers_at_once(server: ServerThread) -> None:
    async def story(client: Client) -> Any:
        await client.send_invoice()
        summary = asyncio.create_task(client.control("press_pay_many", payload="tea-1", count=500, wait=True))
        gate, answers, offset = asyncio.Semaphore(50), [], 0

        async def answer(query_id: str) -> None:
            async with gate:
                await client.bot("answerPreCheckoutQuery", pre_checkout_query_id=query_id, ok=True)

        while not summary.done() and len(answers) < 500:
            for update in (await client.bot("getUpdates", offset=offset, timeout=5))["result"]:
                offset = update["update_id"] + 1
                answers.append(asyncio.create_task(answer(update["pre_checkout_query"]["id"])))
        await asyncio.gather(*answers)
        return await summary

    summary = play(server, story)
    assert (summary["count"], summary["accepted"]) == (500, 500)


def test_world_can_be_reached_from_other_threads(server: ServerThread) -> None:
    seen: list[str] = []
    server.call(lambda: seen.append(threading.current_thread().name))
    assert seen == ["apay-sandbox"]
    with pytest.raises(LookupError):
        server.call(server.world.buyers.press_pay, "nothing", 1001)


def test_manual_clock_moves_by_call() -> None:
    clock = ManualClock()
    world = World(clock)
    with ServerThread(world) as server:

        async def story(client: Client) -> Any:
            await client.send_invoice()
            press = asyncio.create_task(client.control("press_pay", payload="tea-1", buyer=1001, wait=True))
            while not (await client._state())["checkout_count"]:
                await asyncio.sleep(0)
            server.call(clock.advance, 10)
            return await press

        assert play(server, story)["outcome"] == "timeout"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_only_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        ServerThread(World(ManualClock()), host)
    with pytest.raises(ValueError, match="loopback"):
        asyncio.run(serve(World(ManualClock()), host))


def test_port_in_use_is_told(server: ServerThread) -> None:
    with pytest.raises(OSError), ServerThread(World(ManualClock()), port=server.port):
        pass


def ask(server: ServerThread, method: str, path: str, **headers: str) -> int:
    """The status of one request that carries exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": f"127.0.0.1:{server.port}", "Content-Length": "2", **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(b"{}")
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    assert (response.status == 403) == ("this sandbox" in json.dumps(body))
    return response.status


PLACES = ("/sandbox/clear_outages", "/bot{token}/getMe", "/apay/Remotes/payment-systems-info")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "127.0.0.1", "localhost:{port}", "LOCALHOST", "localhost.", "[::1]:{port}", "[::1]"]
)
def test_its_own_names_are_taken(server: ServerThread, host: str) -> None:
    assert ask(server, "POST", PLACES[0], Host=host.format(port=server.port)) == 200


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "[::1", "", "::1"],
)
def test_a_foreign_host_is_refused(server: ServerThread, place: str, host: str) -> None:
    """A page whose name was pointed at this machine (DNS rebinding) shows itself by the name it used."""
    path = place.format(token=server.world.bot_token)
    assert ask(server, "POST", path, Host=host.format(port=server.port)) == 403
    assert server.world.requests.count == 0


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://127.0.0.1:{port}", "Sec_Fetch_Site": "cross-site"},
    ],
    ids=str,
)
def test_another_site_is_refused_and_nothing_happens(server: ServerThread, place: str, headers: dict[str, str]) -> None:
    server.call(server.world.faults.add, "delay", 0.0)
    given = {name: value.format(port=server.port) for name, value in headers.items()}
    assert ask(server, "POST", place.format(token=server.world.bot_token), **given) == 403
    assert server.world.requests.count == 0
    assert len(server.world.faults.outages) == 1


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_its_own_page_and_a_typed_address_are_taken(server: ServerThread, site: str) -> None:
    own = {"Origin": f"http://127.0.0.1:{server.port}"} if site == "same-origin" else {}
    assert ask(server, "POST", PLACES[0], Sec_Fetch_Site=site, **own) == 200


def test_a_forwarded_port_keeps_its_name_and_origin(server: ServerThread) -> None:
    assert ask(server, "POST", PLACES[0], Host="localhost:9999", Origin="http://localhost:9999") == 200


def test_what_it_was_bound_to_is_its_name_too() -> None:
    with ServerThread(World(ManualClock()), "127.0.0.2") as server:
        connection = http.client.HTTPConnection("127.0.0.2", server.port, timeout=10)
        connection.request("GET", "/sandbox/state")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize("text", ["GET /sandbox/state HTTP/1.0\r\n\r\n"])
def test_a_program_of_http_1_0_without_a_host_is_taken(server: ServerThread, text: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(text.encode())
        assert b" 200 " in connection.recv(100)


def test_two_hosts_are_refused(server: ServerThread) -> None:
    text = f"GET /sandbox/state HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nHost: evil.example\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(text.encode())
        assert connection.recv(100).split()[1] in (b"400", b"403")
