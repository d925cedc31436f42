"""A graph as a LangChain Runnable."""

import asyncio
import threading
import warnings
from contextlib import aclosing
from uuid import uuid4

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda

from agentkit import (
    Completion,
    Graph,
    InputError,
    Node,
    ScriptedModel,
    SpecError,
    StepError,
    Usage,
)
from agentkit.models.langchain.model import LangChainModel

TOWN = Graph([Node("city", "A city in {{ country }}?"), Node("people", "{{ city }}?")])


def town(request):
    text = {"city": "Lyon", "people": "520000"}[request.call.node]
    return Completion(text, Usage(10, 2, 4, 1, 0.1), model="town-1")


def fake(*texts):
    return LangChainModel(GenericFakeChatModel(messages=iter([AIMessage(t) for t in texts])))


class Recorder(BaseCallbackHandler):
    """Writes down what it is told, with the names of the runs."""

    raise_error = True

    def __init__(self):
        self.told = []
        self.names = {}
        self.parents = {}
        self.details = {}
        self.open = set()

    def start(self, kind, name, run_id, parent_run_id, **details):
        self.names[run_id] = name
        self.parents[name] = self.names.get(parent_run_id)
        self.details[name] = details
        self.open.add(run_id)
        self.told.append(f"{kind} {name}")

    def end(self, kind, run_id):
        self.open.remove(run_id)
        self.told.append(f"{kind} {self.names[run_id]}")

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, name, **details):
        self.start("start", name, run_id, parent_run_id, inputs=inputs, **details)

    def on_chain_end(self, outputs, *, run_id, **details):
        self.details[self.names[run_id]]["outputs"] = outputs
        self.end("end", run_id)

    def on_chain_error(self, error, *, run_id, **details):
        self.details[self.names[run_id]]["error"] = error
        self.end("error", run_id)

    def on_chat_model_start(
        self, serialized, messages, *, run_id, parent_run_id=None, name=None, **details
    ):
        label = f"model of {self.names[parent_run_id]}"
        self.start("start", label, run_id, parent_run_id, messages=messages, **details)

    def on_llm_end(self, response, *, run_id, **details):
        self.details[self.names[run_id]]["answer"] = response.generations[0][0].message
        self.end("end", run_id)

    def on_llm_error(self, error, *, run_id, **details):
        self.details[self.names[run_id]]["error"] = error
        self.end("error", run_id)


class AsyncRecorder(AsyncCallbackHandler):
    """The same for asynchronous callbacks, which take their time."""

    def __init__(self):
        self.told = []
        self.names = {}

    async def on_chain_start(self, serialized, inputs, *, run_id, **details):
        await asyncio.sleep(0.002)
        self.names[run_id] = details["name"]
        self.told.append(f"start {details['name']}")

    async def on_chain_end(self, outputs, *, run_id, **details):
        await asyncio.sleep(0.005)
        self.told.append(f"end {self.names[run_id]}")

    async def on_chat_model_start(self, serialized, messages, *, run_id, **details):
        await asyncio.sleep(0.002)
        self.told.append("start model")

    async def on_llm_end(self, response, *, run_id, **details):
        await asyncio.sleep(0.002)
        self.told.append("end model")


# Calls


def test_it_gives_the_value_of_each_node():
    runnable = TOWN.as_runnable(model=town)
    assert isinstance(runnable, Runnable)
    expected = {"city": "Lyon", "people": "520000"}
    assert runnable.invoke({"country": "France"}) == expected
    assert asyncio.run(runnable.ainvoke({"country": "France"})) == expected


def test_a_wrong_model_is_an_error_before_the_first_call():
    with pytest.raises(SpecError, match="no model answers"):
        TOWN.as_runnable()


@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "missing input 'country'"), ("France", "takes a mapping"), ({"x": 1}, "unknown input")],
)
def test_wrong_inputs_are_named(given, message):
    with pytest.raises(InputError, match=message):
        TOWN.as_runnable(model=town).invoke(given)


def test_options_of_a_call_are_refused():
    with pytest.raises(InputError, match="no option 'stop'"):
        TOWN.as_runnable(model=town).bind(stop=["x"]).invoke({"country": "France"})


def test_invoke_works_inside_a_running_event_loop():
    async def main():
        return TOWN.as_runnable(model=town).invoke({"country": "France"})

    assert asyncio.run(main())["city"] == "Lyon"


