"""Nodes that decide: which option, with which probability, and who is asked when it is unsure."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agentkit import (
    Agent,
    Completion,
    EchoModel,
    FunctionModel,
    Graph,
    InputError,
    Node,
    Request,
    ScriptedModel,
    SpecError,
    StepError,
    Usage,
    parse_agent,
    rollout_sync,
)
from agentkit.errors import CannotDecide, ModelError
from agentkit.events import Event, NodeFinished, NodeRetried, NodeStarted
from agentkit.graph.node import Unsure
from agentkit.messages import Decision

WAY = {"choice": ["left", "right", "up"]}


class Decider:
    """Decides with fixed probabilities by the texts of questions, and counts its requests."""

    name = "decider"
    reads_variables = False
    decides = True

    def __init__(
        self, probabilities: Mapping[str, Mapping[str, float]], most_questions: int = 400
    ) -> None:
        self.probabilities = probabilities
        self.most_questions = most_questions
        self.requests: list[Request] = []

    async def complete(self, request: Request) -> Completion:
        return Completion("left", Usage(10, 1, calls=1, cost_usd=0.5))

    async def decide(self, request: Request) -> Completion:
        self.requests.append(request)
        found = tuple(Decision(self.probabilities[one.text], 0.1) for one in request.questions)
        return Completion("", Usage(10, 0, calls=1, cost_usd=0.25), decisions=found)

    def cost_usd(self, usage: Usage) -> float:
        return 0.25


class Writer:
    """Only writes."""

    name = "writer"
    reads_variables = False

    def __init__(self, text: str = "left") -> None:
        self.text = text
        self.requests: list[Request] = []

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        return Completion(self.text)


LEFT = Decider({"Where?": {"left": 0.7, "right": 0.2, "up": 0.1}})


def where(**fields: Any) -> Node:
    return Node("act", "Where?", output=WAY, **{"decide": "auto", **fields})


def ended(result: Any) -> NodeFinished:
    return next(event for event in result.trace if isinstance(event, NodeFinished))


def test_the_value_is_the_most_probable_option_and_all_probabilities_are_kept():
    result = Graph([where()]).run_sync(model=LEFT)
    assert result["act"] == "left"
    decision = ended(result).completion.decision
    assert dict(decision.probabilities) == {"left": 0.7, "right": 0.2, "up": 0.1}
    assert decision.other == 0.1
    assert ended(result).completion.text == "left"


def test_a_question_of_yes_or_no_is_a_predicate():
    model = Decider({"Is it?": {"yes": 0.3, "no": 0.7}})
    result = Graph([Node("ok", "Is it?", output="yes_no", decide=True)]).run_sync(model=model)
    assert result["ok"] is False
    (question,) = model.requests[0].questions
    assert (question.kind, question.options) == ("predicate", ("yes", "no"))
    assert question.text == "Is it?"


def test_of_equally_probable_options_the_first_wins():
    model = Decider({"Where?": {"up": 0.4, "right": 0.4, "left": 0.2}})
    assert Graph([where()]).run_sync(model=model)["act"] == "right"


def test_without_decide_the_model_writes():
    model = Decider({})
    assert Graph([where(decide=None)]).run_sync(model=model)["act"] == "left"
    assert not model.requests


def test_auto_writes_where_the_model_cannot_decide():
    model = Writer()
    result = Graph([where()]).run_sync(model=model)
    assert result["act"] == "left"
    assert model.requests[0].questions == ()
    assert ended(result).completion.decision is None


def test_true_refuses_a_model_that_cannot():
    with pytest.raises(StepError, match="can only answer in text: say 'decide: auto'"):
        Graph([where(decide=True)]).run_sync(model=Writer())


def test_a_run_is_refused_before_it_starts_and_not_when_the_agent_is_made():
    agent = Agent(Graph([where(decide=True)]), model=Writer(), env="agentkit/Crafter-v1")
    with pytest.raises(InputError, match="node 'act' is to be decided"):
        rollout_sync(agent)


def test_a_model_that_turns_out_to_write_is_refused_where_it_has_to_decide():
    class Turned(Decider):
        async def decide(self, request: Request) -> Completion:
            self.decides = False
            return Completion("left")

    assert Graph([where()]).run_sync(model=Turned({}))["act"] == "left"
    with pytest.raises(StepError, match="can only answer in text"):
        Graph([where(decide=True)]).run_sync(model=Turned({}))


def test_the_entry_of_a_model_lets_its_closed_questions_be_decided_and_no_others():
    model = Decider({"Where?": {"left": 0.2, "right": 0.7, "up": 0.1}})
    nodes = [where(decide=None), Node("why", "Why {{ act }}?")]
    result = Graph(nodes).run_sync(model="fast", models={"fast": {"use": model, "decide": True}})
    assert result.values == {"act": "right", "why": "left"}


def test_a_node_comes_before_the_entry_of_its_model():
    model = Decider({})
    models = {"fast": {"use": model, "decide": True}}
    assert Graph([where(decide=False)]).run_sync(model="fast", models=models)["act"] == "left"
    assert not model.requests


def test_one_option_needs_no_call():
    model = Decider({})
    result = Graph([Node("act", "?", output={"choice": "ways"}, decide="auto")]).run_sync(
        {"ways": ["up"]}, model=model
    )
    assert result["act"] == "up"
    assert (result.usage.calls, result.usage.cost_usd) == (0, 0.0)
    assert dict(ended(result).completion.decision.probabilities) == {"up": 1.0}
    assert not model.requests


def test_a_refusal_is_an_unusable_answer_of_that_node_and_is_not_asked_again():
    model = Decider({"Where?": {}})
    with pytest.raises(StepError, match="it is a refusal"):
        Graph([where()]).run_sync(model=model)
    assert len(model.requests) == 1
    assert Graph([where(otherwise="up")]).run_sync(model=model)["act"] == "up"


def test_a_decision_that_fails_its_check_is_not_asked_again():
    model = Decider(LEFT.probabilities)
    node = where(check=(), otherwise="up")
    node = replace(node, check=parse_agent(CHECKED).graph.nodes[0].check)
    result = Graph([node]).run_sync(model=model)
    assert (result["act"], result.status["act"]) == ("up", "otherwise")
    assert len(model.requests) == 1


CHECKED = """
model: echo
nodes:
  act: {prompt: a, output: {choice: [left, up]}, check: {that: output != 'left'}}
