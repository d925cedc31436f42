"""Templates and expressions: what they read, how they are filled, what they say when they fail."""

import string
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentkit.errors import RenderError
from agentkit.templates.template import (
    RESERVED_WORDS,
    TemplateProblem,
    compile_expression,
    compile_template,
)

NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6).filter(
    lambda name: name not in RESERVED_WORDS
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def render(source: str, **values: Any) -> str:
    return compile_template(source).render(values)


def evaluate(source: str, **values: Any) -> Any:
    return compile_expression(source).evaluate(values)


# Rendering


@given(st.text())
def test_text_without_marks_renders_to_itself(text: str) -> None:
    assume(not any(mark in text for mark in ("{{", "{%", "{#", "\r")))
    assert render(text) == text.removesuffix("\n")


@given(st.text())
def test_text_beside_a_mark_renders_to_itself(text: str) -> None:
    assume("{" not in text and "\r" not in text)
    assert render("{{ x }}|" + text, x="a") == "a|" + text.removesuffix("\n")


@given(st.text() | st.sampled_from(["{{ x }}", "{% if x %}", "{{ y }}", "{# a #}", "{% raw %}"]))
def test_a_value_is_written_once_as_it_is(value: str) -> None:
    assert render("<{{ x }}>", x=value) == f"<{value}>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (2.5, "2.5"),
        ("Grüße", "Grüße"),
        (["a", None, True, {"b": 1}], '["a", null, true, {"b": 1}]'),
        ({"z": "é", "a": 1}, '{"z": "é", "a": 1}'),
        ((1, 2), "[1, 2]"),
    ],
)
def test_values_are_written_as_json_but_text_without_quotes(value: Any, text: str) -> None:
    assert render("{{ x }}", x=value) == text
    assert render("{{ '' ~ x }}{{ [x]|join }}", x=value) == text * 2


def test_tags_on_their_own_lines_leave_no_empty_lines() -> None:
    source = "Facts:\n{% for fact in facts %}\n  - {{ fact }}\n{% endfor %}\nEnd.\n"
    assert render(source, facts=["a", "b"]) == "Facts:\n  - a\n  - b\nEnd."


def test_line_ends_of_windows_render_as_plain_ones() -> None:
    assert render("a\r\n{{ x }}\r\nb\r\n", x=1) == "a\n1\nb"
    assert render("a\r\nb\r\n") == "a\nb"


def test_a_key_comes_before_a_method() -> None:
    assert render("{{ plan.items }}", plan={"items": "a key"}) == "a key"
    assert render("{{ plan.items() }}", plan={"a": 1}) == '[["a", 1]]'
    assert evaluate("plan.get", plan={"get": 4}) == 4


def test_an_if_without_else_writes_nothing() -> None:
    assert render("a{{ 'b' if late }}c", late=False) == "ac"


def test_an_attribute_of_an_object_is_read() -> None:
    assert render("{{ place.name }}", place=SimpleNamespace(name="cave")) == "cave"


def test_only_the_names_that_are_read_are_looked_up() -> None:
    class Values(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            asked.append(key)
            return super().__getitem__(key)

    asked: list[str] = []
    compile_template("{{ a }}{% for b in a %}{{ b }}{% endfor %}").render(Values(a=["x"], b="y"))
    assert asked == ["a"]


# What is missing


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ plan }}", "'plan' is not known here."),
        ("{{ list }}", "'list' is not known here."),
        ("{{ [plan] }}", "'plan' is not known here."),
        ("{% set x = plan %}", "'plan' is not known here."),
        ("{{ memory.plam }}", "'memory' has no 'plam'; it has: plan, map. Did you mean 'plan'?"),
        ("{{ memory['plam'] }}", "'memory' has no 'plam'; it has: plan, map. Did you mean 'plan'?"),
        ("{{ memory.map.a }}", "'memory.map' has no 'a'; it has: nothing."),
        ("{{ xs[3] }}", "'xs' has no item 3; its length is 2."),
        ("{{ xs.size }}", "'xs' has no 'size'; it is a list."),
        ("{{ xs[0].b }}", "'xs[0]' has no 'b'; it is a whole number."),
        ("{{ none.x }}", "the value has no 'x'; it is null."),
        ("a\nb {{ memory.a }}", "line 2: 'memory' has no 'a'; it has: plan, map."),
        ("a\n\n{% if q %}{% endif %}", "line 3: 'q' is not known here."),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(source: str, message: str) -> None:
    with pytest.raises(RenderError) as caught:
        render(source, memory={"plan": "x", "map": {}}, xs=[1, 2])
    assert str(caught.value) == message


