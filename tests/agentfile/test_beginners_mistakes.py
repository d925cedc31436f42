"""What beginners write, each with a message of its own: what is wrong, where, what to write."""

import pytest

from agentkit.agentfile.load import parse_agent
from agentkit.errors import SpecError

HEAD = "model: echo\n"


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_agent(text, "agent.yaml")
    return [f"{p.line}:{p.column} {p.message}" for p in caught.value.problems]


def only(text: str) -> str:
    found = problems(text)
    assert len(found) == 1, "\n".join(found)
    return found[0]


TOPIC = HEAD + "inputs: {topic: {name: bees}}\nnodes:\n  - first: on {{ topic }}\n  - "


@pytest.mark.parametrize(
    ("prompt", "place", "write"),
    [
        ("last: about { topic } now", "5:17", "{{ topic }}"),
        ("last: about {topic}", "5:17", "{{ topic }}"),
        ('last: "about ${topic} now"', "5:18", "{{ topic }}"),
        ("last: about {topic.name} now", "5:17", "{{ topic.name }}"),
        ("last: about {first} now", "5:17", "{{ first }}"),
        ('last: \'Like {"topic": {topic}}\'', "5:27", "{{ topic }}"),
        ("last: about { topic }} now", "5:17", "{{ topic }}"),
        ("last: in step {step} now", "5:19", "{{ step }}"),
        ("last: {prompt: 'look at {item}', each: '[1]'}", "5:29", "{{ item }}"),
        ("last: |\n      Look.\n      {% if step %}\n      At {topic}.\n      {% endif %}",
         "8:10", "{{ topic }}"),
        ("last: >\n      Look.\n      At {topic} now", "7:10", "{{ topic }}"),
        ("last: go on\nsystem: You know ${topic} well", "6:18", "{{ topic }}"),
        ("last: go on\ncontext: Of {topic}", "6:13", "{{ topic }}"),
    ],
)  # fmt: skip
def test_a_known_name_in_single_braces_is_a_mistake(prompt: str, place: str, write: str) -> None:
    found = only(TOPIC + prompt)
    assert found.startswith(f"{place} '")
    assert f"write {write} for the value" in found


@pytest.mark.parametrize(
    "prompt",
    [
        '\'Answer like {"topic": "x", "first": {"step": 1}}\'',
        "'Answer like {topic: x}, {1, 2}, {other} or {}'",
        r"'The share \frac{topic}{step}, a set x{topic}'",
        "'{% raw %}In Python write {topic}{% endraw %}'",
        "\"The text {{ '{topic}' }} stays\"",
        "last: 'Answer in the form {last}'",
    ],
)
def test_other_braces_are_text(prompt: str) -> None:
    parse_agent(TOPIC + prompt)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("memory.goal = none", "write '==' to compare, and 'is none' to ask for nothing"),
        ("memory.goal === 'x'", "write '=='"),
        ("memory.goal && step", "write 'and'"),
        ("memory.goal || step", "write 'or'"),
        ("memory.goal AND step", "write 'and'"),
        ("\"!memory.goal\"", "write 'not'"),
        ("memory.goal <> 'x'", "write '!='"),
        ("memory.goal ≠ 'x'", "write '!='"),
        ("memory.goal == “x”", "write straight quotes"),
        ("memory.goal is null", "Write 'is none'"),
        ("memory.goal == null", "Nothing is written none: 'is none' asks for it"),
        ("memory.goal equals 'x'", "write '=='"),
        ("\"{memory.goal}\"", "a name in an expression stands without braces"),
    ],
)  # fmt: skip
def test_signs_of_other_languages_are_named(expression: str, words: str) -> None:
    text = f"{HEAD}memory: {{goal: null}}\nnodes:\n  - a: {{prompt: x, initial: y, when: X}}"
    found = only(text.replace("X", expression))
    assert found.startswith("4:")
    assert words in found


def test_one_equals_sign_in_a_prompt_is_named_too() -> None:
    found = only(HEAD + "nodes:\n  - '{% if step = 1 %}x{% endif %}'")
    assert "write '==' to compare" in found


