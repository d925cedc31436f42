"""`run --resume`, `replay` and `run --from` on the command line."""

import asyncio
import json
import re
import signal
import time
from contextlib import chdir
from pathlib import Path

import gymnasium
import pytest

from agentkit import (
    Agent,
    Graph,
    Limits,
    Node,
    Plan,
    RunWriter,
    comparable,
    load_agent,
    load_run,
    rollout,
)

WALK = ("run", "walker.yaml")


def events(folder: str, episode: int = 0) -> list[dict]:
    return comparable(load_run(folder).events(episode))


def steps_of(folder: str, episode: int = 0) -> list[dict]:
    ends = ("episode_finished", "limit_reached")
    return [event for event in events(folder, episode) if event["event"] not in ends]


def cut(folder: str, share: float, episode: int = 0) -> None:
    """Leave the folder as a kill would."""
    path = Path(folder, "episodes", f"{episode:04d}.jsonl")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    about = Path(folder, "run.json")
    about.write_text(about.read_text().replace('"status": "done"', '"status": "running"', 1))


def asked(folder: str, episode: int = 0) -> list[str]:
    """What the node `look` was asked, step by step."""
    found = (e for e in events(folder, episode) if e["event"] == "node_started")
    return [e["messages"][-1]["content"] for e in found if e["node"] == "look"]


@pytest.fixture
def whole(invoke) -> str:
    """A run of three episodes that nothing stopped."""
    assert invoke(*WALK, "--episodes", "3", "--seed", "4", "--out", "whole").exit_code == 0
    return "whole"


def test_a_killed_run_goes_on_and_the_rest_of_it_begins(invoke, whole):
    cut(whole, 0.6, episode=1)
    Path("whole/episodes/0002.jsonl").unlink()
    result = invoke("run", "--resume", "whole", "--json")
    assert result.exit_code == 0
    assert "episodes: 1 finished; 1 stopped, after 3 steps in all; 1 not begun" in result.stderr
    summary = json.loads(result.stdout)
    assert [(e["episode"], e["seed"], e["steps"]) for e in summary["episodes"]] == [
        (0, 4, 5), (1, 5, 5), (2, 6, 5),
    ]  # fmt: skip
    assert summary["totals"]["usage"]["calls"] == 30
    invoke(*WALK, "--episodes", "3", "--seed", "4", "--out", "again")
    for episode in range(3):
        assert events("whole", episode) == events("again", episode)
    about = load_run("whole").about
    assert (about["status"], len(about["resumed"])) == ("done", 1)


def test_a_run_is_not_resumed_with_fewer_steps_than_an_episode_has(invoke, folder):
    """It ended at a limit that it was beyond, and its replay was another run."""
    invoke(*WALK, "--episodes", "2", "--out", "run")
    cut("run", 0.7, 1)
    before = (folder / "run" / "run.json").read_bytes()
    result = invoke("run", "--resume", "run", "--steps", "2")
    assert result.exit_code == 2
    assert "episode 0 has 5 steps already, and the limit is 2: give --steps 5" in result.stderr
    assert (folder / "run" / "run.json").read_bytes() == before
    assert invoke("run", "--resume", "run", "--steps", "5").exit_code == 0
    assert invoke("replay", "run").exit_code == 0
    fork = ("run", "walker.yaml", "--from", "run:0:3", "--steps", "2", "--out", "fork")
    assert "episode 0 has 3 steps already" in invoke(*fork).stderr
    assert not (folder / "fork").exists()


def test_a_killed_run_is_shown_with_what_it_paid_and_how_to_go_on(invoke):
    invoke(*WALK, "--out", "run")
    cut("run", 0.7)
    text = invoke("show", "run").stdout
    assert "walker: running, or was killed before its end" in text
    assert re.search(r"0: unfinished \(stopped before its end\) +\d+ +3 +0\.0 ", text)
    assert "7 calls" in text
    assert "agentkit run --resume run" in text
    invoke("run", "--resume", "run")
    assert "agentkit run --resume" not in invoke("show", "run").stdout
    assert "(it was resumed here)" in invoke("show", "run", "--episode", "0").stdout


