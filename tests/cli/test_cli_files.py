"""`agentkit check`, `new`, `envs` and `schema`."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import yaml

from agentkit import load_agent
from agentkit.agentfile.load import shipped_agents


def test_check_says_what_an_agent_consists_of(invoke):
    result = invoke("check", "walker.yaml")
    assert result.exit_code == 0
    assert result.stdout == (
        "walker.yaml: OK: 2 nodes, 1 edge, critical path 2, models: script:answers.json\n"
    )


def test_check_lists_the_problems_of_every_file(invoke, folder):
    walker = (folder / "walker.yaml").read_text()
    (folder / "bad.yaml").write_text(
        walker.replace("{{ look }}", "{{ lok }}").replace("recall", "recal")
    )
    result = invoke("check", "bad.yaml", "walker.yaml", "nowhere.yaml")
    assert result.exit_code == 2
    assert "Did you mean 'look'?" in result.stderr
    assert "Did you mean 'recall'?" in result.stderr
    assert "nowhere.yaml" in result.stderr
    assert "walker.yaml: OK" in result.stdout


def test_check_shows_warnings(invoke, folder):
    walker = (folder / "walker.yaml").read_text()
    (folder / "warm.yaml").write_text(
        walker.replace("a corridor.\ncontext", "{{ step }}.\ncontext")
    )
    result = invoke("check", "warm.yaml")
    assert result.exit_code == 0
    assert "warning: " in result.stdout
    assert "changes with step" in result.stdout


def test_check_notes_what_a_system_text_of_a_nodes_own_costs(invoke, folder):
    text = "model: echo\nnodes: [x, y, {judge: {prompt: z, system: You judge.}}]\n"
    (folder / "judge.yaml").write_text(text)
    result = invoke("check", "judge.yaml")
    assert result.exit_code == 0
    assert "  note: node 'judge', system: it has its own system text" in result.stdout


def test_a_new_agent_is_its_origin_with_another_name_and_comments(invoke, folder):
    for origin in shipped_agents():
        name = f"my_{origin.stem}"
        assert invoke("new", name, "--from", origin.stem).exit_code == 0
        text = (folder / f"{name}.yaml").read_text(encoding="utf-8")
        old, new = yaml.safe_load(origin.read_text(encoding="utf-8")), yaml.safe_load(text)
        assert new == old | {"name": name}
        assert load_agent(folder / f"{name}.yaml").name == name
        head = text[: text.index("\n\n")]
        assert all(line.startswith("#") for line in head.split("\n"))
        for field in old:
            assert f"#   {field} " in head
        assert f"agentkit run {name}.yaml" in head
        assert max(map(len, head.split("\n"))) <= 100


def test_new_overwrites_nothing(invoke, folder):
    result = invoke("new", "walker", "--from", "essay")
    assert result.exit_code == 2
    assert "walker.yaml is there already and was not changed" in result.stderr
    assert "Corridor" in (folder / "walker.yaml").read_text()


def test_new_refuses_what_is_no_name(invoke):
    for name in ("../up", "a b", "1st", ""):
        result = invoke("new", name, "--from", "essay")
        assert result.exit_code == 2
        assert "is no name for an agent" in result.stderr


def test_new_writes_where_it_is_told_and_says_when_it_cannot(invoke, folder):
    assert invoke("new", "mine", "--from", "essay", "--out", "other.yml").exit_code == 0
    assert load_agent(folder / "other.yml").name == "mine"
    result = invoke("new", "mine", "--from", "essay", "--out", "no/where.yaml")
    assert result.exit_code == 2
    assert "cannot write no/where.yaml: No such file" in result.stderr


def test_envs_are_listed_with_a_line_each(processes):
    out, error = processes.start("envs").communicate(timeout=60)
    assert "slow/Corridor-v0  A corridor to walk along.\n    installed\n" in out, error
    assert "agentkit/Crafter-v1  Crafter, an open world" in out


def test_an_environment_whose_package_is_missing_says_how_to_get_it(folder):
    """A module that cannot be imported stands before the real one on the path."""
    (folder / "crafter.py").write_text("raise ModuleNotFoundError('no', name='crafter')\n")
    code = "from agentkit.cli import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", code, "envs"], capture_output=True, text=True, cwd=folder
    )
    assert "agentkit/Crafter-v1  Crafter, an open world" in shown.stdout
    assert "not installed: pip install 'agentkit-graph[crafter]'" in shown.stdout


def test_the_schema_is_a_json_schema(invoke):
    schema = json.loads(invoke("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "An AgentKit agent"


def test_a_new_agent_says_how_an_editor_can_check_it(invoke, folder):
    assert invoke("new", "mine").exit_code == 0
    text = (folder / "mine.yaml").read_text(encoding="utf-8")
    assert "agentkit schema > agent.schema.json" in text
    address = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=file://")
    assert json.loads(Path(unquote(address)).read_text()) == json.loads(invoke("schema").stdout)


def test_the_help_of_play_and_run_is_not_of_one_environment_alone(invoke):
    assert "agentkit play webshop" in invoke("play", "--help").stdout
    assert "agentkit run webshop" in invoke("run", "--help").stdout
