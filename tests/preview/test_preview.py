"""What a node would be asked equals what it is asked."""

import asyncio

import pytest
from records import records

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    InputError,
    LimitExceeded,
    Limits,
    Node,
    Plan,
    RunWriter,
    Usage,
    load_run,
    rollout,
)
from agentkit.preview.preview import Snapshot, ask, render
from agentkit.preview.snapshot import first_snapshot, recorded_snapshot
from agentkit.templates.placeholders import Placeholder, example
from agentkit.templates.template import compile_template


def total(things):
    return len(things)


NODES = [
    Node("seen", "What is there?", save={"seen": "output"}),
    Node(
        "stale",
        "Has {{ memory.goal }} been reached? Before: {{ previous.seen if step else 'nothing' }}",
        output="yes_no",
        initial=True,
    ),
    Node(
        "plan",
        "{{ seen }}. Plan!",
        when="stale",
        output={"goal": "str", "steps": ["str"]},
        initial={"goal": "none", "steps": []},
        save={"goal": "output.goal"},
    ),
    Node("questions", "Ask about {{ plan.goal }}.", output=["str"], recall=["seen"]),
    Node("answers", "{{ item }}", each="questions"),
    Node("count", function=total, with_={"things": "answers"}),
    Node(
        "act",
        "{{ plan.goal }}: {{ plan.steps | join('; ') }}. {{ count }} answers. {{ memory.goal }}",
        recall=["questions", "answers"],
        output={"choice": "actions"},
    ),
]


def answer(request):
    """Every third step has a new plan; answers tell the call they belong to."""
    call = request.call
    where = f"{call.node}{call.step}{'' if call.item is None else f'.{call.item}'}"
    answers = {
        "stale": "yes" if call.step % 3 == 0 else "no",
        "plan": f'{{"goal": "{where}", "steps": ["a", "b"]}}',
        "questions": f'["{where} who?", "{where} why?"]',
        "act": "east" if call.attempt > 1 else "fly",
    }
    return answers.get(call.node, where)


@pytest.fixture
def agent(corridor):
    graph = Graph(NODES, system="Be brief.", context="{{ observation }} {{ history | length }}")
    memory = {"seen": "", "goal": "nothing"}
    return Agent(graph, model=answer, memory=memory, env=EnvSpec(corridor, {"noise": True}))


@pytest.fixture
def run(agent, tmp_path):
    writer = RunWriter(tmp_path / "run", {})
    asyncio.run(rollout(agent, Plan(seed=4), writer=writer))
    writer.finish("done", {})
    return load_run(tmp_path / "run")


def test_every_prompt_of_every_recorded_step_is_rendered_as_it_was_sent(agent, run):
    """Retries, skipped nodes, `each`, recall, memory and previous values all take part."""
    compared = 0
    for event in [*records(run, 0)]:
        first = event["event"] == "node_started" and event["attempt"] == 1
        if not first or event["function"]:
            continue
        snapshot = recorded_snapshot(agent, run, 0, event["step"], event["node"])
        rendered = render(agent, event["node"], snapshot)
        assert not rendered.unknown
        assert rendered.wanted
        messages = [(m.role, m.content) for m in rendered.messages[event["item"] or 0]]
        assert messages == [(m["role"], m["content"]) for m in event["messages"]]
        compared += 1
    assert compared > 25


def test_a_step_that_was_not_begun_is_rendered_with_placeholders(agent, run):
    story = [*records(run, 0)]
    last = max(event["step"] for event in story if event["event"] == "environment_stepped")
    rendered = render(agent, "act", recorded_snapshot(agent, run, 0, last + 1, "act"))
    assert rendered.unknown == ["plan", "questions", "answers", "count"]
    assert rendered.messages[0][1].content.startswith("You are at 5 of 5.")


def test_unknown_values_have_the_shape_of_the_output(agent):
    rendered = render(agent, "act", first_snapshot(agent, seed=4))
    [messages] = rendered.messages
    assert "⟨plan.goal⟩: ⟨plan.steps[...]⟩. ⟨count⟩ answers. ⟨memory.goal⟩" in messages[-1].content
    assert [m.content for m in messages if m.role == "assistant"] == [
        '["⟨questions[...]⟩"]',
        "⟨answers⟩",
    ]
    assert "Ask about ⟨plan.goal⟩." in messages[2].content


@pytest.mark.parametrize("output", [{"choice": "seen.ways"}, {"way": {"choice": "seen.ways"}}])
def test_options_that_are_not_known_yet_are_shown_as_such(output):
    """`render` refused a node whose options are a value of another node."""
    seen = Node("seen", function=total, with_={"things": "[]"})
    agent = Agent(Graph([seen, Node("act", "Go!", output=output)]), model="echo")
    [messages] = render(agent, "act", first_snapshot(agent, seed=4)).messages
    assert "⟨seen.ways[...]⟩" in messages[-1].content


