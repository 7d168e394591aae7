"""`apay` as a process of its own: what it imports, pipes that close, and the endings a shell sees."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import apaycli
from ledger_rows import receipt
from shop import STOCK, Shop

APAY = (sys.executable, "-m", "apaycli")
HEAVY = "httpx rich.table rich.console sqlite_utils asyncio aiohttp pydantic tomlkit anyio msgspec".split()


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def environ_of(shop: Shop) -> dict[str, str]:
    return shop.environ | {"PATH": os.environ["PATH"], "PYTHONUTF8": "1"}


def into_a_closed_pipe(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run with a stdout that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [*APAY, *arguments], stdout=writing, stderr=subprocess.PIPE, env=environ, check=False, timeout=60
        )
    finally:
        os.close(writing)


def test_starting_imports_nothing_heavy() -> None:
    loaded = run_python("import sys, apaycli.cli.app; print(*sys.modules)").split()
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("arguments", [("config", "path"), ("stock", "--help"), ("send-invoice",), ("listen", "-h")])
def test_a_command_that_needs_nothing_heavy_imports_nothing_heavy(arguments: tuple[str, ...], tmp_path: Path) -> None:
    code = (
        "import sys; from apaycli.cli.app import main; from apaycli.cli.env import Env;"
        f"main(sys.argv[1:], Env(environ={{'HOME': {str(tmp_path)!r}}})); print(*sys.modules)"
    )
    loaded = run_python(code, *arguments).split()
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("arguments", [("--version",), ("-V",), ("--version", "--json"), ("--json", "--version")])
def test_the_version_is_told_without_the_command_line(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom apaycli.__main__ import main\n"
        "try: main()\nexcept SystemExit as leaving: assert leaving.code == 0\n"
        "assert 'typer' not in sys.modules and 'rich' not in sys.modules"
    )
    out = run_python(code, *arguments)
    if "--json" in arguments:
        assert json.loads(out)["apay"] == apaycli.__version__
        assert set(json.loads(out)) == {"apay", "python", "sqlite", "ledger_schema"}
    else:
        assert out == f"apay {apaycli.__version__}\n"


@pytest.fixture
def full_shop(shop: Shop) -> Shop:
    """With more receipts than a pipe or a buffer holds."""
    with shop.store() as store, store.transaction() as tx:
        for number in range(600):
            tx.record_receipt(receipt(number), number, b"{}", shop.clock.now())
    return shop


@pytest.mark.parametrize(
    "arguments",
    [("stock",), ("stock", "--json"), ("export",), ("export", "--jsonl"), ("export", "--json"), ("config", "show"),
     ("--help",), ("stock", "--help"), ("check-live", "--offline", "--only", "stock-file")],
)  # fmt: skip
def test_a_reader_who_has_seen_enough_is_no_failure(full_shop: Shop, arguments: tuple[str, ...]) -> None:
    ended = into_a_closed_pipe(environ_of(full_shop), *arguments)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    "arguments", [("stock",), ("stock", "--json"), ("export",), ("export", "--json"), ("config", "show"), ("--help",)]
)
def test_an_output_that_is_full_is_told_and_no_bug(full_shop: Shop, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*APAY, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environ_of(full_shop),
            check=False,
            timeout=60,
        )
    assert ended.returncode == 9
    told = ["the output cannot be written: No space left on device", "make room there, then run it again"]
    if "--json" in arguments:
        assert list(json.loads(ended.stderr)["error"].values()) == ["output", *told]
    else:
        assert ended.stderr == "apay: error: {}\napay: hint: {}\n".format(*told)
    assert not list(full_shop.folder.rglob("last-bug.txt"))


@pytest.mark.parametrize(
    "arguments",
    [("find", b"\xff"), ("export", b"\xff.csv"), ("receipts", "list", b"--sku=\xff"),
     ("send-invoice", "rubber-duck", "--to", b"\xff"),
     ("stats", "--html", b"\xff.html"), ("refunds", "done", "1", "--reference", b"\xff"), (b"\xff",)],
)  # fmt: skip
@pytest.mark.parametrize("locale", [{"PYTHONUTF8": "1"}, {"PYTHONUTF8": "0", "LC_ALL": "C"}], ids=["utf-8", "C"])
def test_bytes_that_are_no_text_are_wrong_usage(
    full_shop: Shop, arguments: tuple[str | bytes, ...], locale: dict[str, str]
) -> None:
    ended = subprocess.run(
        [*APAY, *arguments], env=environ_of(full_shop) | locale, cwd=full_shop.folder, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert b"an argument is not UTF-8 text: " in ended.stderr
    assert b"\\xff" in ended.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(
    ("arguments", "code"), [("stock", 0), ("export --json", 0), ("stock add rubber-duck 1", 0), ("stok", 2)]
)
def test_a_closed_stream_is_no_bug(full_shop: Shop, closed: str, arguments: str, code: int) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *APAY, *arguments.split()],
        capture_output=True,
        text=True,
        env=environ_of(full_shop),
        check=False,
        timeout=60,
    )
    assert ended.returncode == code
    assert "bug" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert bool(ended.stdout) == (code == 0 and closed == "2>&-")
    assert "rubber-duck" in full_shop.stock_file.read_text()


def test_head_gets_its_lines(full_shop: Shop) -> None:
    with subprocess.Popen([*APAY, "export"], stdout=subprocess.PIPE, env=environ_of(full_shop)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"receipt_id,mode,")
        process.stdout.close()
        assert process.wait(timeout=60) == 0


def test_a_terminal_that_knows_few_letters_gets_the_rest_replaced(shop: Shop) -> None:
    shop.write_stock(STOCK.replace("Rubber duck", "Ente ৳ ✓ soʻm"))
    environ = environ_of(shop) | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    ended = subprocess.run([*APAY, "stock"], capture_output=True, env=environ, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"rubber-duck\tEnte ? ? so?m\t10\t")


def test_the_books_are_utf_8_whatever_the_terminal_knows(full_shop: Shop) -> None:
    environ = environ_of(full_shop) | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run([*APAY, "export"], capture_output=True, env=environ, check=False, timeout=60)
    assert ended.returncode == 0
    assert "রহিম" in ended.stdout.decode("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 2), (("stok",), 2), (("stock",), 0), (("export",), 9), (("check-live", "--offline"), 6)],
)
def test_the_shell_sees_the_exit_code(shop: Shop, arguments: tuple[str, ...], code: int) -> None:
    ended = subprocess.run(
        [*APAY, *arguments], capture_output=True, text=True, env=environ_of(shop), check=False, timeout=60
    )
    assert ended.returncode == code
    assert bool(ended.stdout) == (code in (0, 6))
    assert "Traceback" not in ended.stderr


@pytest.fixture
def waiting(shop: Shop) -> Iterator["subprocess.Popen[str]"]:
    """A command that waits at a question, on a terminal of its own."""
    controller, terminal = os.openpty()
    with shop.served():
        environ = environ_of(shop) | {"APAY_LIVE_PROVIDER_TOKEN": shop.world.live_provider_token}
        process = subprocess.Popen(
            [*APAY, "send-invoice", "rubber-duck", "--to", "1001", "--live"],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
            os.close(controller)
            os.close(terminal)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=str,
)
def test_a_signal_at_a_question_ends_with_its_own_code(
    waiting: "subprocess.Popen[str]", shop: Shop, number: signal.Signals, code: int
) -> None:
    assert waiting.stderr is not None
    said = ""
    while "[y/N]" not in said:
        character = waiting.stderr.read(1)
        assert character, said
        said += character
    waiting.send_signal(number)
    out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert shop.requests("sendInvoice") == []


def test_whatever_the_umask_is_what_apay_makes_is_its_owners_alone(shop: Shop) -> None:
    """Folders above a new one too: `umask 000` is found in containers and in services."""
    new = shop.folder / "new"
    environ = environ_of(shop) | {
        "HOME": str(new / "home"), "XDG_STATE_HOME": str(new / "a" / "state"), "APAY_STORE": str(shop.folder / "l.db"),
    }  # fmt: skip
    state = new / "a" / "state" / "apay"
    commands = [
        ("init", str(new / "b" / "shop"), "--no-input", "--offline"),
        ("listen", "--once"),
        ("backup", "--to", str(new / "c" / "backups")),
        ("export", "--csv", str(shop.folder / "x.csv")),
        ("export", "--xlsx", str(shop.folder / "x.xlsx")),
        ("stats", "--html", str(shop.folder / "x.html")),
        ("restore", "--yes", str(shop.folder / "l.db")),
        ("stock", "add", "rubber-duck", "1"),
    ]
    shop.stock_file.chmod(0o600)
    with shop.served():
        environ |= {name: value for name, value in shop.environ.items() if "TOKEN" in name or "URL" in name}
        for arguments in commands:
            done = subprocess.run(
                ["sh", "-c", 'umask 000; exec "$@"', "sh", *APAY, *arguments],
                env=environ, cwd=shop.folder, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
    assert list(state.glob("*.lock"))
    made = [path for path in shop.folder.rglob("*") if not path.is_symlink()]
    assert {path: oct(path.stat().st_mode & 0o777) for path in made if path.stat().st_mode & 0o077} == {}