def test_default_and_defined_may_look_for_what_is_not_there() -> None:
    assert render("{{ a|default('-') }}{{ b.c.d|default('-') }}{{ b.c is defined }}", b={}) == (
        "--false"
    )
    assert render("{{ xs|first|default('none yet') }}", xs=[]) == "none yet"
    assert render("{{ a is undefined }}") == "true"


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 'a' + 1 }}", "To join texts write '~'"),
        ("{{ 1 < 'a' }}", "a whole number and text"),
        ("{% for a in 5 %}{% endfor %}", "a list is needed here, but this is a whole number"),
        ("{{ 'a'.upper }}", "write 'upper()'"),
        ("{{ 'x'|int }}", "int cannot read a whole number from 'x'"),
        ("{{ []|max }}", "max needs at least one item"),
        ("{{ [1]|map('uper') }}", "there is no filter 'uper'. Did you mean 'upper'?"),
        ("{{ picture }}", "'bytes' cannot be written into a text"),
    ],
)
def test_a_failure_while_rendering_is_said_in_words(source: str, part: str) -> None:
    with pytest.raises(RenderError) as caught:
        render(source, picture=b"\x89PNG")
    assert part in str(caught.value)
    assert "Traceback" not in str(caught.value)


# What a template reads


@pytest.mark.parametrize(
    ("source", "reads", "binds"),
    [
        ("no marks", {}, set()),
        ("{{ memory.facts }} {{ plan }}", {"memory": {"facts"}, "plan": None}, set()),
        ("{{ m.a }} {{ m['b'].c }}", {"m": {"a", "b"}}, set()),
        ("{{ m.a }} {{ m[k] }}", {"m": None, "k": None}, set()),
        ("{{ m[0] }} {{ n[1:] }}", {"m": None, "n": None}, set()),
        ("{{ m.items() }} {{ n.a.upper() }}", {"m": None, "n": {"a"}}, set()),
        ("{% for x in xs if x > y %}{{ x }}{{ loop.index }}{% endfor %}", "xs y", {"x"}),
        ("{% for x in x %}{{ x }}{% endfor %}", "x", {"x"}),
        ("{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}{{ k }}", "d k", {"k", "v"}),
        ("{% for x in a %}{% else %}{{ x }}{% endfor %}", "a x", {"x"}),
        ("{% set x = x %}{{ x }}", "x", {"x"}),
        ("{{ x }}{% set x = 1 %}", "x", {"x"}),
        ("{% set x = 1 %}{{ x }}", "", {"x"}),
        ("{% set x %}{{ y }}{% set z = 1 %}{% endset %}{{ x }}{{ z }}", "y z", {"x", "z"}),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", "a x", {"x"}),
        ("{% if a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", "a", {"x"}),
        ("{% if a %}{% elif b %}{{ c }}{% endif %}", "a b c", set()),
        ("{% with x = y %}{{ x }}{% endwith %}{{ x }}", "x y", {"x"}),
        ("{% for i in a %}{% set x = 1 %}{% endfor %}{{ x }}", "a x", {"i", "x"}),
        ("{{ range(n) }}{{ a|map(attribute=b)|list }}", "n a b", set()),
        ("{{ {'k': v} }}{{ a if b else c }}{{ d ~ e }}{{ f is in g }}", "v a b c d e f g", set()),
        ("{{ a.b is defined }}{{ c.d|default(e) }}", {"a": {"b"}, "c": {"d"}, "e": None}, set()),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}", {}, set()),
    ],
)
def test_reads_are_the_names_that_come_from_outside(
    source: str, reads: str | dict[str, Any], binds: set[str]
) -> None:
    template = compile_template(source)
    wanted = dict.fromkeys(reads.split()) if isinstance(reads, str) else reads
    assert dict(template.reads) == wanted
    assert template.binds == binds


@given(st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=6))
def test_reads_of_a_generated_template_are_its_names(paths: list[tuple[str, str | None]]) -> None:
    written = [name if key is None else f"{name}.{key}" for name, key in paths]
    template = compile_template("".join(f"{{{{ {path} }}}}" for path in written))
    expected: dict[str, set[str] | None] = {}
    for name, key in paths:
        keys = expected.setdefault(name, set())
        expected[name] = None if key is None or keys is None else keys | {key}
    assert template.reads == expected


def test_reads_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        compile_template("{{ a }}").reads["b"] = None  # type: ignore[index]


# What is refused


