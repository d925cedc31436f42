import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import dags

from agentkit import (
    Agent,
    Check,
    EchoModel,
    Graph,
    Image,
    ModelError,
    Node,
    Request,
    ScriptedModel,
    SpecError,
    Step,
    StepError,
    StepInterrupted,
)


def run(*nodes: Node, inputs=None, **options):
    options.setdefault("model", EchoModel())
    return Graph(list(nodes), **options.pop("graph", {})).run_sync(inputs or {}, **options)


def events(result, kind):
    return [event for event in result.trace if type(event).__name__ == kind]


def test_values_flow_from_node_to_node():
    result = run(
        Node("a", "one {{ x }}"), Node("b", "two {{ a }}"), inputs={"x": "{{ not a template }}"}
    )
    assert result["b"] == "two one {{ not a template }}"
    assert result.status == {"a": "ok", "b": "ok"}
    assert result.usage.calls == 2
    assert result.cost_usd == 0.0


def test_a_node_starts_the_moment_its_last_dependency_finishes():
    """Two skewed chains: a level barrier would take 280 ms, the critical path is 150."""
    started: dict[str, float] = {}

    async def wait(name: str, seconds: float) -> str:
        started[name] = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        return name

    def node(name: str, seconds: float, *after: str) -> Node:
        arguments = {"name": f"'{name}'", "seconds": str(seconds)}
        return Node(name, function=wait, with_=arguments, after=after)

    run(
        node("a", 0.01),
        node("b", 0.14, "a"),
        node("c", 0.14),
        node("d", 0.01, "c"),
        node("e", 0, "b", "d"),
    )
    assert started["b"] < started["d"]


def test_messages_are_system_context_recalled_turns_prompt_and_what_the_output_asks():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return "yes"

    run(
        Node("a", "First?"),
        Node("b", "Second?", recall=["a"], output="yes_no"),
        Node("c", "Third?", with_context=False, after=["b"]),
        graph={"system": "S", "context": "C {{ x }}"},
        inputs={"x": 1},
        model=model,
    )
    texts = [[(m.role, m.content) for m in request.messages] for request in seen]
    assert texts[0] == [("system", "S"), ("user", "C 1"), ("user", "First?")]
    assert texts[1][:4] == [*texts[0], ("assistant", "yes")]
    assert texts[1][4][1].startswith("Second?\n\n")
    assert texts[2] == [("system", "S"), ("user", "Third?")]


def test_in_a_conversation_every_request_extends_the_one_before_exactly():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return f"answer {len(seen)}"

    names = ["a", "b", "c", "d"]
    nodes = [Node(n, f"{n}?", recall=names[:i]) for i, n in enumerate(names)]
    run(*nodes, model=model, graph={"system": "S", "context": "C"})
    for before, after in pairwise(seen):
        assert after.messages[: len(before.messages)] == before.messages


def test_a_wrong_answer_is_shown_to_the_model_with_the_error_and_asked_again():
    model = ScriptedModel({"n": ["twelve", "12"]})
    requests: list[Request] = []

    async def spy(request: Request):
        requests.append(request)
        return await model.complete(request)

    result = run(Node("n", "How many?", output="integer"), model=spy)
    assert result["n"] == 12
    answer, correction = requests[1].messages[-2:]
    assert answer.content == "twelve"
    assert "cannot be used" in correction.content
    assert [e.attempt for e in events(result, "NodeStarted")] == [1, 2]
    assert events(result, "NodeRetried")[0].completion.text == "twelve"


def test_recall_shows_the_accepted_answer_without_the_retries():
    seen: list[Request] = []
    answers = iter(["bad", "7", "done"])

    def model(request: Request) -> str:
        seen.append(request)
        return next(answers)

    run(Node("n", "How many?", output="integer"), Node("m", "?", recall=["n"]), model=model)
    assert [m.content for m in seen[2].messages][1:] == ["7", "?"]


def test_checks_that_fail_are_retried_and_then_fail_the_node():
    with pytest.raises(StepError, match="too small") as caught:
        run(
            Node("n", "?", output="integer", check=[Check("output > 3", "too small")], attempts=2),
            model=ScriptedModel({"n": "1"}),
        )
    assert list(caught.value.failures) == ["n"]


