"""When the listener makes a backup: by the newest file's name, and not again at once after a failure."""

import asyncio
from pathlib import Path

import pytest

from apaycli.cli.backup_task import backup_task
from apaycli.listen.setting import BackupNews
from shop import Shop, Stream


@pytest.fixture
def backing(shop: Shop) -> Shop:
    shop.write_config(f'[backup]\ndir = "{shop.folder / "backups"}"\nevery = "1h"\n')
    with shop.store():
        pass
    return shop


def ask(shop: Shop, *advances: int) -> list[BackupNews | None]:
    """What one task says each time, after so many more seconds."""

    async def main() -> list[BackupNews | None]:
        task = backup_task(shop.env(Stream(), Stream(), Stream(), {}))
        assert task is not None
        told = []
        for seconds in advances:
            shop.clock.advance(seconds)
            told.append(await task())
        return told

    return asyncio.run(main())


def test_it_is_due_when_the_newest_is_old_enough(backing: Shop) -> None:
    made = ask(backing, 0, 60, 3000, 600, 0)
    assert [news is not None for news in made] == [True, False, False, True, False]
    assert ask(backing, 0) == [None]  # a restart makes none too many
    assert len(list((backing.folder / "backups").iterdir())) == 2


def test_a_failure_is_told_and_tried_again_after_ten_minutes(backing: Shop) -> None:
    (backing.folder / "backups").touch()  # a file where the folder should be
    first, second, third = ask(backing, 0, 300, 400)
    assert first is not None
    assert first.path is None
    assert "cannot be made" in (first.failure or "")
    assert second is None
    assert third is not None


def test_without_a_folder_there_is_no_task(shop: Shop) -> None:
    assert backup_task(shop.env(Stream(), Stream(), Stream(), {})) is None


def test_a_damaged_ledger_is_told(backing: Shop) -> None:
    Path(backing.ledger).write_bytes(b"garbage" * 2000)
    (news,) = ask(backing, 0)
    assert news is not None
    assert news.failure