def test_a_function_of_a_graph_can_invoke_another_graph_and_that_one_a_third():
    inner = TOWN.as_runnable(model=town)

    def ask(country):
        return inner.invoke({"country": country})["city"]

    nodes = [Node("asked", function="ask", with_={"country": "country"})]
    middle = Graph(nodes).as_runnable(functions={"ask": ask})

    def ask_middle(country):
        return middle.invoke({"country": country})["asked"]

    outer = Graph(nodes).as_runnable(functions={"ask": ask_middle})
    assert outer.invoke({"country": "France"}) == {"asked": "Lyon"}


def test_the_memory_starts_anew_in_each_call():
    graph = Graph([Node("n", "{{ memory.seen }}", save={"seen": "memory.seen + [output]"})])
    runnable = graph.as_runnable(model="echo", memory={"seen": []})
    assert [runnable.invoke({})["n"], runnable.invoke({})["n"]] == ["[]", "[]"]


def test_a_batch_runs_at_once_up_to_max_concurrency():
    running, most = 0, []

    async def model(request):
        nonlocal running
        running += 1
        most.append(running)
        await asyncio.sleep(0.01)
        running -= 1
        return request.prompt

    runnable = Graph([Node("n", "{{ x }}")]).as_runnable(model=model)
    inputs = [{"x": str(i)} for i in range(9)]
    expected = [{"n": str(i)} for i in range(9)]
    assert runnable.batch(inputs, {"max_concurrency": 3}) == expected
    assert max(most) == 3
    assert asyncio.run(runnable.abatch(inputs)) == expected
    assert max(most) == 9


def test_a_batch_can_give_errors_beside_values():
    values = TOWN.as_runnable(model=town).batch([{"country": "France"}, {}], return_exceptions=True)
    assert values[0]["city"] == "Lyon"
    assert isinstance(values[1], InputError)


def test_failures_are_agentkits_own():
    runnable = TOWN.as_runnable(model=ScriptedModel({"city": "Lyon"}))
    with pytest.raises(StepError) as caught:
        runnable.invoke({"country": "France"})
    assert list(caught.value.failures) == ["people"]


def test_it_is_composed_with_other_runnables():
    chain = (
        RunnableLambda(lambda country: {"country": country})
        | TOWN.as_runnable(model=town)
        | RunnableLambda(lambda values: values["people"])
    )
    assert chain.invoke("France") == "520000"
    assert asyncio.run(chain.ainvoke("France")) == "520000"
    assert chain.batch(["France", "Peru"]) == ["520000", "520000"]
    assert list(chain.stream("France")) == ["520000"]


def test_with_retry_runs_the_graph_again():
    tries = []

    def model(request):
        tries.append(request.call.node)
        if len(tries) == 1:
            raise RuntimeError("not yet")
        return "yes"

    runnable = Graph([Node("n", "Well?")]).as_runnable(model=model)
    again = runnable.with_retry(retry_if_exception_type=(StepError,), wait_exponential_jitter=False)
    assert again.invoke({}) == {"n": "yes"}
    assert len(tries) == 2


# Streams


def test_a_stream_gives_each_value_when_it_is_there_and_the_pieces_add_up():
    graph = Graph(
        [
            Node("slow", "slow"),
            Node("quick", "quick"),
            Node("never", "x", when="false", initial="kept"),
        ]
    )

    async def model(request):
        await asyncio.sleep(0.03 if request.call.node == "slow" else 0)
        return request.prompt

    runnable = graph.as_runnable(model=model)
    pieces = list(runnable.stream({}))
    assert pieces == [{"quick": "quick"}, {"slow": "slow"}, {"never": "kept"}]
    assert pieces[0] + pieces[1] + pieces[2] == runnable.invoke({})


def test_an_asynchronous_stream_gives_what_there_is_and_raises_what_invoke_raises():
    async def main():
        runnable = TOWN.as_runnable(model=ScriptedModel({"city": "Lyon"}))
        stream = runnable.astream({"country": "France"})
        assert await anext(stream) == {"city": "Lyon"}
        with pytest.raises(StepError):
            await anext(stream)

    asyncio.run(main())