def test_otherwise_is_taken_when_attempts_are_spent_and_the_trace_says_so():
    node = Node("n", "?", output="integer", attempts=2, otherwise=None)
    result = run(node, model=ScriptedModel({"n": "x"}))
    assert result["n"] is None
    assert result.status["n"] == "otherwise"
    assert events(result, "NodeFinished")[0].status == "otherwise"


def test_otherwise_does_not_cover_a_model_that_could_not_be_reached():
    def model(request: Request) -> str:
        raise ModelError("no route")

    with pytest.raises(StepError, match="no route"):
        run(Node("n", "?", otherwise="x"), model=model)


def test_a_models_own_exception_becomes_a_model_error_of_that_node():
    def model(request: Request) -> str:
        raise ZeroDivisionError("oops")

    with pytest.raises(StepError, match="raised ZeroDivisionError: oops"):
        run(Node("n", "?"), model=model)


def test_a_failed_node_cancels_its_descendants_only_and_all_failures_are_listed():
    done: list[str] = []

    def model(request: Request) -> str:
        if request.call.node in {"bad", "worse"}:
            raise ModelError(f"{request.call.node} broke")
        done.append(request.call.node)
        return "x"

    seen: list[object] = []
    with pytest.raises(StepError) as caught:
        run(
            Node("bad", "?"),
            Node("child", "{{ bad }}"),
            Node("grandchild", "{{ child }}"),
            Node("good", "?"),
            Node("better", "{{ good }}"),
            Node("worse", "?"),
            model=model,
            on_event=seen.append,
        )
    assert done == ["good", "better"]
    assert set(caught.value.failures) == {"bad", "worse"}
    assert "bad broke" in str(caught.value)
    cancelled = {e.node: e.because for e in seen if type(e).__name__ == "NodeCancelled"}
    assert cancelled == {"child": "bad", "grandchild": "bad"}


def test_each_asks_once_an_item_all_at_once_and_keeps_their_order():
    running, most = 0, 0

    async def model(request: Request) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01 * (3 - (request.call.item or 0)))
        running -= 1
        return request.prompt

    result = run(Node("q", "{{ item }}!", each="xs"), inputs={"xs": ["a", "b", "c"]}, model=model)
    assert result["q"] == ["a!", "b!", "c!"]
    assert most == 3


def test_each_over_null_is_an_empty_list_and_over_a_text_is_an_error():
    assert run(Node("q", "{{ item }}", each="xs"), inputs={"xs": None})["q"] == []
    with pytest.raises(StepError, match="expected a list"):
        run(Node("q", "{{ item }}", each="xs"), inputs={"xs": "abc"})


def test_each_recalls_its_pairs_in_item_order_and_saves_once_with_the_list():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return request.prompt.upper()

    result = run(
        Node("q", "{{ item }}", each="xs", save={"all": "output"}),
        Node("end", "?", recall=["q"]),
        inputs={"xs": ["a", "b"]},
        model=model,
        memory={"all": []},
    )
    assert result.memory == {"all": ["A", "B"]}
    assert [m.content for m in seen[-1].messages] == ["a", "A", "b", "B", "?"]
    assert len(events(result, "MemoryWritten")) == 1


def test_an_item_that_fails_fails_the_node_after_the_other_items_ended():
    def model(request: Request) -> str:
        if request.call.item == 1:
            raise ModelError("broke")
        return "x"

    seen: list[object] = []
    with pytest.raises(StepError, match="1 of 3 items failed: item 1: broke"):
        run(Node("q", "?{{ item }}", each="[1, 2, 3]"), model=model, on_event=seen.append)
    finished = [e.item for e in seen if type(e).__name__ == "NodeFinished"]
    assert sorted(finished) == [0, 2]


def agent(*nodes: Node, **options) -> Agent:
    options.setdefault("model", EchoModel())
    return Agent(Graph(list(nodes)), **options)


