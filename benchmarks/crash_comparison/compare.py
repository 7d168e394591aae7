"""The same kills for python-telegram-bot, aiogram and `apay listen`: who loses, doubles or oversells what?

    python benchmarks/crash_comparison/compare.py --python VENV/bin/python [--kills N] [--seed N] [--careful] [--json]

Each contender runs as a process of its own against a sandbox of its own on loopback; the sandboxes are the same, so
are the buyers and the kills (`schedule`). After the last kill a calm run lets everything drain, then the sandbox's own
books are compared with what the contender recorded (`judge`). The frameworks need their libraries: see README.md.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contenders import HERE, Apay, Contender, FrameworkBot
from judge import Figures, judge
from schedule import Schedule, draw_schedule
from street import Street

from apaycli import __version__
from apaycli.clock import SystemClock
from apaycli.sandbox.server import ServerThread
from apaycli.sandbox.world import World

NAMES = ("ptb", "aiogram", "apay")
CAREFUL_NAMES = ("ptb-careful", "aiogram-careful")
DISTRIBUTIONS = {"ptb": "python-telegram-bot", "aiogram": "aiogram"}
SHOW_VERSION = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
COLUMNS = {
    "pressed": "pressed", "unanswered": "unanswered", "swallowed": "(confirmed)", "accepted": "accepted",
    "charges": "paid", "lost": "lost", "doubled": "doubled", "stock": "stock", "oversold": "oversold",
    "noticed": "(noticed)",
}  # fmt: skip


def main() -> None:
    options = parse_options()
    names = options.only or [*NAMES[:2], *(CAREFUL_NAMES if options.careful else ()), NAMES[2]]
    versions = {"apay": __version__} | {
        distribution: version_of(options.python, distribution)
        for framework, distribution in DISTRIBUTIONS.items()
        if any(name.startswith(framework) for name in names)
    }
    schedule = draw_schedule(options.kills, options.seed)
    print(f"{options.kills} kills each, {', '.join(names)}", file=sys.stderr)
    rows = {name: run(name, schedule, options) for name in names}
    if options.json:
        print(json.dumps(document(options, versions, rows), indent=2))
    else:
        show(options, versions, rows)
    if any(figures.invented for figures, _ in rows.values()):
        sys.exit("somebody recorded a charge that never was: the comparison itself is broken")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has both frameworks")
    parser.add_argument("--round-trip", type=int, default=50, metavar="MS", help="how long each reply is under way")
    parser.add_argument("--careful", action="store_true", help="the careful variants of both bots as well")
    parser.add_argument("--only", action="append", choices=[*NAMES, *CAREFUL_NAMES], help="repeat it")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def version_of(python: str, distribution: str) -> str:
    """Ends the program with what to install when the library is not there."""
    with contextlib.suppress(OSError):  # no such interpreter
        done = subprocess.run([python, "-c", SHOW_VERSION, distribution], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    requirements = os.path.relpath(HERE / "requirements.txt")
    sys.exit(
        f"{python} has no {distribution}. Make an environment for the bots and name its interpreter:\n"
        f"    python3 -m venv frameworks\n"
        f"    frameworks/bin/pip install -r {requirements}\n"
        f"    {' '.join([Path(sys.executable).name, *sys.argv])} --python frameworks/bin/python"
    )


def run(name: str, schedule: Schedule, options: argparse.Namespace) -> tuple[Figures, float]:
    """One contender from an empty shop to the verdict, and how many seconds that took."""
    started = time.monotonic()
    world = World(SystemClock(), seed=options.seed)
    with tempfile.TemporaryDirectory() as folder, ServerThread(world) as server:
        contender = make_contender(name, Path(folder), server, options.python)
        payloads = contender.prepare(schedule.stock)
        set_round_trip(server, options.round_trip)
        street = Street(contender, server, schedule, payloads)
        street.play()
        figures = judge(
            outcomes=[checkout.outcome for checkout in world.books.checkouts.values()],
            sku_of_charge={c.telegram_payment_charge_id: payloads[c.invoice_payload] for c in world.books.charges},
            records=contender.records(),
            stock=schedule.stock,
            noticed=contender.noticed(),
            swallowed=street.swallowed,
        )
    print(f"{name}: {figures}", file=sys.stderr)
    return figures, time.monotonic() - started


def make_contender(name: str, folder: Path, server: ServerThread, python: str) -> Contender:
    return Apay(name, folder, server) if name == "apay" else FrameworkBot(name, folder, server, python)


def set_round_trip(server: ServerThread, milliseconds: int) -> None:
    """A request takes effect when it arrives; its reply needs this long: what left a process that dies still counts."""
    world = server.world
    if milliseconds:
        how: dict[str, Any] = {"after": True, "delay_seconds": milliseconds / 1000}
        server.call(lambda: world.faults.add("delay", world.clock.monotonic(), **how))


Rows = dict[str, tuple[Figures, float]]


def show(options: argparse.Namespace, versions: dict[str, str], rows: Rows) -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {render_versions(versions)}")
    print(f"{options.kills} kills each, seed {options.seed}, replies {options.round_trip} ms under way")
    print("  ".join([f"{'':16}", *COLUMNS.values(), "seconds"]))
    for name, (figures, seconds) in rows.items():
        cells = [f"{getattr(figures, key):>{len(title)}}" for key, title in COLUMNS.items()]
        print("  ".join([f"{name:16}", *cells, f"{seconds:>7.0f}"]))


def render_versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{distribution} {version}" for distribution, version in versions.items())


def document(options: argparse.Namespace, versions: dict[str, str], rows: Rows) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "versions": versions,
        "kills": options.kills,
        "seed": options.seed,
        "round_trip_milliseconds": options.round_trip,
        "contenders": {name: asdict(figures) | {"seconds": round(s, 1)} for name, (figures, s) in rows.items()},
    }


if __name__ == "__main__":
    main()
