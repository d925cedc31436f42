"""A template from a stranger, or a value from the web, can neither escape nor take long."""

import json
import re
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from agentkit.errors import RenderError
from agentkit.templates.sandbox.bounds import TEXT_LIMIT
from agentkit.templates.template import TemplateProblem, compile_expression, compile_template

LONG = "x" * 900_000
OTHER = LONG[:-1] + "y"
SECONDS = 1.0
LONGEST_MESSAGE = 2_000


class Secret:
    """An object that a program put among the values by mistake."""

    _hidden = "LEAK"

    def reveal(self) -> str:
        return "LEAK"


def endless() -> Iterator[int]:
    while True:
        yield 1


def circle() -> list[Any]:
    values: list[Any] = [1]
    values.append(values)
    return values


def well(depth: int) -> list[Any]:
    values: list[Any] = []
    for _ in range(depth):
        values = [values]
    return values


def values() -> dict[str, Any]:
    return {
        "long": LONG,
        "other": OTHER,
        "text": "s",
        "list": [1],
        "map": {"a": 1},
        "function": lambda: "LEAK",
        "secret": Secret(),
        "endless": endless(),
        "circle": circle(),
        "circle2": circle(),
        "well": well(50_000),
        "shallow": well(300),
        "rows": [{"n": number} for number in range(5000)],
        "huge": 3**100_000,
        "digits": 3**2_000,
    }


ESCAPES = [
    "{{ text.__class__ }}",
    "{{ text['__class__'] }}",
    "{{ text|attr('__class__') }}",
    "{{ [].__class__.__base__.__subclasses__() }}",
    "{{ function.__globals__ }}",
    "{{ function() }}",
    "{{ secret.reveal() }}",
    "{{ secret._hidden }}",
    "{{ [secret]|map(attribute='_hidden')|list }}",
    "{{ [secret]|sort(attribute='_hidden') }}",
    "{{ [secret]|map('attr', '_hidden')|list }}",
    "{{ secret }}",
    "{{ '{0._hidden}'.format(secret) }}",
    "{{ '{a._hidden}'.format_map({'a': secret}) }}",
    "{{ list.append(1) }}",
    "{{ map.update({}) }}",
    "{{ map.pop('a') }}",
    "{{ range.__class__ }}",
    "{{ self._TemplateReference__context }}",
    "{% for a in [1] %}{{ loop.__init__ }}{% endfor %}",
    "{% for a in [1] %}{{ loop([1]) }}{% endfor %}",
    "{{ [1]|map('@each', 1)|list }}",
    "{{ [1]|select('@given')|list }}",
    "{{ lipsum() }}{{ cycler }}{{ joiner }}{{ namespace() }}{{ dict() }}",
]

