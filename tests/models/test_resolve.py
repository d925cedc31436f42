"""What an agent says of a model becomes one, with its settings; the same model is made once."""

import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel

from agentkit import Agent, EchoModel, Graph, InputError, Node, SpecError, get_model
from agentkit.messages import Sampling
from agentkit.models.hosted import HostedModel, Price, Settings
from agentkit.models.langchain.model import LangChainModel
from agentkit.models.openai.model import OpenAIModel
from agentkit.models.resolve import ModelChooser
from agentkit.models.setting_fields import SERVER


def chosen(**value: object) -> HostedModel:
    model = ModelChooser().choose(value).model
    assert isinstance(model, HostedModel)
    return model


def test_settings_of_a_server_reach_the_model():
    model = chosen(
        use="openai:qwen3",
        base_url="http://127.0.0.1:8000/v1",
        timeout_s=5,
        retries=0,
        max_concurrency=99,
        tokens_per_minute=1000,
        price={"input": 1, "output": 2},
    )
    assert model.name == "openai:qwen3@127.0.0.1:8000"
    assert model.settings == Settings(5, 0, 99, None, 1000, Price(1, 2))
    assert chosen(use="langchain:openai:x", retries=1).settings.retries == 1
    chat = FakeListChatModel(responses=["a"])
    assert chosen(use=chat, timeout_s=3).settings.timeout_s == 3


def test_sampling_and_settings_can_stand_together():
    choice = ModelChooser().choose(
        {"use": "openai:x", "temperature": 0, "stop": ["a"], "retries": 1}
    )
    assert choice.sampling == Sampling(temperature=0, stop=("a",))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"use": "openai:x", "timeout": 3}, "unknown setting 'timeout'. Did you mean 'timeout_s'"),
        ({"use": "openai:x", "timeout_s": None}, "timeout_s: expected a number of 0.1 or more"),
        ({"use": "openai:x", "max_concurrency": None}, "max_concurrency: expected a whole number"),
        ({"use": "openai:x", "retries": 99}, "retries: expected a whole number from 0 to 20"),
        ({"use": "openai:x", "price": 3}, "price: expected a mapping such as"),
        ({"use": "openai:x", "price": {"input": 1}}, "price: 'output' is missing"),
        ({"use": "openai:x", "price": {"input": -1, "output": 1}}, "price: input: expected"),
        ({"use": "openai:x", "price": {"in": 1}}, "price: unknown 'in'. Known: input, output"),
        ({"use": "openai:x", "base_url": "here"}, "base_url: expected the address"),
        ({"use": "echo", "timeout_s": 3}, "the model 'echo' takes no 'timeout_s': only openai:"),
        ({"use": "echo", "base_url": "http://h"}, "the model 'echo' takes no 'base_url'"),
        ({"use": EchoModel(), "retries": 3}, "the model 'EchoModel' takes no 'retries'"),
        ({"use": "openai:"}, r"which model\? Write its name after the colon"),
        ({"use": "openai"}, r"which model\? Write its name after the colon"),
    ],
)
def test_a_setting_that_cannot_be_used_says_which_can(value, message):
    with pytest.raises(InputError, match=message):
        ModelChooser().choose(value)


def test_a_model_named_twice_in_an_agent_is_one_model_so_limits_are_shared():
    graph = Graph(
        [
            Node("a", "x"),
            Node("b", "y", model="openai:m"),
            Node("c", "z", model="warm"),
            Node("d", "z", model="slow"),
        ]
    )
    models = {
        "warm": {"use": "openai:m", "temperature": 1},
        "slow": {"use": "openai:m", "retries": 9},
    }
    agent = Agent(graph, model="openai:m", models=models, action="d")
    a, b, c, d = (node.model for node in agent.binding.nodes)
    assert a is b is c is d
    assert isinstance(d, HostedModel)
    assert d.settings == Settings(retries=9)


def test_a_model_is_the_same_however_its_server_is_written():
    chooser = ModelChooser()
    addresses = ("http://Host.example/v1", "http://host.example:80/v1/", "http://host.example./v1")
    models = [chooser.choose({"use": "openai:m", "base_url": one}).model for one in addresses]
    assert models[0] is models[1] is models[2]
    for other in ("https://host.example/v1", "http://host.example/v2"):
        assert chooser.choose({"use": "openai:m", "base_url": other}).model is not models[0]


def test_one_model_with_settings_that_contradict_is_an_error_that_names_both_entries():
    graph = Graph([Node("a", "x", model="one")])
    models = {name: {"use": "openai:m", "retries": n} for n, name in enumerate(("one", "two"))}
    with pytest.raises(SpecError, match="'one' and 'two' are the same model, 'openai:m'"):
        Agent(graph, model="one", models=models)
    models["two"]["retries"] = 0
    assert Agent(graph, model="one", models=models)


def test_get_model_takes_settings_only_where_they_have_a_meaning():
    model = get_model("openai:m", settings=Settings(retries=1), base_url="http://localhost:1/v1")
    assert isinstance(model, OpenAIModel)
    with pytest.raises(InputError, match="the model 'echo' takes no 'settings'"):
        get_model("echo", settings=Settings())
    with pytest.raises(InputError, match="'langchain:openai:x' takes no 'base_url'"):
        get_model("langchain:openai:x", base_url="http://localhost:1/v1")


def test_a_chat_model_of_langchain_is_a_model():
    chat = FakeListChatModel(responses=["Oslo"])
    assert isinstance(get_model(chat), LangChainModel)
    graph = Graph([Node("city", "Name a city.")])
    assert graph.run_sync(model=chat)["city"] == "Oslo"
    with pytest.raises(SpecError, match="an id, a Model or a function"):
        graph.run_sync(model=3)


def test_choosing_a_model_on_a_server_loads_neither_sdk_nor_prices():
    code = """
import sys
from dataclasses import fields
from pathlib import Path
from agentkit import get_model
get_model("openai:gpt-5-mini")
print(*({"openai", "httpx2", "langchain_core", "genai_prices"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_page_of_models_lists_every_setting_with_its_default():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    table = page.split("## Settings of a server\n")[1].split("\n```")[0]
    told = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert [row[0].strip("| `") for row in told] == [*SERVER]
    shown = {row[0].strip("| `"): row[2].strip(" |") for row in told}
    for field in fields(Settings):
        if field.default not in (None, MISSING):
            default = field.default
            said = str(default).lower() if isinstance(default, (bool, str)) else f"{default:g}"
            assert shown[field.name].partition(":")[0] == said