def test_a_stream_that_is_left_early_asks_no_further_model():
    cancelled = threading.Event()

    async def model(request):
        if request.call.node == "people":
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return "Lyon"

    runnable = TOWN.as_runnable(model=model)
    for piece in runnable.stream({"country": "France"}):
        assert piece == {"city": "Lyon"}
        break
    assert cancelled.wait(5)

    cancelled.clear()

    async def main():
        async with aclosing(runnable.astream({"country": "France"})) as pieces:
            await anext(pieces)

    asyncio.run(main())
    assert cancelled.is_set()


# Callbacks


def test_each_node_and_each_call_of_a_model_is_a_run_of_its_own():
    recorder = Recorder()
    runnable = TOWN.as_runnable(model=town, name="town")
    runnable.invoke({"country": "France"}, {"callbacks": [recorder]})
    assert recorder.told == [
        "start town",
        "start city",
        "start model of city",
        "end model of city",
        "end city",
        "start people",
        "start model of people",
        "end model of people",
        "end people",
        "end town",
    ]
    assert recorder.parents == {
        "town": None,
        "city": "town",
        "model of city": "city",
        "people": "town",
        "model of people": "people",
    }
    assert recorder.details["town"]["inputs"] == {"country": "France"}
    assert recorder.details["town"]["outputs"] == {"city": "Lyon", "people": "520000"}
    assert recorder.details["city"]["outputs"] == "Lyon"
    [message] = recorder.details["city"]["inputs"]["messages"]
    assert (message.type, message.content) == ("human", "A city in France?")


def test_a_models_run_says_what_was_asked_and_what_it_took():
    recorder = Recorder()
    graph = Graph([Node("city", "A city?", temperature=0.5, stop=["."])], system="Be brief.")
    graph.as_runnable(model=town).invoke({}, {"callbacks": [recorder]})
    told = recorder.details["model of city"]
    assert [message.type for message in told["messages"][0]] == ["system", "human"]
    settings = {"model": "function:town", "temperature": 0.5, "stop": ["."]}
    assert told["invocation_params"] == settings
    assert told["metadata"]["ls_model_name"] == "town"
    answer = told["answer"]
    assert answer.content == "Lyon"
    assert answer.usage_metadata["input_tokens"] == 10
    assert answer.usage_metadata["input_token_details"] == {"cache_read": 4}
    assert answer.response_metadata["model_name"] == "town-1"


def test_usage_callbacks_of_langchain_count_the_tokens_of_every_model():
    with get_usage_metadata_callback() as usage:
        TOWN.as_runnable(model=town).invoke({"country": "France"})
    assert usage.usage_metadata["town-1"]["total_tokens"] == 24


def test_asynchronous_callbacks_are_told_in_the_same_order():
    recorder = AsyncRecorder()
    runnable = TOWN.as_runnable(model=town, name="town")
    asyncio.run(runnable.ainvoke({"country": "France"}, {"callbacks": [recorder]}))
    node = ["start {0}", "start model", "end model", "end {0}"]
    expected = [line.format(name) for name in ("city", "people") for line in node]
    assert recorder.told == ["start town", *expected, "end town"]


def test_slow_callbacks_of_parallel_nodes_do_not_wait_for_each_other():
    class Slow(AsyncCallbackHandler):
        async def on_chain_start(self, *given, **details):
            await asyncio.sleep(0.05)

    nodes = [Node(f"n{i}", "x") for i in range(20)]
    runnable = Graph(nodes).as_runnable(model="echo")

    async def main():
        loop = asyncio.get_running_loop()
        started = loop.time()
        await runnable.ainvoke({}, {"callbacks": [Slow()]})
        return loop.time() - started

    assert asyncio.run(main()) < 0.5


def test_items_of_an_each_node_are_its_children():
    graph = Graph([Node("all", "{{ item }}?", each="names")])
    recorder = Recorder()
    runnable = graph.as_runnable(model="echo")
    runnable.invoke({"names": ["a", "b"]}, {"callbacks": [recorder]})
    assert recorder.parents["all[0]"] == recorder.parents["all[1]"] == "all"
    assert recorder.parents["model of all[1]"] == "all[1]"
    assert recorder.details["all"]["outputs"] == ["a?", "b?"]
    assert recorder.told.index("end all[0]") < recorder.told.index("end all")
    assert not recorder.open


