"""`agentkit show`: agents and recorded runs."""

import re
from pathlib import Path

import orjson
import pytest


@pytest.fixture
def run(invoke, folder) -> Path:
    """A recorded run of two episodes."""
    assert invoke("run", "walker.yaml", "--out", "run", "--episodes", "2").exit_code == 0
    return folder / "run"


def test_an_agent_is_shown_with_what_its_nodes_read_and_write(invoke):
    text = invoke("show", "walker.yaml").stdout
    assert "test/Corridor-v0" in text
    assert text.index("1. look") < text.index("2. act")
    assert "recalls   look" in text
    assert "reads     actions, look, memory.places" in text
    assert "saves     memory.places = memory.places + [output]" in text


def test_mermaid_is_the_graph_as_text(invoke):
    assert "look --> act" in invoke("show", "walker.yaml", "--mermaid").stdout


def test_svg_draws_the_graph(invoke, folder):
    assert invoke("show", "walker.yaml", "--svg", "graph.svg").exit_code == 0
    assert (folder / "graph.svg").read_text().startswith("<svg")
    result = invoke("show", "walker.yaml", "--svg", "nowhere/graph.svg")
    assert result.exit_code == 2
    assert "cannot write nowhere/graph.svg" in result.stderr


def test_a_run_is_shown_with_its_episodes_and_sums(invoke, run):
    text = invoke("show", "run").stdout
    assert text.startswith("walker: done\n")
    assert re.search(r"episode +seed +steps +return +calls +time\n", text)
    assert re.search(r"1: done \(terminated\) +\d+ +5 +1\.0 +10 +0\.\d s\n", text)
    assert f"  file      {Path('walker.yaml').resolve()}\n" in text
    assert ", 20 calls" in text


def test_a_step_shows_observation_prompt_answer_memory_action_and_reward(invoke, run):
    text = invoke("show", "run", "--episode", "1", "--step", "2").stdout
    expected = [
        "===== step 2 =====",
        "You are at 2 of 5.",
        "[look] asks script:",
        "What do you see?",
        "A corridor.",
        "memory.places = ",
        "[act] asks script:",
        "You have been at 3 places. Which way?",
        "east",
        "action: east",
        "reward: 0.0",
    ]
    places = [text.index(part) for part in expected]
    assert places == sorted(places)
    assert "step 3" not in text
    assert "You walk through" not in text


def test_full_shows_whole_conversations(invoke, run):
    text = invoke("show", "run", "--episode", "0", "--step", "0", "--node", "act", "--full").stdout
    assert "You walk through a corridor." in text
    assert "What do you see?" in text
    assert "[look]" not in text


def test_thoughts_are_counted_and_shown_in_full_where_that_is_asked(invoke, folder):
    """They are in the record; one of an older version has none, and is read all the same."""
    (folder / "answers.json").write_text(
        '{"look": "<think>Hm, a wall?</think>A door.", "act": "east"}'
    )
    invoke("run", "walker.yaml", "--steps", "1", "--out", "run")
    step = ("show", "run", "--episode", "0", "--node", "look")
    shown = invoke(*step).output
    assert "(11 characters of thoughts: --full shows them)" in shown
    assert "Hm, a wall?" not in shown
    assert "--- thoughts of look\nHm, a wall?" in invoke(*step, "--full").output
    assert invoke("replay", "run").exit_code == 0
    record = folder / "run" / "episodes" / "0000.jsonl"
    lines = record.read_text()
    record.write_text(
        lines.replace('"thoughts":"Hm, a wall?"', '"x":1').replace(',"thoughts":""', "")
    )
    assert "thoughts" not in record.read_text()
    shown = invoke(*step, "--full")
    assert (shown.exit_code, "A door." in shown.output) == (0, True)


def test_a_decision_is_shown_with_the_probabilities_of_its_options(invoke, folder):
    (folder / "decider.yaml").write_text(
        "model: 'script:answers.json'\nenv: test/Corridor-v0\nnodes:\n  act:\n"
        "    prompt: Where?\n    output: {choice: actions}\n    decide: auto\n"
        "  why: Why {{ act }}, with {{ probability('act', 'west') }}?\naction: act\n"
    )
    (folder / "answers.json").write_text(
        '{"act": "{\\"east\\": 0.75, \\"west\\": 0.25}", "why": "x"}'
    )
    assert invoke("run", "decider.yaml", "--steps", "1", "--out", "run").exit_code == 0
    shown = invoke("show", "run", "--episode", "0").output
    assert "--- answer of act\neast\n  east 75.0%, west 25.0%\n" in shown
    assert "Why east, with 0.25?" in shown
    assert invoke("replay", "run").exit_code == 0
    assert "reads     act, probability('act')\n" in invoke("show", "decider.yaml").output
    asked = invoke("run", "decider.yaml", "--node", "act", "--json").stdout
    assert orjson.loads(asked)["probabilities"] == {"east": 0.75, "west": 0.25}
    rendered = invoke("render", "decider.yaml", "--node", "why").output
    assert "with 0.5?" in rendered
    whole = invoke("run", "decider.yaml", "--steps", "1", "--out", "other", "--json").stdout
    (episode,) = orjson.loads(whole)["episodes"]
    assert episode["probabilities"] == {"act": {"east": 0.75, "west": 0.25}}


