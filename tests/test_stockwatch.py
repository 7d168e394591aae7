"""Changes of the stock file, as editors and accidents make them: what is good is taken up, what is not is told, and
nothing counts that was seen only once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from apaycli.errors import ConfigError
from apaycli.stockfile import StockWatch, read_stock_file, settled_stock_file

GOOD = """\
currency = "INR"
[products.duck]
title = "Duck"
description = "Yellow."
price = 499
stock = {stock}
"""


class Watched:
    """A stock file and its watch, which has seen the first content already."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stock.toml"
        self.path.write_text(GOOD.format(stock=1))
        self.watch = StockWatch(self.path, read_stock_file(self.path).text)
        assert self.stock() == -1

    def look(self) -> int | None:
        """What one look brings: the stock that is new and in force; -1 where nothing is."""
        changed = self.watch.changed()
        return changed.products["duck"].stock if changed else -1

    def stock(self) -> int | None:
        """The same for two looks: a change counts with the second."""
        assert self.look() == -1
        return self.look()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def truncate_and_write(path: Path) -> None:
    with path.open("w") as file:
        file.write(GOOD.format(stock=2))


def write_and_restore_the_times(path: Path) -> None:
    """As rsync --times and tar do it: the same size, the same times, another number."""
    status = path.stat()
    truncate_and_write(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)


