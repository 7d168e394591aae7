"""`apay sandbox`: a real process that prints where it is, answers there, and stops when asked."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from shop import Shop

KEYS = ["APAY_API_URL", "APAY_BOT_TOKEN", "APAY_TEST_PROVIDER_TOKEN", "APAY_LIVE_PROVIDER_TOKEN", "APAY_API_KEY"]


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """The process and its first lines on stdout."""
    process = subprocess.Popen(
        [sys.executable, "-m", "apaycli", "sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"HOME": str(folder), "PYTHONUTF8": "1"},
    )
    try:
        assert process.stdout is not None
        count = 1 if "--json" in arguments else len(KEYS)
        yield process, [process.stdout.readline().rstrip("\n") for _ in range(count)]
    finally:
        process.kill()
        process.communicate()


def get_me(environ: dict[str, str]) -> bool:
    with urlopen(f"{environ['APAY_API_URL']}/bot{environ['APAY_BOT_TOKEN']}/getMe", timeout=30) as reply:
        return bool(json.load(reply)["ok"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=str)
def test_it_prints_its_address_answers_there_and_stops_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "--json") as (process, (line,)):
        environ = json.loads(line)
        assert list(environ) == KEYS
        assert environ["APAY_API_URL"].startswith("http://127.0.0.1:")
        assert ":TEST:" in environ["APAY_TEST_PROVIDER_TOKEN"]
        assert ":LIVE:" in environ["APAY_LIVE_PROVIDER_TOKEN"]
        assert get_me(environ)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "")
        assert "the sandbox is running" in err
        assert err.endswith("apay: the sandbox has stopped; nothing of it is kept\n")
        assert "Traceback" not in err


def test_for_people_it_prints_lines_for_a_shell(tmp_path: Path) -> None:
    with running(tmp_path) as (_, lines):
        values = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        assert list(values) == KEYS
        assert all(line.startswith("export ") for line in lines)
        assert get_me(values)


def test_the_same_seed_gives_the_same_tokens_and_any_other_or_none_others(tmp_path: Path) -> None:
    tokens = []
    for options in (("--seed", "1"), ("--seed", "1"), ("--seed", "0"), ("--seed", "0"), (), ()):
        with running(tmp_path, "--json", *options) as (_, (line,)):
            tokens.append(json.loads(line)["APAY_BOT_TOKEN"])
    assert (tokens[0], tokens[2]) == (tokens[1], tokens[3])
    assert len(set(tokens)) == 4


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}], ids=str)
def test_a_page_in_a_browser_cannot_play_with_it(tmp_path: Path, headers: dict[str, str]) -> None:
    with running(tmp_path, "--json") as (_, (line,)):
        request = Request(json.loads(line)["APAY_API_URL"] + "/sandbox/clear_outages", b"{}", headers)
        with pytest.raises(HTTPError, match="403") as refusal:
            urlopen(request, timeout=30)
        refusal.value.close()
        with urlopen(Request(request.full_url, b"{}"), timeout=30) as reply:
            assert json.load(reply) == {"outages": []}


@pytest.mark.parametrize("port", ["70000", "-1", "65536"])
def test_a_port_has_its_bounds(shop: Shop, port: str) -> None:
    done = shop.run("sandbox", "--port", port)
    assert (done.code, done.out) == (2, "")
    assert "--port takes 0 to 65535" in done.err


def test_a_port_that_is_taken_is_told_with_a_cure(shop: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = shop.run("sandbox", "--port", port)
    assert (done.code, done.out) == (2, "")
    assert f"port {port} cannot be used" in done.err
    assert "--port 0" in done.err


@pytest.mark.parametrize("mode", [(), ("--live", "--yes")])
def test_the_other_commands_work_against_it(shop: Shop, mode: tuple[str, ...]) -> None:
    with running(shop.folder, "--json") as (_, (line,)):
        environ = shop.environ | json.loads(line) | {"PYTHONUTF8": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "apaycli", "send-invoice", "rubber-duck", "--to", "1001", "--json", *mode],
            capture_output=True,
            text=True,
            env=environ,
            check=False,
            timeout=60,
        )
    assert (done.returncode, json.loads(done.stdout)["send_state"]) == (0, "sent")