EXPENSIVE = [
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ [1] * 10**9 }}",
    "{{ 10 ** (10 ** 9) }}",
    "{{ (2**2000) * (2**4000) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%.1000000000f' % 1.0 }}",
    "{{ '%(a)1000000000d' % {'a': 1} }}",
    "{{ '%((a))1000000000d' % {'(a)': 1} }}",
    "{{ '%1000000000d' is odd }}",
    "{{ '%1000000000d' is divisibleby 3 }}",
    "{{ ('%(a)s' * 10000) % {'a': long} }}",
    "{{ 'a'.center(10**9) }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{{ 'a\t'.expandtabs(10**9) }}",
    "{{ 'a'|center(10**9) }}",
    "{{ 'a\nb'|indent(10**9) }}",
    "{{ ('a\n' * 1000)|indent(long) }}",
    "{{ long.replace('x', 'b' * 1000) }}",
    "{{ long|replace('x', 'b' * 1000) }}",
    "{{ long|replace('', long) }}",
    "{{ long.join(range(100000)|map('string')) }}",
    "{{ range(100000)|join(long) }}",
    "{{ [1]|batch(10**9, 0) }}",
    "{{ [1]|slice(10**9) }}",
    "{{ 1|round(10**9, 'ceil') }}",
    "{{ [1]|tojson(indent=10**9) }}",
    "{% set x = [1] * 100000 %}" + "{% set x = [x] %}" * 300 + "{{ x|tojson(indent=8) }}",
    "{{ range(10**9) }}",
    "{{ range(100000)|map('center', 1000000)|list|length }}",
    "{{ [[1]]|sum(start=[]) }}",
    "{{ long|wordwrap(1) }}",
    "{{ ('a-' * 400000)|wordwrap(10) }}",
    "{{ long.rfind('a' ~ long) }}",
    "{{ (long ~ 'b').strip(('c' * 900000) ~ 'x') }}",
    "{{ ('f' * 900000)|int(base=16) }}",
    "{{ endless|list }}",
    "{{ endless|first }}",
    "{% for a in endless %}{% endfor %}",
    "{{ circle }}",
    "{{ circle == circle2 }}",
    "{{ circle|tojson }}",
    "{{ circle|string|length }}",
    "{{ circle|unique }}",
    "{{ well }}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% for a in range(100000) %}" + "{% if a %}{% endif %}" * 500 + "{% endfor %}",
    "{% for a in range(100000) %}{{ 'zz' in long }}{% endfor %}",
    "{% for a in range(100000) %}{{ long == other }}{% endfor %}",
    "{% for a in range(100000) %}{% if long is eq other %}{% endif %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = long[1:] %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = long.upper() %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = long|title %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = long ~ a %}{% endfor %}",
    "{% for a in range(100000) %}{{ loop.changed(long) }}{% endfor %}",
    "{% for a in range(100) %}" + "y" * 50_000 + "{% endfor %}",
    "{% set x %}{% for a in range(100) %}" + "y" * 50_000 + "{% endfor %}{% endset %}",
    "{% set x = 'a' %}" + "{% set x = x ~ x %}" * 60,
    "{% set x = 'a' %}" + "{% set x = x + x %}" * 60,
    "{% set x = ['a'] %}" + "{% set x = x + x %}" * 60,
    "{% set x = ['a'] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
    "{% set x = 1 %}" + "{% set x = {'a': x, 'b': x} %}" * 60 + "{{ x|string }}",
    "{% set x = ('a',) %}" + "{% set x = (x, x) %}" * 60 + "{{ {}.get(x) }}",
    *(
        "{% set x = ['a'] %}" + "{% set x = [x, x] %}" * 60 + f"{{{{ {use} }}}}"
        for use in (
            "{}[x]",
            "rows[x]",
            "x is lower",
            "x|map(x)",
            "x|int",
            "x|join(x)",
            "1|round(x)",
            "1|round(1, x)",
            "'a'|truncate(x)",
            "[1]|tojson(indent=x)",
            "{}|dictsort(by=x)",
            "[1].index(x)",
            "'%s' % x",
            "rows|selectattr('n', 'in', x)",
            "x|default(1)",
            "x|first",
        )
    ),
    "{% set x = 'a' %}" + "{% set x = {x: x}.items()|first %}" * 60,
    "{% set x = 'a' %}" + "{% set x = {x: x}|dictsort|first %}" * 60,
    "{% set x = ['a'] %}{% set y = ['a'] %}"
    + "{% set x = [x, x] %}{% set y = [y, y] %}" * 60
    + "{{ x == y }}",
    "{% set x %}a{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60,
    # Numbers that grow, and what is done with them again and again.
    "{{ ('1' * 6000000)|int(base=2) }}",
    "{% for a in range(100000) %}{% set b = huge // 7 %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = 7 % huge %}{% endfor %}",
    "{% for a in range(100000) %}{% if huge is divisibleby 7 %}{% endif %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = digits * 3 // 7 * 5 // 3 * 7 // 5 %}{% endfor %}",
    "{% for a in range(100000) %}{{ huge|abs == huge }}{% endfor %}",
    "{% for a in range(100000) %}{% set b = ('9' * 4300)|int(0) %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = ('9' * 900000)|float(0) %}{% endfor %}",
    "{% set x = 3 %}" + "{% set x = x * x %}" * 60,
    "{% set x = 3 %}" + "{% set x = x ** x %}" * 60,
    "{% set x = 1e300 %}" + "{% set x = x * x %}" * 60,
    "{{ 5|round(-1000000000) }}",
    "{{ range(10 ** 30) }}",
    # Long numbers weigh what they will be written with.
    "{{ [digits] * 200000 }}",
    "{{ ([digits] * 200000)|join|length }}",
    "{% set x %}{% for a in range(100000) %}{{ digits }}{% endfor %}{% endset %}",
    "{% for a in range(100000) %}{% set b = digits ~ digits %}{% endfor %}",
    "{% for a in range(1000) %}{% set b = ('%x' * 500)|format("
    + ", ".join(["digits"] * 500)
    + ") %}{% endfor %}",
    "{% for a in range(1000) %}{% set b = ('%f' * 500) % ("
    + ", ".join(["1e308"] * 500)
    + ") %}{% endfor %}",
    # Text that is written or set aside in rounds, and cut into many pieces.
    "{% for a in range(200000) %}{{ long }}{% endfor %}",
    "{% set x %}{% for a in range(200000) %}{{ long }}{% endfor %}{% endset %}",
    "{% for a in range(200000) %}{% set x %}{{ long }}{% endset %}{% endfor %}",
    "{% for a in range(300000) %}{% if not a %}" + "y" * 90_000 + "{% endif %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = long|reverse %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = long[::-1] %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = loop.cycle(long, a) %}{% endfor %}",
    "{% for a in range(100000) %}{% set b = long|truncate(800000) %}{% endfor %}",
    "{{ ('é ' * 5000000).split()|length }}",
    "{{ ('é\n' * 5000000).splitlines()|length }}",
    "{{ '-'.join('語' * 5000000)|length }}",
    "{{ ('語' * 5000000)|list|length }}",
    "{{ ('\u2028' * 100000)|indent(10000) }}",
    "{{ ('a ' * 30000)|wordwrap(1, wrapstring=long) }}",
    "{{ ('a ' * 5000000)|wordwrap(1000000) }}",
    # An attribute may be a long path, or many of them.
    "{{ rows|sort(attribute='" + "n," * 20_000 + "n') }}",
    "{{ ([shallow] * 50000)|map(attribute='" + "0." * 299 + "0')|list }}",
    "{{ ([shallow] * 50000)|join(', ', '" + "0." * 299 + "0')|length }}",
    "{{ ([shallow] * 50000)|selectattr('" + "0." * 299 + "0')|list }}",
    "{{ ([shallow] * 50000)|groupby('" + "0." * 299 + "0') }}",
    "{{ {long: 1}[other] }}",
    "{{ [1]|map(long) }}",
    "{{ endless|default(1) }}",
    "{{ endless|length }}",
    "{{ 5 in endless }}",
    "{{ 5 is in endless }}",
    "{{ [5]|select('in', endless) }}",
    "{{ ','.join(endless) }}",
    "{{ endless|tojson }}",
    "{{ endless|sort }}",
    "{% for a in endless|reverse %}{% endfor %}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 20_000 + "1 }}",
    "{{ " + "-" * 50_000 + "1 }}",
    "{{ 1" + " + 1" * 20_000 + " }}",
    "{{ 1" + " ~ 1" * 20_000 + " }}",
    "{{ text" + ".a" * 30_000 + " }}",
    "{{ text" + "|upper" * 10_000 + " }}",
    "{{ " + "[" * 30_000 + " }}",
    "{% if text %}" * 3000 + "{% endif %}" * 3000,
    "{% for a in list %}" * 3000 + "{% endfor %}" * 3000,
    "{% if 1 %}" + "{% elif 2 %}" * 6000 + "{% endif %}",
    "{% set x = [] %}" + "{% set x = [x] %}" * 5000,
    "{#" * 50_000,
    "{%" * 50_000,
    "{{" * 50_000,
    "{% raw %}" * 10_000,
    "{{ 0x" + "f" * 50_000 + " }}",
    "x" * 100_001 + "{{ text }}",
]


