"""`agentkit run`: what it plays, says, records and returns."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium
import pytest
from loopback.scripted import answer, scripted
from records import records

from agentkit import load_run
from agentkit.cli.arguments import from_here, parse_inputs, parse_place, parse_value
from agentkit.errors import InputError

AGENTKIT = Path(sys.executable).with_name("agentkit")


def test_a_run_ends_with_a_summary_and_is_recorded(invoke, folder):
    result = invoke("run", "walker.yaml", "--seed", "3")
    assert result.exit_code == 0
    assert result.stdout.startswith("walker: done (terminated)\n")
    recorded = Path(result.stdout.rpartition("recorded")[2].strip())
    assert recorded.parent == Path("runs")
    assert recorded.name.endswith("-walker")
    about = load_run(folder / recorded).about
    assert about["status"] == "done"
    assert about["agent"]["name"] == "walker"
    assert about["agent"]["source"] == (folder / "walker.yaml").read_text()
    assert about["agent"]["path"] == str(folder / "walker.yaml")
    assert about["models"] == {"look": "script:answers.json", "act": "script:answers.json"}
    assert about["env"] == {"id": "test/Corridor-v0", "arguments": {}}
    plan = {"episodes": 1, "parallel": 1, "seed": 3, "fresh": False}
    assert plan.items() <= about["plan"].items()
    assert about["totals"]["steps"] == 5
    assert {"agentkit", "gymnasium", "crafter"} <= about["versions"].keys()


def test_json_is_all_that_stands_on_stdout(invoke):
    result = invoke("run", "walker.yaml", "--episodes", "3", "--parallel", "2", "--json")
    summary = json.loads(result.stdout)
    assert summary["status"] == "done"
    assert [episode["seed"] for episode in summary["episodes"]] == [0, 1, 2]
    assert summary["totals"]["reward"] == 3.0
    assert summary["totals"]["usage"]["calls"] == 30
    assert load_run(Path(summary["folder"])).episodes == [0, 1, 2]


class Loud(gymnasium.Env):
    """Prints, as many environments do."""

    action_space = gymnasium.spaces.Text(2000)
    observation_space = gymnasium.spaces.Text(200)

    def reset(self, *, seed=None, options=None):
        print("loading ...")
        return "here", {}

    def step(self, action):
        print("took a step")
        return "there", 1.0, True, False, {}


def test_what_an_environment_prints_does_not_stand_in_the_json(invoke, folder):
    """`agentkit run --json | jq` failed with every environment that prints."""
    gymnasium.register("hand/Loud-v0", entry_point=Loud)
    text = "model: echo\nenv: hand/Loud-v0\nnodes: ['{{ observation }}']"
    (folder / "loud.yaml").write_text(text)
    try:
        result = invoke("run", "loud.yaml", "--json")
    finally:
        del gymnasium.registry["hand/Loud-v0"]
    assert json.loads(result.stdout)["status"] == "done"
    assert result.stderr.count("loading ...\n") == 1
    assert "took a step\n" in result.stderr


def test_a_reached_limit_is_said_and_gives_3(invoke):
    result = invoke("run", "walker.yaml", "--budget-calls", "3")
    assert result.exit_code == 3
    assert "limit reached: run.calls 3" in result.stdout


def test_episodes_of_so_many_steps_as_were_asked_for_are_a_success(invoke):
    result = invoke("run", "walker.yaml", "--steps", "2")
    assert result.exit_code == 0
    assert result.stdout.startswith("walker: done (truncated at 2 steps)\n")
    several = invoke("run", "walker.yaml", "--steps", "2", "--episodes", "3", "--json")
    assert several.exit_code == 0
    told = json.loads(several.stdout)
    assert (told["status"], told["limit"]) == ("done", None)
    endings = {(one["status"], one["reason"]) for one in told["episodes"]}
    assert endings == {("done", "truncated at 2 steps")}


def test_answers_that_could_not_be_used_are_counted_wherever_a_run_is_told_of(invoke, folder):
    """A run whose every answer is a fallback looked perfect."""
    (folder / "answers.json").write_text('{"look": "A corridor.", "act": "fly"}')
    text = (folder / "walker.yaml").read_text()
    act = text.index("output: {choice: actions}")
    fallback = "output: {choice: actions}\n    otherwise: east\n    attempts: 2"
    (folder / "weak.yaml").write_text(text[:act] + fallback + text[act + 25 :])
    told = "unusable +10 answers: 5 asked again, 5 replaced by `otherwise`"
    result = invoke("run", "weak.yaml", "--out", "run")
    assert re.search(told, result.stdout)
    assert "unusable 10 answers" in result.stderr
    assert re.search(told, invoke("show", "run").stdout)
    closer = invoke("show", "run", "--episode", "0", "--step", "0").stdout
    assert closer.count("cannot be used: 'fly' is not one of the options.") == 3
    assert "5 answers replaced by `otherwise`" in invoke("profile", "run").stdout
    again = json.loads(invoke("run", "--resume", "run", "--json").stdout)
    for one in (again["totals"], again["episodes"][0]):
        assert (one["retried"], one["otherwise"]) == (5, 5)


def test_texts_that_were_cut_off_are_counted_wherever_a_run_is_told_of(invoke, folder):
    message = {"role": "assistant", "content": "A wall, a wall, a"}
    cut = answer(choices=[{"index": 0, "message": message, "finish_reason": "length"}])
    with scripted(cut) as server:
        (folder / "writer.yaml").write_text(
            "name: writer\nmodel: server\n"
            f"models: {{server: {{use: 'openai:m', base_url: '{server.base_url}'}}}}\n"
            "nodes:\n  look: {prompt: What do you see?, attempts: 2}\n"
        )
        result = invoke("run", "writer.yaml", "--out", "run")
    assert result.exit_code == 0, result.stderr
    told = "unusable +2 answers: 1 asked again, 1 cut off and used"
    assert re.search(told, result.stdout)
    assert "unusable 2 answers: 1 asked again, 1 cut off and used" in result.stderr
    assert "s, asked again: it was cut off at the token limit; be shorter.\n" in result.stderr
    assert re.search(told, invoke("show", "run").stdout)
    closer = invoke("show", "run", "--episode", "0", "--step", "0").stdout
    assert "cannot be used: it was cut off at the token limit" in closer
    assert "used all the same: it was cut off at the token limit" in closer
    assert "1 answer cut off and used" in invoke("profile", "run").stdout
    profile = json.loads(invoke("profile", "run", "--json").stdout)
    assert (profile["totals"]["cut"], profile["nodes"][0]["cut"]) == (1, 1)
    again = json.loads(invoke("run", "--resume", "run", "--json").stdout)
    for one in (again["totals"], again["episodes"][0]):
        assert (one["retried"], one["otherwise"], one["cut"]) == (1, 0, 1)


def test_several_episodes_that_end_differently_are_counted(invoke, folder):
    (folder / "answers.json").write_text('{"look": "A corridor.", "act": ["east", "east", "no"]}')
    result = invoke("run", "walker.yaml", "--episodes", "2", "--steps", "2")
    assert result.exit_code == 1
    assert result.stdout.startswith("walker: failed (1 truncated at 2 steps, 1 failed)\n")
    assert "episodes    2 of 2 (mean return 0.0)" in result.stdout


def test_a_failed_node_is_said_and_gives_1(invoke, folder):
    (folder / "answers.json").write_text('{"look": "A corridor.", "act": "fly"}')
    result = invoke("run", "walker.yaml")
    assert result.exit_code == 1
    assert "node 'act': no usable answer in 3 attempts" in result.stderr
    assert result.stdout.startswith("walker: failed\n")


def test_progress_without_a_terminal_is_plain_lines_on_stderr(invoke):
    result = invoke("run", "walker.yaml", "--episodes", "2")
    assert "episode 1: done (terminated), 5 steps, return 1.0, " in result.stderr
    assert "\x1b" not in result.output


def test_an_agent_without_an_environment_shows_every_answer(invoke):
    result = invoke("run", "essay", "--model", "echo", "--input", "topic=the colour of the sky")
    assert result.exit_code == 0
    assert "--- outline ---" in result.stdout
    assert "the colour of the sky" in result.stdout


def test_the_value_of_an_input_may_come_from_a_file(invoke, folder):
    (folder / "topic.txt").write_text("bees and [brackets]")
    result = invoke("run", "essay", "--model", "echo", "--input", "topic=@topic.txt")
    assert "bees and [brackets]" in result.stdout


def test_an_unknown_input_suggests_the_nearest(invoke):
    result = invoke("run", "essay", "--input", "topci=bees")
    assert result.exit_code == 2
    assert "Did you mean 'topic'?" in result.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-2.5", -2.5),
        ("007", "007"),
        ("1e3", 1000.0),
        ("true", True),
        ("null", None),
        ("yes", "yes"),
        ('["a", 1]', ["a", 1]),
        ("{a", "{a"),
        ('"7"', "7"),
        ("two words", "two words"),
        ("NaN", "NaN"),
        ("", ""),
    ],
)
def test_a_value_is_text_unless_it_is_clearly_something_else(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_inputs_that_are_no_inputs_are_refused():
    for given in (["topic"], ["=x"], ["a=1", "a=2"], ["a=@nowhere.txt"]):
        with pytest.raises(InputError):
            parse_inputs(given)


def test_a_place_may_have_colons_in_its_folder():
    assert parse_place("C:runs/a:0:12") == (Path("C:runs/a"), 0, 12)
    for wrong in ("runs/a", "runs/a:0", "runs/a:x:1", ":0:1"):
        with pytest.raises(InputError, match="RUN:EPISODE:STEP"):
            parse_place(wrong)


def test_a_model_of_the_command_line_answers_every_node(invoke, folder):
    """Also nodes that name another, and whatever the file's models need is not needed."""
    models = "model: far\nmodels: {far: nowhere:x, near: 'script:answers.json'}"
    agent = (folder / "walker.yaml").read_text().replace("model: script:answers.json", models)
    agent = agent.replace("What do you see?", "What do you see?\n    model: far")
    (folder / "walker.yaml").write_text(agent)
    assert invoke("run", "walker.yaml").exit_code == 2
    for model in ("script:answers.json", "near"):
        assert invoke("run", "walker.yaml", "--model", model).exit_code == 0