def rename_over(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_text(GOOD.format(stock=2))
    other.replace(path)


def remove_and_write(path: Path) -> None:
    path.unlink()
    truncate_and_write(path)


def swap_a_link(path: Path) -> None:
    (path.parent / "v2").mkdir()
    (path.parent / "v2" / "stock.toml").write_text(GOOD.format(stock=2))
    link = path.parent / "link"
    link.symlink_to(path.parent / "v2" / "stock.toml")
    link.replace(path)


@pytest.mark.parametrize(
    "change",
    [truncate_and_write, write_and_restore_the_times, rename_over, remove_and_write, swap_a_link],
)
def test_a_good_change_is_taken_up_once(watched: Watched, change: Callable[[Path], None]) -> None:
    assert watched.stock() == -1
    change(watched.path)
    assert watched.stock() == 2
    assert watched.stock() == -1
    assert watched.watch.problems == ()


def test_a_link_to_another_folder_is_followed_when_the_folder_is_swapped(tmp_path: Path) -> None:
    """As configuration managers do it: the file's own link never changes."""
    for stock in (1, 2):
        (tmp_path / f"v{stock}").mkdir()
        (tmp_path / f"v{stock}" / "stock.toml").write_text(GOOD.format(stock=stock))
    (tmp_path / "current").symlink_to(tmp_path / "v1")
    path = tmp_path / "current" / "stock.toml"
    watch = StockWatch(path, read_stock_file(path).text)
    (tmp_path / "next").symlink_to(tmp_path / "v2")
    (tmp_path / "next").replace(tmp_path / "current")
    assert watch.changed() is None
    changed = watch.changed()
    assert changed is not None
    assert changed.products["duck"].stock == 2


# -- while it is being written -----------------------------------------------------------------------------------------


def test_a_file_that_is_being_written_counts_when_it_is_whole(watched: Watched) -> None:
    """Every look finds a little more of it; none of these beginnings is ever in force, whatever it says."""
    text = GOOD.format(stock=250)
    for length in range(0, len(text), 7):
        watched.path.write_text(text[:length])
        assert watched.look() == -1
        assert watched.watch.problems == ()
    watched.path.write_text(text)
    assert watched.stock() == 250


def test_a_moment_without_the_file_is_not_told(watched: Watched) -> None:
    watched.path.unlink()
    assert watched.look() == -1
    watched.path.write_text(GOOD.format(stock=2))
    assert watched.stock() == 2
    assert watched.watch.problems == ()


def test_what_is_undone_before_the_second_look_never_counted(watched: Watched) -> None:
    for stock in (2, 1, 3, 1):
        watched.path.write_text(GOOD.format(stock=stock))
        assert watched.look() == -1
    assert watched.stock() == -1


def test_a_change_between_the_first_reading_and_the_first_look_counts(tmp_path: Path) -> None:
    """The shop was made from a text; the watch begins a moment later."""
    path = tmp_path / "stock.toml"
    path.write_text(GOOD.format(stock=1))
    text = read_stock_file(path).text
    path.write_text(GOOD.format(stock=2))
    watch = StockWatch(path, text)
    assert watch.changed() is None
    changed = watch.changed()
    assert changed is not None
    assert changed.products["duck"].stock == 2


def test_back_to_what_was_in_force_ends_the_complaint(watched: Watched) -> None:
    watched.path.write_text("")
    assert watched.stock() == -1
    assert watched.watch.problems != ()
    watched.path.write_text(GOOD.format(stock=1))
    assert watched.stock() == 1
    assert watched.watch.problems == ()


def make_empty(path: Path) -> None:
    path.write_text("")


def make_half(path: Path) -> None:
    path.write_text(GOOD.format(stock=2)[:60])


def make_negative(path: Path) -> None:
    path.write_text(GOOD.format(stock=-2))


def make_garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def make_big(path: Path) -> None:
    path.write_bytes(b"# " + b"x" * 1024 * 1024)


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


BROKEN = (
    Path.unlink,
    make_empty,
    make_half,
    make_negative,
    make_garbage,
    make_big,
    make_fifo,
    make_folder,
    make_device,
)


@pytest.mark.parametrize("spoil", BROKEN)
def test_a_bad_change_keeps_the_last_good_one_and_tells_its_problems(
    watched: Watched, spoil: Callable[[Path], None]
) -> None:
    spoil(watched.path)
    assert watched.stock() == -1
    assert len(watched.watch.problems) >= 1
    assert str(watched.path) in watched.watch.problems[0]
    assert watched.stock() == -1  # and still is, until it changes again
    assert watched.watch.problems != ()


@pytest.mark.parametrize("spoil", BROKEN)
def test_a_mended_file_is_taken_up_and_its_problems_are_forgotten(
    watched: Watched, spoil: Callable[[Path], None]
) -> None:
    spoil(watched.path)
    watched.stock()
    if watched.path.is_dir():
        watched.path.rmdir()
    watched.path.unlink(missing_ok=True)
    watched.path.write_text(GOOD.format(stock=3))
    assert watched.stock() == 3
    assert watched.watch.problems == ()


def test_a_file_that_is_missing_at_first_is_taken_up_when_it_comes(tmp_path: Path) -> None:
    watch = StockWatch(tmp_path / "stock.toml")
    assert [watch.changed(), watch.changed()] == [None, None]
    assert "No such file" in watch.problems[0]
    (tmp_path / "stock.toml").write_text(GOOD.format(stock=5))
    assert watch.changed() is None
    assert watch.changed() is not None


# -- a start ---------------------------------------------------------------------------------------------------------


def test_a_start_waits_for_a_file_that_is_being_written(tmp_path: Path) -> None:
    path, whole = tmp_path / "stock.toml", GOOD.format(stock=7)
    path.write_text(whole[:40])
    pieces = [whole[:60], whole[:-12], whole]

    def write_on() -> None:
        if pieces:
            path.write_text(pieces.pop(0))

    assert settled_stock_file(path, write_on).products["duck"].stock == 7


def test_a_start_ends_with_mistakes_that_stay(tmp_path: Path) -> None:
    path, paused = tmp_path / "stock.toml", list[str]()
    path.write_text(GOOD.format(stock=-7))
    with pytest.raises(ConfigError, match="the stock file has mistakes") as caught:
        settled_stock_file(path, lambda: paused.append(""))
    assert ("stock" in caught.value.problems[0], len(paused)) == (True, 1)


def test_a_start_does_not_wait_for_ever(tmp_path: Path) -> None:
    path, numbers = tmp_path / "stock.toml", iter(range(1, 100))
    path.write_text("?")
    with pytest.raises(ConfigError, match="cannot be read"):
        settled_stock_file(path, lambda: path.write_text("?" * next(numbers)) and None)


def test_a_start_does_not_wait_for_a_good_one(tmp_path: Path) -> None:
    path, paused = tmp_path / "stock.toml", list[str]()
    path.write_text(GOOD.format(stock=7))
    assert settled_stock_file(path, lambda: paused.append("")).products["duck"].stock == 7
    assert paused == []
