"""The outbox: what the merchant wants done for each receipt, after it is on disk.

Knows claims, time limits and back-off; never in the path of an answer, and never more than a few at once. A
row is claimed for longer than a run may take, so that at most one run is under way for a receipt, and a row
whose run was killed comes free again. Success is exit code 0, or a 2xx, in time; nothing else.
"""

import asyncio
import json
import os
import signal
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
from apaycli.store.protocol import Store
from apaycli.store.values import DueHook
from apaycli.text import redact, show

HOOK_SECONDS_MAX = 60.0
_LEASE_MILLISECONDS = 180_000  # longer than any run: nobody takes over what is still going on
_AT_ONCE_MAX = 4
_OUTPUT_BYTES_MAX = 4096
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")

# Runs one document; None is success, a text is what went wrong.
Run = Callable[[bytes], Awaitable[str | None]]


def program_run(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Run:
    """A program with its arguments, no shell; the document on stdin; a few variables, none of ours."""
    allowed = {name: environ[name] for name in _ENVIRONMENT if name in environ}

    async def run(document: bytes) -> str | None:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=folder,
                env=allowed,
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            said = await asyncio.wait_for(_talk(process, document), HOOK_SECONDS_MAX)
        except TimeoutError:
            return f"did not end within {HOOK_SECONDS_MAX:g} s"
        finally:
            await _end_group(process)
        return None if process.returncode == 0 else f"ended with {process.returncode}: {said}"

    return run


async def _talk(process: asyncio.subprocess.Process, document: bytes) -> str:
    """The document in and the output out, side by side: a program may write before it has read, or never read."""
    if process.stdin is None or process.stdout is None:
        raise OSError("the hook has no pipes")
    feeding = asyncio.ensure_future(_feed(process.stdin, document))
    said = b""
    while chunk := await process.stdout.read(65_536):
        said = (said + chunk)[-_OUTPUT_BYTES_MAX:]
    await process.wait()
    feeding.cancel()
    await asyncio.wait({feeding})
    return said.decode("utf-8", "replace").strip()


async def _feed(stdin: asyncio.StreamWriter, document: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(document)
        await stdin.drain()
        stdin.close()


async def _end_group(process: asyncio.subprocess.Process) -> None:
    """Whatever the program left running ends with it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        await process.wait()


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
    ) -> None:
        self._notify_chat = notify_chat
        self._store = store
        self._writer = writer
        self._clock = clock
        self._emit = emit
        self._runs = runs
        self._start = start
        self._running: set[asyncio.Task[None]] = set()

    async def start_due(self) -> None:
        """Claim what is due and start it. Called again and again; returns at once."""
        now = self._clock.now()
        free = _AT_ONCE_MAX - len(self._running)
        if free <= 0 or not await self._writer.run(lambda: self._store.hooks_due(now)):
            return

        def claim() -> list[DueHook]:
            with self._store.transaction() as tx:
                return tx.claim_hooks(now, now + _LEASE_MILLISECONDS, tuple(self._runs), free)

        claimed = await self._writer.run(claim)
        reach("hook_claimed")
        for hook in claimed:
            task = self._start(self._run(hook))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """What runs is ended and counts as not done: the next start runs it again."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running))

    async def _run(self, hook: DueHook) -> None:
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