def test_when_false_skips_the_node_and_keeps_its_value_and_its_turn():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return f"plan of step {request.call.step}" if request.call.node == "plan" else "go"

    player = agent(
        Node("plan", "Plan!", when="step % 2 == 0"),
        Node("act", "Do {{ plan }}", recall=["plan"]),
        model=model,
    )
    assert player.act_sync("o") == "go"
    assert player.act_sync("o") == "go"
    assert player.result.status == {"plan": "skipped", "act": "ok"}
    assert [m.content for m in seen[-1].messages] == [
        "Plan!",
        "plan of step 0",
        "Do plan of step 0",
    ]


def test_a_node_that_never_ran_is_left_out_of_recall_and_cannot_be_read():
    result = run(Node("a", "?", when="false"), Node("b", "!", recall=["a"]))
    assert result["b"] == "!"
    with pytest.raises(StepError, match="'a' has never run"):
        run(Node("a", "?", when="false"), Node("b", "{{ a }}"))


def test_initial_is_the_value_before_the_node_first_ran():
    result = run(Node("a", "?", when="false", initial={"x": 1}), Node("b", "{{ a.x }}"))
    assert result["b"] == "1"


def test_previous_is_the_value_of_the_step_before_and_at_first_the_initial_one():
    player = agent(Node("a", "{{ previous.a }}|{{ observation }}", initial="none yet"))
    assert player.act_sync("x") == "none yet|x"
    assert player.act_sync("y") == "none yet|x|y"
    with pytest.raises(StepError, match="'a' has never run"):
        agent(Node("a", "{{ previous.a }}")).act_sync("x")
    guarded = agent(Node("a", "{% if step > 0 %}{{ previous.a }}{% endif %}!"))
    assert [guarded.act_sync("x"), guarded.act_sync("y")] == ["!", "!!"]


def test_memory_and_values_are_committed_together_or_not_at_all():
    broken = True

    def model(request: Request) -> str:
        if request.call.node == "late" and broken:
            raise ModelError("down")
        return request.prompt

    player = agent(
        Node("early", "{{ memory.n }}+", save={"n": "output"}),
        Node("late", "{{ early }}"),
        model=model,
        memory={"n": "0"},
    )
    with pytest.raises(StepError):
        player.act_sync("o")
    broken = False
    assert player.act_sync("o") == "0+"
    assert player.result.memory == {"n": "0+"}
    assert player.act_sync("o") == "0++"


def test_a_node_sees_the_memory_written_by_those_it_depends_on():
    result = run(
        Node("a", "new", save={"k": "output"}),
        Node("b", "{{ memory.k }}", after=["a"]),
        memory={"k": "old"},
    )
    assert result["b"] == "new"


def test_functions_get_copies_and_their_results_must_be_json_values():
    def spoil(items: list[int]) -> list[int]:
        items.append(99)
        return items

    result = run(
        Node("f", function=spoil, with_={"items": "xs"}),
        Node("g", "{{ xs }}", after=["f"]),
        inputs={"xs": [1]},
    )
    assert result["f"] == [1, 99]
    assert result["g"] == "[1]"
    with pytest.raises(StepError, match=r"the result\[0\] is a set, not a JSON value"):
        run(Node("f", function=lambda: [set()]))
    with pytest.raises(StepError, match="raised ValueError: bad"):
        run(Node("f", function=lambda x: int(x) if x == "1" else _raise(), with_={"x": "'2'"}))


def _raise() -> int:
    raise ValueError("bad")


def test_arguments_of_functions_are_checked_before_anything_runs():
    def f(place: str, times: int = 1) -> str:
        return place * times

    with pytest.raises(SpecError) as caught:
        run(Node("f", function=f, with_={"plaice": "'x'"}))
    assert "unknown argument 'plaice'. Did you mean 'place'?" in str(caught.value)
    with pytest.raises(SpecError, match="missing argument 'place'"):
        run(Node("f", function=f))


def test_unknown_models_functions_and_memory_keys_come_in_one_error():
    with pytest.raises(SpecError) as caught:
        run(
            Node("a", "?", model="ecoh"),
            Node("b", function="no_such"),
            Node("c", "{{ memory.fcats }}", save={"k": "output"}),
            memory={"facts": []},
        )
    text = str(caught.value)
    assert "unknown model 'ecoh'. Did you mean 'echo'?" in text
    assert "unknown function 'no_such'" in text
    assert "no key 'fcats'. Did you mean 'facts'?" in text
    assert "no key 'k'" in text


