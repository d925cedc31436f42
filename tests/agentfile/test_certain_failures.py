"""What fails whenever it is filled in is found before anything runs; what may work is let alone."""

import pytest

from agentkit.agentfile.load import parse_agent
from agentkit.errors import SpecError

FAILS = [
    (
        "inputs: {topic: x}\nnodes:\n  - b: {prompt: '{{ item }}', each: topic}",
        ["4:37 'topic' is text, and 'each' needs a list"],
    ),
    (
        "nodes:\n  - x: hi\n  - c: '{{ x.goal }}'",
        ["4:12 'x.goal': 'x' is text, which has no field 'goal'"],
    ),
    (
        "nodes:\n  - y: hi\n  - c: '{{ previous.y }}'",
        [
            (
                "4:12 'previous.y' has no value in the first step: give 'y' an 'initial', or"
                " ask for it where 'step > 0'"
            )
        ],
    ),
    (
        "memory: {n: 1}\nnodes:\n  - b: {prompt: hi, save: {n: memory.n + output}}",
        [
            (
                "4:40 '+' cannot be used here: 'memory.n' is a number, 'output' is text. To "
                "join texts write '~'"
            )
        ],
    ),
    (
        "nodes:\n  - b: hi\n  - c: '{{ step.upper() }}'",
        ["4:12 'step.upper': 'step' is a number, which has no such method"],
    ),
    (
        "nodes:\n  - b: {prompt: x, output: integer}\n  - c: '{{ b[0] }}'",
        ["4:12 'b[0]': 'b' is a number, which has no item 0"],
    ),
    (
        (
            "nodes:\n  - b: {prompt: x, output: yes_no}\n  - c: {prompt: x, when: b == 'ye"
            "s', initial: q}"
        ),
        ["4:28 '==' is always false here: 'b' is true or false, 'yes' is text"],
    ),
    (
        "nodes:\n  - b: hi\n  - c: {prompt: x, when: b > 3, initial: q}",
        ["4:28 '>' cannot be used here: 'b' is text, 3 is a number"],
    ),
    (
        (
            "nodes:\n  - b: {prompt: x, output: integer}\n  - c: {prompt: x, when: b == '3"
            "', initial: q}"
        ),
        ["4:28 '==' is always false here: 'b' is a number, '3' is text"],
    ),
    (
        (
            "nodes:\n  - b: {prompt: x, output: {a: str, n: int}}\n  - c: '{{ b.a + b.n }}"
            " {{ b.a.x }} {{ b.n.real }}'"
        ),
        [
            (
                "4:16 '+' cannot be used here: 'b.a' is text, 'b.n' is a number. To join tex"
                "ts write '~'"
            ),
            "4:28 'b.a.x': 'b.a' is text, which has no field 'x'",
            "4:40 'b.n.real': 'b.n' is a number, which has no field 'real'",
        ],
    ),
    (
        ("nodes:\n  - b: {prompt: x, output: [str]}\n  - c: '{{ b.first }} {{ b.append(1) }}'"),
        [
            "4:12 'b.first': 'b' is a list, which has no field 'first'",
            "4:26 'b.append': 'b' is a list, which has no such method",
        ],
    ),
    (
        (
            "nodes:\n  - b: {prompt: x, output: {l: [{n: int}]}}\n  - c: '{{ b.l[0].n.y }}"
            " {% for q in b.l %}{{ q.n.upper() }}{% endfor %}'"
        ),
        [
            "4:12 'b.l[0].n.y': 'b.l[0].n' is a number, which has no field 'y'",
            "4:47 'q.n.upper': 'q.n' is a number, which has no such method",
        ],
    ),
    (
        "nodes:\n  - b: hi\n  - c: '{{ append(b, 1) }} {{ merge({}, b) }} {{ append([b], 1) }}'",
        [
            "4:19 'b' is text, and this needs a list",
            "4:19 'b' is text, and this needs a mapping",
        ],
    ),
    (
        "nodes:\n  - b: hi\n  - c: {prompt: x, output: {choice: b}}",
        ["4:37 'b' is text, and 'choice' needs a list of options"],
    ),
    (
        "nodes:\n  - b: hi\n  - c: {prompt: x, check: {that: output > 3}}",
        ["4:41 '>' cannot be used here: 'output' is text, 3 is a number"],
    ),
    (
        "nodes:\n  - b: {prompt: x, output: yes_no, check: {that: output == 'yes'}}",
        ["3:57 '==' is always false here: 'output' is true or false, 'yes' is text"],
    ),
    (
        "nodes:\n  - b: hi\n  - c: '{{ -b }} {{ b|round }} {{ 3 in b }} {{ b - 1 }}'",
        [
            "4:13 'b' is text, and '-' needs a number",
            "4:13 'b' is text, and 'round' needs a number",
            "4:37 'in' cannot be used here: 3 is a number, 'b' is text",
            "4:50 '-' cannot be used here: 'b' is text, 1 is a number",
        ],
    ),
    (
        ("inputs: {n: 3}\nnodes:\n  - c: {prompt: '{{ n|length }} {% for i in n %}{% endfor %}'}"),
        [
            "4:21 'n' is a number, and 'length' needs a list or text",
            "4:21 'n' is a number, and 'for' needs a list",
        ],
    ),
    (
        "nodes:\n  - b: {prompt: x, each: '[1, 2]'}\n  - c: '{{ b.x }} {{ b + \"a\" }}'",
        [
            "4:12 'b.x': 'b' is a list, which has no field 'x'",
            "4:24 '+' cannot be used here: 'b' is a list, 'a' is text. To join texts write '~'",
        ],
    ),
    (
        "nodes:\n  - b: {prompt: 'a {{ item.x }}', each: '[1, 2]'}",
        ["3:23 'item.x': 'item' is a number, which has no field 'x'"],
    ),
    (
        "memory: {g: null}\nnodes:\n  - b: {prompt: '{{ memory.g.x }}', save: {g: output}}",
        ["4:21 'memory.g.x': 'memory.g' is null, which has no field 'x'"],
    ),
    (
        "nodes:\n  - y: hi\n  - c: {prompt: x, initial: q, when: previous.y == 'a'}",
        [
            (
                "4:38 'previous.y' has no value in the first step: give 'y' an 'initial', or"
                " ask for it where 'step > 0'"
            )
        ],
    ),
    (
        "nodes:\n  - b: {prompt: x, output: {choice: [go, stay]}}\n  - c: '{{ b.name }}'",
        ["4:12 'b.name': 'b' is text, which has no field 'name'"],
    ),
    (
        "memory: {n: 0}\nnodes:\n  - b: {prompt: x, save: {n: 'memory.n + \"1\"'}}",
        [
            (
                "4:40 '+' cannot be used here: 'memory.n' is a number, '1' is text. To join "
                "texts write '~'"
            )
        ],
    ),
    (
        "nodes:\n  - b: hi\n  - c: {prompt: x, save: {k: output.a}}\nmemory: {k: 1}",
        ["4:30 'output.a': 'output' is text, which has no field 'a'"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), FAILS)
def test_what_fails_for_certain_is_found_with_its_place(text: str, expected: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        parse_agent(f"model: echo\n{text}")
    assert [f"{p.line}:{p.column} {p.message}" for p in caught.value.problems] == expected


WORKS = [
    "inputs: {topic: null}\nnodes:\n  - b: {prompt: '{{ item }}', each: topic}",
    "nodes:\n  - x: {prompt: hi, output: json}\n  - c: '{{ x.goal }}'",
    "nodes:\n  - y: {prompt: hi, initial: q}\n  - c: '{{ previous.y }}'",
    (
        "nodes:\n  - y: hi\n  - c: '{% if step > 0 %}{{ previous.y }}{% endif %} {{ pr"
        "evious.y if step else 3 }} {{ previous.y|default(3) }}'"
    ),
    "nodes:\n  - y: hi\n  - c: {prompt: '{{ previous.y }}', when: step > 0, initial: q}",
    ("memory: {n: 1}\nnodes:\n  - b: {prompt: hi, output: integer, save: {n: memory.n + output}}"),
    (
        "memory: {log: []}\nnodes:\n  - b: {prompt: '{{ memory.log[-3:] }} {{ memory.l"
        "og|join }}', save: {log: 'memory.log + [output]'}}"
    ),
    (
        "memory: {g: null}\nnodes:\n  - b: {prompt: '{% if memory.g %}{{ memory.g.x }}"
        "{% endif %} {{ memory.g.x if memory.g else 1 }}', output: {x: str}, save: {"
        "g: output}}"
    ),
    (
        "memory: {g: null}\nnodes:\n  - b: {prompt: x, when: 'memory.g is none or memo"
        "ry.g.x == 3', output: {x: int}, save: {g: output}, initial: q}"
    ),
    (
        "nodes:\n  - b: {prompt: x, output: {a: 'str | null'}}\n  - c: '{{ b.a.upper()"
        " }} {{ b.a == none }}'"
    ),
    (
        "nodes:\n  - b: {prompt: x, output: integer, otherwise: null}\n  - c: '{{ b + "
        "1 }} {{ b == null_ }}'\ninputs: {null_: null}"
    ),
    (
        "nodes:\n  - b: hi\n  - c: '{{ b.upper() }} {{ b[0] }} {{ b[:3] }} {{ b.split("
        ") | first }} {{ b ~ 3 }} {{ b * 3 }} {{ b|length > 3 }}'"
    ),
    (
        "nodes:\n  - b: {prompt: x, output: number, initial: none_yet}\n  - c: '{{ b.u"
        "pper() }} {{ b + 1 }}'"
    ),
    (
        "nodes:\n  - b: {prompt: x, output: [{a: int}]}\n  - c: {prompt: '{{ item.a + "
        "1 }}', each: b}"
    ),
    (
        "memory: {g: 1}\nkeep: {g: run}\nnodes:\n  - b: {prompt: '{{ memory.g }}', save"
        ": {g: output}}\n  - c: '{{ memory.g + \"x\" }}'"
    ),
    (
        "nodes:\n  - b: {prompt: x, output: yes_no}\n  - c: '{{ b == true }} {{ b + 1 "
        "}} {{ b == 1 }}'"
    ),
    (
        "nodes:\n  - b: hi\n  - c: '{% set q = b %}{{ q.upper() }}{% set q = 3 %}{{ q "
        "+ 1 }}{% for x in b %}{{ x.upper() }}{% endfor %}{{ loop_ }}'\ninputs: {loop"
        "_: 1}"
    ),
    (
        "nodes:\n  - b: hi\n  - c: '{% if b is mapping %}{{ b.x }}{% endif %} {{ b.x i"
        "s defined }} {{ b.x|default(1) }}'"
    ),
    (
        "env: agentkit/Crafter-v1\nnodes:\n  - b: '{{ observation.x }} {{ info.a.b }} "
        "{{ actions[0] }} {{ history[-1].action }} {{ reward or 0 }}{% if reward %}{"
        "{ reward + 1 }}{% endif %}'"
    ),
    (
        "nodes:\n  - b: {prompt: '{{ range(3)|list }} {{ range(3)[0] + 1 }} {{ [1,2]|"
        'sum + 1 }} {{ "a,b".split(",")[0].upper() }} {{ {"a": 1}.a + 1 }} {{ (1,2)['
        "0] }}'}"
    ),
    (
        "nodes:\n  - b: {prompt: x, output: {x: str}, initial: {}}\n  - c: '{{ b.x }} "
        '{{ b.items() }} {{ b.get("x") }} {% for k, v in b.items() %}{{ k.upper() }}'
        "{% endfor %}'"
    ),
    (
        'memory: {m: {}}\nnodes:\n  - b: {prompt: \'{{ memory.m.a }} {{ memory.m["x"] }'
        '} {{ memory["m"].q }}\', save: {m: \'{"a": output}\'}}'
    ),
    (
        "memory: {m: 0}\nnodes:\n  - b: {prompt: 'x', save: {m: 'memory.m + 1 if outpu"
        "t else memory.m'}}"
    ),
    "inputs: {t: '3'}\nnodes:\n  - b: '{{ t|int + 1 }} {{ t == \"3\" }}'",
    (
        "memory: {m: []}\nnodes:\n  - b: {prompt: '{{ memory.m[-1].x }}', when: memory"
        ".m, save: {m: 'memory.m + [{\"x\": output}]'}, initial: q}"
    ),
    (
        "nodes:\n  - b: hi\n  - c: '{% if b %}{{ (b|int) + 1 }}{% endif %}{{ b|trim|le"
        "ngth // 2 }}{{ b is string and b.upper() }}'"
    ),
]


@pytest.mark.parametrize("text", WORKS)
def test_what_may_work_is_no_mistake(text: str) -> None:
    parse_agent(f"model: echo\n{text}")


def test_a_value_that_is_given_counts_instead_of_the_files_own() -> None:
    text = "model: echo\ninputs: {topics: none yet}\nnodes: [{a: {prompt: x, each: topics}}]"
    with pytest.raises(SpecError, match="'topics' is text, and 'each' needs a list"):
        parse_agent(text)
    parse_agent(text, inputs={"topics": ["bees"]})


def test_it_is_told_together_with_single_braces_and_a_wrong_otherwise() -> None:
    """A file needed three rounds of mending: only then was all said to be wrong."""
    with pytest.raises(SpecError) as caught:
        parse_agent(
            "model: echo\ninputs: {x: abc}\nsystem: Of {x}\nnodes:\n"
            "  a: {prompt: 'hi {x}', output: integer, otherwise: many}\n"
            "  b: {each: x, prompt: 'hi {{ item }} {x}'}\n"
            "  c: |\n    {x}\n    {{ b.f }} {{ a + 'x' }}"
        )
    assert [(p.line, p.message.partition(": write")[0][:40]) for p in caught.value.problems] == [
        (3, "'{x}' is text and stays as it is"),
        (5, "'{x}' is text and stays as it is"),
        (5, "\"many\" does not fit 'output': The answer"),
        (6, "'x' is text, and 'each' needs a list"),
        (6, "'{x}' is text and stays as it is"),
        (8, "'{x}' is text and stays as it is"),
        (9, "'b.f': 'b' is a list, which has no field"),
        (9, "'+' cannot be used here: 'a' is a number"),
    ]
