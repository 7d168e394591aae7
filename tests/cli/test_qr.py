"""QR pictures: what can be drawn, and what is refused before anything is sent."""

import io
import os
from pathlib import Path

import pytest
import segno

from apaycli.cli.env import Env
from apaycli.cli.qr import check_qr_target, draw_qr
from apaycli.errors import UsageError
from shop import Shop, Stream

LINK = "https://t.me/$aF3pu3mKp9ZCfuG7gJTJ0I9M"
SAID = "--qr takes - for the terminal, or a file that ends in "


@pytest.fixture
def env(shop: Shop) -> Env:
    return shop.env(Stream(), Stream(), Stream(), {})


def refusal(target: str, env: Env) -> UsageError:
    with pytest.raises(UsageError) as caught:
        check_qr_target(target, env)
    return caught.value


def test_no_target_is_good(env: Env) -> None:
    check_qr_target(None, env)


@pytest.mark.parametrize("name", ["duck.png", "duck.svg", "duck.PNG", "d.u.c.k.svg", "-.png"])
def test_what_is_taken_can_be_drawn(name: str, tmp_path: Path, env: Env) -> None:
    target = tmp_path / name
    check_qr_target(str(target), env)
    draw_qr(LINK, str(target), env)
    assert target.stat().st_size > 100


def test_each_kind_that_the_refusal_names_can_be_drawn(tmp_path: Path, env: Env) -> None:
    suffixes = refusal("duck.exe", env).message.removeprefix(SAID).split(", ")
    assert {".png", ".svg"} <= set(suffixes)
    for suffix in suffixes:
        target = tmp_path / f"duck{suffix}"
        check_qr_target(str(target), env)
        draw_qr(LINK, str(target), env)
        assert target.stat().st_size > 100


@pytest.mark.parametrize(
    ("name", "beginning"), [("a.png", b"\x89PNG\r\n\x1a\n"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF-")]
)
def test_a_picture_is_what_its_name_says(name: str, beginning: bytes, tmp_path: Path, env: Env) -> None:
    draw_qr(LINK, str(tmp_path / name), env)
    assert (tmp_path / name).read_bytes().startswith(beginning)


def test_a_picture_leads_to_the_link(tmp_path: Path, env: Env) -> None:
    draw_qr(LINK, str(tmp_path / "a.png"), env)
    draw_qr(LINK + "x", str(tmp_path / "b.png"), env)
    expected = io.BytesIO()
    segno.make(LINK, error="m", micro=False).save(expected, kind="png", scale=8)
    assert (tmp_path / "a.png").read_bytes() == expected.getvalue() != (tmp_path / "b.png").read_bytes()


def test_it_can_be_drawn_in_a_terminal(capsys: pytest.CaptureFixture[str], env: Env) -> None:
    draw_qr(LINK, "-", env)
    terminal = env.output.stderr
    assert isinstance(terminal, io.StringIO)
    lines = terminal.getvalue().splitlines()
    assert len(lines) > 15
    assert len(set(map(len, lines))) == 1
    assert capsys.readouterr() == ("", "")
    assert not Path("-").exists()


@pytest.mark.parametrize("name", ["duck", "duck.", "duck.exe", "duck.png.gz", ".png", "", "duck.png\n", "--"])
def test_another_kind_of_file_is_refused_with_what_is_taken(name: str, tmp_path: Path, env: Env) -> None:
    error = refusal(str(tmp_path / name) if name else "", env)
    assert error.message.startswith(f"{SAID}.png, .svg")


def test_a_missing_folder_is_refused(tmp_path: Path, env: Env) -> None:
    target = tmp_path / "no" / "duck.png"
    assert refusal(str(target), env).message == f"the folder of --qr {target} does not exist"


def test_a_target_that_is_a_folder_is_refused(tmp_path: Path, env: Env) -> None:
    """Before anything is sent, not after."""
    (tmp_path / "duck.png").mkdir()
    assert "duck.png" in refusal(str(tmp_path / "duck.png"), env).message


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, env: Env) -> None:
    tmp_path.chmod(0o500)
    assert "duck.png" in refusal(str(tmp_path / "duck.png"), env).message


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path, env: Env) -> None:
    (tmp_path / "duck.png").mkdir()
    with pytest.raises(UsageError) as caught:
        draw_qr(LINK, str(tmp_path / "duck.png"), env)
    assert caught.value.message == f"{tmp_path / 'duck.png'} is a folder"


def test_an_older_picture_is_replaced_by_force(tmp_path: Path, env: Env) -> None:
    target = tmp_path / "duck.svg"
    target.write_text("x" * 100_000)
    with pytest.raises(UsageError, match="already exists"):
        draw_qr(LINK, str(target), env)
    draw_qr(LINK, str(target), env, force=True)
    assert b"xxxx" not in target.read_bytes()
