"""Options that several commands share."""

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "command",
    [
        ["run", "walker.yaml"],
        ["run", "walker.yaml", "--node", "look"],
        ["play", "corridor"],
        ["render", "walker.yaml", "--node", "look"],
    ],
)
def test_a_seed_below_0_is_refused_before_anything_is_played(invoke, command):
    """It was a failed run with exit code 1, an error of the environment, or a traceback."""
    result = invoke(*command, "--seed", "-1")
    assert result.exit_code == 2
    assert "'--seed': -1 is not in the range x>=0" in result.stderr
    assert not Path("runs").exists()


def test_a_seed_that_a_record_cannot_hold_as_a_number_is_refused(invoke):
    """It was recorded as a text, and the run could be neither resumed nor replayed."""
    result = invoke("run", "walker.yaml", "--seed", str(2**63), "--episodes", "2")
    assert result.exit_code == 2
    assert f"seed={2**63}: expected 0 to {2**63 - 2}" in result.stderr
    assert not Path("runs").exists()
    assert invoke("run", "walker.yaml", "--seed", str(2**63 - 1), "--out", "run").exit_code == 0
    assert invoke("replay", "run").exit_code == 0
