"""The outbox: what the merchant wants done for each receipt, after it is on disk.

Knows claims, time limits and back-off; never in the path of an answer, and never more than a few at once. At most one
run is under way for a receipt. Within this process `Outbox` sees to it. An earlier process may have been killed while
its programs ran: they end with it (`programs_supervisor.py`), and until the last one is gone no program is started.
Success is exit code 0, or a 2xx, in time; nothing else.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from apaycli.clock import Clock
from apaycli.core.hooks import HookKind, next_attempt_at, receipt_document, signature_header
from apaycli.core.notices import hook_notice
from apaycli.crashpoints import reach
from apaycli.hookpost import post_once
from apaycli.listen import events
from apaycli.listen.writer import Writer, until_written
from apaycli.programs import SUPERVISED, child_environ, running_mark, supervised
from apaycli.store.protocol import Store
from apaycli.store.values import DueHook
from apaycli.text import redact, show

HOOK_SECONDS_MAX = 60.0
_LEASE_MILLISECONDS = 180_000  # longer than any run: nobody takes over what is still going on
_LEFT_SECONDS = 10.0
_AT_ONCE_MAX = 4
_OUTPUT_BYTES_MAX = 4096

# Runs one document; None is success, a text is what went wrong.
Run = Callable[[bytes], Awaitable[str | None]]


def program_run(command: Sequence[str], folder: Path, environ: Mapping[str, str], mark: Path) -> Run:
    """A program with its arguments, no shell; the document on stdin; a few variables, none of ours. A run is over when
    nothing of the program is left; `mark` tells a later process whether that is so (`programs.py`)."""
    allowed = child_environ(environ)

    async def run(document: bytes) -> str | None:
        if not SUPERVISED:
            return "programs need Linux or macOS: use hooks.on_paid_url"
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            process = await _start(command, theirs, folder, allowed, mark)
        except OSError as error:
            ours.close()
            return f"cannot be started: {error.strerror}"
        try:
            said = await _talk(process, document)
            verdict = (await asyncio.get_running_loop().sock_recv(ours, 4096)).decode("ascii", "replace")
        finally:
            ours.close()  # what the program left running ends now
            await process.wait()
        return _failure(verdict.split(), said)

    return run


async def _start(
    command: Sequence[str], theirs: socket.socket, folder: Path, environ: Mapping[str, str], mark: Path
) -> asyncio.subprocess.Process:
    """The program under its supervisor. Raises OSError. `theirs` is closed here."""
    with theirs, running_mark(mark) as lock:
        return await asyncio.create_subprocess_exec(
            *supervised(command, theirs.fileno(), lock, HOOK_SECONDS_MAX),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env=environ,
            pass_fds=(theirs.fileno(), lock),
            start_new_session=True,
        )


def _failure(verdict: Sequence[str], said: str) -> str | None:
    """What the supervisor's words mean. None is success."""
    match verdict:
        case ["ended", "0"]:
            return None
        case ["ended", code]:
            return f"ended with {code}: {said}"
        case ["cannot", number]:
            return f"cannot be started: {os.strerror(int(number))}"
        case [*_, "overdue"]:
            return f"did not end within {HOOK_SECONDS_MAX:g} s"
    return f"was ended from outside, with the process that watches it: {said}"


async def _talk(process: asyncio.subprocess.Process, document: bytes) -> str:
    """The document in and the output out, side by side: a program may write before it has read, or never read."""
    if process.stdin is None or process.stdout is None:
        raise OSError("the hook has no pipes")
    feeding = asyncio.ensure_future(_feed(process.stdin, document))
    said = b""
    while chunk := await process.stdout.read(65_536):
        said = (said + chunk)[-_OUTPUT_BYTES_MAX:]
    feeding.cancel()
    await asyncio.wait({feeding})
    return said.decode("utf-8", "replace").strip()


