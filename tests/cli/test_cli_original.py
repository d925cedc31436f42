"""The original AgentKit, installed beside this one under another name of pip's."""

import os
import subprocess
import sys
from pathlib import Path


def run(*arguments: str, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agentkit", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *sys.path])},
        capture_output=True,
        text=True,
    )


def test_the_original_is_named_once_with_the_commands_that_mend_it(tmp_path):
    """Removing it deletes files that both brought: so ours has to be installed again."""
    (tmp_path / "agentkit_llm-0.1.9.dist-info").mkdir()
    done = run("check", "haiku", "crafter", site=tmp_path)
    assert done.stderr.count("agentkit-llm, the original AgentKit, is installed here too") == 1
    assert "pip uninstall -y agentkit-llm\n" in done.stderr
    assert "pip install --force-reinstall --no-deps " in done.stderr
    assert "crafter" in done.stdout


def test_without_the_original_nothing_is_said(tmp_path):
    done = run("check", "crafter", site=tmp_path)
    assert (done.returncode, "agentkit-llm" in done.stderr) == (0, False)


def test_the_module_is_the_command(tmp_path):
    assert run("--version", site=tmp_path).stdout.startswith("agentkit, version ")
