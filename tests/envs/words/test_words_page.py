"""The MiniGrid example of the page on words, run where MiniGrid is installed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

AGENTKIT = Path(sys.executable).with_name("agentkit")
PAGE = Path(__file__).parents[3] / "docs" / "words.md"


def block(language: str) -> str:
    """The block of a language in the page's section on MiniGrid."""
    section = PAGE.read_text(encoding="utf-8").split("\n## MiniGrid\n")[1]
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return text


def test_the_agent_of_the_page_plays_minigrid(tmp_path):
    pytest.importorskip("minigrid", reason="needs: pip install minigrid")
    moves = ["forward", "forward", "right", "forward", "forward"]
    answers = {"seen": "It is ahead.", "act": moves}
    (tmp_path / "grid.py").write_text(block("python"))
    (tmp_path / "grid.yaml").write_text(block("yaml"))
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    command = [AGENTKIT, *block("sh").split()[1:], "--model", "script:answers.json", "--out", "run"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "grid: done (terminated)" in ran.stdout
    shown = subprocess.run(
        [AGENTKIT, "show", "run", "--episode", "0", "--step", "0", "--full"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert "Mission: get to the green goal square." in shown.stdout
    assert "wall wall wall empty empty goal wall" in shown.stdout
