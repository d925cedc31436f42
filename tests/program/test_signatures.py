"""What editors, mypy and `inspect` see of the public functions."""

import ast
import inspect
from dataclasses import fields, is_dataclass
from inspect import Parameter, getsource, signature
from itertools import pairwise
from textwrap import dedent

import pytest

import agentkit
from agentkit import Agent, Graph, InputError, Node, events, rollout, rollout_sync
from agentkit.agent import AgentArguments

GRAPH = Graph([Node("a", "x")])
AGENT = Agent(GRAPH, model="echo")


@pytest.mark.parametrize(
    ("copy", "source"),
    [
        (Graph.run_sync, Graph.run),
        (Graph.stream, Graph.run),
        (Agent.act_sync, Agent.act),
        (rollout_sync, rollout),
    ],
)
def test_a_function_shows_the_parameters_that_it_passes_on(copy, source):
    assert signature(copy).parameters == signature(source).parameters
    assert copy.__doc__


@pytest.mark.parametrize(
    "call",
    [
        lambda: GRAPH.run_sync(modle="echo"),
        lambda: anext(GRAPH.stream(modle="echo")).send(None),
        lambda: GRAPH.as_runnable(modle="echo"),
        lambda: AGENT.act_sync(modle="echo"),
        lambda: AGENT.session().act_sync(modle="echo"),
        lambda: AGENT.replace(modle="echo"),
        lambda: Agent(GRAPH, modle="echo"),
        lambda: rollout_sync(AGENT, modle="echo"),
    ],
)
def test_a_misspelt_argument_is_a_type_error_that_names_it(call):
    with pytest.raises(TypeError, match="unexpected keyword argument 'modle'"):
        call()


def test_replace_takes_every_argument_of_an_agent():
    given = signature(Agent).parameters
    assert AgentArguments.__annotations__.keys() == given.keys()


def public():
    """Every public function, and every public method of a public class."""
    for name in agentkit.__all__:
        value = getattr(agentkit, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if method[0] != "_" and function.__module__.startswith("agentkit."):
                    yield f"{name}.{method}", function


def test_no_public_function_hides_what_it_takes():
    for name, function in public():
        for parameter in signature(function).parameters.values():
            assert parameter.kind is not Parameter.VAR_POSITIONAL, name
            loose = parameter.kind is Parameter.VAR_KEYWORD and "AgentArguments" not in str(
                parameter
            )
            assert not loose, name


def values():
    """The public classes whose fields are values: dataclasses and events."""
    named = [getattr(agentkit, name) for name in agentkit.__all__]
    kinds = [kind for kind in named if inspect.isclass(kind) and is_dataclass(kind)]
    return [*kinds, *events.Event.__args__]


@pytest.mark.parametrize("kind", values(), ids=lambda kind: kind.__name__)
def test_every_field_of_a_public_value_has_a_line_of_its_own(kind):
    """Its docstring stands beneath it, where editors look for it."""
    told = set()
    for one in kind.__mro__:
        if one.__module__.startswith("agentkit."):
            body = ast.parse(dedent(getsource(one))).body[0].body
            told |= {
                field.target.id
                for field, below in pairwise(body)
                if isinstance(field, ast.AnnAssign)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            }
    names = getattr(kind, "__struct_fields__", None) or [f.name for f in fields(kind)]
    assert [name for name in names if name not in told and name != "_"] == []


def test_an_error_of_the_user_is_no_type_error():
    with pytest.raises(InputError, match="unknown input 'y'"):
        GRAPH.run_sync({"y": 1}, model="echo")