def test_calls_in_flight_of_a_killed_run_are_shown_beside_its_sums(invoke):
    invoke(*WALK, "--out", "run")
    path = Path("run/episodes/0000.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    started = [i for i, line in enumerate(lines) if b'"node_started"' in line]
    path.write_bytes(b"".join(lines[: started[0] + 1]))
    text = invoke("show", "run").stdout
    assert "none, 0 calls" in text
    assert "1 call without an answer, not in these sums" in text
    assert invoke("run", "--resume", "run").exit_code == 0
    assert "without an answer" not in invoke("show", "run").stdout


def test_nothing_is_left_of_a_run_that_is_done(invoke, whole):
    result = invoke("run", "--resume", whole)
    assert result.exit_code == 0
    assert "nothing to resume: every episode of whole is done" in result.stderr
    assert load_run(whole).about["status"] == "done"
    assert "resumed" not in load_run(whole).about


def test_a_run_that_was_killed_when_all_was_done_is_finished(invoke, whole):
    about = Path(whole, "run.json")
    about.write_text(about.read_text().replace('"status": "done"', '"status": "running"', 1))
    assert invoke("run", "--resume", whole).exit_code == 0
    assert load_run(whole).about["status"] == "done"
    assert load_run(whole).about["totals"]["steps"] == 15


def test_a_limit_is_named_with_the_command_that_goes_on(invoke):
    result = invoke(*WALK, "--budget-steps", "2", "--out", "run")
    assert result.exit_code == 3
    assert "agentkit run --resume run --budget-steps MORE" in result.stdout
    result = invoke("run", "--resume", "run")
    assert result.exit_code == 3
    more = "run ended at a limit (run.steps: 2). To go on: agentkit run --resume run --budget-steps"
    assert more in result.stderr


def test_a_run_that_was_truncated_at_its_steps_is_done_and_may_go_on(invoke):
    result = invoke(*WALK, "--steps", "2", "--out", "run")
    assert result.exit_code == 0
    assert result.stdout.startswith("walker: done (truncated at 2 steps)\n")
    assert "go on" not in result.stdout
    result = invoke("run", "--resume", "run")
    assert result.exit_code == 0
    more = "run is done. To go on after 2 steps: agentkit run --resume run --steps MORE"
    assert more in result.stderr
    assert invoke("run", "--resume", "run", "--steps", "4").exit_code == 0
    assert load_run("run").about["limits"]["episode"]["steps"] == 4
    assert invoke("run", "--resume", "run", "--steps", "9").exit_code == 0
    invoke(*WALK, "--out", "whole")
    assert steps_of("run") == steps_of("whole")


def test_the_limit_that_a_run_reached_is_named_with_its_own_option(invoke):
    assert invoke(*WALK, "--budget-calls", "4", "--out", "run").exit_code == 3
    result = invoke("run", "--resume", "run")
    assert result.exit_code == 3
    assert (
        "(run.calls: 4). To go on: agentkit run --resume run --budget-calls MORE" in result.stderr
    )
    assert "--steps" not in result.stderr


def test_a_limit_without_an_option_is_named_alone(invoke, folder):
    file = folder / "walker.yaml"
    file.write_text(file.read_text() + "limits: {calls: 4}\n")
    assert invoke(*WALK, "--out", "run").exit_code == 3
    result = invoke("run", "--resume", "run")
    assert result.stderr == "nothing to resume: run ended at a limit (calls: 4)\n"


def test_the_recorded_agent_goes_on_although_its_file_has_changed(invoke, whole):
    cut(whole, 0.5, episode=2)
    file = Path("walker.yaml")
    file.write_text(file.read_text().replace("What do you see?", "What is there?"))
    result = invoke("run", "--resume", whole)
    assert result.exit_code == 0
    assert "walker.yaml has changed since; the agent is the one that was recorded" in result.stderr
    assert all("What do you see?" in text for text in asked(whole, 2))
    file.unlink()
    cut(whole, 0.5, episode=2)
    assert invoke("run", "--resume", whole).exit_code == 0


def test_model_inputs_and_memory_file_are_taken_from_the_record(invoke, folder):
    (folder / "poet.yaml").write_text(
        "name: poet\nmodel: echo\ninputs: {topic: rain, mood: null}\nmemory: {poems: []}\n"
        "keep: {poems: forever}\nnodes:\n  poem:\n    prompt: '{{ topic }}, {{ mood }}'\n"
        "    save:\n      poems: memory.poems + [output]\n"
    )
    Path("said.json").write_text('{"poem": "Drip."}')
    command = ["run", "poet.yaml", "--model", "script:said.json", "--input", "mood=sad"]
    options = ["--memory", "poems.json", "--episodes", "2", "--out", "run"]
    result = invoke(*command, *options)
    assert result.exit_code == 0, result.stderr
    assert json.loads(Path("poems.json").read_text()) == {"poems": ["Drip.", "Drip."]}
    cut("run", 0.7, episode=1)
    Path("poems.json").write_text("{}")
    result = invoke("run", "--resume", "run")
    assert result.exit_code == 0
    assert json.loads(Path("poems.json").read_text()) == {"poems": ["Drip.", "Drip."]}
    (asked,) = (e for e in events("run", 1) if e["event"] == "node_started")
    assert asked["messages"][-1]["content"] == "rain, sad"
    assert asked["model"].startswith("script")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "name an AGENT"),
        (["run", "walker.yaml", "--resume", "whole"], "leave AGENT out"),
        (["run", "--resume", "whole", "--seed", "2"], "leave --seed out"),
        (["run", "--resume", "whole", "--model", "echo"], "leave --model out"),
        (["run", "--resume", "whole", "--from", "whole:0:1"], "leave --from out"),
        (["run", "--resume", "nowhere"], "nowhere is not a run folder"),
        (["run", "walker.yaml", "--from", "whole:0:1", "--episodes", "2"], "leave --episodes out"),
        (["run", "walker.yaml", "--from", "whole:0:9"], "has no step 9"),
        (["run", "walker.yaml", "--from", "whole:7:1"], "has no episode 7"),
        (["replay", "nowhere"], "nowhere is not a run folder"),
        (["replay", "whole", "--out", "whole"], "is not empty"),
    ],
)
def test_what_does_not_go_together_is_said(arguments, message, invoke, whole):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_run_of_a_program_is_left_to_that_program(invoke):
    RunWriter(Path("made"), {"agent": "by hand"}).finish("failed", {})
    result = invoke("run", "--resume", "made")
    assert result.exit_code == 2
    assert "was not made from an agent's file but by a program" in result.stderr


