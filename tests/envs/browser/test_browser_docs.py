"""The page about the browser says what is true."""

import inspect
import re
from pathlib import Path

from agentkit_envs.browser.act.grammar import GRAMMAR
from agentkit_envs.browser.act.listed_actions import LISTED
from agentkit_envs.browser.env import BrowserEnv
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.see.observation_text import describe
from agentkit_envs.browser.see.view import Element, LastAction, Tab, View
from agentkit_envs.miniwob.env import MiniWoBEnv
from agentkit_envs.miniwob.tasks import chosen_tasks
from envs.doc_tables import rows

from agentkit import load_agent

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "browser.md").read_text(encoding="utf-8")
NAME = re.compile(r"`(\w+)[`(]")


def named(heading: str, table: int = 0) -> list[str]:
    return [name for first, *_ in rows(PAGE, heading, table) for name in NAME.findall(first)]


def documented(kind: type, section: str) -> list[str]:
    """The names that a section of a class's text lists."""
    text = inspect.getdoc(kind).split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^- `(\w+)`", text, re.MULTILINE)


def test_the_table_of_actions_is_complete():
    assert sorted(named("What can be done")) == sorted(GRAMMAR)


def test_the_tables_of_info_keys_are_complete():
    told = named("Reward, end and info")
    assert sorted(told) == sorted(documented(BrowserEnv, "Information"))
    assert sorted(named("MiniWoB++")) == sorted(documented(MiniWoBEnv, "Information"))


def defaults(heading: str) -> dict[str, str]:
    return {
        name: default.strip("`").replace("`", "")
        for first, default, _ in rows(PAGE, heading, 1)
        for name in NAME.findall(first)
    }


def test_the_tables_of_arguments_have_each_with_its_default():
    parameters = inspect.signature(BrowserEnv).parameters.values()
    real = {one.name: str(one.default) for one in parameters}
    real |= {"goal": '""', "dialogs": '"dismiss"'}
    assert defaults("Reward, end and info") == real
    parameters = inspect.signature(MiniWoBEnv).parameters.values()
    real = {one.name: str(one.default) for one in parameters}
    assert defaults("MiniWoB++") == real | {"task": '"benchmark"'}


def test_the_table_of_inputs_is_the_agents():
    agent = load_agent("browser", model="echo")
    assert named("The agent") == list(agent.inputs)
    for node in agent.graph.nodes:
        assert f"(`{node.name}`)" in PAGE


def test_every_form_of_the_allow_list_is_taken(tmp_path):
    forms = re.findall(r"`([^`]+)`", " ".join(first for first, _ in rows(PAGE, "What is refused")))
    assert len(forms) == 6
    folder = f"{tmp_path.as_uri()}/"
    listed = [folder if form.startswith("file:") else form for form in forms]
    assert len(AllowList.parse(None, listed).origins) == 6  # a host is two, one is listed


def test_the_parts_of_an_observation_are_those_of_the_table():
    elements = (Element("button", "Ok", "e1"),)
    tabs = (Tab("a", "http://a.example/"), Tab("b", "http://b.example/", active=True))
    last = LastAction("x()", "no action", understood=False)
    failed = LastAction("click('e9')", "there is no e9")
    texts = [
        describe(View("g", "u", "t", tabs, elements, "e1", one, ("note",), ("+ x",), 0, 3))
        for one in (last, failed)
    ]
    for first, _ in rows(PAGE, "What is seen"):
        for heading in re.findall(r"`([^`]+)`", first):
            assert any(f"\n{heading}" in f"\n{text}" for text in texts), heading


def test_the_numbers_are_those_of_the_code():
    assert f"the first {LISTED} elements" in PAGE
    assert f"`benchmark`: the {len(chosen_tasks('benchmark'))} tasks" in PAGE
    assert f"`all`: {len(chosen_tasks('all'))}" in PAGE
