"""The street before the shop: plays a schedule to one contender, kill by kill, then lets everything drain.

Knows the sandbox's buyers and the contender's process. Must never know which contender it is, and decides nothing that
the schedule has not decided.
"""

import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial

from contenders import Contender
from schedule import Life, Moment, Schedule

from apaycli.sandbox.checkouts import Checkout
from apaycli.sandbox.server import ServerThread

PATIENCE_SECONDS = 60.0
CATCH_UP_SECONDS = 3.0  # new buyers come then, also to a listener that still works off what had waited
LOOK_AGAIN_SECONDS = 0.002
# Silent for so long with nothing left to fetch: then nothing waits in the listener's memory either, because no handler
# is busy for long without a request. The end is worth a longer look.
CAUGHT_UP_MILLISECONDS = 300
SETTLED_MILLISECONDS = 1000


class Street:
    """All buyers of one contender."""

    def __init__(
        self, contender: Contender, server: ServerThread, schedule: Schedule, payloads: dict[str, str]
    ) -> None:
        self.contender, self.server, self.world = contender, server, server.world
        self.schedule = schedule
        self.payload_of = {sku: payload for payload, sku in payloads.items()}
        self.checkouts: dict[int, Checkout] = {}  # by buyer
        self.hesitating: list[int] = []  # buyers whose moment to pay came before they were answered
        self.swallowed = 0  # queries confirmed and not answered
        self.process: subprocess.Popen[bytes] | None = None  # the listener, dead or alive

    def play(self) -> None:
        try:
            for life in self.schedule.lives:
                self._live(life)
            self._drain()
        finally:
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    # A life

    def _live(self, life: Life) -> None:
        process, mark = self._start()
        begun = self._come_to_life(process, mark, life.death)
        is_alive = True
        for moment in [*life.moments, None]:
            if is_alive and (moment is None or life.kill_milliseconds <= moment.milliseconds):
                sleep_until(begun + life.kill_milliseconds / 1000)
                self._kill(process)
                is_alive = False
            if moment is not None:
                sleep_until(begun + moment.milliseconds / 1000)
                self._happen(moment, life.sku)
        # Those who were answered meanwhile pay while nobody listens.
        self.server.call(self._pay_the_hesitating)

    def _come_to_life(self, process: "subprocess.Popen[bytes]", mark: int, death: str) -> float:
        """Wait as far as this life gets before its moments begin. Returns when they do."""
        if death != "starting":
            self._wait(lambda: self._has_polled(mark), process)
        if death == "serving":
            self._is_so_within(CATCH_UP_SECONDS, self._has_caught_up, process)
        return time.monotonic()

    def _has_caught_up(self) -> bool:
        """Nothing is queued at Telegram, and what the listener confirmed before handling it is handled too."""
        return len(self.world.queue) == 0 and self._is_silent(CAUGHT_UP_MILLISECONDS)

    def _start(self) -> tuple["subprocess.Popen[bytes]", int]:
        """The process, and the number of requests the sandbox had had before."""
        mark = self.server.call(lambda: self.world.requests.count)
        self.process = self.contender.start()
        return self.process, mark

    def _has_polled(self, mark: int) -> bool:
        for record in reversed(self.world.requests.records):
            if record.serial <= mark:
                return False
            if record.method == "getupdates":
                return True
        return False

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        self._check_alive(process)
        process.kill()
        process.wait()

    # Moments

    def _happen(self, moment: Moment, sku: str) -> None:
        if moment.what == "press":
            self.server.call(self._press, moment.buyer_ids, sku)
        else:
            self.server.call(self._pay, moment.buyer_ids[0])

    def _press(self, buyer_ids: tuple[int, ...], sku: str) -> None:
        with self.world.polling.held():
            for buyer_id in buyer_ids:
                self.world.chats.user(buyer_id).started = True  # so that the bot may thank them
                checkout = self.world.buyers.press_pay(self.payload_of[sku], buyer_id)
                checkout.watchers.append(partial(self._end, checkout, self.world.queue.next_update_id - 1))
                self.checkouts[buyer_id] = checkout

    def _end(self, checkout: Checkout, update_id: int) -> None:
        """The buyer has an answer, or has waited ten seconds."""
        if checkout.outcome == "timeout" and update_id not in self.world.queue.pending_ids():
            self.swallowed += 1

    def _pay(self, buyer_id: int) -> None:
        """Whoever was told yes pays; who has no answer yet pays when it comes; who was told no goes home."""
        checkout = self.checkouts[buyer_id]
        if checkout.outcome is None:
            self.hesitating.append(buyer_id)
        elif checkout.outcome == "accepted" and not checkout.payment:
            self.world.buyers.pay(checkout.checkout_id)

    def _pay_the_hesitating(self) -> None:
        waiting, self.hesitating = self.hesitating, []
        for buyer_id in waiting:
            self._pay(buyer_id)

    # The end

    def _drain(self) -> None:
        """A calm run: everything that waits is handled, the last buyers pay, and the listener is asked to stop."""
        process, mark = self._start()
        try:
            self._wait(lambda: self._has_polled(mark), process)
            self._wait(self._is_settled, process)
            self.server.call(self._pay_all)
            self._wait(self._is_settled, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)

    def _pay_all(self) -> None:
        for buyer_id in self.checkouts:
            if buyer_id in self.schedule.payers:
                self._pay(buyer_id)

    def _is_settled(self) -> bool:
        """No buyer waits, nothing is queued, and the listener has done nothing but wait for a while."""
        is_empty = len(self.world.queue) == 0 and self.world.polling.poll is not None
        return is_empty and all(c.outcome for c in self.checkouts.values()) and self._is_silent(SETTLED_MILLISECONDS)

    def _is_silent(self, milliseconds: int) -> bool:
        """The sandbox has heard requests (it has: somebody polled), but none of late."""
        return self.world.clock.now() - self.world.requests.records[-1].at >= milliseconds

    def _wait(self, condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
        if not self._is_so_within(PATIENCE_SECONDS, condition, process):
            raise RuntimeError(f"{self.contender.name}: not so in time; {self._last_words()}")

    def _is_so_within(self, seconds: float, condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> bool:
        deadline = time.monotonic() + seconds
        while not self.server.call(condition):
            self._check_alive(process)
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_AGAIN_SECONDS)
        return True

    def _check_alive(self, process: "subprocess.Popen[bytes]") -> None:
        """A listener that ends by itself was not killed by us: there is nothing to compare."""
        if process.poll() is not None:
            raise RuntimeError(f"{self.contender.name} ended with {process.returncode}; {self._last_words()}")

    def _last_words(self) -> str:
        return "its last words:\n" + self.contender.log.read_text("utf-8", "replace")[-2000:]


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