def test_a_run_that_another_process_writes_is_left_alone(invoke):
    writer = RunWriter(Path("held"), {})
    about = Path("held/run.json").read_bytes()
    invoke(*WALK, "--out", "whole")
    Path("held/run.json").write_bytes(Path("whole/run.json").read_bytes())
    result = invoke("run", "--resume", "held")
    assert result.exit_code == 1
    assert "held is being written by another process" in result.stderr
    assert Path("held/run.json").read_bytes() == Path("whole/run.json").read_bytes()
    Path("held/run.json").write_bytes(about)
    writer.finish("done", {})


def test_a_replay_says_that_it_is_the_same_run(invoke, whole):
    Path("answers.json").write_text('{"look": "never asked", "act": "west"}')
    result = invoke("replay", whole, "--out", "again")
    assert result.exit_code == 0
    assert result.stdout.startswith("the same run as whole: 3 episodes, 15 steps, ")
    for episode in range(3):
        assert events(whole, episode) == events("again", episode)
    assert load_run("again").about["replay_of"] == "whole"
    assert invoke("replay", whole, "--parallel", "3").exit_code == 0


def test_a_replay_shows_the_first_difference(invoke, whole):
    path = Path(whole, "episodes", "0001.jsonl")
    path.write_text(path.read_text().replace('"value":"east"', '"value":"west"', 1))
    result = invoke("replay", whole)
    assert result.exit_code == 1
    assert result.stdout == (
        "not the same as whole:\n"
        "episode 1, step 0, node 'act': node_finished.value\n"
        "  recorded: west\n  replayed: east\n"
    )


def test_a_replay_of_a_cut_run_says_what_is_not_compared(invoke, whole):
    cut(whole, 0.5, episode=0)
    result = invoke("replay", whole)
    assert result.exit_code == 0
    assert "note: episode 0: it was stopped in step" in result.stderr


def test_a_fork_plays_on_with_an_edited_agent(invoke, whole):
    file = Path("walker.yaml")
    file.write_text(file.read_text().replace("What do you see?", "What is there?"))
    result = invoke("run", "walker.yaml", "--from", "whole:1:2", "--out", "fork", "--json")
    assert result.exit_code == 0
    (episode,) = json.loads(result.stdout)["episodes"]
    assert (episode["seed"], episode["steps"], episode["usage"]["calls"]) == (5, 5, 6)
    assert asked("fork") == ["What do you see?"] * 2 + ["What is there?"] * 3
    assert invoke("replay", "fork").exit_code == 0
    assert invoke("show", "fork", "--episode", "0", "--step", "1").exit_code == 0
    assert "whole:1:2" in invoke("show", "fork").stdout
    cut("fork", 0.9)
    assert invoke("run", "--resume", "fork").exit_code == 0
    assert invoke("replay", "fork").exit_code == 0


