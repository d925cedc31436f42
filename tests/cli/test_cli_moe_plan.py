"""`agentkit moe plan` for people and for machines, and its mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PHI = Path(__file__).parents[1] / "moe" / "configs" / "phi-3.5-moe.json"


def test_it_shows_what_phi_needs_and_that_one_card_is_too_small(invoke):
    shown = invoke("moe", "plan", PHI, "--gpu", "h100").stdout
    assert "41.87 B, 6.64 B active a token" in shown
    assert "83.7 GB as bfloat16" in shown
    assert "fits        no, on 1 card of 80.0 GB" in shown


def test_it_shows_that_twelve_experts_fit(invoke):
    shown = invoke("moe", "plan", PHI, "--gpu-memory", "80GB", "--keep", 12).stdout
    assert "63.6 GB as bfloat16" in shown
    assert "fits           yes" in shown
    assert "speed" not in shown  # no bandwidth was given


def test_json_has_every_figure(invoke):
    told = invoke("moe", "plan", PHI, "--gpu", "h100", "--batch", 4, "--json").stdout
    plan = json.loads(told)
    assert plan["parameters"]["total"] == 41_873_153_344
    assert sum(plan["parameters"]["by_part"].values()) == 41_873_153_344
    assert plan["bytes"]["weights"] == 83_746_306_688
    assert plan["fit"]["fits"] is False
    assert plan["speed"]["distinct_experts"] == pytest.approx(16 * (1 - (7 / 8) ** 4))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.json"], "there is no nothing.json: give the folder of a checkpoint"),
        ([PHI.parent], "has no config.json"),
        (["walker.yaml"], "is not JSON"),
        ([PHI, "--gpu", "h1000"], "Did you mean 'h100'"),
        ([PHI, "--gpu-memory", "80"], "write a number and a unit, such as 80GB"),
        ([PHI, "--bandwidth", "fast"], "such as 3.35TB/s"),
        ([PHI, "--dtype", "awq"], "'awq' takes is not known"),
        ([PHI, "--keep", "1"], "expected 2 (a token takes as many) to 16"),
        ([PHI, "--gpus", "0"], "--gpus"),
        ([PHI, "--batch", "-1"], "--batch"),
        ([PHI, "--context", "9999999"], "longer than the model's"),
    ],
)
def test_a_mistake_is_told_and_ends_with_2(invoke, arguments, said):
    result = invoke("moe", "plan", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_command_of_the_group_that_does_not_exist_suggests_the_nearest(invoke):
    result = invoke("moe", "pln")
    assert result.exit_code == 2
    assert "Did you mean 'plan'?" in result.stderr


def test_a_plan_loads_nothing_heavy():
    code = f"from agentkit.cli.app import cli; cli(['moe', 'plan', {str(PHI)!r}])"
    heavy = {"torch", "transformers", "safetensors", "numpy", "rich"}
    check = f"import atexit, sys; atexit.register(lambda: print(*sys.modules.keys() & {heavy}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{check}; {code}"], capture_output=True, text=True
    )
    assert "41.87 B" in done.stdout
    assert done.stdout.splitlines()[-1] == "", done.stdout