def test_a_function_shows_its_arguments_and_runnables_in_it_are_its_children():
    def length(text):
        return RunnableLambda(len).with_config(run_name="count").invoke(text)

    async def later(text):
        return await RunnableLambda(len).with_config(run_name="await").ainvoke(text)

    graph = Graph(
        [
            Node("size", function=length, with_={"text": "word"}),
            Node("again", function=later, with_={"text": "word * 2"}),
        ]
    )
    recorder = Recorder()
    values = graph.as_runnable().invoke({"word": "seven"}, {"callbacks": [recorder]})
    assert values == {"size": 5, "again": 10}
    assert recorder.details["size"]["inputs"] == {"text": "seven"}
    assert recorder.parents["count"] == "size"
    assert recorder.parents["await"] == "again"


def test_functions_of_items_keep_apart():
    def size(obj):
        return len(obj)

    graph = Graph([Node("sizes", function=size, with_={"obj": "item"}, each="words")])
    recorder = Recorder()
    graph.as_runnable().invoke({"words": ["a", "bb"]}, {"callbacks": [recorder]})
    assert recorder.details["sizes[1]"]["inputs"] == {"obj": "bb"}
    assert recorder.details["sizes[1]"]["outputs"] == 2


def test_a_model_of_langchain_tells_of_itself_once_as_a_child_of_its_node():
    recorder = Recorder()
    graph = Graph([Node("n", "Well?")])
    graph.as_runnable(model=fake("Yes.")).invoke({}, {"callbacks": [recorder]})
    assert recorder.told.count("start model of n") == 1
    assert recorder.parents["model of n"] == "n"
    assert recorder.details["model of n"]["answer"].content == "Yes."


def test_a_second_attempt_is_a_second_call_in_the_same_node():
    recorder = Recorder()
    graph = Graph([Node("n", "How many?", output="integer")])
    model = ScriptedModel(["many", "7"])
    graph.as_runnable(model=model).invoke({}, {"callbacks": [recorder]})
    assert recorder.told.count("start model of n") == 2
    assert recorder.told.count("start n") == 1
    assert recorder.details["n"]["outputs"] == 7


def test_skipped_failed_and_cancelled_nodes_are_shown():
    graph = Graph(
        [
            Node("skipped", "x", when="false", initial="kept"),
            Node("bad", "How many?", output="integer", attempts=1),
            Node("next", "{{ bad }}"),
            Node("broken", function="fail"),
        ]
    )

    def fail():
        raise ValueError("no")

    recorder = Recorder()
    runnable = graph.as_runnable(model=lambda r: "many", functions={"fail": fail}, name="g")
    with pytest.raises(StepError):
        runnable.invoke({}, {"callbacks": [recorder]})
    assert recorder.details["skipped"]["tags"] == ["skipped"]
    assert recorder.details["skipped"]["outputs"] == "kept"
    assert "no usable answer" in str(recorder.details["bad"]["error"])
    assert recorder.details["next"]["tags"] == ["cancelled"]
    assert "'bad' failed" in str(recorder.details["next"]["error"])
    assert "ValueError: no" in str(recorder.details["broken"]["error"])
    assert isinstance(recorder.details["g"]["error"], StepError)
    assert not recorder.open


def test_a_models_error_ends_its_run():
    recorder = Recorder()
    runnable = Graph([Node("n", "x")]).as_runnable(model=ScriptedModel([]))
    with pytest.raises(StepError):
        runnable.invoke({}, {"callbacks": [recorder]})
    assert "no answer left" in str(recorder.details["model of n"]["error"])
    assert not recorder.open


def test_a_node_whose_answer_was_there_already_has_no_call():
    recorder = Recorder()
    graph = Graph([Node("a", "x", reuse=True), Node("b", "x", after=["a"], reuse=True)])
    graph.as_runnable(model=ScriptedModel(["once"])).invoke({}, {"callbacks": [recorder]})
    assert recorder.details["b"]["outputs"] == "once"
    assert [name for name in recorder.parents if name.startswith("model")] == ["model of a"]
    assert not recorder.open


def test_a_run_that_is_cancelled_ends_all_its_runs():
    async def model(request):
        await asyncio.sleep(30)

    recorder = Recorder()
    runnable = TOWN.as_runnable(model=model, name="town")

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await runnable.ainvoke({"country": "France"}, {"callbacks": [recorder]})
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    assert not recorder.open
    assert recorder.told[-3:] == ["error model of city", "error city", "error town"]


def test_a_callback_that_may_raise_stops_the_call():
    class Strict(BaseCallbackHandler):
        raise_error = True

        def on_chain_end(self, outputs, **details):
            raise ValueError(f"not {outputs}")

    with pytest.raises(ValueError, match="not Lyon"):
        TOWN.as_runnable(model=town).invoke({"country": "France"}, {"callbacks": [Strict()]})