def test_a_fork_says_that_the_recorded_run_asked_another_model(invoke, folder):
    (folder / "said.json").write_text('{"look": "A wall.", "act": "east"}')
    assert invoke(*WALK, "--model", "script:said.json", "--out", "run").exit_code == 0
    said = str(folder / "said.json")
    result = invoke(*WALK, "--from", "run:0:2", "--out", "fork")
    assert "run asked another model: script:said.json there, script:answers.json" in result.stderr
    assert f"--model script:{said} says which one is asked" in result.stderr
    taken = invoke(*WALK, "--from", "run:0:2", "--model", "script:said.json", "--out", "same")
    assert "another model" not in taken.stderr
    other = invoke(*WALK, "--from", "run:0:2", "--model", "script:answers.json", "--out", "other")
    assert "another model" not in other.stderr


def test_a_fork_that_was_killed_while_it_was_copied_is_not_taken_for_a_run(invoke, whole):
    assert invoke("run", "walker.yaml", "--from", "whole:1:2", "--out", "fork").exit_code == 0
    for share in (0.2, 0.0):
        cut("fork", share)
        result = invoke("run", "--resume", "fork")
        assert result.exit_code == 2
        assert "fork again" in result.stderr


def test_what_cannot_go_on_leaves_the_run_as_it_was(invoke, folder):
    (folder / "keeper.yaml").write_text(
        (folder / "walker.yaml").read_text().replace("nodes:", "keep: {places: run}\nnodes:")
    )
    invoke("run", "keeper.yaml", "--episodes", "2", "--steps", "2", "--out", "run")
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    result = invoke("run", "--resume", "run", "--steps", "9", "--parallel", "2")
    assert result.exit_code == 2
    assert "allows one episode at a time" in result.stderr
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before
    assert invoke("run", "--resume", "run", "--steps", "9").exit_code == 0


def test_ctrl_c_and_then_resume(processes):
    process = processes.start("run", "slow_walker.yaml", "--input", "length=12", "--out", "run")
    deadline = time.monotonic() + 30
    path = Path("run/episodes/0000.jsonl")
    while not path.exists() or path.read_text().count("environment_stepped") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "agentkit run --resume run" in out
    assert 3 <= len([e for e in events("run") if e["event"] == "environment_stepped"]) < 12
    resumed = processes.start("run", "--resume", "run")
    resumed.communicate(timeout=60)
    assert resumed.returncode == 0
    whole = processes.start("run", "slow_walker.yaml", "--input", "length=12", "--out", "whole")
    whole.communicate(timeout=60)
    assert events("run") == events("whole")


def test_another_server_does_not_go_on_with_a_run_and_a_replay_needs_none(invoke, monkeypatch):
    """OPENAI_BASE_URL says where a model is: without it the run would go on at OpenAI."""
    from loopback import LoopbackServer

    Path("chat.yaml").write_text("name: chat\nmodel: openai:small\nnodes: [Hello., And you?]\n")
    with LoopbackServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert invoke("run", "chat.yaml", "--out", "run").exit_code == 0
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert invoke("replay", "run", "--out", "again").exit_code == 0
    assert invoke("replay", "again").exit_code == 0
    cut("run", 0.7)
    result = invoke("run", "--resume", "run")
    assert result.exit_code == 2
    assert f"was answered by openai:small@127.0.0.1:{server.port}" in result.stderr
    assert "OPENAI_BASE_URL" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "run.json is damaged"), ('{"format": 1, "agent": {"na', "run.json is damaged")],
)
def test_a_damaged_description_of_a_run_is_named_and_nothing_is_changed(
    content, message, invoke, whole
):
    path = Path(whole, "run.json")
    path.write_text(content)
    for command in (("run", "--resume"), ("replay",), ("show",)):
        result = invoke(*command, whole)
        assert result.exit_code == 1
        assert message in result.stderr
    assert path.read_text() == content


KEEPER = """\
version: 1
name: keeper
env: test/Corridor-v0
model: script:answers.json
memory: {facts: []}
keep: {facts: forever}
memory_file: facts.json
nodes:
  look:
    prompt: What do you see at step {{ step }}?
    save: {facts: "memory.facts + [step]"}
  act:
    prompt: Which way?
    output: {choice: actions}
action: act
"""