def test_a_script_of_the_command_line_lies_in_the_current_folder(invoke, folder):
    (folder / "agents").mkdir()
    (folder / "walker.yaml").rename(folder / "agents" / "walker.yaml")
    assert invoke("run", "agents/walker.yaml").exit_code == 2
    assert invoke("run", "agents/walker.yaml", "--model", "script:answers.json").exit_code == 0


def test_a_model_file_of_the_command_line_lies_in_the_current_folder_or_is_the_bundled_one():
    assert from_here("local:m.gguf") == f"local:{Path.cwd() / 'm.gguf'}"
    assert from_here("local:~/m.gguf") == f"local:{Path.home() / 'm.gguf'}"
    for same in (
        "local:smollm2",
        "local:",
        "local",
        "echo",
        "openai:m.gguf",
        None,
    ):
        assert from_here(same) == same


def test_steps_need_an_environment(invoke):
    result = invoke("run", "essay", "--steps", "3")
    assert result.exit_code == 2
    assert "essay has none" in result.stderr


def test_a_run_that_cannot_start_leaves_no_folder(invoke, folder):
    agent = (folder / "walker.yaml").read_text()
    kept = agent.replace("nodes:", "keep: {places: forever}\nnodes:", 1)
    wrong = agent.replace("test/Corridor-v0", "{id: test/Corridor-v0, width: 3}")
    for text, cause in ((kept, "Is a directory"), (wrong, "width")):
        (folder / "walker.yaml").write_text(text)
        result = invoke("run", "walker.yaml", "--memory", ".")
        assert result.exit_code == 2
        assert cause in result.stderr
        assert not [*folder.glob("runs/*")]