async def _feed(stdin: asyncio.StreamWriter, document: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(document)
        await stdin.drain()
        stdin.close()


def url_run(url: str, secrets: Sequence[bytes], clock: Clock) -> Run:
    async def run(document: bytes) -> str | None:
        header = signature_header(secrets, clock.now() // 1000, document)
        headers = {"Content-Type": "application/json", "Apay-Signature": header}
        return await post_once(url, headers, document, HOOK_SECONDS_MAX)

    return run


class Outbox:
    """Runs what is due, a few at a time. `start` makes a task of a run."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        clock: Clock,
        emit: events.Emit,
        runs: Mapping[HookKind, Run],
        start: Callable[[Coroutine[object, object, None]], "asyncio.Task[None]"],
        *,
        notify_chat: str | None,
        none_is_left: Callable[[], bool] = lambda: True,
    ) -> None:
        self._notify_chat = notify_chat
        self._none_is_left = none_is_left
        self._waiting_since: float | None = None  # for programs of an earlier process
        self._told = False
        self._free: set[HookKind] = set()  # kinds of which nothing of an earlier process is left
        self._store = store
        self._writer = writer
        self._clock = clock
        self._emit = emit
        self._runs = runs
        self._start = start
        self._running: set[asyncio.Task[None]] = set()
        self._running_ids: set[int] = set()

    async def start_due(self) -> None:
        """Claim what is due and start it. Called again and again; returns at once."""
        now = self._clock.now()
        room = _AT_ONCE_MAX - len(self._running)
        kinds = await self._free_kinds()
        if room <= 0 or not await self._writer.run(lambda: self._store.hooks_due(now)):
            return

        def claim() -> list[DueHook]:
            with self._store.transaction() as tx:
                return tx.claim_hooks(now, now + _LEASE_MILLISECONDS, kinds, room, self._running_ids)

        claimed = await self._writer.run(claim)
        reach("hook_claimed")
        for hook in claimed:
            self._running_ids.add(hook.hook_id)
            task = self._start(self._run(hook))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _free_kinds(self) -> list[HookKind]:
        """What may be started. Claims of an earlier process come free when nothing of it can be running any more: a
        POST is gone with its process, a program when the kernel says so."""
        newly = [kind for kind in self._runs if kind not in self._free and (kind != "program" or self._no_program())]
        if newly:

            def free() -> None:
                with self._store.transaction() as tx:
                    tx.free_claims(newly)

            await self._writer.run(free)
            self._free.update(newly)
        return sorted(self._free)

    def _no_program(self) -> bool:
        """Whether the programs of an earlier process have all ended. They are killed with it, so this is nearly always
        so at once; one that cannot be killed is told of, once."""
        if self._none_is_left():
            return True
        now = self._clock.monotonic()
        self._waiting_since = now if self._waiting_since is None else self._waiting_since
        if now - self._waiting_since > _LEFT_SECONDS and not self._told:
            self._told = True
            self._emit(events.HooksWait(self._clock.now()))
        return False

    async def stop(self) -> None:
        """What runs is ended and counts as not done: the next start runs it again."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running))

    async def _run(self, hook: DueHook) -> None:
        try:
            await self._run_and_record(hook)
        finally:
            self._running_ids.discard(hook.hook_id)

    async def _run_and_record(self, hook: DueHook) -> None:
        document = json.dumps(receipt_document(hook.receipt), ensure_ascii=False).encode()
        failure = await self._runs[hook.kind](document)
        reach("hook_ran_before_its_record")
        said = None if failure is None else show(redact(failure), 1000)
        now = self._clock.now()
        again_at = None if said is None else next_attempt_at(hook.attempts, hook.first_attempt_at, now)

        def record() -> None:
            with self._store.transaction() as tx:
                tx.record_hook(hook.hook_id, failure=said, again_at=again_at)
                if said is not None and again_at is None and self._notify_chat is not None:
                    sentence = hook_notice(hook.receipt.receipt_id, said)
                    tx.queue_notice(self._notify_chat, "merchant", sentence, now)

        await until_written(self._writer, record)
        reach("hook_recorded")
        self._emit(events.HookRan(now, hook.receipt.receipt_id, hook.kind, hook.attempts, said, again_at))
