"""The programs that measure WebShop say in words what is wrong with their data."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.parametrize("name", ["catalogue", "expert", "reward", "search"])
def test_data_that_are_not_there_are_said_without_a_traceback(name: str, tmp_path: Path):
    program = [sys.executable, BENCH / f"webshop_{name}.py", "--data", tmp_path / "nope"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"error: the data folder {tmp_path / 'nope'} is not there" in done.stderr
    assert "Traceback" not in done.stderr
