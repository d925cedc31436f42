"""What a console and a notebook show of an object: short, bounded, and never as markup."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agentkit import (
    Agent,
    Graph,
    Limits,
    Memory,
    Node,
    Plan,
    RunWriter,
    load_agent,
    load_run,
    render,
    rollout_sync,
)
from agentkit.record.reader import Run

EVIL = "<script>alert('x')</script>\x1b[2J\u202e" + "long " * 100_000


class Tags(HTMLParser):
    """The tags of a text, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(shown: str) -> str:
    """A notebook's HTML, which is bounded and has nothing but tables and pictures in it."""
    tags = Tags(shown)
    assert tags.seen <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "img", "code"}
    assert tags.attributes <= {"style", "alt", "src", "colspan"}
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown) < 100_000
    return shown


def evil(**options) -> Agent:
    """An agent in which every text is somebody else's."""
    graph = Graph([Node("a", "{{ topic }}"), Node("b", "{{ a }}", output={"choice": ["x"]})])
    return Agent(graph, model=lambda request: "x", inputs={"topic": EVIL}, **options)


def test_a_graph_lists_its_nodes_and_inputs():
    graph = Graph([Node("plan", "{{ goal }}"), Node("act", "{{ plan }}")])
    assert repr(graph) == "<Graph: plan, act; inputs: goal>"
    many = Graph([Node(f"n{i}", "x") for i in range(300)])
    assert repr(many).startswith("<Graph: n0, n1, n2, n3, n4, n5, n6, n7 and 292 more; inputs: no")
    assert repr(many)[1:-1] in checked(many._repr_html_())


def test_a_graph_is_drawn_as_a_picture_that_cannot_touch_the_page():
    shown = checked(Graph([Node("plan", "x"), Node("act", "{{ plan }}")])._repr_html_())
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    svg = base64.b64decode(data[1]).decode()
    assert svg.startswith("<svg")
    assert ">plan</text>" in svg
    assert "http://" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_result_shows_its_values_and_its_cost():
    graph = Graph([Node("a", "x", model="echo"), Node("b", "{{ a }}", when="false", initial=[1])])
    result = graph.run_sync(model="echo")
    assert repr(result) == "<StepResult: a='x', b=[1]; 1 calls, $0.0000>"
    shown = checked(result._repr_html_())
    assert all(text in shown for text in (">a<", ">ok<", ">x<", ">skipped<", ">[1]<", "1 calls"))


def test_values_of_a_result_are_escaped_and_truncated():
    graph = Graph([Node(f"n{i}", "{{ x }}", output="json") for i in range(150)])
    deep = {"a": [[[[[EVIL] * 1000]]]]}
    result = graph.run_sync({"x": "?"}, model=lambda request: "[1]")
    for value in (EVIL, [EVIL] * 1000, deep, {EVIL: EVIL}, 10**500):
        object.__setattr__(result, "values", dict.fromkeys(result.values, value))
        assert len(repr(result)) < 600
        shown = checked(result._repr_html_())
        assert "50 more rows" in shown


def test_an_agent_shows_what_it_is_made_of_and_no_text_of_its_file():
    agent = load_agent("crafter")
    assert len(repr(agent)) < 200
    assert repr(agent).startswith("<Agent 'crafter': ")
    assert "plays in agentkit/Crafter-v1" in repr(agent)
    shown = checked(agent._repr_html_())
    assert "rules" in shown
    assert agent.source[:40] not in shown
    agent = evil(
        name=EVIL, memory={"m": EVIL}, limits=Limits(steps=1000), action="{{ b }}" + EVIL[:9000]
    )
    assert "alert" not in checked(agent._repr_html_()).replace("&lt;script&gt;alert", "")
    assert len(repr(agent)) < 200
    assert "steps 1,000" in agent._repr_html_()
    assert repr(agent.session()) == "<Session: 0 steps>"


def test_a_run_shows_how_it_went(tmp_path):
    with RunWriter(tmp_path / "run") as writer:
        summary = rollout_sync(evil(), Plan(episodes=2), writer=writer)
    assert repr(summary) == "<RunSummary: done, 2 episodes, 0 steps, $0.0000>"
    run = load_run(tmp_path / "run")
    assert repr(run) == f"<Run {tmp_path / 'run'}: 'agent', 'done', 2 episodes>"
    assert ">done<" in checked(run._repr_html_())


@pytest.mark.parametrize("value", [EVIL, [EVIL] * 99, None, {"name": EVIL}, 3])
def test_a_run_that_somebody_else_wrote_is_shown_without_its_markup(value):
    about = dict.fromkeys(("agent", "status", "started", "totals", "models", "inputs"), value)
    run = Run(Path("somewhere"), about)
    assert len(repr(run)) < 300
    checked(run._repr_html_())


def test_a_memory_says_its_keys_and_a_rendered_prompt_its_messages():
    assert repr(Memory({"log": [], "best": 0}, {"best": "run"})) == (
        "<Memory: log (episode), best (run)>"
    )
    shown = repr(render(Agent(Graph([Node("a", f"Hi {EVIL}")]), model="echo"), "a"))
    assert shown.startswith("<Rendered: [(Message(")
    assert len(shown) < 250
    assert "\x1b" not in shown
