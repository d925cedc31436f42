"""Outputs that Python declares: types and JSON Schemas; instances come back of classes."""

import asyncio
import datetime
import enum
import json
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Optional

import jsonschema
import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, computed_field, field_serializer, field_validator

from agentkit import Agent, Graph, Node, Request, SpecError, StepError
from agentkit.execution.scope import State
from agentkit.outputs.declaration import compile_output
from agentkit.outputs.problem import OutputProblem


class Colour(enum.Enum):
    RED = "red"
    BLUE = "dark blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Trip(typing.TypedDict):
    """The TypedDict of `typing`, which pydantic does not take before Python 3.12."""

    name: str
    tags: list[str]


class Loose(typing.TypedDict, total=False):
    name: typing.Required[str]
    size: Annotated[int, Field(ge=1)]


class Known(typing_extensions.TypedDict):
    mood: Literal["good", "bad"]
    why: str | None


@dataclass
class Step:
    what: str
    minutes: int = 5


@dataclass
class Plan:
    goal: str
    steps: list[Step] = field(default_factory=list)
    when: datetime.date | None = None


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    first: str = Field(alias="firstName")
    age: int = Field(ge=0, le=150)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def grown_up(self) -> bool:
        return self.age >= 18

    @field_validator("first")
    @classmethod
    def no_digits(cls, name: str) -> str:
        if name == "broken":
            raise KeyError("a mistake in the validator")
        if any(letter.isdigit() for letter in name):
            raise ValueError("a name has no digits")
        return name


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    colour: Colour
    pair: tuple[int, str]
    at: datetime.datetime
    seen: set[int]


class Tree(BaseModel):
    name: str
    parts: list["Tree"] = []


class OneWay(BaseModel):
    """What it writes cannot be read again."""

    at: datetime.date

    @field_serializer("at")
    def in_words(self, at: datetime.date) -> str:
        return f"day {at.day}"


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}, "next": {"$ref": "#"}},
    "required": ["n"],
    "additionalProperties": False,
}


def ask(output: Any, *answers: str, **fields: Any) -> tuple[Any, list[str]]:
    """The node's value in Python after these answers, and what the model was asked."""
    asked: list[str] = []

    def model(request: Request) -> str:
        asked.append(request.messages[-1].content)
        return answers[len(asked) - 1]

    graph = Graph([Node("a", "Well?", output=output, **fields), Node("b", "So: {{ a }}")])
    result = graph.run_sync(model=lambda r: model(r) if r.call.node == "a" else "")
    json.dumps(result.state.values)
    return result["a"], asked