@pytest.mark.parametrize("source", [*ESCAPES, *EXPENSIVE], ids=lambda source: source[:50])
def test_a_hostile_template_ends_soon_with_an_error(source: str) -> None:
    given = values()
    began = time.process_time()
    with pytest.raises((RenderError, TemplateProblem)) as caught:
        compile_template(source).render(given)
    assert time.process_time() - began < SECONDS
    assert "LEAK" not in str(caught.value)
    assert len(str(caught.value)) < LONGEST_MESSAGE


@pytest.mark.parametrize(
    "body", ["{{ long|title|length }}", "{{ ('ab ' * 100000)|wordcount }}", "{{ long[:10] }}"]
)
def test_long_texts_can_be_handled_once(body: str) -> None:
    assert len(compile_template(body).render(values())) <= 10


def test_numbers_whose_hashes_collide_take_no_longer() -> None:
    """In a set of these, each number would be compared with every other."""
    began = time.process_time()
    source = "{{ range(0, (2**61 - 1) * 60000, 2**61 - 1)|unique|length }}"
    assert compile_template(source).render({}) == "60000"
    assert time.process_time() - began < SECONDS


def test_a_hostile_template_takes_little_memory() -> None:
    """Of what a loop or a filter is about to make, nothing is made before it is paid for."""
    sources = [
        "{{ ([digits] * 200000)|join|length }}",
        "{{ ('%x' * 90000) % {} }}",
        "{% set x %}{% for a in range(200000) %}{{ long }}{% endfor %}{% endset %}",
        "{{ ('é ' * 5000000).split()|length }}",
        "{{ ('語' * 5000000)|list|length }}",
        "{{ ('1' * 6000000)|int(base=2) }}",
    ]
    given = values()
    for source in sources:
        template = compile_template(source)
        tracemalloc.start()
        with pytest.raises(RenderError):
            template.render(given)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100_000_000, source


