import asyncio

import pytest

from agentkit import Agent, EnvSpec, Graph, InputError, Memory, Node, Request, SpecError, StepError
from agentkit.env_spec import env_arguments


def agent(*nodes: Node, **options) -> Agent:
    options.setdefault("model", "echo")
    return Agent(Graph(list(nodes)), **options)


def problems(*nodes: Node, **options) -> str:
    with pytest.raises(SpecError) as caught:
        agent(*nodes, **options)
    return str(caught.value)


def test_the_action_is_by_default_the_only_node_nothing_depends_on():
    assert agent(Node("a", "x"), Node("b", "{{ a }}!")).act_sync() == "x!"
    assert "action: b" in problems(Node("a", "x"), Node("b", "y"))


def test_the_action_may_be_any_node_or_a_template_over_nodes():
    nodes = [Node("a", "x"), Node("b", "{{ a }}!")]
    assert agent(*nodes, action="a").act_sync() == "x"
    assert agent(*nodes, action="{{ b }} {{ a }}").act_sync() == "x! x"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("pln", "'pln' is no node. Did you mean 'plan'?"),
        ("{{ pln }}", "unknown name 'pln'. Did you mean 'plan'?"),
        ("{{ plan", "1 problem"),
    ],
)
def test_an_action_that_is_no_node_is_refused_at_load(action, message):
    assert message in problems(Node("plan", "x"), action=action)


def test_an_action_that_cannot_be_filled_in_fails_the_step_and_commits_nothing():
    prompts: list[str] = []

    def model(request: Request) -> str:
        prompts.append(request.prompt.splitlines()[0])
        return '{"n": 5}'

    player = agent(
        Node("a", "n is {{ memory.n }}", output="json", save={"n": "output.n"}),
        action="{{ a.verb }}",
        memory={"n": 0},
        model=model,
    )
    for _ in range(2):
        with pytest.raises(StepError, match=r"the action: .*verb"):
            player.act_sync()
    assert prompts == ["n is 0", "n is 0"]


def test_a_node_shows_the_model_everything_the_environment_says():
    player = agent(
        Node("a", "{{ observation }} {{ actions }} {{ reward }} {{ step }} {{ info.x }}"),
    )
    player.act_sync("one", info={"x": 1})
    action = player.act_sync("two", actions=["go"], reward=0.5, info={"x": 2})
    assert action == 'two ["go"] 0.5 1 2'


def test_history_lists_what_was_seen_done_and_gained():
    player = agent(
        Node(
            "a",
            "{% for h in history %}{{ h.observation }}>{{ h.reward }};{% endfor %}"
            "{{ observation }}",
        )
    )
    player.act_sync("one")
    assert player.act_sync("two", reward=1.5) == "one>1.5;two"


def test_reset_begins_an_episode_and_keeps_only_what_outlives_it():
    memory = Memory({"short": 0, "long": 0}, {"long": "run"})
    player = agent(
        Node("a", "x", save={"short": "memory.short + 1", "long": "memory.long + 1"}),
        memory=memory,
    )
    player.act_sync()
    player.reset()
    player.act_sync()
    assert player.result.memory == {"short": 1, "long": 2}


def test_episodes_of_one_agent_run_at_once_without_mixing():
    player = agent(
        Node("a", "{{ memory.seen }}{{ observation }}", save={"seen": "output"}),
        memory={"seen": ""},
    )

    async def play(letter: str) -> str:
        episode = player.episode()
        for _ in range(3):
            action = await episode.act(letter)
            await asyncio.sleep(0)
        return action

    async def both() -> list[str]:
        return await asyncio.gather(play("a"), play("b"))

    assert asyncio.run(both()) == ["aaa", "bbb"]


def test_inputs_must_be_declared_and_given():
    assert "'topic' is no node and no input" in problems(Node("a", "{{ topic }}"))
    essay = agent(Node("a", "{{ topic }}"), inputs={"topic": None})
    with pytest.raises(InputError, match=r"inputs=\{'topic': ...\}"):
        essay.act_sync()
    assert essay.with_inputs({"topic": "rain"}).act_sync() == "rain"
    with pytest.raises(InputError, match=r"unknown input 'topik'\. Did you mean 'topic'"):
        essay.with_inputs({"topik": "rain"})


def test_an_agent_of_any_model_plays_only_with_one_and_says_all_that_is_missing():
    chooser = agent(Node("a", "{{ topic }}"), inputs={"topic": None}, model="none")
    with pytest.raises(InputError) as caught:
        chooser.act_sync()
    assert "inputs={'topic': ...}" in str(caught.value)
    assert "agent needs a language model: name one, such as model=" in str(caught.value)
    given = chooser.with_inputs({"topic": "rain"})
    with pytest.raises(InputError, match="needs a language model") as caught:
        given.act_sync()
    assert "rule-based" not in str(caught.value)  # it has no environment
    assert given.replace(model="echo").act_sync() == "rain"


def test_a_model_that_no_node_asks_need_not_be_named():
    assert agent(Node("a", "x", model="echo"), model="none").act_sync() == "x"


def test_model_may_be_a_name_under_models_and_every_wrong_one_is_listed():
    models = {"strong": {"use": "echo", "temperature": 0}}
    assert agent(Node("a", "x"), model="strong", models=models).act_sync() == "x"
    text = problems(
        Node("a", "x"),
        model="strnog",
        models={"strong": "ecko", "fast": {"use": "echo", "temprature": 1}, "slow": {}},
    )
    assert "strnog" in text
    assert "unknown model 'ecko'. Did you mean 'echo'?" in text
    assert "unknown setting 'temprature'. Did you mean 'temperature'?" in text
    assert "'use' is missing" in text


def test_environment_arguments_keep_the_type_of_a_single_expression():
    env = EnvSpec("x", {"n": "{{ n }}", "text": "n={{ n }}", "deep": {"list": ["{{ n + 1 }}", 5]}})
    assert env_arguments(env, {"n": 3}) == {"n": 3, "text": "n=3", "deep": {"list": [4, 5]}}


def test_memory_declarations_are_checked_all_at_once():
    with pytest.raises(SpecError) as caught:
        Memory({"facts": {1, 2}}, {"fcats": "run", "facts": "always"})
    text = str(caught.value)
    assert "no key 'fcats'. Did you mean 'facts'?" in text
    assert "found 'always', expected one of episode, run, forever" in text
    assert "not a JSON value" in text