@pytest.mark.parametrize(
    ("output", "answer", "value"),
    [
        (str, " hi ", "hi"),
        (int, "It is 3.", 3),
        (float, "It is 3.", 3.0),
        (bool, "Yes.", True),
        (list[str], 'So: ["a"]', ["a"]),
        (list[list[int]], "[[1], []]", [[1], []]),
        (dict[str, int], 'So: {"a": 1}', {"a": 1}),
        (dict[str, list[Trip]], '{"a": [{"name": "x", "tags": []}]}', None),
        (str | None, "null", None),
        (str | None, "three [3] words", "three [3] words"),
        (Optional[int], "3", 3),  # noqa: UP045
        (int | list[int], "So: [4]", [4]),
        (Literal["left", "go right"], "Go right!", "go right"),
        (Literal[1, 2], "2", 2),
        (Literal["a", 3, None], "null", None),
        (Colour, "Dark blue", Colour.BLUE),
        (Size, "2", Size.LARGE),
        (Trip, '{"name": "x", "tags": ["y"]}', {"name": "x", "tags": ["y"]}),
        (list[Trip], '[{"name": "x", "tags": []}]', [{"name": "x", "tags": []}]),
        (Loose, '{"name": "x"}', {"name": "x"}),
        (list[Loose], '[{"name": "x", "size": 2}]', [{"name": "x", "size": 2}]),
        (Known, '{"mood": "bad", "why": null}', {"mood": "bad", "why": None}),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (datetime.date, "2026-01-31", datetime.date(2026, 1, 31)),
        (Step, '{"what": "dig"}', Step("dig")),
        (list[Step], '[{"what": "dig"}]', [Step("dig")]),
        (Step | None, '{"what": "dig"}', Step("dig")),
        (
            Plan,
            '{"goal": "g", "steps": [{"what": "w", "minutes": 1}], "when": "2026-01-31"}',
            Plan("g", [Step("w", 1)], datetime.date(2026, 1, 31)),
        ),
        (Person, '{"firstName": "Ada", "age": 36}', Person(firstName="Ada", age=36)),
        (Tree, '{"name": "a", "parts": [{"name": "b"}]}', Tree(name="a", parts=[Tree(name="b")])),
        (
            Strict,
            '{"colour": "red", "pair": [1, "a"], "at": "2026-01-31T00:00:00", "seen": [1, 1]}',
            Strict(
                colour=Colour.RED, pair=(1, "a"), at=datetime.datetime(2026, 1, 31), seen={1}
            ),
        ),
        (SCHEMA, '{"n": 1, "next": {"n": 2}}', {"n": 1, "next": {"n": 2}}),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": "string", "enum": ["a", "b"]}, "a", "a"),
        ({"enum": ["a", "b"]}, '"b"', "b"),
        ({"goal": str, "n": int | None}, '{"goal": "x", "n": null}', {"goal": "x", "n": None}),
        ([str], '["a"]', ["a"]),
    ],
)  # fmt: skip
def test_a_type_of_python_is_an_output_and_its_values_come_back(output, answer, value):
    got, asked = ask(output, answer)
    if value is not None:
        assert got == value
        assert type(got) is type(value)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("output", "answers", "told"),
    [
        (Person, ['{"firstName": "Ada", "age": 200}', '{"firstName": "A", "age": 1}'], "- age: i"),
        (
            Person,
            ['{"firstName": "R2D2", "age": 2}', '{"firstName": "A", "age": 1}'],
            "- firstName: a name has no digits\n",
        ),
        (Annotated[int, Field(ge=1)], ["I pick 0", "5"], "greater than or equal to 1, found 0"),
        (Annotated[str, Field(min_length=3)], ["hi", "hello"], "at least 3 characters"),
        (list[int], ['["a"]', "[1]"], 'expected a whole number, found "a"'),
        (dict[str, int], ["[1]", '{"a": 1}'], "must be a JSON object"),
        (SCHEMA, ['{"n": 1, "next": {"n": 0}}', '{"n": 1}'], "- next.n: 0 is less than"),
        (SCHEMA, ['{"n": 1, "m": 1}', '{"n": 1}'], "'m' was unexpected"),
        (Colour, ["green", "red"], "is not one of the options"),
    ],
)
def test_the_model_is_told_what_its_type_refuses_and_asked_again(output, answers, told):
    _, asked = ask(output, *answers)
    assert len(asked) == 2
    assert told in asked[1]


def test_fields_that_are_fine_for_yaml_ask_with_the_same_form_as_there():
    _, asked = ask(Trip, '{"name": "x", "tags": []}')
    assert '{"name": <text>, "tags": [<text>, ...]}' in asked[0]
    assert compile_output(Trip) == compile_output({"name": "str", "tags": ["str"]})


def test_a_json_schema_and_a_class_are_sent_as_they_are():
    assert compile_output(SCHEMA).json_schema({}) == SCHEMA
    sent = compile_output(Person).json_schema({})
    assert sent is not None
    assert sent["properties"]["age"]["maximum"] == 150
    jsonschema.validate({"firstName": "Ada", "age": 3}, dict(sent))


def test_templates_checks_and_memory_have_the_json_and_python_has_the_instance():
    graph = Graph(
        [
            Node("plan", "Plan.", output=Plan, save={"goal": "output.goal"}),
            Node("who", "Who?", output=Person),
            Node(
                "say", "{{ plan.steps[0].what }} {{ memory.goal }} {{ who.first }}", after=["plan"]
            ),
        ]
    )
    answers = {
        "plan": '{"goal": "g", "steps": [{"what": "dig"}]}',
        "who": '{"firstName": "Ada", "age": 36}',
    }

    def model(request: Request) -> str:
        return answers.get(request.call.node, request.prompt)

    result = graph.run_sync(model=model, memory={"goal": ""})
    assert result["say"] == "dig g Ada"
    assert result["plan"].steps == [Step("dig")]
    assert result["who"].grown_up
    assert result.state.values["who"] == {"first": "Ada", "age": 36, "grown_up": True}


@pytest.mark.parametrize(("output", "wrong"), [(Plan, "gaol"), (Person, "firstName")])
def test_a_misspelt_field_of_a_class_is_found_before_anything_runs(output, wrong):
    with pytest.raises(SpecError, match=f"has no field '{wrong}'"):
        Graph([Node("a", "?", output=output), Node("b", "{{ a." + wrong + " }}")])