def test_two_runs_in_one_second_get_two_folders(invoke, folder):
    for _ in range(3):
        assert invoke("run", "walker.yaml").exit_code == 0
    assert len([*(folder / "runs").iterdir()]) == 3


def test_a_folder_with_something_in_it_is_refused(invoke, folder):
    result = invoke("run", "walker.yaml", "--out", ".")
    assert result.exit_code == 2
    assert "is not empty: choose another folder" in result.stderr
    result = invoke("run", "walker.yaml", "--out", "walker.yaml")
    assert result.exit_code == 2
    assert "is a file: choose a folder" in result.stderr


def test_a_file_in_place_of_the_folder_is_refused(invoke, folder):
    (folder / "runs").write_text("")
    result = invoke("run", "walker.yaml")
    assert result.exit_code == 1
    assert "cannot record a run in runs/" in result.stderr
    assert "Not a directory" in result.stderr


def test_a_place_that_cannot_be_written_is_refused(invoke):
    """/proc takes no folders, whoever asks: unlike a read-only folder, root included."""
    result = invoke("run", "walker.yaml", "--out", "/proc/run")
    assert result.exit_code == 1
    assert "cannot record a run in /proc/run" in result.stderr


def test_a_full_disk_ends_the_run_with_a_clear_error(processes, folder):
    """The size of files is limited, so that a write fails in the middle of an episode."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = processes.start("run", "slow_walker.yaml", "--model", "slow:0", preexec_fn=limit)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot write" in error
    assert "File too large" in error
    assert "Traceback" not in error
    assert out == ""


def test_rules_are_said_to_be_no_language_model_and_to_ignore_new_words(processes):
    process = processes.start("run", "slow_walker.yaml", "--model", "rules", "--steps", "1")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0
    assert error.count("rule-based, not a language model") == 1
    assert "ignores the wording of your prompts" in error


def test_the_environment_reports_on_the_episodes(processes):
    process = processes.start(
        "run", "slow_walker.yaml", "--model", "slow:0", "--input", "length=7", "--episodes", "2"
    )
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "furthest" in out
    assert "episodes   2 of 2 (mean return 7.0)" in out
    assert "cost       unknown" in out
    assert "tokens     420 in (50% cached), 84 out, 42 calls" in out


def test_an_interrupted_run_ends_cleanly_with_what_was_reached(processes, folder):
    process = processes.start("run", "slow_walker.yaml", "--out", "run", "--model", "slow:0.05")
    episode = folder / "run" / "episodes" / "0000.jsonl"
    wait_for(lambda: episode.exists() and b"environment_stepped" in episode.read_bytes())
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "stopping after the calls in flight" in error
    assert out.startswith("slow_walker: interrupted: stopped by the user")
    assert "recorded      run" in out
    run = load_run(folder / "run")
    assert run.about["status"] == "interrupted"
    assert [*records(run, 0)][-1]["event"] == "episode_finished"


def test_a_second_interrupt_gives_up_the_calls_in_flight(processes, folder):
    process = processes.start("run", "slow_walker.yaml", "--out", "run", "--model", "slow:60")
    episode = folder / "run" / "episodes" / "0000.jsonl"
    wait_for(lambda: episode.exists() and b"node_started" in episode.read_bytes())
    process.send_signal(signal.SIGINT)
    assert "stopping" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert error.startswith("stopping now\n")
    assert "interrupted" in out
    assert load_run(folder / "run").about["status"] == "interrupted"


def test_one_interrupt_waits_a_moment_and_then_gives_up(processes, folder):
    process = processes.start("run", "slow_walker.yaml", "--out", "run", "--model", "slow:60")
    episode = folder / "run" / "episodes" / "0000.jsonl"
    wait_for(lambda: episode.exists() and b"node_started" in episode.read_bytes())
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the calls in flight take too long: stopping now" in error


STUCK_AGENTS = {
    "environment": "env: slow/Stuck-v0\nmodel: slow:0\nnodes: {act: go}",
    "function": "env: slow/Corridor-v0\nnodes: {act: {function: block}}",
    "thread": "env: slow/Corridor-v0\nnodes: {act: {function: wait}}",
}


@pytest.mark.parametrize(("part", "presses"), [("environment", 2), ("function", 3), ("thread", 2)])
def test_ctrl_c_ends_a_run_that_is_stuck(processes, folder, part, presses):
    """It used to hang until it was killed: for the environment's thread, or for ever."""
    (folder / "stuck.yaml").write_text(f"version: 1\nname: stuck\n{STUCK_AGENTS[part]}\n")
    process = processes.start("run", "stuck.yaml", "--out", "run")
    episode = folder / "run" / "episodes" / "0000.jsonl"
    last = b"step_finished" if part == "environment" else b"node_started"
    wait_for(lambda: episode.exists() and last in episode.read_bytes())
    for _ in range(presses):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert "stopped by the user" in out
    run = load_run(folder / "run")
    assert run.about["status"] == "interrupted"
    assert [*records(run, 0)][-1]["event"] == "episode_finished"


