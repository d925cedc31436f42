"""Graphs of thousands of nodes: built in a time that grows with their size, up to a limit."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agentfile.load import parse_agent
from agentkit.agentfile.nodes import in_a_row
from agentkit.errors import SpecError
from agentkit.graph.graph import Graph
from agentkit.graph.node import Node
from agentkit.graph.node_fields import MAX_NODES
from agentkit.templates.template import compile_template

HEAD = "model: echo\n"


def in_a_list(count: int) -> str:
    return HEAD + "nodes:\n" + "".join(f"  - n{i}: hi\n" for i in range(count))


def side_by_side(count: int) -> str:
    prompts = "".join(f"  n{i}: hi\n" for i in range(count))
    return f"{HEAD}action: n0\nnodes:\n{prompts}"


def with_inputs(count: int) -> str:
    inputs = "".join(f"  i{i}: x\n" for i in range(count))
    return f"{HEAD}inputs:\n{inputs}nodes:\n" + "".join(
        f"  - hi {{{{ i{i} }}}}\n" for i in range(count)
    )


def one_memory_key(count: int) -> str:
    fields = "{prompt: '{{ memory }}', save: {k: output}}"
    return f"{HEAD}memory: {{k: 1}}\nnodes:\n" + "".join(
        f"  - n{i}: {fields}\n" for i in range(count)
    )


def seconds(text: str) -> float:
    compile_template.cache_clear()
    started = time.process_time()
    parse_agent(text)
    return time.process_time() - started


@pytest.mark.parametrize("written", [in_a_list, side_by_side, with_inputs, one_memory_key])
def test_checking_an_agent_takes_a_time_that_grows_with_its_size(written):
    """A list of 2,000 nodes took 4.4 s and 573 MB, since each recalls all above it."""
    seconds(written(50))
    assert seconds(written(2_000)) < 9 * max(seconds(written(500)), 0.1)


def test_a_list_has_an_edge_for_each_of_its_nodes_and_not_for_each_two():
    agent = parse_agent(in_a_list(1_000))
    assert agent.graph.digraph.number_of_edges() == 999
    assert list(agent.graph.recalls[999]) == list(range(999))


@given(st.lists(st.sampled_from("pfo"), min_size=1, max_size=9))
def test_a_list_runs_and_recalls_as_if_every_node_named_all_above_it(kinds):
    """p: a prompt, f: a function, o: a prompt that says itself what it recalls."""
    nodes = [
        Node(f"n{i}", function="f") if kind == "f" else Node(f"n{i}", "hi")
        for i, kind in enumerate(kinds)
    ]
    own = {f"n{i}" for i, kind in enumerate(kinds) if kind == "o"}
    row = in_a_row(nodes, own)
    short = Graph(row)
    spoken = [[o.name for o in nodes[:i] if o.function is None] for i in range(len(nodes))]
    written = [
        Node(
            node.name, node.prompt, function=node.function, after=[one.name for one in nodes[:i]],
            recall=spoken[i] if node.function is None and node.name not in own else (),
        )
        for i, node in enumerate(nodes)
    ]  # fmt: skip
    full = Graph(written)
    assert short.ancestors == full.ancestors
    assert short.order == full.order
    assert [tuple(recalled) for recalled in short.recalls] == list(full.recalls)
    assert [tuple(node.recall) for node in row] == [tuple(node.recall) for node in written]


def test_too_many_nodes_are_refused_with_the_line_of_the_first():
    with pytest.raises(SpecError) as caught:
        parse_agent(in_a_list(MAX_NODES + 1))
    (problem,) = caught.value.problems
    assert problem.line == MAX_NODES + 3
    assert "there are 5,001 nodes, and 5,000 is the most" in problem.message
    assert "'each'" in problem.message
    with pytest.raises(SpecError, match="5,000 is the most"):
        Graph([Node(f"n{i}", "hi") for i in range(MAX_NODES + 1)])


def test_a_thousand_mistakes_are_a_message_that_one_can_read():
    """Each named all 2,000 nodes, which made 2.5 MB."""
    text = HEAD + "nodes:\n" + "".join(f"  - hi {{{{ zz{i} }}}}\n" for i in range(2_000))
    with pytest.raises(SpecError) as caught:
        parse_agent(text)
    assert len(str(caught.value)) < 100_000
    assert any("there are more problems" in problem.message for problem in caught.value.problems)


def test_unordered_writers_of_one_key_are_told_up_to_a_number():
    nodes = "".join(f"  n{i}: {{prompt: x, save: {{k: output}}}}\n" for i in range(1_000))
    with pytest.raises(SpecError) as caught:
        parse_agent(f"{HEAD}memory: {{k: 1}}\naction: n0\nnodes:\n{nodes}")
    assert 100 <= len(caught.value.problems) <= 102