def test_retries_are_shown_with_their_error(invoke, folder):
    (folder / "answers.json").write_text('{"look": "A corridor.", "act": ["fly", "east"]}')
    invoke("run", "walker.yaml", "--out", "run", "--steps", "1")
    text = invoke("show", "run", "--step", "0").stdout
    assert "cannot be used: " in text
    assert "[act] asks script:" in text
    assert ", attempt 2" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--episode", "7"], "has no episode 7; it has: 0 to 1"),
        (["--step", "0"], "has 2 episodes: say --episode N"),
        (["--episode", "0", "--step", "9"], "has no step 9: it has steps 0 to 4"),
        (["--episode", "0", "--node", "lok"], "no node 'lok' ran there. Did you mean 'look'?"),
        (["--mermaid"], "is a recorded run"),
    ],
)
def test_what_is_not_there_is_said(invoke, run, arguments, message):
    result = invoke("show", "run", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_unfinished_run_is_shown_and_its_torn_last_line_ignored(invoke, run):
    episode = run / "episodes" / "0001.jsonl"
    episode.write_bytes(episode.read_bytes()[:-40])
    about = orjson.loads((run / "run.json").read_bytes())
    (run / "run.json").write_bytes(orjson.dumps(about | {"status": "running"}))
    result = invoke("show", "run")
    assert result.exit_code == 0
    assert "running, or was killed before its end" in result.stdout
    assert re.search(r"1: unfinished \(stopped before its end\) +\d+ +5 +1\.0 ", result.stdout)


def test_a_damaged_record_is_an_error_with_its_line(invoke, run):
    episode = run / "episodes" / "0000.jsonl"
    lines = episode.read_bytes().split(b"\n")
    episode.write_bytes(b"\n".join([*lines[:3], b"{}", *lines[3:]]))
    result = invoke("show", "run")
    assert result.exit_code == 1
    assert "0000.jsonl:4 is damaged" in result.stderr


def test_an_event_without_its_fields_is_an_error_with_its_line(invoke, run):
    (run / "episodes" / "0000.jsonl").write_text('{"event":"node_started","step":0}\n')
    result = invoke("show", "run", "--episode", "0")
    assert result.exit_code == 1
    assert "0000.jsonl:1 is damaged: node_started has no" in result.stderr


def test_a_folder_that_is_no_run_is_refused(invoke, folder):
    result = invoke("show", ".")
    assert result.exit_code == 2
    assert ". is no run, and has none in it" in result.stderr
    (folder / "run.json").write_text('{"scripts": {}}')
    assert "was not written by AgentKit" in invoke("show", ".").stderr


def test_options_of_a_run_are_refused_for_an_agent(invoke):
    result = invoke("show", "walker.yaml", "--step", "1")
    assert result.exit_code == 2
    assert "need a run's folder" in result.stderr


def test_files_that_are_no_episodes_are_left_alone(invoke, run):
    (run / "episodes" / "abc.jsonl").write_text("")
    (run / "episodes" / "7.jsonl").write_text("")
    assert "episode 7" not in invoke("show", "run").stdout
    result = invoke("show", "run", "--episode", "7")
    assert result.exit_code == 2
    assert "run has no episode 7; it has: 0 to 1" in result.stderr


def test_a_drawing_needs_a_suffix_that_can_be_drawn(invoke, folder):
    result = invoke("show", "walker.yaml", "--svg", "graph.png")
    assert result.exit_code == 2
    assert "cannot draw graph.png: name a file that ends in .svg" in result.stderr
    assert not (folder / "graph.png").exists()
    assert invoke("show", "walker.yaml", "--svg", "graph.md").exit_code == 0
    assert (folder / "graph.md").read_text().startswith("```mermaid\ngraph TD\n")


def test_a_run_that_ended_at_a_limit_names_the_option_that_goes_on(invoke):
    assert invoke("run", "walker.yaml", "--budget-steps", "2", "--out", "short").exit_code == 3
    assert "agentkit run --resume short --budget-steps MORE\n" in invoke("show", "short").stdout


def test_a_folder_of_runs_is_listed_and_a_damaged_one_is_told(invoke, run, folder):
    invoke("run", "walker.yaml", "--steps", "2", "--out", "runs/b")
    (folder / "ask.yaml").write_text(
        'inputs: {topic: null}\nmodel: echo\nnodes: {a: "On {{ topic }}"}\n'
    )
    invoke("run", "ask.yaml", "--input", "topic=trams", "--out", "runs/a")
    (folder / "runs" / "c").mkdir()
    (folder / "runs" / "c" / "run.json").write_text("{")
    result = invoke("show", "runs")
    assert result.exit_code == 0
    assert "Runs in runs\n" in result.stdout
    assert re.search(r"a: ask +echo +done +1\n", result.stdout)
    assert re.search(r"b: walker +script:answers\.json +done +1 +2 +0\.0\n", result.stdout)
    assert "runs/c/run.json is damaged" in result.stderr
    shown = invoke("show", "runs/a").stdout
    assert "  inputs    topic=trams\n" in shown
    assert "seed" not in shown
    assert re.search(r"0: done +1 +0\.\d s\n", shown)
