"""An agent and its sessions: one step at a time, each with a memory of its own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentkit import Agent, Completion, Graph, InputError, Limits, Memory, Node, Request, StepError
from agentkit.events import NodeText


async def slowly(request: Request) -> str:
    await asyncio.sleep(0.01)
    return request.prompt.splitlines()[0]


def logger(**options) -> Agent:
    """It remembers everything that it was told."""
    node = Node("say", "{{ message }}", save={"log": "memory.log + [output]"})
    given = {"model": slowly, "memory": {"log": []}, "inputs": {"message": "none"}} | options
    return Agent(Graph([node]), **given)


def say(actor, message: str):
    return actor.act(inputs={"message": message})


async def told(actor, messages):
    return await asyncio.gather(*(say(actor, message) for message in messages))


def test_acts_of_one_agent_at_once_queue_in_their_order_and_lose_nothing():
    """Five of them left `['user4']` in the memory: each began where the one before it began."""
    agent, users = logger(), [f"user{i}" for i in range(5)]
    assert asyncio.run(told(agent, users)) == users
    assert agent.result.memory == {"log": users}
    assert agent.steps == 5


def test_acts_from_threads_queue_too():
    agent, users = logger(), [f"user{i}" for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda user: agent.act_sync(inputs={"message": user}), users))
    assert sorted(agent.result.memory["log"]) == users


def test_whoever_stops_waiting_leaves_the_others_in_their_order():
    agent = logger()

    async def main():
        tasks = [asyncio.create_task(say(agent, name)) for name in "abcd"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    ended = asyncio.run(main())
    assert isinstance(ended[1], asyncio.CancelledError)
    assert agent.result.memory["log"] == ["a", "c", "d"]


def test_thousands_may_stop_waiting_at_once():
    agent = logger()

    async def main():
        tasks = [asyncio.create_task(say(agent, str(number))) for number in range(3000)]
        await asyncio.sleep(0)
        for task in tasks[1:-1]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    ended = asyncio.run(main())
    assert (ended[0], ended[-1]) == ("0", "2999")
    assert agent.result.memory["log"] == ["0", "2999"]


def test_a_step_that_is_cancelled_or_fails_keeps_nothing_and_lets_the_next_one_act():
    def model(request: Request) -> str:
        if "bad" in request.prompt:
            raise ValueError
        return request.prompt

    agent = logger(model=model)

    async def main():
        return await asyncio.gather(
            *(say(agent, name) for name in ("a", "bad", "b")), return_exceptions=True
        )

    first, second, third = asyncio.run(main())
    assert (first, third) == ("a", "b")
    assert isinstance(second, StepError)
    assert agent.result.memory["log"] == ["a", "b"]


def test_an_agent_can_act_on_one_loop_after_the_other():
    agent = logger()
    for names in ("ab", "cd"):
        asyncio.run(told(agent, names))
    assert agent.result.memory["log"] == list("abcd")


def test_a_function_of_the_graph_cannot_let_the_same_agent_act_and_wait_for_ever():
    async def again():
        await agent.act()

    agent = Agent(Graph([Node("a", function=again)]))
    with pytest.raises(StepError, match=r"make a session for it, with agent\.session\(\)"):
        agent.act_sync()
    other = logger().session()

    async def another():
        return await say(other, "hello")

    assert Agent(Graph([Node("a", function=another)])).act_sync() == "hello"


def test_what_a_function_started_may_let_the_agent_act_once_the_step_has_ended():
    later: list[asyncio.Task] = []

    async def start():
        async def after():
            await asyncio.sleep(0.01)
            return await agent.act()

        if not later:
            later.append(asyncio.create_task(after()))
        return "started"

    agent = Agent(Graph([Node("a", function=start)]))

    async def main():
        return await agent.act(), await later[0]

    assert asyncio.run(main()) == ("started", "started")


def test_an_episode_cannot_end_while_a_step_is_running():
    agent, running, done = logger(), threading.Event(), threading.Event()

    def model(request: Request) -> str:
        running.set()
        done.wait(10)
        return "x"

    agent = logger(model=model)
    thread = threading.Thread(target=agent.act_sync)
    thread.start()
    running.wait(10)
    with pytest.raises(InputError, match="a step is running"):
        agent.reset()
    done.set()
    thread.join()
    agent.reset()
    assert agent.result is None


def test_ten_users_at_once_have_ten_memories():
    agent = logger()
    sessions = [agent.session() for _ in range(10)]

    async def talk(number: int) -> None:
        for turn in range(3):
            await say(sessions[number], f"{number}.{turn}")

    async def everybody() -> None:
        await asyncio.gather(*(talk(number) for number in range(10)))

    asyncio.run(everybody())
    assert [session.memory["log"] for session in sessions] == [
        [f"{number}.{turn}" for turn in range(3)] for number in range(10)
    ]
    assert {session.steps for session in sessions} == {3}
    assert agent.steps == 0
    assert agent.session().memory == {"log": []}


def test_sessions_act_at_the_same_time():
    together, most = 0, 0

    async def model(request: Request) -> str:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.01)
        together -= 1
        return "x"

    agent = logger(model=model)

    async def everybody() -> None:
        await asyncio.gather(*(say(agent.session(), "x") for _ in range(10)))

    asyncio.run(everybody())
    assert most == 10


def test_a_session_goes_on_with_a_memory_that_was_kept_elsewhere():
    agent = logger()
    before = agent.session()
    before.act_sync(inputs={"message": "a"})
    after = agent.session(before.memory)
    after.act_sync(inputs={"message": "b"})
    assert after.memory == {"log": ["a", "b"]}
    after.memory["log"].append("not in it")
    assert after.memory == {"log": ["a", "b"]}
    assert before.memory == {"log": ["a"]}
    with pytest.raises(InputError, match=r"no key 'lgo'\. Did you mean 'log'"):
        agent.session({"lgo": []})
    with pytest.raises(InputError, match="not a JSON value"):
        agent.session({"log": {1, 2}})


def test_a_session_keeps_over_its_episodes_what_is_kept_for_the_run():
    agent = logger(memory=Memory({"log": []}, {"log": "run"}))
    session = agent.session()
    session.act_sync(inputs={"message": "a"})
    session.reset()
    assert (session.steps, session.memory) == (0, {"log": ["a"]})
    assert agent.session().memory == {"log": []}


def test_sessions_refuse_memory_that_has_one_file_for_all(tmp_path):
    agent = logger(memory=Memory({"log": []}, {"log": "forever"}, tmp_path / "memory.json"))
    with pytest.raises(InputError, match=r"kept forever \(log\) has one file"):
        agent.session()


def test_each_session_has_the_limits_of_the_agent():
    agent = logger(limits=Limits(calls=1), model=lambda request: "x")
    for session in (agent.session(), agent.session(), agent):
        session.act_sync()
        with pytest.raises(Exception, match="limit calls of 1 is reached"):
            session.act_sync()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"mesage": "x"}, r"unknown input 'mesage'\. Did you mean 'message'"),
        ({"message": None}, r"needs a value for message: inputs=\{'message': \.\.\.\}"),
        ("message", "inputs: expected a mapping of names to values, found 'message'"),
    ],
)
def test_inputs_of_a_step_are_checked(inputs, message):
    with pytest.raises(InputError, match=message):
        logger().act_sync(inputs=inputs)


def test_inputs_of_a_step_count_for_that_step_only():
    agent = logger()
    assert agent.act_sync(inputs={"message": "hello"}) == "hello"
    assert agent.act_sync() == "none"


def test_an_input_without_a_value_can_be_given_at_each_step():
    agent = logger(inputs={"message": None})
    assert agent.act_sync(inputs={"message": "hello"}) == "hello"
    with pytest.raises(InputError, match="needs a value for message"):
        agent.act_sync()


def test_the_actions_of_the_info_are_used_where_none_are_given():
    chooser = Agent(
        Graph([Node("a", "?", output={"choice": "actions"})]), model=lambda request: "go"
    )
    assert chooser.act_sync("x", info={"actions": ["go", "stay"]}) == "go"
    assert chooser.act_sync("x", info={"actions": ["stay"]}, actions=["go"]) == "go"
    with pytest.raises(InputError, match=r"neither actions=\[\.\.\.\] nor info=\{'actions'"):
        chooser.session().act_sync("x", info={"actions": None})
    with pytest.raises(InputError, match="actions: expected a list of texts, found 'go'"):
        chooser.act_sync("x", actions="go")


class Streams:
    """A model that streams two words and may then never end."""

    name = "streams"
    reads_variables = False

    async def complete(self, request):
        for word in ("one ", "two "):
            if request.on_text:
                request.on_text(word)
        if "stay" in request.prompt:
            await asyncio.Event().wait()
        return Completion("one two", model=self.name)


def streaming():
    node = Node("a", "{{ message }}", save={"log": "memory.log + [message]"})
    return Agent(
        Graph([node]), model=Streams(), memory={"log": []}, inputs={"message": None}
    ).session()


def test_a_session_streams_the_events_of_a_step_into_its_own_memory():
    async def main():
        session = streaming()
        texts, told = [], []
        async for event in session.stream(inputs={"message": "x"}, on_event=told.append):
            texts += [event.text] if isinstance(event, NodeText) else []
        assert (texts, session.memory, session.steps) == (["one ", "two "], {"log": ["x"]}, 1)
        assert [type(event).__name__ for event in told][-1] == "StepFinished"
        with pytest.raises(InputError, match="needs a value for message"):
            await anext(session.stream())

    asyncio.run(main())


def test_a_stream_that_is_closed_cancels_its_step_and_the_next_one_begins():
    async def main():
        session = streaming()
        events = session.stream(inputs={"message": "stay"})
        while not isinstance(await anext(events), NodeText):
            pass
        await events.aclose()
        assert (session.memory, session.steps) == ({"log": []}, 0)
        async with asyncio.timeout(5):
            assert await session.act(inputs={"message": "x"}) == "one two"

    asyncio.run(main())


def test_act_tells_its_events():
    told = []
    streaming().act_sync(inputs={"message": "x"}, on_event=told.append)
    assert [event.text for event in told if isinstance(event, NodeText)] == ["one ", "two "]
    with pytest.raises(InputError, match="on_event: expected a plain function, found 3"):
        streaming().act_sync(on_event=3)