def test_a_fork_or_a_resumed_run_leaves_what_was_learnt_since(invoke, folder):
    (folder / "keeper.yaml").write_text(KEEPER)
    run = ("run", "keeper.yaml", "--steps", "2")

    def facts(name: str = "facts.json") -> list[int]:
        return json.loads(Path(name).read_text())["facts"]

    invoke(*run, "--out", "first")

    went_on = invoke("run", "--resume", "first", "--steps", "3")
    assert "note:" not in went_on.stderr
    assert facts() == [0, 1, 2]
    invoke(*run, "--out", "second")
    assert facts() == [0, 1, 2, 0, 1]

    late = invoke("run", "--resume", "first", "--steps", "4")
    assert "facts.json was changed after this run wrote it: it stays as it is" in late.stderr
    fork = invoke(*run, "--from", "first:0:1", "--out", "fork")
    assert "a run that begins inside another writes no memory file" in fork.stderr
    again = invoke("run", "--resume", "fork", "--steps", "3")
    assert "a run that begins inside another writes no memory file" in again.stderr
    assert facts() == [0, 1, 2, 0, 1]

    named = invoke(*run, "--from", "first:0:1", "--out", "named", "--memory", "other.json")
    assert "memory file" not in named.stderr
    assert facts("other.json") == [0, 1]
    invoke("run", "--resume", "named", "--steps", "3")
    assert facts("other.json") == [0, 1, 2]


def test_json_comes_also_when_nothing_is_left_to_do(invoke, whole):
    invoke(*WALK, "--budget-steps", "2", "--out", "limited")
    for folder, status in ((whole, "done"), ("limited", "limit")):
        result = invoke("run", "--resume", folder, "--json")
        found = json.loads(result.stdout)
        assert (found["status"], found["folder"]) == (status, folder)
        assert found["totals"]["steps"] == sum(one["steps"] for one in found["episodes"]) > 0
        assert found["totals"]["seconds"] > 0


class Trap(gymnasium.Env):
    """Raises on the third action."""

    action_space = observation_space = gymnasium.spaces.Text(99)

    def reset(self, *, seed=None, options=None):
        self.count = 0
        return "A trap.", {"actions": ["east"]}

    def step(self, action):
        self.count += 1
        if self.count == 3:
            raise ValueError("snap")
        return "A trap.", 0.0, False, False, {"actions": ["east"]}


def test_an_action_that_the_environment_fails_on_is_forked_not_resumed(invoke, folder):
    gymnasium.register("test/Trap-v0", Trap)
    try:
        text = (folder / "walker.yaml").read_text().replace("Corridor", "Trap")
        (folder / "trapped.yaml").write_text(text)
        command = "go on with  agentkit run AGENT --from run:0:2\n"
        assert command in invoke("run", "trapped.yaml", "--out", "run").stdout
        assert command in invoke("run", "--resume", "run").stdout
        both = invoke("run", "trapped.yaml", "--episodes", "2", "--out", "both").stdout
        assert "agentkit run AGENT --from both:1:2\n" in both
    finally:
        del gymnasium.registry["test/Trap-v0"]


def test_a_run_killed_before_its_first_event_replays_as_the_same(invoke):
    """It was "not the same": the replay began the episode, and the record did not."""
    invoke(*WALK, "--out", "run")
    cut("run", 0)
    shown = invoke("show", "run").stdout
    assert "none, 0 calls" in shown
    assert "0.00 USD" in shown
    result = invoke("replay", "run")
    assert result.exit_code == 0
    assert "the same run as run" in result.stdout
    assert "it was stopped before it began" in result.stderr


def test_a_run_of_a_program_is_shown_resumed_and_replayed_by_commands(invoke, folder):
    """Its run.json said nothing of the agent: no command could do anything with it."""
    agent = load_agent("walker.yaml", check_environment=False)
    writer = RunWriter(folder / "run", {"note": "mine"})
    plan, about = Plan(seed=4), load_run(folder / "run").about
    assert "agent" not in about
    limited = agent.replace(limits=Limits(steps=2))
    summary = asyncio.run(rollout(limited, plan, writer=writer))
    writer.finish(summary.status, summary.totals())
    about = load_run(folder / "run").about
    assert (about["note"], about["agent"]["name"], about["plan"]["seed"]) == ("mine", "walker", 4)
    assert "walker: done\n" in invoke("show", "run").stdout
    assert re.search(r"0: done \(truncated at 2 steps\) +4 +2 ", invoke("show", "run").stdout)
    assert invoke("replay", "run").exit_code == 0
    Path("elsewhere").mkdir()
    with chdir("elsewhere"):
        assert invoke("run", "--resume", "../run", "--steps", "9").exit_code == 0
    assert load_run("run").about["status"] == "done"


def test_a_run_of_an_agent_without_a_file_goes_on_in_its_program_only(invoke, folder):
    agent = Agent(Graph([Node("a", "Hello.")]), model="echo", name="greeter")
    writer = RunWriter(folder / "run", {})
    asyncio.run(rollout(agent, Plan(), writer=writer))
    writer.finish("done", {})
    assert "greeter: done" in invoke("show", "run").stdout
    result = invoke("run", "--resume", "run")
    assert result.exit_code == 2
    assert "only that program can go on with it" in result.stderr
