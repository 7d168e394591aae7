"""A minute of trade under every kind of trouble at once; `python3 bootstrap.py soak --minutes 10` is the long one."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import soak_run
from soak_judge import shown

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are held by pidfd")


@pytest.mark.timeout(3600)
def test_nothing_is_lost_doubled_oversold_or_late(
    pytestconfig: pytest.Config, tmp_path: Path, record_property: Any
) -> None:
    minutes, rate = pytestconfig.getoption("--soak-minutes"), pytestconfig.getoption("--soak-rate")
    seed = pytestconfig.getoption("--seed")
    line, found = soak_run.run(tmp_path, minutes, rate, 1 if seed is None else seed, lambda text: None)
    record_property("soak", line)
    assert not found, "\n".join([line, *shown(found)])


@pytest.mark.parametrize(("found", "code"), [([], 0), (["lost: 7_1"], 1)])
def test_the_command_prints_one_line_and_its_exit_code_tells(
    found: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folders = []

    def run(folder: Path, *given: Any) -> tuple[str, list[str]]:
        folders.append(folder)
        assert given[:3] == (0.5, 20.0, 7)
        return "1 payment", found

    monkeypatch.setattr(soak_run, "run", run)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["soak", "--minutes", "0.5", "--rate", "20", "--seed", "7"])
    assert soak_run.main() == code
    out, err = capsys.readouterr()
    assert out == "soak: 1 payment\n"
    assert "seed 7" in err
    assert all(sentence in err for sentence in found)
    assert folders[0].exists() == (code == 1), "what went wrong can be looked at"