def test_whether_a_node_runs_is_said_where_it_is_known(agent):
    snapshot = first_snapshot(agent, seed=4)
    assert render(agent, "plan", snapshot).wanted is None
    assert render(agent, "plan", snapshot, {"stale": False, "seen": "x"}).wanted is False
    assert render(agent, "seen", snapshot).wanted is True


def test_an_each_node_has_a_question_an_item(agent):
    rendered = render(agent, "answers", first_snapshot(agent, 4), {"questions": ["a?", "b?"]})
    assert [messages[-1].content for messages in rendered.messages] == ["a?", "b?"]


def test_asking_gives_the_value_and_what_it_took(agent):
    snapshot = first_snapshot(agent, seed=4)
    asked = asyncio.run(ask(agent, "answers", snapshot, {"questions": ["a?", "b?"]}))
    assert asked.value == ["answers0.0", "answers0.1"]
    assert asked.usage.calls == 2


class Slow:
    """A model of unknown price that says how many calls it had at once."""

    name = "slow"
    reads_variables = False

    def __init__(self) -> None:
        self.asked = self.now = self.most = 0

    async def complete(self, request) -> Completion:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return Completion(request.prompt, Usage(10, 10, calls=1))

    def cost_usd(self, usage):
        return None


def items(model, **limits) -> Agent:
    node = Node("n", "{{ item }}", each="range(20) | list")
    return Agent(Graph([node]), model=model, **limits)


def test_the_items_of_a_node_are_asked_all_at_once():
    model = Slow()
    asked = asyncio.run(ask(items(model), "n", Snapshot({"step": 0, "episode": 0})))
    assert asked.value == [str(i) for i in range(20)]
    assert model.most == 20


@pytest.mark.parametrize("scope", ["limits", "run_limits"])
def test_asking_keeps_to_the_limits_of_the_agent_and_of_a_run(scope):
    model = Slow()
    agent = items(model, **{scope: Limits(calls=2)})
    with pytest.raises(LimitExceeded, match="calls of 2 is reached"):
        asyncio.run(ask(agent, "n", Snapshot({"step": 0, "episode": 0})))
    assert model.asked <= 2


def test_a_limit_on_cost_needs_the_price_of_the_node_that_is_asked():
    model = Slow()
    agent = items(model, limits=Limits(cost_usd=1.0))
    with pytest.raises(InputError, match=r"slow \(asked by n\)"):
        asyncio.run(ask(agent, "n", Snapshot({"step": 0, "episode": 0})))
    assert model.asked == 0
    snapshot = Snapshot({"step": 0, "episode": 0})
    assert len(asyncio.run(ask(agent, "n", snapshot, allow_unknown_price=True)).value) == 20


def test_asking_with_unknown_values_is_refused(agent):
    with pytest.raises(InputError, match="reads questions, which no model was asked for"):
        asyncio.run(ask(agent, "answers", first_snapshot(agent, seed=4)))


def test_nodes_without_a_prompt_and_unknown_names_are_refused(agent):
    snapshot = first_snapshot(agent, seed=4)
    with pytest.raises(InputError, match="calls the function total"):
        render(agent, "count", snapshot)
    with pytest.raises(InputError, match="Did you mean 'plan'"):
        render(agent, "paln", snapshot)
    with pytest.raises(InputError, match="Did you mean 'seen'"):
        render(agent, "plan", snapshot, {"sene": 1})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ map }}", "⟨map⟩"),
        ("{{ map.a.b }}", "⟨map.a.b⟩"),
        ("{{ map[0] }}", "⟨map[0]⟩"),
        ("{{ map[:5] }}", "⟨map[:5]⟩"),
        ("{{ map[-3:] }} {{ map[1:9:2] }}", "⟨map[-3:]⟩ ⟨map[1:9:2]⟩"),
        ("{% for item in map[:5] %}{{ item.asin }}{% endfor %}", "⟨map[:5][...].asin⟩"),
        ("{% for place in map.places %}{{ place.name }} {% endfor %}", "⟨map.places[...].name⟩ "),
        ("{{ map.places | join(', ') }}", "⟨map.places[...]⟩"),
        ("{% if map.done %}yes{% endif %}", "yes"),
    ],
)
def test_a_placeholder_stands_for_a_value_of_any_shape(template, text):
    assert compile_template(template).render({"map": Placeholder("map")}) == text


def test_an_example_has_the_fields_of_its_schema():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "array"}}}
    assert example("x", schema) == {"a": "⟨x.a⟩", "b": ["⟨x.b[...]⟩"]}