def test_nodes_pick_their_model_and_sampling_and_models_have_their_own():
    seen: dict[str, Request] = {}

    def model(request: Request) -> str:
        seen[request.call.node] = request
        return "x"

    run(
        Node("a", "?", model="cool"),
        Node("b", "?", model="cool", temperature=0.5, max_tokens=7),
        Node("c", "?", stop=["END"]),
        model=model,
        models={"cool": {"use": model, "temperature": 0.1, "top_p": 0.9}},
    )
    assert (seen["a"].sampling.temperature, seen["a"].sampling.top_p) == (0.1, 0.9)
    assert (seen["b"].sampling.temperature, seen["b"].sampling.max_tokens) == (0.5, 7)
    assert seen["c"].sampling.stop == ("END",)


def test_a_schema_reaches_the_model_as_json_schema():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return '{"subgoal": "wood"}'

    result = run(Node("a", "?", output={"subgoal": "str"}), model=model)
    assert result["a"] == {"subgoal": "wood"}
    assert seen[0].schema["properties"]["subgoal"]["type"] == "string"


def test_pictures_stand_with_the_prompt():
    seen: list[Request] = []
    png = b"\x89PNG\r\n\x1a\n rest"

    def model(request: Request) -> str:
        seen.append(request)
        return "x"

    run(Node("a", "?", images="picture"), model=model, inputs={"picture": [png]})
    assert seen[0].messages[-1].images == (Image(png),)
    with pytest.raises(StepError, match="expected a picture"):
        run(Node("a", "?", images="picture"), inputs={"picture": "etc/passwd"})


def test_reuse_asks_once_for_the_same_request_in_an_episode():
    asked: list[str] = []

    async def model(request: Request) -> str:
        asked.append(request.call.node)
        await asyncio.sleep(0)
        return "x"

    player = agent(Node("a", "Same?", reuse=True), Node("b", "{{ a }}"), model=model)
    player.act_sync("1")
    player.act_sync("2")
    assert asked == ["a", "b", "b"]
    assert player.result.usage.calls == 1
    player.reset()
    player.act_sync("3")
    assert asked.count("a") == 2


def test_identical_requests_in_flight_are_asked_once():
    asked = 0

    async def complete(request: Request) -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return "x"

    class ByMessages:
        name = "m"
        reads_variables = False

        async def complete(self, request: Request):
            from agentkit import Completion

            return Completion(await complete(request))

    result = run(
        Node("a", "Same?", reuse=True),
        Node("b", "Same?", reuse=True),
        model=ByMessages(),
    )
    assert (result["a"], result["b"], asked) == ("x", "x", 1)


def test_items_keep_their_own_completions_unless_the_temperature_is_zero():
    asked = 0

    class Model:
        name = "m"
        reads_variables = False

        async def complete(self, request: Request):
            from agentkit import Completion

            nonlocal asked
            asked += 1
            return Completion(str(asked))

    node = {"each": "[1, 1]", "reuse": True}
    assert run(Node("a", "{{ item }}", **node), model=Model())["a"] == ["1", "2"]
    asked = 0
    assert run(Node("a", "{{ item }}", temperature=0, **node), model=Model())["a"] == ["1", "1"]


def test_a_function_may_add_nodes_before_one_that_has_not_started():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return f"<{request.prompt}>"

    def ask(step, topic: str) -> int:
        first = step.add(Node("q", "What about {{ see }}?"), before=["act"])
        step.add(Node("q", "And {{ see }} after that?", recall=[first]), before=["act"])
        return len(topic)

    graph = Graph(
        [
            Node("see", "Look"),
            Node("ask", function=ask, with_={"topic": "see"}),
            Node("act", "Act", after=["ask"]),
        ]
    )
    result = graph.run_sync(model=model)
    assert [r.call.node for r in seen] == ["see", "ask.1", "ask.2", "act"]
    assert [m.content for m in seen[-1].messages] == [
        "What about <Look>?",
        "<What about <Look>?>",
        "And <Look> after that?",
        "<And <Look> after that?>",
        "Act",
    ]
    assert [e.node for e in events(result, "NodeAdded")] == ["ask.1", "ask.2"]
    assert len(graph.nodes) == 3
    again = graph.run_sync(model=model)
    assert set(again.status) == {"see", "ask", "ask.1", "ask.2", "act"}


