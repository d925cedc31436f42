"""Importing `agentkit_envs` registers its ids with Gymnasium, and loads nothing but that."""

import os
import subprocess
import sys

import gymnasium
import pytest
from agentkit_envs import ENTRY_POINTS, register
from envs.browser_pages import needs_chromium


def run_fresh(program: str, **environ: str) -> str:
    """What a program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        ("agentkit/Crafter-v1", {}),
        ("agentkit/WebShop-v1", {}),
        pytest.param("agentkit/MiniWoB-v1", {}, marks=needs_chromium),
        pytest.param("agentkit/Browser-v1", {"url": "http://shop.example"}, marks=needs_chromium),
    ],
)
def test_gymnasium_makes_an_id_by_the_name_of_its_module(env_id, arguments, tmp_path):
    program = (
        "import gymnasium\n"
        f"env = gymnasium.make('agentkit_envs:{env_id}', **{arguments})\n"
        "print(env.spec.id)\n"
        "env.close()"
    )
    assert run_fresh(program, XDG_CACHE_HOME=str(tmp_path)) == env_id


def test_importing_loads_gymnasium_alone():
    program = (
        "import sys, gymnasium; before = set(sys.modules)\n"
        "import agentkit_envs; print(set(sys.modules) - before)\n"
        "print(sorted({'crafter', 'openai', 'playwright', 'pydantic'} & set(sys.modules)))"
    )
    assert run_fresh(program).splitlines() == ["{'agentkit_envs'}", "[]"]


def test_registering_again_changes_nothing():
    before = {env_id: gymnasium.spec(env_id) for env_id in ENTRY_POINTS}
    register()
    assert all(gymnasium.spec(env_id) is spec for env_id, spec in before.items())
