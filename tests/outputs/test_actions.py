"""Actions, read as the environment itself reads them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from agentkit_envs.text import AnyText

from agentkit import Agent, Graph, InputError, Node, RunWriter, load_run, replay, rollout_sync
from agentkit.errors import FunctionError, OutputError, StepError
from agentkit.messages import Request
from agentkit.outputs.action import PARSE_ACTION
from agentkit.outputs.declaration import compile_output, fallback_error
from agentkit.preview.preview import render

WAYS = ("left", "right")


def parse_way(text: str) -> str:
    """Read `Go LEFT 2`."""
    words = text.strip("\"'`. ").lower().split()
    words = words[words[:1] == ["go"] :]
    if not words or words[0] not in WAYS or not all(word.isdigit() for word in words[1:]):
        raise ValueError(f"'{text}' is no way; write left or right")
    return " ".join(words)


VALUES = {PARSE_ACTION: parse_way}


class Road(gymnasium.Env[str, str]):
    """A road with an end on the right."""

    action_space = AnyText(WAYS)
    observation_space = AnyText()

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        self.done: list[str] = []
        return "A road.", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.done.append(action)
        return f"You went {action}.", 1.0, len(self.done) == 2, False, {"done": list(self.done)}


class ReadRoad(Road):
    """A road that reads actions, and cannot be brought back."""

    resumable = False

    def parse_action(self, text: str) -> str:
        return parse_way(text)


def answering(*answers: str) -> Callable[[Request], str]:
    left = list(answers)
    return lambda request: left.pop(0)


def agent_of(env: Any, model: Any, output: Any = "action", action: str = "act") -> Agent:
    nodes = [Node("act", "{{ observation }} Where?", output=output)]
    return Agent(Graph(nodes), model=model, env=env, action=action)


@pytest.mark.parametrize(
    "text",
    [
        "left 2",
        "Go left 2",
        "`left 2`",
        "```\nleft 2\n```",
        "I think so.\nleft 2",
        "Action: left 2",
        "**Next action:** left 2",
        "It is far.\nAction: go LEFT 2",
    ],
)
def test_an_action_is_what_the_environment_understands(text: str) -> None:
    assert compile_output("action").parse(text, VALUES) == "left 2"


@pytest.mark.parametrize("text", ["", "fly", "left or right", "left\nbut only if it rains"])
def test_the_environment_says_why_a_text_is_no_action(text: str) -> None:
    with pytest.raises(OutputError) as caught:
        compile_output("action").parse(text, VALUES)
    assert not text or str(caught.value) == f"'{text}' is no way; write left or right"


def test_an_action_in_a_schema_is_read_in_the_same_way() -> None:
    output = compile_output({"why": "str", "ways": ["action"], "last": "action | null"})
    assert output.takes_action
    assert output.instruction({}).endswith(
        '{"why": <text>, "ways": [<action>, ...], "last": <action> or null}'
    )
    said = {"why": "x", "ways": ["Go LEFT", "right 2."], "last": None}
    assert output.parse(json.dumps(said), VALUES) == {
        "why": "x", "ways": ["left", "right 2"], "last": None,
    }  # fmt: skip
    with pytest.raises(OutputError, match="- ways\\[0\\]: 'fly' is no way; write left or right"):
        output.parse(json.dumps({**said, "ways": ["fly"]}), VALUES)
    assert output.json_schema({})["properties"]["ways"]["items"] == {"type": "string"}  # type: ignore[index]


def test_a_cut_answer_is_an_action_where_its_first_line_is_one() -> None:
    output = compile_output("action")
    assert output.parse_cut("left 2\nbecause it", VALUES) == "left 2"
    for text in ("left 2", "I think", "left\nright\n"):
        with pytest.raises(OutputError):
            output.parse_cut(text, VALUES)


def test_a_fallback_is_any_text_and_fields_are_still_checked() -> None:
    assert fallback_error(compile_output("action"), "left") is None
    schema = compile_output({"why": "str", "act": "action"})
    assert fallback_error(schema, {"why": "x", "act": "left"}) is None
    assert "why: it is missing" in (fallback_error(schema, {"act": "left"}) or "")


def test_an_episode_gets_the_one_spelling_and_the_model_the_reason(tmp_path: Path) -> None:
    asked: list[Request] = []
    answers = answering("fly", "Go LEFT 2.", "I go on.\nAction: `right`")

    def model(request: Request) -> str:
        asked.append(request)
        return answers(request)

    agent = agent_of(ReadRoad, model)
    (summary,) = rollout_sync(agent, writer=RunWriter(tmp_path / "run", {})).episodes
    assert summary.info["done"] == ["left 2", "right"]
    assert asked[1].prompt.startswith("That answer cannot be used: 'fly' is no way")
    assert asked[0].prompt.endswith("Answer with one action and nothing else.")
    assert asked[0].schema is None


def test_a_run_that_cannot_be_repeated_is_read_again_by_the_same_environment(
    tmp_path: Path,
) -> None:
    agent = agent_of(ReadRoad, answering("Go left", "Go right"))
    rollout_sync(agent, writer=RunWriter(tmp_path / "run", {}))
    writer = RunWriter(tmp_path / "again", {})
    silent = agent.replace(model=answering())
    found = asyncio.run(replay(load_run(tmp_path / "run"), writer, silent))
    assert (found.difference, found.steps) == (None, 2)


def test_without_a_reader_of_actions_the_run_does_not_begin() -> None:
    for output in ("action", {"act": "action"}):
        agent = agent_of(Road, answering("left"), output, "{{ act }}")
        with pytest.raises(InputError, match="no environment with a method parse_action"):
            rollout_sync(agent)
        with pytest.raises(InputError, match=r"act\(\.\.\., parse_action=function\)"):
            agent.act_sync("A road.")


def test_a_program_gives_its_own_reader_of_actions() -> None:
    agent = agent_of(None, answering("Go LEFT"))
    assert agent.act_sync("A road.", parse_action=parse_way) == "left"
    with pytest.raises(InputError, match="parse_action: expected a function of a text"):
        agent.act_sync("A road.", parse_action="left")  # type: ignore[arg-type]


def test_the_messages_can_be_seen_without_an_environment() -> None:
    (messages,) = render(
        agent_of(None, answering()), "act", given={"observation": "A road."}
    ).messages
    assert messages[-1].content == "A road. Where?\n\nAnswer with one action and nothing else."


def test_a_graph_of_its_own_says_that_nothing_reads_actions() -> None:
    with pytest.raises(StepError, match="no environment with a method parse_action"):
        Graph([Node("act", "Where?", output="action")]).run_sync(model="echo")


@pytest.mark.parametrize("given", [None, "", 3])
def test_a_reader_that_gives_no_text_is_a_fault_of_the_program(given: Any) -> None:
    with pytest.raises(FunctionError, match="parse_action returned"):
        compile_output("action").parse("left", {PARSE_ACTION: lambda text: given})

    def broken(text: str) -> str:
        raise KeyError(text)

    with pytest.raises(FunctionError, match="parse_action raised KeyError"):
        compile_output("action").parse("left", {PARSE_ACTION: broken})