@pytest.mark.parametrize(
    ("node", "before", "message"),
    [
        (Node("q", "{{ later }}"), [], "unknown name 'later'|comes before"),
        (Node("q", "x"), ["see"], "'see' does not come after 'ask'"),
        (Node("q", "x"), ["nowhere"], "no node 'nowhere'"),
        (Node("q", "x", save={"k": "output"}), [], "memory.k"),
        (Node("q", ""), [], "prompt is empty"),
    ],
)
def test_added_nodes_are_checked(node, before, message):
    def ask(step) -> None:
        step.add(node, before=before)

    with pytest.raises(StepError, match=message):
        run(
            Node("see", "Look"),
            Node("ask", function=ask, after=["see"]),
            Node("later", "{{ memory.k }}", after=["see"]),
            memory={"k": 1},
        )


def test_what_a_function_may_add_does_not_depend_on_which_item_is_quicker():
    async def ask(step, item: int) -> None:
        await asyncio.sleep(0.002 * (3 - item))
        step.add(Node("q", f"question {item}"), before=["act"])

    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return "x"

    run(
        Node("ask", function=ask, each="[0, 1, 2]", with_={"item": "item"}),
        Node("act", "?", after=["ask"]),
        model=model,
    )
    assert {r.call.node for r in seen} == {"ask.0.1", "ask.1.1", "ask.2.1", "act"}
    questions = [m.content for m in seen[-1].messages if m.role == "user"]
    assert questions == ["question 0", "question 1", "question 2", "?"]


def test_added_nodes_last_for_one_step():
    def ask(step) -> None:
        step.add(Node("q", "why?"), before=["act"])

    player = agent(Node("ask", function=ask), Node("act", "?", after=["ask"]))
    player.act_sync("1")
    assert "ask.1" in player.result.values
    assert set(player.result.state.values) == {"ask", "act"}
    assert set(player.result.state.turns) == {"act"}


def test_a_node_is_not_added_once_the_function_has_returned():
    handles: list[Step] = []

    def keep(step) -> None:
        handles.append(step)

    def late() -> None:
        handles[0].add(Node("q", "?"))

    with pytest.raises(StepError, match="'keep' has returned"):
        run(Node("keep", function=keep), Node("late", function=late, after=["keep"]))


def test_a_check_that_cannot_be_evaluated_is_retried_like_one_that_says_no():
    model = ScriptedModel({"n": ["5", '{"a": 1}']})
    result = run(Node("n", "?", output="json", check=[Check("'a' in output")]), model=model)
    assert result["n"] == {"a": 1}
    fallen = Node("n", "?", output="json", check=[Check("'a' in output")], otherwise={})
    assert run(fallen, model=ScriptedModel({"n": "5"}))["n"] == {}


def test_an_each_node_without_items_leaves_no_turns_of_the_step_before():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return "x"

    player = agent(Node("q", "{{ item }}", each="observation"), Node("z", "?", recall=["q"]),
                   model=model)  # fmt: skip
    player.act_sync(["one", "two"])
    player.act_sync([])
    assert [m.content for m in seen[-1].messages] == ["?"]


def test_an_error_of_a_listener_arrives_as_itself_from_inside_an_each_node():
    def listen(event: object) -> None:
        if type(event).__name__ == "NodeFinished":
            raise ZeroDivisionError("listener")

    with pytest.raises(ZeroDivisionError, match="listener"):
        run(Node("q", "{{ item }}", each="[1, 2]"), on_event=listen)


def test_nothing_is_asked_again_once_the_step_was_told_to_stop():
    asked = 0

    def model(request: Request) -> str:
        nonlocal asked
        asked += 1
        return "no number"

    player = agent(Node("n", "?", output="integer", attempts=50), model=model)
    with pytest.raises(StepInterrupted):
        asyncio.run(player.episode().act("o", stopping=lambda: asked == 2))
    assert asked == 2