def test_each_item_is_an_instance():
    value, _ = ask(Step, '{"what": "a"}', '{"what": "a"}', each="[1, 2]")
    assert value == [Step("a"), Step("a")]


def test_a_skipped_node_has_its_instance_again_also_after_a_resume():
    """What a step leaves is JSON; a run that goes on makes the instance of that."""
    graph = Graph(
        [
            Node("plan", "Plan.", output=Plan, when="step == 0"),
            Node("act", "{{ plan.goal }}"),
        ]
    )
    agent = Agent(graph, model=lambda r: '{"goal": "g"}', action="act")
    agent.act_sync()
    assert agent.result is not None
    left = json.loads(json.dumps(agent.result.state.values))
    agent.act_sync()
    assert agent.result["plan"] == Plan("g")

    async def resume() -> Any:
        episode = agent.episode()
        episode.go_on(State(values=left), [{"observation": None, "action": "g", "reward": None}])
        await episode.act()
        assert episode.result is not None
        return episode.result["plan"]

    assert asyncio.run(resume()) == Plan("g")


def test_instances_may_stand_in_for_answers():
    assert ask(Plan, "?", attempts=1, otherwise=Plan("none"))[0] == Plan("none")
    assert ask(Plan, "?", attempts=1, otherwise=None)[0] is None
    assert ask(str | None, "[", "", attempts=1, otherwise="x")[0] == "["
    graph = Graph([Node("a", "?", output=Step, when="false", initial=Step("wait"))])
    assert graph.run_sync(model="echo")["a"] == Step("wait")
    with pytest.raises(SpecError, match="otherwise"):
        Graph([Node("a", "?", output=Plan, otherwise=Step("x"))])
    text = Graph([Node("a", "?", output=Step, when="false", initial="nothing yet")])
    assert text.run_sync(model="echo")["a"] == "nothing yet"


def test_a_mistake_in_a_validator_fails_the_node_without_asking_again():
    asked: list[Request] = []

    def model(request: Request) -> str:
        asked.append(request)
        return '{"firstName": "broken", "age": 1}'

    with pytest.raises(StepError, match="the output Person raised KeyError") as caught:
        Graph([Node("a", "?", output=Person)]).run_sync(model=model)
    assert len(asked) == 1
    assert isinstance(caught.value.failures["a"].__cause__, KeyError)


def test_a_class_that_writes_what_it_cannot_read_is_refused_at_its_first_answer():
    with pytest.raises(StepError, match="cannot be made of the JSON that it writes"):
        ask(OneWay, '{"at": "2026-01-31"}')


@pytest.mark.parametrize(
    ("output", "part"),
    [
        (object, "object says nothing about its JSON"),
        (Any, "Any says nothing about its JSON"),
        (BaseModel, "BaseModel says nothing about its JSON"),
        (range, "range cannot be read from JSON"),
        (Iterator[int], "cannot be read from JSON"),
        (Callable[[int], str], "cannot be read from JSON"),
        (print, "not <built-in function print>"),
        (Plan("x"), "Give the class Plan itself"),
        ({"plan": Plan}, "Plan cannot stand in a mapping"),
        ({"type": "string", "size": "int"}, "'size' is no keyword of one"),
        ({"type": "string", "description": "str"}, "'description' is the type 'str'"),
        ({"type": "object", "propertis": {}}, "Did you mean 'properties'?"),
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "wrong at properties/a/type"),
        ({"$ref": "#/$defs/X"}, "refers to '#/$defs/X', which is not in it"),
        ({"$ref": "https://example.org/x"}, "which is not in it"),
        ({"type": "string", "pattern": "("}, "is wrong at pattern"),
        ({"type": "string", "default": object()}, "not a JSON value"),
    ],
)
def test_what_cannot_be_an_output_is_refused_with_what_can(output, part):
    with pytest.raises(OutputProblem) as caught:
        compile_output(output)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "str", "properties": "str"},
        {"title": "str", "description": "str"},
        {"items": {"description": "str"}, "enum": ["str"]},
        {"const": "int"},
        {"properties": {"a": "str"}},
    ],
)
def test_fields_may_be_called_as_the_keywords_of_a_json_schema(fields: Mapping[str, Any]):
    assert compile_output(fields).fields == fields.keys()