@pytest.mark.parametrize("word", ["none", "None", "NONE", "nil"])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("memory: {k: WORD}\nnodes: ['{{ memory.k }}']", "2:13"),
        ("memory: {k: [1, WORD]}\nnodes: ['{{ memory.k }}']", "2:17"),
        ("memory: {k: {a: WORD}}\nnodes: ['{{ memory.k }}']", "2:17"),
        ("inputs: {k: WORD}\nnodes: ['{{ k }}']", "2:13"),
        ("nodes: [{a: {prompt: x, initial: WORD}}]", "2:34"),
    ],
)
def test_none_is_a_text_where_null_is_meant(word: str, text: str, place: str) -> None:
    found = only(HEAD + text.replace("WORD", word))
    assert found == (
        f"{place} '{word}' is a text in YAML: write null for nothing, or \"{word}\" in quotes if "
        "the text is meant"
    )


@pytest.mark.parametrize(
    "text",
    [
        'memory: {k: "none", l: null, m: True}\nnodes: ["{{ memory }}"]',
        "nodes: [{a: {prompt: x, output: {choice: [none, fire]}, initial: none}}]",
        "nodes: [{a: {prompt: x, otherwise: none}}]",
        "nodes: [{a: {prompt: x, when: none, initial: y}}]",
    ],
)
def test_none_is_right_where_it_is_meant(text: str) -> None:
    parse_agent(HEAD + text)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1.10", "1.1"), ("01234", "1234"), ("1e5", "100000.0"), ("0x10", "16"), ("0o17", "15"),
        ("+49", "49"), (".5", "0.5"), ("2.", "2.0"),
        ("0.1234567890123456789", "0.12345678901234568"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "text",
    [
        "inputs: {q: [NUMBER]}\nnodes: ['{{ q }}']",
        "memory: {q: NUMBER}\nnodes: ['{{ memory.q }}']",
        "nodes: [{a: {prompt: x, initial: NUMBER}}]",
    ],
)
def test_a_number_that_a_prompt_would_show_otherwise_is_a_mistake(
    written: str, number: str, text: str
) -> None:
    found = only(HEAD + text.replace("NUMBER", written))
    assert f'YAML reads {written} as the number {number}: write that, or "{written}"' in found


def test_numbers_as_they_are_shown_and_texts_of_digits_are_right() -> None:
    text = "inputs: {a: 1.1, b: -3, c: '1.10', d: 12_000, e: 2026-11-30, f: 12:30, g: 100000.0}\n"
    names = "{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }} {{ g }}"
    agent = parse_agent(f"{HEAD}{text}nodes:\n  p: {{prompt: '{names}', temperature: 0.70}}")
    assert [*agent.inputs.values()] == [1.1, -3, "1.10", "12_000", "2026-11-30", "12:30", 100000.0]


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("gpt-5-mini", "openai:gpt-5-mini"),
        ("o4-mini", "openai:o4-mini"),
        ("openai/gpt-5", "openai:gpt-5"),
        ("OpenAI:gpt-5", "openai:gpt-5"),
        ("GPT-5 mini", "openai:GPT-5-mini"),
        ("claude-sonnet-4", "langchain:anthropic:claude-sonnet-4"),
        ("anthropic:claude-x", "langchain:anthropic:claude-x"),
        ("gemini-2.5-pro", "langchain:google_genai:gemini-2.5-pro"),
        ("google/gemini-2.5-pro", "langchain:google_genai:gemini-2.5-pro"),
        ("mistral-large", "langchain:mistralai:mistral-large"),
        ("llama3.2", "langchain:ollama:llama3.2"),
        ("deepseek-chat", "langchain:deepseek:deepseek-chat"),
    ],
)
def test_a_model_called_as_its_maker_calls_it_is_told_its_id(model: str, meant: str) -> None:
    found = only(f"model: {model}\nnodes: [x]")
    assert found.startswith(f"1:8 unknown model '{model}'. Did you mean '{meant}'?")
    assert "Without a key there is 'echo'" in found


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("script", "script:FILE"),
        ("Echo", "echo"),
        ("ecko", "echo"),
        ("None", "none"),
        ("SmolLM2", "local:smollm2"),
        ("smollm2:latest", "local:smollm2"),
        ("local/smollm2", "local:smollm2"),
        ("models/tiny.gguf", "local:models/tiny.gguf"),
    ],
)
def test_a_model_of_ours_is_suggested_whole(model: str, meant: str) -> None:
    assert f"'{model}'. Did you mean '{meant}'?" in only(f"model: {model}\nnodes: [x]")