"""


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ({"left": 0.5, "down": 0.5}, "decided for 'down', which is no option of: left, right, up"),
        ({"left": 0.5, "right": 0.2, "up": 0.1}, "add up to 0.8: expected 1"),
        ({"left": 1.5, "right": -0.5, "up": 0.0}, "the probability 1.5: expected a number from 0"),
        ({"left": float("nan"), "right": 1.0}, "the probability nan"),
        ({"left": "much", "right": 1.0}, "the probability 'much'"),
    ],
)
def test_probabilities_that_cannot_be_are_an_error_of_the_model(probabilities, message):
    with pytest.raises(StepError, match=message):
        Graph([where()]).run_sync(model=Decider({"Where?": probabilities}))


def test_probabilities_that_a_server_rounded_add_up_to_one():
    model = Decider({"Where?": {"left": 0.333, "right": 0.333, "up": 0.333}})
    result = Graph([where()]).run_sync(model=model)
    assert sum(ended(result).completion.decision.probabilities.values()) == pytest.approx(1, 1e-12)


# ---- models without doubt ----


@pytest.mark.parametrize(
    ("said", "probabilities"),
    [
        ("right", {"left": 0.0, "right": 1.0, "up": 0.0}),
        ("I go right.", {"left": 0.0, "right": 1.0, "up": 0.0}),
        ('{"left": 0.2, "right": 0.8}', {"left": 0.2, "right": 0.8, "up": 0.0}),
    ],
)
def test_a_script_decides_for_what_it_says(said, probabilities):
    result = Graph([where()]).run_sync(model=ScriptedModel({"act": said}))
    assert result["act"] == "right"
    assert dict(ended(result).completion.decision.probabilities) == probabilities


def test_an_answer_of_a_script_that_names_no_option_is_asked_again():
    result = Graph([where()]).run_sync(model=ScriptedModel({"act": ["down", "up"]}))
    assert result["act"] == "up"


def test_a_function_gives_an_option_or_probabilities():
    mapped = FunctionModel(lambda request: {"left": 0.1, "right": 0.9})
    assert Graph([where()]).run_sync(model=mapped)["act"] == "right"
    plain = Graph([where()]).run_sync(model=lambda request: request.questions[0].options[2])
    assert plain["act"] == "up"
    assert ended(plain).completion.decision.probabilities["up"] == 1.0


def test_echo_decides_for_the_first_option():
    assert Graph([where()]).run_sync(model=EchoModel())["act"] == "left"


# ---- unsure ----


def unsure(model: Any, stronger: Any, below: float = 0.6) -> Any:
    node = where(unsure=Unsure(below, "strong"), model="fast")
    return Graph([node]).run_sync(models={"fast": model, "strong": stronger})


def test_another_model_is_asked_where_the_winner_is_not_probable_enough():
    first = Decider({"Where?": {"left": 0.5, "right": 0.4, "up": 0.1}})
    result = unsure(first, Decider({"Where?": {"left": 0.1, "right": 0.8, "up": 0.1}}))
    assert result["act"] == "right"
    asked = [event.model for event in result.trace if isinstance(event, NodeStarted)]
    assert asked == ["decider", "decider"]
    (retried,) = [event for event in result.trace if isinstance(event, NodeRetried)]
    assert retried.error == (
        "it is unsure: 'left' has the probability 0.5, below 0.6; decider is asked"
    )
    assert result.usage.calls == 2


def test_it_may_answer_in_text_with_all_its_attempts_and_no_other_temperature():
    first = Decider({"Where?": {"left": 0.5, "right": 0.4, "up": 0.1}})
    said = iter(["nonsense", "more", "up"])
    asked: list[Request] = []

    class Strong(Writer):
        takes_temperature = True

        async def complete(self, request: Request) -> Completion:
            asked.append(request)
            return Completion(next(said))

    assert unsure(first, Strong())["act"] == "up"
    assert [request.sampling.temperature for request in asked] == [None, 0.8, 1.0]


def test_a_winner_that_is_probable_enough_is_taken():
    stronger = Writer()
    first = Decider({"Where?": {"left": 0.6, "right": 0.3, "up": 0.1}})
    assert unsure(first, stronger)["act"] == "left"
    assert not stronger.requests


def test_a_refusal_is_unsure():
    assert unsure(Decider({"Where?": {}}), Writer("up"))["act"] == "up"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("output: text, decide: auto", "a model decides among options, and this output is text"),
        ("output: text, unsure: {below: 0.5, ask: echo}", "this output is text"),
        (
            "output: yes_no, decide: false, unsure: {below: 0.5, ask: echo}",
            "an answer in text has no probability",
        ),
        (
            "output: yes_no, unsure: {below: 0.5, ask: echo}",
            "an answer in text has no probability: say 'decide: auto' too",
        ),
        ("output: yes_no, decide: auto, unsure: {below: 0.5, ask: eco}", "unknown model 'eco'"),
        ("output: yes_no, decide: maybe", "auto or true or false"),
        ("output: yes_no, decide: auto, unsure: {below: 2, ask: echo}", "from 0 to 1"),
        ("output: yes_no, decide: auto, unsure: {ask: echo}", "below"),
    ],
)
def test_what_cannot_be_decided_is_said_when_the_agent_is_loaded(fields, message):
    with pytest.raises(SpecError, match=message):
        parse_agent(f"model: echo\nnodes:\n  act: {{prompt: a, {fields}}}\n")


def test_a_function_node_decides_nothing():
    with pytest.raises(SpecError, match="'decide' needs a prompt"):
        Graph([Node("act", function=len, with_={"obj": "[]"}, decide=True)])


def test_nodes_may_be_called_decide_and_unsure():
    agent = parse_agent(
        "model: echo\nnodes:\n  - decide: Which way?\n  - unsure: Why {{ decide }}?\n"
    )
    assert list(agent.graph.index) == ["decide", "unsure"]


def test_in_python_the_fields_are_checked_too():
    with pytest.raises(SpecError, match="expected auto or True or False"):
        Graph([where(decide="sometimes")])
    with pytest.raises(SpecError, match="a probability from 0 to 1, and a model"):
        Graph([where(unsure={"below": 0.5, "ask": "echo"})])


# ---- one request for many ----

GATES = Decider(
    {
        "a?": {"yes": 0.9, "no": 0.1},
        "b?": {"yes": 0.2, "no": 0.8},
        "c?": {"left": 0.1, "right": 0.2, "up": 0.7},
    }
)


def gates(system: str = "You play.") -> Graph:
    return Graph(
        [
            Node("a", "a?", output="yes_no", decide="auto"),
            Node("b", "b?", output="yes_no", decide="auto"),
            Node("c", "c?", output=WAY, decide="auto"),
            Node("end", "{{ a }} {{ b }} {{ c }}", function=None),
        ],
        system=system,
    )


def test_questions_that_are_ready_at_the_same_time_are_asked_in_one_request():
    model = Decider(GATES.probabilities)
    result = gates().run_sync(model=model)
    assert (result["a"], result["b"], result["c"]) == (True, False, "up")
    (request,) = model.requests
    assert [one.text for one in request.questions] == ["a?", "b?", "c?"]
    # the request once, and the answer in text of the last node
    assert (result.usage.calls, result.usage.cost_usd) == (2, 0.75)


def test_a_model_gets_no_more_questions_than_it_takes():
    model = Decider(GATES.probabilities, most_questions=2)
    gates().run_sync(model=model)
    assert [len(request.questions) for request in model.requests] == [2, 1]


def test_without_anything_in_front_each_question_is_its_own_state():
    model = Decider(GATES.probabilities)
    gates(system="").run_sync(model=model)
    assert [len(request.questions) for request in model.requests] == [1, 1, 1]


def test_the_items_of_a_node_are_asked_in_one_request():
    model = Decider({name: {"yes": 1.0, "no": 0.0} for name in "xyz"})
    node = Node("good", "{{ item }}", each="names", output="yes_no", decide="auto")
    graph = Graph([node], system="You judge.")
    assert graph.run_sync({"names": ["x", "y", "z"]}, model=model)["good"] == [True] * 3
    assert len(model.requests) == 1


def test_questions_that_it_cannot_decide_together_are_asked_one_by_one():
    class OneByOne(Decider):
        async def decide(self, request: Request) -> Completion:
            if len(request.questions) > 1:
                raise CannotDecide("one at a time")
            return await super().decide(request)

    model = OneByOne(GATES.probabilities)
    assert gates().run_sync(model=model)["c"] == "up"
    assert len(model.requests) == 3


def test_an_error_of_a_shared_request_is_that_of_every_node():
    class Broken(Decider):
        async def decide(self, request: Request) -> Completion:
            raise ModelError("no answer")

    with pytest.raises(StepError) as caught:
        gates().run_sync(model=Broken({}))
    assert {*caught.value.failures} == {"a", "b", "c"}


def test_cancelling_a_step_cancels_its_shared_request():
    class Slow(Decider):
        async def decide(self, request: Request) -> Completion:
            await asyncio.sleep(60)
            raise AssertionError

    async def run() -> None:
        running = asyncio.ensure_future(gates().run(model=Slow({})))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(run())


def test_the_same_question_of_a_node_with_reuse_is_decided_once():
    model = Decider({"Where?": {"left": 0.9, "right": 0.1, "up": 0.0}})
    agent = Agent(Graph([where(reuse=True)]), model=model)
    assert [agent.act_sync(), agent.act_sync()] == ["left", "left"]
    assert len(model.requests) == 1
    events: list[Event] = []
    agent.act_sync(on_event=events.append)
    (told,) = [event for event in events if isinstance(event, NodeFinished)]
    assert told.reused
    assert told.completion.decision.probabilities["left"] == 0.9


# ---- probabilities in expressions and results ----


def graph_of(expression: str, *, decide: Any = "auto", **fields: Any) -> Graph:
    wrote = Node("wrote", f"[{{{{ {expression} }}}}]")
    return Graph([where(decide=decide), replace(wrote, **fields)])


class Repeating(Decider):
    """Answers a question in text with its prompt."""

    async def complete(self, request: Request) -> Completion:
        return Completion(request.prompt)


SEEN = {"Where?": {"left": 0.7, "right": 0.2, "up": 0.1}}


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("probability('act')", "[0.7]"),
        ("probability('act', 'right')", "[0.2]"),
        ("probability('act', act)", "[0.7]"),
        ("'sure' if probability('act') > 0.5 else 'unsure'", "[sure]"),
        ("act ~ probability('act') | round(1)", "[left0.7]"),
    ],
)
def test_a_prompt_can_ask_how_probable_an_option_is(expression, written):
    result = graph_of(expression).run_sync(model=Repeating(SEEN))
    assert result["wrote"] == written


def test_probabilities_are_in_the_result():
    result = graph_of("act").run_sync(model=Repeating(SEEN))
    assert dict(result.probabilities["act"]) == SEEN["Where?"]
    assert "wrote" not in result.probabilities


def test_the_name_in_probability_is_a_dependency():
    graph = graph_of("probability('act')")
    assert list(graph.successors[graph.index["act"]]) == [graph.index["wrote"]]


def test_the_probability_of_an_answer_in_text_is_null():
    graph = graph_of("probability('act') is none", decide=False)
    assert graph.run_sync(model=lambda r: r.prompt if r.call.node == "wrote" else "up")[
        "wrote"
    ] == ("[true]")


def test_yes_and_no_can_be_given_as_true_and_false():
    asked = Node("ok", "Is it?", output="yes_no", decide="auto")
    graph = Graph([asked, Node("wrote", "{{ probability('ok', true) }} {{ probability('ok') }}")])
    model = Repeating({"Is it?": {"yes": 0.3, "no": 0.7}})
    assert graph.run_sync(model=model)["wrote"] == "0.3 0.7"


def test_of_a_node_with_each_there_is_one_for_each_item():
    model = Repeating({"x": {"yes": 0.9, "no": 0.1}, "y": {"yes": 0.2, "no": 0.8}})
    nodes = [
        Node("good", "{{ item }}", each="names", output="yes_no", decide="auto"),
        Node("wrote", "{{ probability('good') }} {{ probability('good', 'yes') }}"),
    ]
    result = Graph(nodes).run_sync({"names": ["x", "y"]}, model=model)
    assert result["wrote"] == "[0.9, 0.8] [0.9, 0.2]"
    assert [dict(one) for one in result.probabilities["good"]] == [*model.probabilities.values()]


def test_memory_can_keep_how_sure_a_node_was():
    node = where(save={"sure": "probability('act')"})
    result = Graph([node]).run_sync(model=LEFT, memory={"sure": None})
    assert result.memory["sure"] == 0.7


def test_an_action_can_depend_on_a_probability():
    action = "{{ act if probability('act') > 0.8 else 'wait' }}"
    agent = Agent(Graph([where()]), model=Repeating(SEEN), action=action)
    assert agent.act_sync() == "wait"


def test_a_skipped_node_keeps_its_probabilities_and_one_written_again_loses_them():
    model = Repeating(SEEN)
    nodes = [where(when="step == 0", initial="up"), Node("wrote", "{{ probability('act') }}")]
    agent = Agent(Graph(nodes), model=model, action="wrote")
    assert [agent.act_sync(), agent.act_sync()] == ["0.7", "0.7"]


def test_names_like_the_function_keep_working():
    graph = Graph(
        [Node("probability", "One?"), Node("confidence", "{{ probability }}!")],
    )
    assert graph.run_sync(model=lambda request: request.prompt)["confidence"] == "One?!"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("probability('atc')", r"probability\('atc'\): there is no node 'atc'. Did you mean 'act'"),
        ("probability(act)", "with the name of a node"),
        ("probability()", "with the name of a node"),
        ("probability('act', 'left', 'up')", "with the name of a node"),
        ("probability('wrote')", "'wrote' has no options"),
        ("_probability", "'_probability' cannot be used in a template"),
    ],
)
def test_a_wrong_probability_is_said_when_the_graph_is_made(expression, message):
    with pytest.raises(SpecError, match=message):
        graph_of(expression)


def test_an_unknown_option_names_those_that_there_are():
    graph = graph_of("probability('act', 'lef')")
    with pytest.raises(StepError, match=r"'act' decided among left, right, up: not 'lef'. Did you"):
        graph.run_sync(model=Repeating(SEEN))


@pytest.mark.parametrize("field", ["context", "system"])
def test_what_is_filled_in_before_any_node_knows_no_probability(field):
    with pytest.raises(SpecError, match="filled in before any node decides"):
        Graph([where()], **{field: "{{ probability('act') }}"})


def test_a_node_knows_its_own_probability_only_once_it_has_decided():
    with pytest.raises(SpecError, match="is known once it has decided: in 'save'"):
        Graph([Node("act", "{{ probability('act') }}", output=WAY, decide="auto")])


def test_an_action_names_a_node_that_decides():
    with pytest.raises(SpecError, match="there is no node 'atc'"):
        Agent(Graph([where()]), model=LEFT, action="{{ probability('atc') }}")
