"""Files are read without being blocked, drowned or overheard, and appear only when they are complete."""

import os
import stat
import time
from pathlib import Path

import pytest

from apaycli.files import FileProblem, Real, complete_file, make_folder, parse_toml, read_text

posix = pytest.mark.skipif(os.name != "posix", reason="modes and FIFOs are POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stock.toml"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"a = 1\r\n", "a = 1\r\n"),
        (b"\xef\xbb\xbfa = 1", "a = 1"),
        ("ঢাকা 🦆".encode(), "ঢাকা 🦆"),
    ],
)
def test_text_is_read_as_it_stands(path: Path, content: bytes, text: str) -> None:
    path.write_bytes(content)
    assert read_text(path) == text


@pytest.mark.parametrize("content", [b"\xff\xfea\x00", b"caf\xe9", b"\xed\xa0\x80"])
def test_other_encodings_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FileProblem, match="is not UTF-8 text; save it as UTF-8"):
        read_text(path)


def test_size_is_capped(path: Path) -> None:
    path.write_bytes(b"x" * 10)
    assert read_text(path, bytes_max=10) == "x" * 10
    with pytest.raises(FileProblem, match="is larger than 9 bytes"):
        read_text(path, bytes_max=9)


def test_a_gigabyte_is_refused_unread(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(FileProblem, match="is larger than 1048576 bytes"):
        read_text(path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a file that hides its size is Linux's")
def test_a_file_that_hides_its_size_is_capped_all_the_same() -> None:
    with pytest.raises(FileProblem, match="is larger than 16 bytes"):
        read_text(Path("/proc/self/status"), bytes_max=16)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _loop(path: Path) -> None:
    path.symlink_to(path)


@posix
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file or directory"),
        (Path.mkdir, "is not a regular file"),
        (_fifo, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/null"), "is not a regular file"),
        (_dangling, "No such file or directory"),
        (_loop, "Too many levels of symbolic links"),
    ],
    ids=["missing", "directory", "fifo", "device", "dangling", "loop"],
)
def test_what_is_no_file_is_refused_at_once(path: Path, make: object, said: str) -> None:
    assert callable(make)
    make(path)
    with pytest.raises(FileProblem, match=said) as caught:
        read_text(path)
    assert str(path) in str(caught.value)


@posix
def test_refusals_leave_no_descriptor_open(tmp_path: Path) -> None:
    open_before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(FileProblem):
            read_text(tmp_path)
    assert len(list(Path("/dev/fd").iterdir())) == open_before


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_secret_that_others_can_reach_is_refused_with_the_cure(path: Path, mode: int) -> None:
    path.write_text("token")
    path.chmod(mode)
    with pytest.raises(FileProblem, match=f"run: chmod 600 '{path}'"):
        read_text(path, private=True)
    assert read_text(path) == "token"


@posix
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_secret_is_read(path: Path, mode: int) -> None:
    path.write_text("token")
    path.chmod(mode)
    assert read_text(path, private=True) == "token"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_a_secret_of_another_user_is_refused(path: Path) -> None:
    path.write_text("token")
    path.chmod(0o600)
    os.chown(path, 12345, -1)
    with pytest.raises(FileProblem, match="belongs to another user"):
        read_text(path, private=True)


def test_reals_stay_text(path: Path) -> None:
    table = parse_toml("price = 19.90\nbig = 1e3\nnan = nan\nwhole = 5\n", path)
    assert table == {"price": "19.90", "big": "1e3", "nan": "nan", "whole": 5}
    assert [type(table[key]) for key in ("price", "big", "nan", "whole")] == [Real, Real, Real, int]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\na = 2", r"at line 2, column 6|Cannot overwrite"),
        ("a = ", "at end of document|Invalid value"),
        ("a = 1 b = 2", "line 1, column 7"),
        ("a = 2026-99-99", "Invalid date|Expected newline"),
        ("a = " + "9" * 5000, r"4300 digits.* \(at line 1\)"),
        ("# x\na = 1\nb = " + "9" * 5000, r"4300 digits.* \(at line 3\)"),
        ("a = " + "[" * 5000, "line 1 has more than 50 brackets inside of each other"),
        ("x = 1\n\na = " + "{b = " * 5000, "line 3 has more than 50 brackets"),
        ("a = [\n" + "[\n" * 5000 + "]\n" * 5001, "line 51 has more than 50 brackets"),
        ("a = " + "[{b = " * 30 + "1" + "}]" * 30, "line 1 has more than 50 brackets"),
        ('a = "[" # [[[\nb = "\\"]" \n' + "c = " + "[" * 51 + "]" * 51, "line 3 has more than 50 brackets"),
        ("a = 1\x00", "line 1"),
    ],
    ids=[
        "twice",
        "no value",
        "two on a line",
        "no date",
        "huge integer",
        "its line",
        "deep",
        "deep tables",
        "deep over lines",
        "mixed",
        "behind texts",
        "NUL",
    ],
)
def test_broken_toml_is_one_sentence_with_the_place(path: Path, text: str, said: str) -> None:
    with pytest.raises(FileProblem, match=said) as caught:
        parse_toml(text, path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50 + "]" * 50,
        "a = [" + "[], " * 500 + "]",
        "[[a]]\n" * 100,
        "a = '''" + "[" * 99 + "\n'''\nb = 1",
        'a = """' + "[{" * 99 + '\\"""' + '\n"""\nb = 1',
        'a = "' + "[" * 99 + '\\"["\n',
        "a = '" + "[" * 99 + "\\'\n",
        "# " + "[" * 99 + "\na = 1",
    ],
    ids=["as deep as may be", "many", "tables", "literal lines", "lines", "text", "literal", "comment"],
)
def test_brackets_that_are_not_nested_are_no_depth(path: Path, text: str) -> None:
    assert "a" in parse_toml(text, path)


def test_a_complete_file_has_its_name_content_and_mode(path: Path) -> None:
    path.write_text("old")
    with complete_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, OSError])
def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(path: Path, interruption: type[BaseException]) -> None:
    path.write_text("old")
    with pytest.raises(interruption), complete_file(path) as file:
        file.write(b"half")
        raise interruption
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_key_of_a_thousand_parts_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="line 2 has more than 1000 dots"):
        parse_toml("x = 1\n" + "a." * 1001 + "a = 1", tmp_path / "x.toml")


def test_every_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = make_folder(tmp_path / "a" / "b" / "c")
        assert made == [tmp_path / "a" / "b" / "c", tmp_path / "a" / "b", tmp_path / "a"]
        assert {path.stat().st_mode & 0o777 for path in made} == {0o700}
        (tmp_path / "a").chmod(0o755)
        assert make_folder(tmp_path / "a") == []
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755  # what was there is left as it is
    finally:
        os.umask(before)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "link"):
        with pytest.raises(OSError, match=r"(Not a directory|File exists)"):
            make_folder(path)


@pytest.mark.parametrize("piece", ['"\\', "'''a", '"""', '"a\\\n', "[]", "\"\"\"'''", "'"])
def test_no_mebibyte_keeps_the_look_at_brackets_busy(path: Path, piece: str) -> None:
    began_at = time.process_time()
    with pytest.raises(FileProblem):
        parse_toml("a = " + piece * (2**20 // len(piece)) + "[" * 60, path)
    assert time.process_time() - began_at < 5