def test_the_second_ctrl_c_ends_a_stuck_function_that_did_not_mind_the_first(processes, folder):
    (folder / "stuck.yaml").write_text(f"version: 1\nname: stuck\n{STUCK_AGENTS['function']}\n")
    process = processes.start("run", "stuck.yaml", "--out", "run")
    episode = folder / "run" / "episodes" / "0000.jsonl"
    wait_for(lambda: episode.exists() and b"node_started" in episode.read_bytes())
    process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=10)
    assert process.returncode == 130, error


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_memory_file_that_is_not_used_is_said(invoke):
    result = invoke("run", "walker.yaml", "--memory", "memory.json")
    assert result.exit_code == 0
    assert "note: --memory memory.json is not used: walker keeps nothing forever" in result.stderr


@pytest.mark.parametrize("command", ["show", "check"])
def test_output_that_cannot_be_written_is_said(processes, folder, command):
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [AGENTKIT, command, "slow_walker.yaml"],
            cwd=folder, env=processes.environment, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error == "Error: cannot write the output: No space left on device\n"


def test_a_closed_pipe_is_no_traceback(processes, folder):
    process = processes.start("show", "slow_walker.yaml")
    process.stdout.close()
    _, error = process.communicate(timeout=30)
    assert "Traceback" not in error


