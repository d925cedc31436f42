import pytest
from hypothesis import given, settings
from pydantic import BaseModel
from random_graphs import dags

from agentkit import Check, Graph, InputError, Node, SpecError


def problems(*nodes: Node, **options: object) -> str:
    with pytest.raises(SpecError) as caught:
        Graph(list(nodes), **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_names_in_prompts_are_dependencies_and_free_names_are_inputs():
    graph = Graph(
        [Node("pros", "Pros of {{ topic }}?"), Node("essay", "Write: {{ pros }} {{ style }}")]
    )
    assert list(graph.digraph.edges) == [("pros", "essay")]
    assert graph.inputs == {"topic", "style"}


@pytest.mark.parametrize(
    "field",
    [
        {"when": "a > 1"},
        {"each": "a"},
        {"save": {"k": "output + a"}},
        {"check": [Check("output != a")]},
        {"output": {"choice": "a"}},
        {"recall": ["a"]},
        {"after": ["a"]},
        {"images": "a"},
    ],
)
def test_every_field_that_reads_a_node_makes_a_dependency(field):
    graph = Graph([Node("a", "?"), Node("b", "?", **field)])
    assert ("a", "b") in graph.digraph.edges


def test_arguments_of_a_function_are_dependencies():
    graph = Graph([Node("a", "?"), Node("b", function=str, with_={"object": "a.x"})])
    assert ("a", "b") in graph.digraph.edges


def test_previous_is_no_dependency_but_must_name_a_node():
    assert not Graph([Node("a", "{{ previous.a }}")]).digraph.edges
    assert "no node 'aa'. Did you mean 'a'?" in problems(Node("a", "{{ previous.aa }}"))


def test_cycle_error_names_the_cycle():
    text = problems(Node("a", "{{ c }}"), Node("b", "{{ a }}"), Node("c", "{{ b }}"))
    assert "a -> b -> c -> a" in text


def test_all_problems_come_in_one_error():
    text = problems(
        Node("a", ""),
        Node("b", "{{ x"),
        Node("c", "?", recall=["d"], output="nunber"),
        Node("Bad", "?"),
        Node("e", "{{ e }}"),
        inputs=["topic"],
    )
    for part in ("prompt is empty", "node 'b'", "no node 'd'", "number", "'Bad' is not a name"):
        assert part in text
    assert "cannot depend on itself" in text
    assert text.startswith("6 problems") or text.startswith("7 problems")


def test_unknown_name_suggests_the_nearest_and_lists_what_may_be_used():
    text = problems(Node("plan", "?"), Node("act", "{{ plann }}"), inputs=[])
    assert "unknown name 'plann'. Did you mean 'plan'?" in text
    assert "observation" in text


@pytest.mark.parametrize(
    "name", ["observation", "memory", "for", "prompt", "output", "2x", "A", ""]
)
def test_reserved_and_malformed_node_names_are_refused(name):
    assert "1 problem" in problems(Node(name, "?"))


def test_two_nodes_of_one_name_are_refused():
    assert "two nodes have this name" in problems(Node("a", "?"), Node("a", "!"))


def test_item_needs_each_and_output_needs_save_or_check():
    assert "'item' is known only" in problems(Node("a", "{{ item }}"))
    assert "'output' is known only" in problems(Node("a", "{{ output }}"))
    assert "'item' is known only" in problems(Node("a", "?", each="item"))


def test_a_loop_variable_may_not_shadow_a_name():
    assert "'plan' is already a name" in problems(
        Node("plan", "?"), Node("act", "{% for plan in info.x %}{{ plan }}{% endfor %}")
    )


def test_a_function_cannot_be_recalled():
    assert "is a function" in problems(Node("f", function=str), Node("b", "?", recall=["f"]))


def test_unordered_write_and_read_of_a_memory_key_is_a_race():
    text = problems(
        Node("a", "?", save={"k": "output"}),
        Node("b", "{{ memory.k }}"),
        Node("c", "{{ a }}{{ b }}"),
    )
    assert "memory.k" in text
    assert "'a' writes it, 'b' reads it" in text
    assert "after: [a]" in text


def test_ordered_write_and_read_is_no_race_even_over_other_nodes():
    Graph(
        [
            Node("a", "?", save={"k": "output"}),
            Node("m", "{{ a }}"),
            Node("b", "{{ memory.k }}", after=["m"]),
        ]
    )


def test_memory_used_whole_reads_every_key():
    assert "memory.k" in problems(Node("a", "?", save={"k": "output"}), Node("b", "{{ memory }}"))
    assert "memory.k" in problems(
        Node("a", "?", save={"k": "output"}), Node("b", "{{ memory[item] }}", each="info.keys_")
    )


def test_other_memory_keys_do_not_race():
    Graph([Node("a", "?", save={"k": "output"}), Node("b", "{{ memory.other }}")])


def test_context_may_not_use_nodes_because_it_comes_before_them():
    text = problems(Node("a", "?"), context="{{ a }}")
    assert "filled in before any node" in text
    assert "previous.a" in text


def test_a_system_text_that_changes_every_step_is_a_warning():
    graph = Graph([Node("a", "?")], system="Step {{ step }}.")
    assert "no provider can cache it" in str(graph.warnings[0])
    assert not Graph([Node("a", "?")], system="You play {{ game }}.").warnings


def test_missing_and_unknown_inputs_are_refused_before_any_call():
    graph = Graph([Node("a", "{{ topic }}")])
    with pytest.raises(InputError, match=r"missing input 'topic'\. Did you mean 'topik'"):
        graph.run_sync({"topik": 1}, model=lambda request: pytest.fail("asked"))


def test_str_is_mermaid_without_edges_that_a_path_implies():
    graph = Graph(
        [
            Node("a", "?"),
            Node("b", "?", recall=["a"]),
            Node("c", "{{ a }}", recall=["a", "b"], when="b", initial=""),
            Node("f", function=str, after=["c"]),
        ]
    )
    assert str(graph) == (
        "graph TD\n"
        '    a["a"]\n'
        '    b["b"]\n'
        '    c{{"c (when)"}}\n'
        '    f[["f"]]\n'
        "    a -. recall .-> b\n"
        "    a --> c\n"
        "    b --> c\n"
        "    c -. after .-> f"
    )


def test_draw_writes_an_svg_with_every_node(tmp_path):
    graph = Graph([Node("a", "?"), Node("b", "{{ a }}"), Node("c", "{{ a }}")])
    text = graph.draw(tmp_path / "x.svg").read_text()
    assert text.startswith("<svg")
    assert all(f">{name}</text>" in text for name in "abc")
    assert graph.draw(tmp_path / "x.mmd").read_text().startswith("graph TD")


@given(dags())
@settings(max_examples=60, deadline=None)
def test_order_is_topological_for_any_dag_declared_in_any_order(nodes):
    graph = Graph(nodes)
    rank = {graph.nodes[i].name: position for position, i in enumerate(graph.order)}
    assert all(rank[a] < rank[b] for a, b in graph.digraph.edges)
    assert sorted(rank) == sorted(node.name for node in nodes)


RECORD = {"x": "str", "size": "int"}


@pytest.mark.parametrize(
    "reader",
    [
        Node("b", "{{ a.xx }}"),
        Node("b", "{% if step %}{{ a['xx'] }}{% endif %}"),
        Node("b", "?", when="a.xx"),
        Node("b", "?", save={"k": "a.xx + a.x"}),
    ],
)
def test_a_field_that_the_schema_does_not_have_is_a_problem(reader):
    text = problems(Node("a", "?", output=RECORD), reader)
    assert "1 problem" in text
    assert "'a' has no field 'xx'. Did you mean 'x'? It has: size, x" in text


@pytest.mark.parametrize("field", [{"check": [Check("output.xx")]}, {"save": {"k": "output.xx"}}])
def test_a_node_knows_the_fields_of_its_own_output(field):
    text = problems(Node("a", "?", output=RECORD, **field))
    assert "'output' has no field 'xx'. Did you mean 'x'?" in text


@pytest.mark.parametrize(
    "nodes",
    [
        [Node("a", "?", output=RECORD), Node("b", "{{ a.x }} {{ a.items() }} {{ a.keys }}")],
        [Node("a", "?", output=RECORD, initial={"why": 1}), Node("b", "{{ a.why }}")],
        [Node("a", "?", output=RECORD, otherwise=None), Node("b", "{{ a.x }}")],
        [Node("a", "?", output="json"), Node("b", "{{ a.anything }}")],
        [Node("a", "?", output=RECORD, each="info.parts"), Node("b", "{{ a.count(1) }}")],
        [Node("a", "?", output=RECORD, each="info.parts", check=[Check("output.x")])],
    ],
)
def test_fields_that_may_be_there_are_no_problem(nodes):
    Graph(nodes)


def test_one_item_of_an_each_node_is_checked_by_its_fields():
    text = problems(Node("a", "?", output=RECORD, each="info.p", check=[Check("output.xx")]))
    assert "'output' has no field 'xx'" in text


def test_the_fields_of_a_pydantic_model_are_known_unless_it_takes_others():
    class Closed(BaseModel):
        x: str

    class Open(BaseModel, extra="allow"):
        x: str

    assert "It has: x" in problems(Node("a", "?", output=Closed), Node("b", "{{ a.z }}"))
    Graph([Node("a", "?", output=Open), Node("b", "{{ a.z }}")])


def test_a_constant_key_of_get_is_read_like_any_other_key():
    graph = Graph([Node("a", "{{ memory.get('k') }} {{ info.get('z') }}")])
    assert graph.reads["memory"] == {"k"}
    assert graph.reads["info"] is None
    assert "no node 'aa'" in problems(Node("a", "{{ previous.get('aa') }}"))


@pytest.mark.parametrize(
    ("output", "good", "bad"),
    [
        ({"choice": ["go", "stop"]}, ["go"], ["GO", "wait", 1, True]),
        ("yes_no", [True, False], ["yes", "maybe", 1]),
        ("integer", [3, -1, 2.0], [2.5, "3", True, [3]]),
        ("number", [3, 2.5], ["3", "many", False]),
        (RECORD, [{"x": "", "size": 1}], [{}, {"x": 1, "size": 1}, "x", []]),
        (["int"], [[], [1]], [["a"], {}, 1]),
        ("text", ["", " a ", 5, []], []),
        ("json", [1, "x", {}], []),
        ({"choice": "info.options"}, ["anything"], []),
    ],
)
def test_otherwise_must_be_a_value_that_the_output_could_give(output, good, bad):
    for value in [None, *good]:
        Graph([Node("a", "?", output=output, otherwise=value)])
    for value in bad:
        text = problems(Node("a", "?", output=output, otherwise=value))
        assert "node 'a', otherwise: " in text
        assert "does not fit 'output'" in text


def test_the_initial_value_of_an_each_node_is_a_list_and_otherwise_is_for_one_item():
    Graph([Node("a", "?", output="integer", each="info.x", initial=[], otherwise=0)])
    assert "is a list" in problems(Node("a", "?", output="integer", each="info.x", initial=0))
    assert "does not fit" in problems(Node("a", "?", output="integer", each="info.x", otherwise=[]))


@pytest.mark.parametrize("field", ["initial", "otherwise"])
def test_a_stand_in_must_be_json(field):
    assert f"{field} is a set, not a JSON value" in problems(Node("a", "?", **{field: {1}}))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"prompt": None}, "prompt: expected a prompt, found None"),
        ({"attempts": "3"}, "attempts: expected a whole number of 1 or more, found '3'"),
        ({"attempts": 2.5}, "attempts: expected a whole number of 1 or more, found 2.5"),
        ({"attempts": True}, "attempts: expected a whole number"),
        ({"attempts": 0}, "attempts: expected a whole number of 1 or more, found 0"),
        (
            {"check": "output > 3"},
            "check: expected Check(that, say), or a list of them, found 'output > 3'",
        ),
        ({"check": ["output"]}, "check: expected Check(that, say), or a list of them"),
        ({"check": [Check("output", None)]}, "check: expected Check(that, say), or a list of them"),
        ({"check": Check("output", None)}, "check: expected Check(that, say), or a list of"),
        ({"check": [Check(3)]}, "check: expected an expression, found 3"),
        ({"save": "x"}, "save: expected a mapping of memory keys to expressions, found 'x'"),
        ({"save": {"k": 3}}, "save: expected an expression, found 3"),
        ({"with_": ["x"]}, "with: expected a mapping"),
        ({"recall": "b"}, "recall: expected a list of node names, found 'b'"),
        ({"after": None}, "after: expected a list of node names, found None"),
        ({"temperature": "hot"}, "temperature: expected a number of 0 or more, found 'hot'"),
        ({"top_p": 2}, "top_p: expected a number from 0 to 1, found 2"),
        ({"max_tokens": 1.5}, "max_tokens: expected a whole number of 1 or more"),
        ({"seed": "1"}, "seed: expected a whole number"),
        ({"stop": "END"}, "stop: expected a list of texts, found 'END'"),
        ({"reuse": "yes"}, "reuse: expected True or False"),
        ({"model": 3}, "model: expected a model's id"),
        ({"when": 3}, "when: expected an expression, found 3"),
        ({"output": 3}, "output: an output is"),
        ({"name": ["a"]}, "name: expected the name of a node, found ['a']"),
    ],
)
def test_a_field_of_another_kind_is_one_problem(fields, expected):
    text = problems(Node(**{"name": "a", "prompt": "?", **fields}), Node("b", "?"))
    assert text.startswith("1 problem\n")
    assert expected in text


