"""What a disk may hold after a power cut, from the recorded steps before it.

Knows what a disk promises: what was synced stays; of what was not, any part may be there. Never knows SQLite.

Theory. A file is what was synced (`kept`) and the steps since then (`open_steps`). The folder is the same: which
names were synced, and what was made and deleted since; a synced file whose name was not is gone with its name. At a
cut each open step is on the disk, or not, or a part of it is. The parts are sectors of 512 bytes, at the file's own
multiples of 512: smaller ones no disk writes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal, get_args

from recording_vfs import Step

SECTOR_BYTES = 512
_GARBAGE_CHANCE = 0.05  # a sector that was being written may hold neither what was there nor what was to be

Cut = Literal["synced only", "everything", "some steps", "torn", "in order"]
CUTS: tuple[Cut, ...] = get_args(Cut)


@dataclass
class _File:
    kept: bytearray = field(default_factory=bytearray)
    open_steps: list[Step] = field(default_factory=list)


class Disk:
    """One folder. `take` each recorded step; ask for `after_cut` as often as you like."""

    def __init__(self, chance: Random, files: Mapping[str, bytes] | None = None) -> None:
        self._chance = chance
        self._now = {name: _File(bytearray(content)) for name, content in (files or {}).items()}
        self._kept_names = dict(self._now)
        self._open_names: list[tuple[str, _File | None]] = []

    def take(self, step: Step) -> None:
        name = _name(step.file)
        match step.kind:
            case "create" | "delete":
                self._rename(name, _File() if step.kind == "create" else None)
            case "write" | "truncate":
                self._now[name].open_steps.append(step)
            case "sync":
                self._sync(self._now[name], self._now[name].open_steps)
            case "failed sync":
                # The system may have written some of it, and forgets the rest: no later sync brings it back.
                steps = self._now[name].open_steps
                self._sync(self._now[name], [each for each in steps if self._chance.random() < 0.5])
            case "sync folder":
                _apply_names(self._kept_names, self._open_names)
                self._open_names = []

    def _rename(self, name: str, file: _File | None) -> None:
        change = [(name, file)]
        _apply_names(self._now, change)
        self._open_names += change

    def _sync(self, file: _File, steps: list[Step]) -> None:
        for step in steps:
            _apply(file.kept, step)
        file.open_steps = []

    def after_cut(self, cut: Cut) -> dict[str, bytes]:
        """The files that are there when the power returns."""
        likely = self._chance.choice((0.1, 0.5, 0.9))
        names = dict(self._kept_names)
        _apply_names(names, [each for each in self._open_names if self._stays(cut, likely)])
        return {name: bytes(self._content(file, cut, likely)) for name, file in names.items()}

    def _stays(self, cut: Cut, likely: float) -> bool:
        return cut != "synced only" and (cut == "everything" or self._chance.random() < likely)

    def _content(self, file: _File, cut: Cut, likely: float) -> bytearray:
        content = bytearray(file.kept)
        for step in self._surviving(file.open_steps, cut, likely):
            _apply(content, step)
        return content

    def _surviving(self, steps: list[Step], cut: Cut, likely: float) -> Iterator[Step]:
        match cut:
            case "everything":
                yield from steps
            case "some steps":
                yield from (step for step in steps if self._chance.random() < likely)
            case "torn":
                for step in steps:
                    yield from self._torn(step, likely)
            case "in order":
                count = self._chance.randint(0, len(steps))
                yield from steps[:count]
                if count < len(steps):
                    sectors = list(_sectors(steps[count]))
                    yield from sectors[: self._chance.randint(0, len(sectors))]

    def _torn(self, step: Step, likely: float) -> Iterator[Step]:
        for sector in _sectors(step):
            if self._chance.random() < likely:
                yield sector
            elif sector.data and self._chance.random() < _GARBAGE_CHANCE:
                yield sector._replace(data=self._chance.randbytes(len(sector.data)))


@cache
def _name(file: str) -> str:
    return Path(file).name


def _sectors(step: Step) -> Iterator[Step]:
    """A write in the pieces that a disk writes whole; a truncation is one piece."""
    if step.kind == "truncate":
        yield step
        return
    start, end = step.offset, step.offset + len(step.data)
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield Step("write", step.file, start, step.data[start - step.offset : stop - step.offset])
        start = stop


def _apply(content: bytearray, step: Step) -> None:
    if step.kind == "truncate":
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
        return
    hole = step.offset - len(content)
    if hole > 0:
        content.extend(bytes(hole))
    content[step.offset : step.offset + len(step.data)] = step.data


def _apply_names(names: dict[str, _File], changes: list[tuple[str, _File | None]]) -> None:
    for name, file in changes:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file