def test_a_run_whose_progress_nobody_reads_leaves_its_folder_in_order(processes, folder):
    process = processes.start("run", "slow_walker.yaml", "--out", "run", "--model", "slow:0")
    process.stderr.close()
    with process.stdout:
        process.stdout.read()
    assert process.wait(timeout=30) == 1
    assert load_run(folder / "run").about["status"] == "failed"


@pytest.mark.parametrize("model", ["openai:small", "langchain:openai:small"])
def test_a_missing_key_is_told_once_before_a_folder_is_made(model, invoke, folder, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    command = ("run", "walker.yaml", "--model", model)
    result = invoke(*command, "--out", "run")
    assert result.exit_code == 2
    assert result.stderr.count("needs a key: set the environment variable OPENAI_API_KEY") == 1
    assert "recorded" not in result.stdout
    assert not (folder / "run").exists()
    assert invoke(*command).exit_code == 2
    assert not (folder / "runs").exists()


def test_a_key_that_is_none_is_told_before_a_folder_is_made(invoke, folder, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key with spaces")
    result = invoke("run", "walker.yaml", "--model", "openai:small", "--out", "run")
    assert result.exit_code == 2
    assert "has characters that no key has" in result.stderr
    assert not (folder / "run").exists()


class Refusing(gymnasium.Env):
    """An environment that refuses its arguments with a list, or breaks as it begins."""

    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(200)

    def __init__(self, breaks=False):
        if not breaks:
            raise ValueError("2 lines are wrong\n  line 1: no text\n  line 2: no text")

    def reset(self, *, seed=None, options=None):
        raise ConnectionError("there is no door")


@pytest.fixture
def refusing(folder):
    gymnasium.register("hand/Refusing-v0", entry_point=Refusing)
    for name, env in (
        ("wrong", "hand/Refusing-v0"),
        ("broken", "{id: hand/Refusing-v0, breaks: true}"),
    ):
        (folder / f"{name}.yaml").write_text(f"env: {env}\nmodel: echo\nnodes: {{act: go}}\n")
    yield
    del gymnasium.registry["hand/Refusing-v0"]


@pytest.mark.parametrize("options", [(), ("--episodes", "4", "--parallel", "4")])
def test_what_an_environment_refuses_is_said_once_and_in_full(invoke, refusing, options):
    result = invoke("run", "wrong.yaml", *options)
    assert result.exit_code == 2
    assert result.stderr.count("line 1: no text") == 1
    assert result.stderr.endswith("2 lines are wrong\n  line 1: no text\n  line 2: no text\n")


def test_an_environment_that_breaks_as_it_begins_is_said_once(invoke, refusing):
    result = invoke("run", "broken.yaml", "--episodes", "2")
    assert result.exit_code == 1
    for episode in (0, 1):
        raised = "the environment raised ConnectionError: there is no door"
        said = rf"episode {episode}: .*\S+ s, failed: {raised}\n"
        assert len(re.findall(said, result.stderr)) == 1
    assert result.stderr.count(f'  File "{__file__}", line ') == 2
    assert result.stderr.count('    raise ConnectionError("there is no door")') == 2


@pytest.mark.parametrize("command", ["render", "run"])
def test_one_node_of_an_environment_that_breaks_as_it_begins_is_said_too(invoke, refusing, command):
    result = invoke(command, "broken.yaml", "--node", "act")
    assert result.exit_code == 1
    said = result.stderr.splitlines()
    assert said[0] == "Error: the environment raised ConnectionError: there is no door"
    assert said[1].startswith(f'  File "{__file__}", line ')
    assert said[2:] == ['    raise ConnectionError("there is no door")']


def test_a_reason_of_several_lines_comes_after_the_figures(invoke, folder):
    (folder / "answers.json").write_text('{"look": "A corridor.", "act": "fly"}')
    result = invoke("run", "walker.yaml")
    assert re.search(
        r"episode 0: 0 steps, return 0\.0, \S+ s, .+, failed: 1 failure in", result.stderr
    )