def test_a_large_but_honest_loop_is_rendered() -> None:
    rows = [{"name": f"row {number}", "cells": [1, 2, 3]} for number in range(3000)]
    source = "{% for row in rows %}{{ loop.index }}. {{ row.name }}: {{ row.cells }}\n{% endfor %}"
    text = compile_template(source).render({"rows": rows})
    assert text.count("\n") == 3000
    assert "3000. row 2999: [1, 2, 3]" in text


def test_the_output_has_a_largest_size() -> None:
    fits = "x" * TEXT_LIMIT
    assert compile_template("{{ a }}").render({"a": fits}) == fits
    with pytest.raises(RenderError, match="more than 1,000,000 characters"):
        compile_template("{{ a }}{{ b }}").render({"a": fits, "b": "y"})


def test_each_render_has_its_own_limits() -> None:
    template = compile_template("{% for a in range(50000) %}{% endfor %}done")
    assert [template.render({}) for _ in range(30)] == ["done"] * 30


def test_values_are_never_changed() -> None:
    given = {"xs": [3, 1, 2], "d": {"b": 1, "a": 2}}
    source = "{{ xs|sort }}{{ xs|reverse }}{{ d|dictsort }}{{ xs + [1] }}{{ xs|batch(2, 0) }}"
    assert compile_template(source).render(given) == (
        '[1, 2, 3][2, 1, 3][["a", 2], ["b", 1]][3, 1, 2, 1][[3, 1], [2, 0]]'
    )
    assert given == {"xs": [3, 1, 2], "d": {"b": 1, "a": 2}}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'a b'|capitalize", "A b"),
        ("'HeLLo'|lower ~ 'a'|upper", "helloA"),
        ("'hello wORLD'|title", "Hello World"),
        ("' a '|trim ~ '.'", "a."),
        ("'xxaxx'|trim('x')", "a"),
        ("'a'|center(5) ~ '.'", "  a  ."),
        ("'aaa'|replace('a', 'b', 2)", "bba"),
        ("'%s is %d years'|format('Al', 3)", "Al is 3 years"),
        ("'%(n)s' % {'n': none}", "null"),
        ("'%05.1f|%s' % (2.25, [1])", "002.2|[1]"),
        ("'%s' % [1] ~ '%s' % ['a', 'b']", '[1]["a", "b"]'),
        ("'%s'|format([1, 2])", "[1, 2]"),
        ("'a\nb\n\nc'|indent(2)", "a\n  b\n\n  c"),
        ("'a\nb'|indent('> ', first=true)", "> a\n> b"),
        ("'one two three four'|truncate(10, leeway=0)", "one..."),
        ("'one two three four'|truncate(10, true, '~', 0)", "one two t~"),
        ("'short'|truncate(10)", "short"),
        ("'one two three'|wordwrap(7)", "one two\nthree"),
        ("'a b  c'|wordcount", "3"),
        ("{'b': [1]}|tojson", '{"b": [1]}'),
        ("{'b': '<é>'}|tojson(2)", '{\n  "b": "<é>"\n}'),
        ("-3|abs", "3"),
        ("(-3)|abs", "3"),
        ("2.567|round(1)", "2.6"),
        ("2.1|round(0, 'ceil')", "3.0"),
        ("2.9|round(method='floor')", "2.0"),
        ("'42'|int + '1.9'|int + 'x'|int(7)", "50"),
        ("'ff'|int(base=16)", "255"),
        ("'2.5'|float + 'x'|float(1)", "3.5"),
        ("[1, 2.5]|sum", "3.5"),
        ("[{'n': 1}, {'n': 2}]|sum(attribute='n', start=10)", "13"),
        ("[1, 2]|length ~ 'abc'|count", "23"),
        ("'ab'|list", '["a", "b"]'),
        ("{'a': 1}|items", '[["a", 1]]'),
        ("{'b': 1, 'A': 2}|dictsort", '[["A", 2], ["b", 1]]'),
        ("{'b': 1, 'a': 2}|dictsort(by='value', reverse=true)", '[["a", 2], ["b", 1]]'),
        ("['b', 'C', 'a']|sort", '["a", "b", "C"]'),
        ("['b', 'C', 'a']|sort(case_sensitive=true)", '["C", "a", "b"]'),
        ("[[0, 2], [0, 1]]|sort(attribute='0,1')|map('last')", "[1, 2]"),
        ("[1, 2, 1, 'a', 'A']|unique", '[1, 2, "a"]'),
        ("[{'k': 'a'}, {'k': 'b'}, {'k': 'A'}]|groupby('k')|map('last')|map('count')", "[2, 1]"),
        ("[{}, {'k': 'x'}]|groupby('k', default='-')|map('first')", '["-", "x"]'),
        ("[1, 2]|first ~ [1, 2]|last ~ 'ab'|first", "12a"),
        ("[1, 2]|reverse ~ 'ab'|reverse", "[2, 1]ba"),
        ("[1, none, 'a']|join(', ')", "1, null, a"),
        ("[{'a': {'b': 1}}]|join(attribute='a.b')", "1"),
        ("[1, 2, 3]|batch(2)", "[[1, 2], [3]]"),
        ("[1, 2, 3]|slice(2)", "[[1, 2], [3]]"),
        ("[1, 2, 3]|slice(2, 0)", "[[1, 2], [3, 0]]"),
        ("['a']|map('upper')", '["A"]'),
        ("[{'a': 1}, {}]|map(attribute='a', default=0)", "[1, 0]"),
        ("[1, 2, 3]|select('odd') + [0, 4]|reject", "[1, 3, 0]"),
        ("[{'a': 1}, {'a': 2}]|selectattr('a', 'gt', 1)", '[{"a": 2}]'),
        ("[{'a': 1}, {'a': 0}]|rejectattr('a')", '[{"a": 0}]'),
        ("['b', 'a']|min ~ [1, 3]|max", "a3"),
        ("[{'n': 1}, {'n': 3}]|max(attribute='n')", '{"n": 3}'),
        ("0|default(5) ~ 0|default(5, true)", "05"),
        ("2 is even and 3 is odd and 9 is divisibleby 3", "true"),
        ("'a' is string and [] is sequence and {} is mapping and 1 is number", "true"),
        ("true is number or 1 is boolean or 1.0 is integer", "false"),
        ("'a' is in ['a'] and 1 is lt 2 and none is none and 'A' is upper", "true"),
        ("7 // 2 ~ 7 % 2 ~ 2 ** 3 ~ 1 / 2", "3180.5"),
        ("'a,b'.split(',') + 'x'.partition('-')", '["a", "b", "x", "", ""]'),
        ("'abc'.startswith(('x', 'a')) and 'abc'.find('c') == 2", "true"),
        ("[1, 2, 1].count(1) ~ [1, 2].index(2)", "21"),
        ("'abc'[1:] ~ [1, 2, 3][::-1] ~ 'abc'[-1]", "bc[3, 2, 1]c"),
        ("1 < 2 < 3 and 'b' not in 'abc'", "false"),
    ],
)
def test_filters_tests_and_operators_do_what_jinja_documents(expression: str, text: str) -> None:
    assert compile_template(f"{{{{ {expression} }}}}").render({}) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ number // 3 }}", "{{ number * 1 }}", "{{ number is divisibleby(7) }}",
        "{{ number is even }}", "{{ '%x' % number }}", "{{ '%(a)x' % {'a': number} }}",
        "{{ '%x'|format(number) }}", "{{ number|int }}", "{{ [number]|sum }}", "{{ number }}",
        "{{ 'x'|int(default=number) }}", "{{ range(number) }}", "{{ ('1' * 900000)|int(base=2) }}",
        "{{ ['1' * 90000]|map('int', base=2)|first }}", "{{ 9 ** 9999 }}", "{{ '1e999'|float }}",
    ],
)  # fmt: skip
def test_a_number_is_bounded_wherever_it_comes_from(template: str) -> None:
    """A program, an environment or a filter may give whole numbers of any length."""
    with pytest.raises(RenderError):
        compile_template(template).render({"number": 7**9_000})