def test_name_tags_metadata_and_id_of_the_call_are_honoured():
    recorder, run_id = Recorder(), uuid4()
    config = {
        "callbacks": [recorder],
        "tags": ["blue"],
        "metadata": {"user": 7},
        "run_name": "mine",
        "run_id": run_id,
    }
    TOWN.as_runnable(model=town).invoke({"country": "France"}, config)
    assert recorder.names[run_id] == "mine"
    assert recorder.details["city"]["tags"] == ["blue"]
    assert recorder.details["model of city"]["tags"] == ["blue"]
    assert recorder.details["model of city"]["metadata"]["user"] == 7


def test_configured_and_bare_calls_of_one_runnable_keep_apart():
    recorder = Recorder()
    runnable = TOWN.as_runnable(model=town)
    watched = runnable.with_config(callbacks=[recorder], run_name="watched")

    async def main():
        await asyncio.gather(
            watched.ainvoke({"country": "France"}),
            *(runnable.ainvoke({"country": "Peru"}) for _ in range(5)),
        )

    asyncio.run(main())
    assert len(recorder.told) == 10


def test_a_graph_inside_a_chain_is_a_child_of_the_chain():
    recorder = Recorder()
    graph = TOWN.as_runnable(model=town, name="town")
    chain = RunnableLambda(lambda country: {"country": country}) | graph
    chain.invoke("France", {"callbacks": [recorder], "run_name": "chain"})
    assert recorder.parents["town"] == "chain"
    assert recorder.parents["city"] == "town"


# Events


def events(runnable, given):
    async def main():
        return [event async for event in runnable.astream_events(given, version="v2")]

    return asyncio.run(main())


def test_astream_events_shows_nodes_models_and_tokens():
    def model(request):
        for piece in ("Ly", "on"):
            if request.on_text:
                request.on_text(piece)
        return "Lyon"

    graph = Graph([Node("city", "A city?"), Node("more", "{{ city }}?", model="lc")])
    runnable = graph.as_runnable(model=model, models={"lc": fake("two words")}, name="g")
    seen = events(runnable, {})
    names = [(event["event"], event["name"]) for event in seen]
    assert names[0] == ("on_chain_start", "g")
    assert names[-1] == ("on_chain_end", "g")
    tokens = [e["data"]["chunk"].content for e in seen if e["event"] == "on_chat_model_stream"]
    assert tokens == ["Ly", "on", "two", " ", "words"]
    chunks = [e["data"]["chunk"] for e in seen if e["event"] == "on_chain_stream"]
    assert chunks == [{"city": "Lyon"}, {"more": "two words"}]
    ends = [e for e in seen if e["event"] == "on_chat_model_end"]
    assert [len(event["parent_ids"]) for event in ends] == [2, 2]
    assert seen[-1]["data"]["output"] == {"city": "Lyon", "more": "two words"}


# Schemas


def schema_of(schema):
    return schema["$defs"][schema["$ref"].rpartition("/")[2]]


def test_the_schemas_name_inputs_and_outputs():
    def size(obj):
        return obj

    graph = Graph(
        [
            Node("json", "{{ copy }} {{ model_config }}", output="integer"),
            Node("facts", "{{ item }}", each="words", output={"name": "str"}),
            Node("maybe", "x", when="json > 3", initial=""),
            Node("size", function=size, with_={"obj": "json"}),
        ]
    )
    runnable = graph.as_runnable(model="echo", name="g")
    given = schema_of(runnable.get_input_jsonschema())
    assert given["required"] == ["copy", "model_config", "words"]
    gives = schema_of(runnable.get_output_jsonschema())
    kinds = gives["properties"]
    assert kinds["json"]["type"] == "integer"
    assert kinds["facts"]["items"]["properties"] == {"name": {"type": "string"}}
    assert kinds["maybe"]["type"] == "string"
    assert "type" not in kinds["size"]
    assert gives["required"] == ["json", "facts", "size"]


def test_a_graph_can_be_a_tool():
    runnable = TOWN.as_runnable(model=town)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangChain says that this way of its is in beta
        tool = runnable.as_tool(name="town", description="Facts about a town.")
    assert list(tool.args) == ["country"]
    assert tool.invoke({"country": "France"})["city"] == "Lyon"