@pytest.mark.parametrize(
    ("env", "meant"),
    [
        ("crafter", "agentkit/Crafter-v1"),
        ("Crafter", "agentkit/Crafter-v1"),
        ("{id: webshop}", "agentkit/WebShop-v1"),
        ("miniwob++", "agentkit/MiniWoB-v1"),
        ("CartPole", "CartPole-v1"),
    ],
)
def test_an_environment_called_in_short_is_told_its_id(env: str, meant: str) -> None:
    assert f"Did you mean '{meant}'?" in only(f"{HEAD}env: {env}\nnodes: [x]")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("{choice: left}", "If it is one of the options, write them as a list: [left]"),
        ("{choice: go left}", "If these are the options, write them as a list: [a, b]"),
        ("[left, right]", "one of some texts is {choice: [left, right]}"),
        ("{choice: left, right}", "the options stand in a list: {choice: [left, right]}"),
    ],
)
def test_options_without_brackets_are_told_their_brackets(output: str, words: str) -> None:
    assert words in only(f"{HEAD}nodes:\n  a: {{prompt: x, output: {output}}}")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("nodes:\n  a: {prompt: hi output: text}", "3:18 there is no ',' before 'output:'"),
        ("nodes:\n  a: {prompt: 'hi' output: text}", "3:20 there is no ',' before 'output:'"),
        ("nodes:\n  a: {prompt: hi, output: [str] when: step}", "3:33 there is no ',' before"),
        ("limits: {steps: 3 calls: 4}\nnodes: [x]", "2:19 there is no ',' before 'calls:'"),
        ("memory: {a: 1 b: 2}\nnodes: [x]", "2:15 there is no ',' before 'b:'"),
    ],
)
def test_a_missing_comma_is_named(text: str, place: str) -> None:
    assert only(HEAD + text).startswith(place)


@pytest.mark.parametrize(
    "text",
    ["nodes:\n  - look:\n    prompt: hi\n    attempts: 2", "nodes:\n  look:\n  prompt: hi\n"],
)
def test_fields_in_the_column_of_their_nodes_name_are_one_mistake(text: str) -> None:
    """It was told as a name that is missing, an unknown field and a reserved name."""
    with pytest.raises(SpecError) as caught:
        parse_agent(HEAD + text)
    (problem,) = caught.value.problems
    assert problem.node == "look"
    assert "indent" in problem.message


@pytest.mark.parametrize("field", ["inputs", "memory"])
def test_none_for_a_whole_mapping_is_one_mistake(field: str) -> None:
    assert "found the text 'none'" in only(f"{HEAD}{field}: none\nnodes: [x]")


@pytest.mark.parametrize("number", ["9" * 30, "1e999", "-.inf"])
def test_a_number_that_is_too_large_is_called_so(number: str) -> None:
    found = only(f"{HEAD}limits: {{steps: 3, seconds: {number}}}\nnodes: [x]")
    assert "It is too large" in found


@pytest.mark.parametrize("check", ["output | length > 3", "5", "null", "true", "''"])
def test_a_check_that_is_no_mapping_is_a_mistake_at_its_place(check: str) -> None:
    """It was a traceback: the schema counts one check as the first of a list."""
    found = only(f"{HEAD}nodes:\n  a:\n    prompt: hi\n    check: {check}\n")
    assert found.startswith("5:12 expected a check such as {that: output > 0")


