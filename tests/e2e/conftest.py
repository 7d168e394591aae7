"""Fixtures: a sandbox on a socket and a merchant who runs the program; both are looked through at the end."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "botapi"))  # the judge of requests is shared

from botapi_spec import log_complaints
from merchant import Merchant, new_world

from apaycli.clock import SystemClock
from apaycli.sandbox.server import ServerThread


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with ServerThread(new_world(SystemClock())) as server:
        yield server


@pytest.fixture
def merchant(tmp_path: Path, server: ServerThread) -> Iterator[Merchant]:
    merchant = Merchant(tmp_path, server)
    yield merchant
    for run in merchant.runs:
        if run.process.poll() is None:
            run.kill()
    assert server.call(lambda: log_complaints(server.world.requests.records)) == []
    merchant.check_secrets()
    merchant.check_terminal()