@pytest.mark.parametrize(
    ("source", "lineno", "part"),
    [
        ("a\n{% include 'x' %}", 2, "'{% include %}' cannot be used here"),
        ("{% extends 'x' %}", 1, "extends"),
        ("{% import 'x' as y %}", 1, "import"),
        ("{% from 'x' import y %}", 1, "from"),
        ("{% macro m() %}{% endmacro %}", 1, "macro"),
        ("{% call m() %}{% endcall %}", 1, "call"),
        ("{% block b %}{% endblock %}", 1, "block"),
        ("{% filter upper %}{% endfilter %}", 1, "filter"),
        ("\n\n{% autoescape true %}{% endautoescape %}", 3, "autoescape"),
        ("{% trans %}a{% endtrans %}", 1, "trans"),
        ("{% for a in b recursive %}{% endfor %}", 1, "recursive"),
        ("{% set a.b = 1 %}", 1, "plain name"),
        ("{% set range = 1 %}", 1, "choose another name"),
        ("{{ loop.index }}", 1, "inside a 'for'"),
        ("{{ self }}", 1, "'self' cannot be used"),
        ("{{ f(*a) }}", 1, "before an argument"),
        ("{{ f(_loop_vars=1) }}", 1, "name of an argument"),
        ("{{ f(a=1, a=2) }}", 1, "cannot be compiled"),
        ("{{ a|uper }}", 1, "Did you mean 'upper'?"),
        ("{% if b %}{{ a is od }}{% endif %}", 1, "Did you mean 'odd'?"),
        ("{{ xs|random }}", 1, "the same inputs must give the same prompt"),
        ("{{ a|safe }}", 1, "a prompt is plain text"),
        ("{{ a|attr('b') }}", 1, "with a dot"),
        ("{{ a", 1, "'}}'"),
        ("a\nb\n{{ a b }}", 3, "'b'"),
        ("a {# b", 1, "there is no '#}' to end it"),
        ("{% if a %}", 1, "'endif'"),
        ("{{ 1e999 }}", 1, "number is too large"),
        ("{{ " + "9" * 5000 + " }}", 1, "number is too large"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_its_line(
    source: str, lineno: int, part: str
) -> None:
    with pytest.raises(TemplateProblem) as caught:
        compile_template(source)
    assert part in caught.value.message
    assert caught.value.lineno == lineno
    assert str(caught.value) == caught.value.message


# Expressions


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("stale or memory.subgoal is none", True),
        ("memory.steps[0]", "a"),
        ("memory.steps + ['c']", ["a", "b", "c"]),
        ("memory", {"subgoal": None, "steps": ["a", "b"]}),
        ("{'n': count + 1}", {"n": 3}),
        ("(1, 2)", [1, 2]),
        ("range(3)", [0, 1, 2]),
        ("'a' if stale else 'b'", "b"),
        ("memory.steps|map('upper')", ["A", "B"]),
        ("none", None),
        ("true", True),
        (" count ", 2),
    ],
)
def test_an_expression_gives_a_python_value(source: str, value: Any) -> None:
    values = {"stale": False, "memory": {"subgoal": None, "steps": ["a", "b"]}, "count": 2}
    assert compile_expression(source).evaluate(values) == value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("plan", "in 'plan': 'plan' is not known here."),
        ("not plan", "in 'not plan': 'plan' is not known here."),
        ("[plan]", "in '[plan]': 'plan' is not known here."),
        ("plan or 1", "in 'plan or 1': 'plan' is not known here."),
        ("memory.a", "in 'memory.a': 'memory' has no 'a'; it has: b."),
        ("memory.b.c.d", "in 'memory.b.c.d': 'memory.b' has no 'c'; it is text."),
        ("memory.b.upper", "in 'memory.b.upper': this is a function, not a value."),
        ("range", "in 'range': this is a function, not a value."),
        (
            "memory.__class__",
            "in 'memory.__class__': 'memory' has no '__class__'; it has: b.",
        ),
    ],
)
def test_a_name_that_is_not_there_is_an_error_in_an_expression(source: str, message: str) -> None:
    with pytest.raises(RenderError) as caught:
        evaluate(source, memory={"b": "x"})
    assert str(caught.value) == message


@given(NAMES, st.lists(NAMES | st.sampled_from(["items", "keys", "upper"]), max_size=2), JSON, JSON)
def test_a_plain_path_gives_what_jinja_gives(
    root: str, keys: list[str], value: Any, other: Any
) -> None:
    """The short way for `a.b.c` and the long way for `(a.b.c)` agree, errors included."""

    def outcome(source: str) -> tuple[str, Any]:
        try:
            return "value", compile_expression(source).evaluate(values)
        except RenderError as error:
            return "error", str(error).partition(": ")[2]

    inner: Any = value
    for key in reversed(keys[1:]):
        inner = {key: inner}
    values = {root: {keys[0]: inner, "z": other} if keys else inner}
    for path in (".".join([root, *keys]), ".".join([root, *keys, "missing"]), "nothing.x"):
        assert outcome(path) == outcome(f"({path})")


@pytest.mark.parametrize("source", ["", " ", "a b", "a if b", "{{ a }}", "a; b", "1 +", "a = 1"])
def test_what_is_not_one_expression_is_refused(source: str) -> None:
    with pytest.raises(TemplateProblem):
        compile_expression(source)


def test_reads_of_an_expression() -> None:
    assert compile_expression("plan").reads == {"plan": None}
    assert compile_expression("memory.facts.x").reads == {"memory": frozenset({"facts"})}
    assert compile_expression("a or m.b is none").reads == {"a": None, "m": frozenset({"b"})}
    assert compile_expression("result").evaluate({"result": 1}) == 1
    assert compile_expression("result + 1").evaluate({"result": 1}) == 2


def test_the_words_of_jinja_are_reserved() -> None:
    assert {"for", "in", "is", "none", "true", "loop", "self", "range", "set"} <= RESERVED_WORDS