@pytest.mark.parametrize("check", ["{}", "{a: 1}", "{say: x}", "[{}]", "[{a: 1}, 5]"])
def test_a_check_without_its_condition_is_a_mistake(check: str) -> None:
    """Checking never ended where one stood without a list."""
    found = problems(f"{HEAD}nodes:\n  a:\n    prompt: hi\n    check: {check}\n")
    assert any("'that' is missing" in problem for problem in found)


@pytest.mark.parametrize(
    ("field", "holds"),
    [
        ("models: {m: 5}\nmodel: echo", "a model's id, or a mapping with 'use' and settings"),
        ("models: {m: [echo]}\nmodel: m", "a model's id, or a mapping with 'use' and settings"),
        ("memory: {m: 1}\nmodel: echo", "an expression"),
    ],
)
def test_what_any_name_holds_is_said(field: str, holds: str) -> None:
    save = "{prompt: hi, save: {m: [1]}}" if "memory" in field else "hi"
    assert f"expected {holds}, found" in only(f"{field}\nnodes:\n  a: {save}\n")


@pytest.mark.parametrize(
    "model",
    ["ecko", "{use: ecko}", "{use: rules}", "{use: echo, base_url: 'http://x'}", "5", "{}"],
)
def test_a_wrong_model_is_told_once_and_not_again_where_it_is_used(model: str) -> None:
    nodes = "a: {prompt: hi, model: m}\n  b: {prompt: '{{ a }}', model: m}"
    assert only(f"models: {{m: {model}}}\nmodel: echo\nnodes:\n  {nodes}\n").startswith("1:")


def test_another_unknown_model_of_a_node_is_told_besides() -> None:
    text = "models: {m: ecko}\nmodel: echo\nnodes:\n  a: {prompt: hi, model: mm}\n"
    assert [problem[:2] for problem in problems(text)] == ["1:", "4:"]


def test_nodes_that_are_misspelt_are_not_missing_too() -> None:
    assert only(f"{HEAD}node:\n  a: hi\n") == "2:1 unknown field 'node'. Did you mean 'nodes'?"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('model: "script:a\\0b"\nnodes: [hi]', "1:8"),
        ('models: {m: "script:a\\x00b"}\nmodel: m\nnodes: [hi]', "1:13"),
        ('models: {m: {use: "script:a\\u0000b"}}\nmodel: m\nnodes: [hi]', "1:19"),
        (HEAD + 'nodes: {a: {prompt: hi, model: "script:a\\0b"}}', "2:32"),
        (HEAD + 'memory: {a: 1}\nkeep: {a: forever}\nmemory_file: "a\\0b"\n'
         "nodes: ['{{ memory.a }}']", "4:14"),
        (HEAD + 'env: "a\\0b"\nnodes: ["{{ observation }}"]', "2:6"),
        (HEAD + 'name: "a\\0b"\nnodes: [hi]', "2:7"),
        (HEAD + 'inputs: {"x\\0": 1}\nnodes: [hi]', "2:10"),
        (HEAD + 'nodes: ["a\\0b"]', "2:9"),
    ],
)  # fmt: skip
def test_a_nul_in_a_text_is_told_at_its_place(text: str, place: str) -> None:
    """In the name of a file it was a traceback."""
    assert only(text + "\n").startswith(f"{place} the character U+0000 (NUL")


@pytest.mark.parametrize(
    ("field", "column", "sign"),
    [
        ("save: {m: output, n: memory.n + [output]}", 26, "["),
        ("check: {that: output[0] == 1, say: x}", 19, "["),
        ("with: {x: dict or {}, y: 1}", 15, "{"),
    ],
)
def test_an_expression_with_a_bracket_in_a_mapping_in_braces_needs_quotes(
    field: str, column: int, sign: str
) -> None:
    found = only(f"{HEAD}nodes:\n  a:\n    prompt: hi\n    {field}\n")
    assert found.startswith(f"5:{column} put quotes around this text: ")
    assert f"'{sign}' in a text without quotes" in found
