"""The outbox: at least once, one at a time, never lost; and what a hook's process may see and do."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apaycli.clock import ManualClock
from apaycli.core.hooks import HookKind, HookState
from apaycli.core.incoming import SuccessfulPayment
from apaycli.core.model import Booking, Flag, Receipt, User
from apaycli.errors import LedgerError
from apaycli.listen import events, hooks
from apaycli.listen.hooks import Outbox, Run, program_run
from apaycli.programs import none_is_running, running_mark
from apaycli.store.sqlite import SqliteStore, open_in_memory

BOT_TOKEN = "123456789:" + "A" * 35


class InlineWriter:
    async def run(self, function):  # type: ignore[no-untyped-def]
        return function()

    def close(self) -> None: ...


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    store = open_in_memory()
    yield store
    store.close()


def record_paid(
    store: SqliteStore,
    charge_id: str,
    state: HookState = "pending",
    flag: Flag | None = None,
    kind: HookKind = "program",
) -> int:
    payment = SuccessfulPayment(1, 1000, User(1001, "Asha"), "INR", 49900, "payload", charge_id, "provider")
    receipt = Receipt(
        charge_id, "provider", "test", flag or Flag.UNMATCHED, Booking.NONE, None, None, "payload", None, None, 1,
        "INR", 49900, 0, payment.buyer, 1000,
    )  # fmt: skip
    with store.transaction() as tx:
        receipt_id = tx.record_receipt(receipt, 1, b"{}", 1000)
        tx.queue_hooks(receipt_id, {kind: state}, 1000)
    return receipt_id


def work(
    store: SqliteStore,
    clock: ManualClock,
    run: Run,
    rounds: int = 1,
    *,
    kind: HookKind = "program",
    none_is_left: Callable[[], bool] = lambda: True,
) -> list[events.Event]:
    """Some rounds of the outbox, each until its runs are over."""
    seen: list[events.Event] = []

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            outbox = Outbox(
                store,
                InlineWriter(),
                clock,
                seen.append,
                {kind: run},
                tasks.create_task,
                notify_chat="77",
                none_is_left=none_is_left,
            )
            for _ in range(rounds):
                await outbox.start_due()
                while outbox._running:
                    await asyncio.wait(set(outbox._running))

    asyncio.run(main())
    return seen


def states(store: SqliteStore) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in store.hooks()]


async def succeed(_document: bytes) -> str | None:
    return None


async def fail(_document: bytes) -> str | None:
    return "the account is closed"


def test_a_due_hook_runs_once_and_is_done(store: SqliteStore) -> None:
    record_paid(store, "c1")
    seen = work(store, ManualClock(), succeed, rounds=3)
    assert states(store) == [("done", 1)]
    assert len(seen) == 1


def test_a_failure_is_tried_again_later_and_kept_in_words(store: SqliteStore) -> None:
    clock = ManualClock()
    record_paid(store, "c1")
    work(store, clock, fail, rounds=2)
    assert states(store) == [("pending", 1)]
    assert store.hooks()[0].failure == "the account is closed"
    clock.advance(11)
    work(store, clock, succeed)
    assert states(store) == [("done", 2)]
    assert store.hooks()[0].failure is None


def test_after_a_day_of_failures_it_is_failed_and_can_be_run_again(store: SqliteStore) -> None:
    clock = ManualClock()
    receipt_id = record_paid(store, "c1")
    for _ in range(60):
        work(store, clock, fail)
        clock.advance(3_601)
    assert states(store)[0][0] == "failed"
    with store.transaction() as tx:
        assert tx.rerun_hooks(receipt_id, ("failed",), clock.now()) == 1
    work(store, clock, succeed)
    assert states(store) == [("done", 1)]


def test_what_waits_runs_only_when_it_is_released(store: SqliteStore) -> None:
    clock = ManualClock()
    receipt_id = record_paid(store, "c1", "waiting")
    work(store, clock, succeed)
    assert states(store) == [("waiting", 0)]
    with store.transaction() as tx:
        tx.rerun_hooks(receipt_id, ("waiting",), clock.now())
    work(store, clock, succeed)
    assert states(store) == [("done", 1)]


def claim(store: SqliteStore, clock: ManualClock, kind: HookKind = "program") -> int:
    with store.transaction() as tx:
        return len(tx.claim_hooks(clock.now(), clock.now() + 180_000, (kind,), 4))


def test_a_claimed_hook_is_not_claimed_again_until_a_start_frees_it(store: SqliteStore) -> None:
    clock = ManualClock()
    record_paid(store, "c1")
    assert claim(store, clock) == 1
    assert claim(store, clock) == 0
    work(store, clock, succeed)
    assert states(store) == [("done", 2)]


def test_no_program_starts_while_one_of_an_earlier_run_is_left(store: SqliteStore) -> None:
    """However long it takes, and also for other receipts: nobody can say which one it belongs to."""
    clock = ManualClock()
    record_paid(store, "c1")
    assert claim(store, clock) == 1
    record_paid(store, "c2")

    def not_yet() -> bool:
        clock.advance(100)
        return False

    seen = work(store, clock, succeed, rounds=4, none_is_left=not_yet)
    assert states(store) == [("pending", 0), ("pending", 1)]
    assert [type(event) for event in seen] == [events.HooksWait]
    work(store, clock, succeed, rounds=2)
    assert states(store) == [("done", 1), ("done", 2)]


def test_a_post_does_not_wait_for_programs(store: SqliteStore) -> None:
    """It is gone with the process that sent it."""
    clock = ManualClock()
    record_paid(store, "c1", kind="url")
    assert claim(store, clock, "url") == 1
    work(store, clock, succeed, kind="url", none_is_left=lambda: False)
    assert states(store) == [("done", 2)]


@pytest.mark.parametrize("disturbance", ["the clock jumps", "retried by hand"])
def test_what_runs_here_is_not_started_beside_itself(store: SqliteStore, disturbance: str) -> None:
    clock = ManualClock()
    receipt_id = record_paid(store, "c1")
    running: list[int] = []

    async def main() -> None:
        enough = asyncio.Event()

        async def last(_document: bytes) -> str | None:
            running.append(len(running))
            await enough.wait()
            return None

        async with asyncio.TaskGroup() as tasks:
            outbox = Outbox(
                store, InlineWriter(), clock, lambda event: None, {"program": last}, tasks.create_task, notify_chat=None
            )
            await outbox.start_due()
            await asyncio.sleep(0)
            if disturbance == "the clock jumps":
                clock.advance(3_600)
            else:
                with store.transaction() as tx:
                    tx.rerun_hooks(receipt_id, ("pending",), clock.now())
            await outbox.start_due()
            await asyncio.sleep(0)
            enough.set()

    asyncio.run(main())
    assert running == [0]
    assert states(store)[0][0] == "done"


def test_at_most_four_run_at_once_and_none_is_forgotten(store: SqliteStore) -> None:
    for number in range(11):
        record_paid(store, f"c{number}")
    at_once: list[int] = []
    running = 0

    async def watch(_document: bytes) -> str | None:
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0)
        running -= 1
        return None

    work(store, ManualClock(), watch, rounds=3)
    assert max(at_once) == 4
    assert states(store) == [("done", 1)] * 11


# -- the process --------------------------------------------------------------------------------------------------


def program(tmp_path: Path, source: str) -> tuple[str, ...]:
    script = tmp_path / "hook.py"
    script.write_text(source, "utf-8")
    return (sys.executable, str(script))


def run_once(
    command: tuple[str, ...], folder: Path, environ: dict[str, str] | None = None, document: bytes = b"{}"
) -> str | None:
    run = program_run(command, folder, environ or dict(os.environ), folder / "apay.db.hooks")
    return asyncio.run(run(document))


def test_exit_0_is_success_and_the_document_is_on_stdin(tmp_path: Path) -> None:
    command = program(tmp_path, "import sys; open('got', 'w').write(sys.stdin.read())")
    assert run_once(command, tmp_path, document=b'{"a": 1}') is None
    assert json.loads((tmp_path / "got").read_text()) == {"a": 1}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; print('no such account'); sys.exit(3)", "ended with 3: no such account"),
        ("import os; os.kill(os.getpid(), 15)", "ended with -15"),
        ("import sys; sys.stdin.close(); sys.exit(1)", "ended with 1"),
        ("import sys; sys.stdout.write('x' * 10_000_000); sys.exit(1)", "ended with 1: xxx"),
    ],
    ids=["code", "signal", "stdin closed", "flood"],
)
def test_anything_else_is_a_failure_in_a_few_words(tmp_path: Path, source: str, said: str) -> None:
    failure = run_once(program(tmp_path, source), tmp_path, document=b"x" * 1_000_000)
    assert failure is not None
    assert failure.startswith(said)
    assert len(failure) < 5_000


def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    assert (run_once((str(tmp_path / "nothing"),), tmp_path) or "").startswith("cannot be started")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes")
@pytest.mark.parametrize("child", ["", "os.setsid()", "os.fork() and os._exit(0); os.setsid()"], ids=str)
@pytest.mark.parametrize("parent", ["time.sleep(60)", "sys.exit(0)"], ids=str)
def test_what_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: str, parent: str
) -> None:
    """Also what has put itself into a session of its own. Its output is open, so the run is not over before."""
    monkeypatch.setattr(hooks, "HOOK_SECONDS_MAX", 0.5)
    source = (
        "import os, sys, time\n"
        f"if os.fork() == 0:\n    {child or 'pass'}\n    open('child', 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        f"{parent}\n"
    )
    assert run_once(program(tmp_path, source), tmp_path) == "did not end within 0.5 s"
    assert not is_alive(int((tmp_path / "child").read_text()))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes")
def test_what_a_good_program_leaves_running_without_its_output_ends_with_it(tmp_path: Path) -> None:
    source = (
        "import os, time\n"
        "there, here = os.pipe()\n"
        "if os.fork() == 0:\n    os.setsid(); os.close(1); os.close(2)\n"
        "    open('child', 'w').write(str(os.getpid())); os.write(here, b'x')\n    time.sleep(60)\n"
        "os.read(there, 1)\n"
    )
    assert run_once(program(tmp_path, source), tmp_path) is None
    assert not is_alive(int((tmp_path / "child").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word")
def test_a_program_ends_with_the_process_that_watches_it(tmp_path: Path) -> None:
    source = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\nos.kill(os.getppid(), 9)\ntime.sleep(60)\n"
    failure = run_once(program(tmp_path, source), tmp_path)
    assert (failure or "").startswith("was ended from outside")
    eventually_gone(int((tmp_path / "pid").read_text()))


def test_the_mark_says_whether_a_program_is_left(tmp_path: Path) -> None:
    mark = tmp_path / "apay.db.hooks"
    assert none_is_running(mark)
    with running_mark(mark), running_mark(mark):
        assert not none_is_running(mark)
    assert none_is_running(mark)
    assert mark.stat().st_mode & 0o777 == 0o600


def test_a_mark_that_leads_elsewhere_is_an_error_of_the_ledger(tmp_path: Path) -> None:
    mark = tmp_path / "apay.db.hooks"
    mark.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError, match="cannot be opened"):
        none_is_running(mark)
    assert run_once((sys.executable, "-c", ""), tmp_path) == "cannot be started: Too many levels of symbolic links"


def eventually_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < deadline, "it still runs"


def is_alive(pid: int) -> bool:
    """Running, and not merely waiting for somebody to read its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_sees_a_few_variables_and_no_token(tmp_path: Path) -> None:
    command = program(tmp_path, "import os, json; json.dump(dict(os.environ), open('seen', 'w'))")
    environ = {"PATH": os.environ["PATH"], "HOME": "/h", "APAY_BOT_TOKEN": BOT_TOKEN, "SECRET": "x", "LANG": "C.UTF-8"}
    assert run_once(command, tmp_path, environ) is None
    seen = json.loads((tmp_path / "seen").read_text())
    assert set(seen) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} == {"PATH", "HOME", "LANG"}


def test_arguments_are_passed_as_they_are(tmp_path: Path) -> None:
    command = program(tmp_path, "import sys, json; json.dump(sys.argv[1:], open('got', 'w'))")
    odd = ("$(touch pwned)", "a; b", "c | d", "e f")
    assert run_once((*command, *odd), tmp_path) is None
    assert json.loads((tmp_path / "got").read_text()) == list(odd)
    assert not (tmp_path / "pwned").exists()
