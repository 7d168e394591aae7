"""`apay demo`: a whole purchase with the real commands, offline, leaving nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shop import Shop


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A merchant's home with a shop of their own, which the demo must not meet."""
    home = tmp_path_factory.mktemp("home")
    (home / ".config" / "apay").mkdir(parents=True)
    (home / ".config" / "apay" / "config.toml").write_text("this is = no TOML")
    (home / "tmp").mkdir()
    return home


@pytest.fixture(scope="module")
def played(home: Path) -> "subprocess.CompletedProcess[str]":
    environ = {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "PATH": os.environ["PATH"],
        "APAY_BOT_TOKEN": "123456789:AAcanaryAAcanaryAAcanaryAAcanary_bot",
        "APAY_LIVE_PROVIDER_TOKEN": "53391:LIVE:canary",
        "APAY_API_URL": "https://canary.example",
        "APAY_STORE": str(home / "canary.db"),
        "APAY_LIVE": "1",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "apaycli", "demo"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environ,
        cwd=home,
        check=False,
        timeout=100,
    )


def test_the_story_is_told_to_its_end(played: "subprocess.CompletedProcess[str]") -> None:
    assert (played.returncode, played.stderr) == (0, "")
    places = [
        played.stdout.find(word)
        for word in (
            "1. A shop with one rubber duck",
            "$ apay send-invoice rubber-duck --to @sandbox_channel",
            "₹499.00 (49900 paise)",
            "$ apay listen",
            "ready",
            "  yes  ",
            "PAID (test)",
            "no: sold_out",
            "Asha reads: Sorry, all out of rubber ducks! May we offer a cast iron bear instead?",
            "$ apay stock",
            "rubber-duck\tRubber duck\t1\t1\t0\t0",
            "$ apay export --csv",
            ",rubber-duck,499.00,INR,Rahim",
            "offline",
        )
    ]
    assert -1 not in places
    assert places == sorted(places)


def test_the_merchants_own_shop_is_not_met(played: "subprocess.CompletedProcess[str]", home: Path) -> None:
    assert "canary" not in played.stdout
    assert "LIVE" not in played.stdout
    assert not (home / "canary.db").exists()


def test_nothing_is_left_behind(played: "subprocess.CompletedProcess[str]", home: Path) -> None:
    assert played.returncode == 0
    left = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    assert left == [".config/apay/config.toml"]


def test_a_demo_that_cannot_start_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    done = shop.run("demo")
    assert done.code == 1
    assert "a part of the demo ended too soon" in done.err