def test_a_cancelled_step_says_what_it_had_used():
    seen: list[object] = []

    async def model(request: Request) -> str:
        if request.call.node == "slow":
            await asyncio.sleep(60)
        return "x"

    async def cancelled() -> None:
        graph = Graph([Node("quick", "?"), Node("slow", "{{ quick }}")])
        task = asyncio.create_task(graph.run(model=model, on_event=seen.append))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert type(seen[-1]).__name__ == "StepFailed"
    assert seen[-1].usage.calls == 2, "the one in flight was made too"


def test_reuse_forgets_what_a_failed_step_asked():
    asked: list[str] = []
    broken = True

    def model(request: Request) -> str:
        asked.append(request.call.node)
        if request.call.node == "b" and broken:
            raise ModelError("down")
        return "x"

    player = agent(Node("a", "Same?", reuse=True), Node("b", "{{ a }}"), model=model)
    with pytest.raises(StepError):
        player.act_sync("1")
    broken = False
    player.act_sync("1")
    assert asked == ["a", "b", "a", "b"]


def test_the_context_is_rendered_once_a_step_and_its_error_fails_the_step():
    with pytest.raises(StepError, match="context"):
        run(Node("a", "?"), graph={"context": "{{ info.x }}"}, inputs={"info": {}})


def test_two_steps_of_one_graph_run_at_once_without_mixing():
    graph = Graph([Node("a", "{{ x }}"), Node("b", "{{ a }}{{ x }}")])

    async def model(request: Request) -> str:
        await asyncio.sleep(0.001)
        return request.prompt

    async def many():
        return await asyncio.gather(*(graph.run({"x": str(i)}, model=model) for i in range(20)))

    assert [r["b"] for r in asyncio.run(many())] == [f"{i}{i}" for i in range(20)]


def test_stream_yields_started_text_and_finished_and_raises_what_run_raises():
    async def collect(graph: Graph) -> list[str]:
        return [type(e).__name__ async for e in graph.stream({}, model="echo")]

    kinds = asyncio.run(collect(Graph([Node("a", "?")])))
    assert kinds == ["StepStarted", "NodeStarted", "NodeText", "NodeFinished", "StepFinished"]
    with pytest.raises(StepError):
        asyncio.run(collect(Graph([Node("a", function=_raise)])))


@given(dags(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_result_does_not_depend_on_which_node_finishes_first(nodes, random):
    graph = Graph(nodes)

    async def model(request: Request) -> str:
        for _ in range(random.randint(0, 3)):
            await asyncio.sleep(0)
        return str(hash(request.prompt) % 1000)

    first, second = (graph.run_sync(model=model) for _ in range(2))
    assert first.values == second.values
    assert set(first.status.values()) == {"ok"}


@pytest.mark.parametrize("first", ["left", "right"])
def test_which_of_two_failures_came_first_makes_no_difference(first):
    async def model(request: Request) -> str:
        await asyncio.sleep(0 if request.call.node == first else 0.01)
        raise ModelError(f"{request.call.node} is down")

    events = []
    graph = Graph([Node("left", "?"), Node("right", "?"), Node("end", "{{ left }}{{ right }}")])
    with pytest.raises(StepError) as caught:
        graph.run_sync(model=model, on_event=events.append)
    assert list(caught.value.failures) == ["left", "right"]
    (cancelled,) = (event for event in events if type(event).__name__ == "NodeCancelled")
    assert cancelled.because == "left"


def test_values_stand_in_the_graphs_order_whichever_node_finishes_first():
    def later(n, step):
        time.sleep(0.05 if n == 1 else 0)
        for _ in range(11 if n == 2 else 0):
            step.add(Node("extra", "x"))
        return n

    nodes = [
        *(Node(name, function=later, with_={"n": n}) for name, n in (("a", "1"), ("b", "2"))),
        Node("c", "{{ a }}", output=str),
        Node("d", "x"),
    ]
    result = Graph(nodes).run_sync(model="echo")
    added = [f"b.{number}" for number in range(1, 12)]
    assert list(result.values) == ["a", "b", *added, "c", "d"]