VALUES_OF_FUNCTIONS = {
    "lib": {"axe": 1},
    "notes": [{"name": "A", "n": 1}, {"name": "b", "n": 2}, {"name": "a", "n": 3}],
    "merge": 5,
    "text": "hi",
    "big": [1] * 600_000,
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("merge(lib, {'bow': 2}, {'axe': 3})", {"axe": 3, "bow": 2}),
        ("merge({}, lib)", {"axe": 1}),
        ("append([1, 2], 3)", [1, 2, 3]),
        ("append([1, 2], [3], at_most=2)", [2, [3]]),
        ("append([], none)", [None]),
        ("notes | unique_by('name') | map(attribute='n') | list", [2, 3]),
        ("append(notes, {'name': 'B'}) | unique_by('name') | length", 2),
        ("merge + 1", 6),
    ],
)
def test_functions_make_new_values_of_old_ones(expression: str, value: object) -> None:
    before = json.dumps(VALUES_OF_FUNCTIONS["notes"])
    assert compile_expression(expression).evaluate(VALUES_OF_FUNCTIONS) == value
    assert VALUES_OF_FUNCTIONS["lib"] == {"axe": 1}
    assert json.dumps(VALUES_OF_FUNCTIONS["notes"]) == before


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("append(text, 1)", "append needs a list, but this is text"),
        ("merge(lib, notes)", "merge needs mappings, but this is a list"),
        ("append([], nowhere)", "'nowhere' is not known here"),
        ("append([], 1, at_most=0)", "at_most is a whole number of 1 or more."),
        ("append([], 1, at_most=true)", "at_most is a whole number of 1 or more."),
        ("notes | unique_by(3)", "unique_by needs the name of a field"),
        ("notes | unique_by('size')", "the value has no 'size'"),
        ("append(append(big, 1), 2)", "it takes too much work"),
        ("notes | map('append', 1)", "there is no filter 'append'"),
    ],
)
def test_functions_say_what_they_cannot_do(expression: str, words: str) -> None:
    with pytest.raises(RenderError, match=re.escape(words)):
        compile_expression(expression).evaluate(VALUES_OF_FUNCTIONS)


@pytest.mark.parametrize(
    "expression",
    ["append([1])", "append([1], 2, 3)", "append([1], 2, most=3)", "merge(lib)", "merge(a={})"],
)
def test_functions_with_other_arguments_are_refused_at_load(expression: str) -> None:
    name = expression[: expression.index("(")]
    with pytest.raises(TemplateProblem, match=rf"it is written {name}\("):
        compile_expression(expression)


def test_the_name_of_a_function_is_no_value_that_is_read() -> None:
    assert set(compile_expression("merge(append.a, merge)").reads) == {"append", "merge"}
    assert set(compile_expression("merge(lib, {'a': x})").reads) == {"lib", "x"}