@pytest.mark.parametrize("texts", [{"system": None}, {"context": 3}])
def test_a_shared_text_must_be_a_text(texts):
    assert "expected a text, found " in problems(Node("a", "?"), **texts)


@pytest.mark.parametrize("nodes", [["What?"], [None], "What?", None, {"a": "?"}, Node("a", "?")])
def test_what_is_no_list_of_nodes_is_a_problem(nodes):
    with pytest.raises(SpecError, match="expected a"):
        Graph(nodes)


def test_mistakes_of_kind_come_with_all_others():
    text = problems(Node("a", "{{ zz }}", attempts="3", stop="END"), Node("b", None), inputs=[])
    assert text.startswith("4 problems\n")
    assert "one text" in problems(Node("a", "?"), inputs="one text")


@pytest.mark.parametrize("setting", [{"temperature": "hot"}, {"stop": "END"}, {"seed": 1.5}])
def test_a_setting_of_a_model_of_another_kind_is_a_problem(setting):
    graph = Graph([Node("a", "?", model="m")])
    (name,) = setting
    with pytest.raises(SpecError, match=f"{name}: expected "):
        graph.run_sync(models={"m": {"use": "echo", **setting}})


def test_one_check_stands_without_a_list():
    """YAML took one check, Python did not."""
    result = Graph([Node("a", "x", check=Check("output == 'x'"))]).run_sync(model="echo")
    assert result["a"] == "x"
