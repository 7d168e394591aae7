"""The end of `apay init`: what is there already, writing, and the one command that comes next.

Knows who is asked before a file is replaced. How files appear together is `files_together.py`.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apaycli.cli.ending import cannot_write
from apaycli.cli.env import Env
from apaycli.errors import NeedsConfirmation, UsageError
from apaycli.files import FileProblem

State = Literal["written", "unchanged", "kept", "would be written"]


@dataclass(frozen=True, slots=True)
class Row:
    """One file. `before`: the copy of what it replaced."""

    path: Path
    state: State
    before: Path | None = None

    def document(self) -> dict[str, str | None]:
        before = None if self.before is None else str(self.before)
        return {"path": str(self.path), "state": self.state, "before": before}


def states_of(env: Env, folder: Path, texts: Mapping[str, str], *, yes: bool) -> dict[str, State]:
    """What will become of each file. Asks on a terminal, file by file; elsewhere `yes` must have said so before."""
    from apaycli.cli.asking import ask_yes, can_ask

    there = [name for name, text in texts.items() if _differs(folder / name, text)]
    states: dict[str, State] = {
        name: "unchanged" if (folder / name).exists() and name not in there else "written" for name in texts
    }
    if there and not yes and not can_ask(env):
        raise NeedsConfirmation(
            f"already there in {folder}, with other content: {', '.join(there)}",
            hint="--yes replaces them, and keeps a copy of each as NAME.before",
        )
    for name in there:
        if not yes and not ask_yes(env, f"{folder / name} is there. Replace it? A copy stays beside it"):
            states[name] = "kept"
    return states


def _differs(path: Path, text: str) -> bool:
    """Whether something else stands there, or others may read it."""
    if not os.path.lexists(path):
        return False
    try:
        open_to_others = os.name == "posix" and bool(path.stat().st_mode & 0o077)
        return path.read_bytes() != text.encode("utf-8") or open_to_others
    except OSError:
        return True


def write_files(
    env: Env, config: Path, texts: Mapping[str, str], states: Mapping[str, State], *, dry_run: bool
) -> list[Row]:
    """All that is to be written, or nothing. Raises UsageError or OutputError where the folder cannot be
    written."""
    from apaycli.cli.init_files import check_files
    from apaycli.files_together import check_together, place_together

    new = {name: text for name, text in texts.items() if states[name] == "written"}
    kept = set(texts) - set(new)
    folder = config.parent

    def check(staging: Path) -> None:
        check_files(staging, config.name, kept)

    try:
        if dry_run:
            check_together(new, check)
            befores = {}
        else:
            _warn_of_an_open_folder(env, folder)
            befores = {each.path.name: each.before for each in place_together(folder, new, check)} if new else {}
    except FileProblem as problem:
        raise cannot_write(f"the files cannot be written: {problem}", problem.__cause__) from None
    return [
        Row(
            folder / name,
            "would be written" if dry_run and state == "written" else state,
            befores.get(name),
        )
        for name, state in states.items()
    ]


def _warn_of_an_open_folder(env: Env, folder: Path) -> None:
    if os.name == "posix" and folder.is_dir() and folder.stat().st_mode & 0o022:
        env.output.warn(f"others can put files into {folder}; run: chmod go-w {shlex.quote(str(folder))}")


def forget_lost_ledger(env: Env, config: Path) -> None:
    """A shop set up where there was none is a new one, also where a ledger lay before; what is left of that one stays
    under another name. A config that was there before says nothing of the kind: a script may run init at each start."""
    from apaycli.config import load_config
    from apaycli.config_places import state_folder
    from apaycli.store.lock import ledger_lock
    from apaycli.store.place import LedgerPlace

    place = LedgerPlace(load_config(config, env.environ).store_path, state_folder(env.environ))
    if not place.is_lost:
        return
    now = env.clock.now()
    try:
        with ledger_lock(place.ledger, "apay init", now) as lock:
            kept = place.set_aside(now, inbox=True)
            place.forget()
            lock.note_ledger(None)
    except OSError as error:
        raise UsageError(f"what is left of {place.ledger} cannot be put aside: {error.strerror}") from None
    env.output.warn(
        f"there was a ledger at {place.ledger}, which is gone: a new one will be made. If you have the old one, put it"
        " back before you start"
    )
    for path in kept:
        env.output.warn(f"what was left of the old ledger is kept: {path}")


def next_command(env: Env, config: Path) -> str:
    """The one command that comes next, as it can be pasted."""
    from apaycli.config_places import config_path

    words = ["apay", "listen"]
    if not (config.parent / "provider-test-token").exists() and not env.environ.get("APAY_TEST_PROVIDER_TOKEN"):
        words = ["apay", "config", "set-secret", "test-provider-token"]
    if config_path(None, env.environ)[0] != config:
        words += ["--config", str(config)]
    return shlex.join(words)


def say_the_end(env: Env, terms: str, following: str) -> None:
    places = len(re.findall(r"\[[^\]]+\]", terms))
    env.output.say(f"apay: terms.txt is a first text: before real money, fill in its {places} places in [brackets]")
    env.output.say(f"apay: next: {following}")
