"""Problems in an agent's YAML: all of them in one error, each at its place, in plain words."""

from pathlib import Path

import gymnasium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.agentfile.load import parse_agent
from agentkit.agentfile.yaml_reader import MAX_SYNTAX_ERRORS
from agentkit.errors import SpecError


def problems(text: str, **options: object) -> list[str]:
    """Each problem of a text as `line:column node: message`."""
    with pytest.raises(SpecError) as caught:
        parse_agent(text, "agent.yaml", **options)  # type: ignore[arg-type]
    return [f"{p.line}:{p.column} {p.node or '-'}: {p.message}" for p in caught.value.problems]


def test_all_problems_of_a_file_are_in_one_error() -> None:
    """Mistakes in the YAML, in the graph and in what it names are found in one go."""
    text = """\
model: ecko
inputs: {topic: x}
memory: {facts: [], done: no}
keep: {fact: run}
limits: {stepz: 3, costs: 2, calls: 0.5, run: {minutes: 3, cost_usd: -1}}
nodes:
  plan:
    promt: |
      Look at {{ topc }}.
      Then use {{ memory.goal }}.
    attempts: none
  act:
    prompt: "{{ plann }} and {{ observation }}"
    output: {done: strr}
    save: {goal: output, facts: "[["}
    model: fast
action: actt
"""
    found = problems(text)
    expected = [
        "1:8 -: unknown model 'ecko'. Did you mean 'echo'?",
        "3:27 -: 'no' is a text in YAML 1.2",
        "4:8 -: memory has no key 'fact'. Did you mean 'facts'?",
        "5:10 -: unknown limit 'stepz'. Did you mean 'steps'?",
        "5:20 -: unknown limit 'costs'. Did you mean 'cost_usd'?",
        "5:37 -: expected a whole number of 1 or more, found the number 0.5",
        "5:48 -: unknown limit 'minutes'. Known: steps, calls, tokens, cost_usd, seconds",
        "5:70 -: expected a number of 0 or more, found the number -1",
        "8:5 plan: unknown field 'promt'. Did you mean 'prompt'?",
        "9:18 plan: unknown name 'topc'. Did you mean 'topic'?",
        "10:26 plan: memory has no key 'goal'.",
        "11:15 plan: expected a whole number of 1 or more, found the text 'none'",
        "13:17 act: unknown name 'plann'. Did you mean 'plan'?",
        "13:33 act: nothing gives 'observation', for this agent has no environment",
        "14:20 act: unknown type 'strr'",
        "15:12 act: memory has no key 'goal'.",
        "15:33 act: ",
        "16:12 act: unknown model 'fast'.",
        "17:9 -: 'actt' is no node. Did you mean 'act'?",
    ]
    assert len(found) == len(expected), "\n".join(found)
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start)


def test_the_message_shows_the_line_and_a_caret() -> None:
    with pytest.raises(SpecError) as caught:
        parse_agent("model: echo\nnodes:\n  a:\n    promt: x\n", "agent.yaml")
    assert str(caught.value) == (
        "agent.yaml: 1 problem\n"
        "  agent.yaml:4:5: node 'a': unknown field 'promt'. Did you mean 'prompt'?\n"
        "          promt: x\n"
        "          ^"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("nodes: [x]", "1:1 -: no model is given", id="no model"),
        pytest.param("- x", "1:1 -: no model is given: add a line such as", id="list, no model"),
        pytest.param("model: echo", "1:1 -: 'nodes' is missing", id="no nodes"),
        pytest.param("model: echo\nnodes: []", "2:8 -: there are no nodes", id="empty list"),
        pytest.param("just text", "1:1 -: expected the fields of an agent", id="text"),
        pytest.param("version: 2\nmodel: echo\nnodes: [x]", "1:10 -: expected 1", id="version"),
        pytest.param(
            "model: echo\nnodes: -What?", "2:8 -: expected a list of prompts", id="tight dash"
        ),
        pytest.param(
            "model: echo\nnodes:\n  - Plan: what next?",
            "3:5 prompt_1: 'Plan' is no name of a node",
            id="colon in a list",
        ),
        pytest.param(
            "model: echo\nnodes:\n  - a: x\n    b: y", "3:5 a: an item of the list", id="two names"
        ),
        pytest.param(
            "model: echo\nnodes:\n  - name: a\n    prompt: y",
            "3:5 a: the name stands above a node's fields: write '- a:'",
            id="name as a field",
        ),
        pytest.param(
            "model: echo\nnodes:\n  - a: x\n  - a: y", "4:5 -: two nodes are called 'a'", id="twice"
        ),
        pytest.param("model: echo\nnodes: [42]", "2:9 prompt_1: expected a prompt", id="number"),
        pytest.param("model: echo\nnodes: [true]", "2:9 prompt_1: expected a prompt", id="boolean"),
        pytest.param(
            "model: echo\nnodes:\n  a:", "3:5 a: expected a prompt, found nothing", id="null"
        ),
        pytest.param(
            "model: echo\nnodes:\n  - # Title",
            "3:4 prompt_1: expected a prompt, found nothing. '#' begins a comment",
            id="only a comment",
        ),
        pytest.param(
            "model: echo\nnodes:\n  - post in #general", "3:12 prompt_1: YAML drops", id="comment"
        ),
        pytest.param(
            'model: echo\nnodes:\n  a: {prompt: " "}', "3:15 a: the prompt is empty", id="blank"
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {output: text}", "3:3 a: the prompt is empty", id="no prompt"
        ),
        pytest.param("model: echo\nnodes: {if: x}", "2:9 if: 'if' is reserved", id="reserved"),
        pytest.param("model: echo\nnodes: {A: x}", "2:9 A: 'A' is not a name", id="upper case"),
        pytest.param(
            "model: echo\nnodes:\n  a: {prompt: x, reuse: yes}",
            "3:25 a: expected true or false, found the text 'yes'",
            id="yes",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {prompt: x, when: no}",
            "3:24 a: 'no' is no boolean in YAML 1.2: write true or false",
            id="no as an expression",
        ),
        pytest.param(
            'model: echo\nnodes:\n  a: {prompt: x, when: "{{ step }}"}',
            "3:24 a: an expression stands without the braces: write step",
            id="braces in an expression",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: x\n  b: {prompt: y, recall: a}",
            "4:26 b: expected a list of node names, found the text 'a'. Write [a]",
            id="recall of a text",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: x\n  b: {prompt: y, recall: [a, c]}",
            "4:30 b: there is no node 'c'",
            id="recall of nothing",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {prompt: x, env: y}",
            "3:18 a: unknown field 'env'. It is a field of the agent",
            id="agent's field in a node",
        ),
        pytest.param(
            "model: echo\nattempts: 3\nnodes: [x]",
            "2:1 -: unknown field 'attempts'. It is a field of a node",
            id="node's field in the agent",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: '{{ b }}'\n  b: '{{ a }}'",
            "3:6 a: these nodes wait for each other: a -> b -> a",
            id="cycle",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: '{{ a }}'",
            "3:6 a: a node cannot depend on itself",
            id="self",
        ),
        pytest.param(
            "model: echo\nnodes: {a: x, b: y}", "1:1 -: no other node depends on any of", id="sinks"
        ),
        pytest.param(
            "model: echo\nmemory: {k: 1}\nnodes:\n  a: {prompt: x, save: {k: output}}\n"
            "  b: {prompt: y, save: {k: output}}\n  c: '{{ a }}{{ b }}'",
            "5:28 b: memory.k: 'a' writes it, 'b' writes it",
            id="race",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {function: calk}", "3:17 a: unknown function", id="function"
        ),
        pytest.param(
            "model: echo\nenv: agentkit/Craftr-v1\nnodes: [x]",
            "2:6 -: unknown environment 'agentkit/Craftr-v1'. Did you mean 'agentkit/Crafter-v1'?",
            id="environment",
        ),
        pytest.param(
            "model: echo\nenv: {id: CartPole-v1, render_mode: '{{ siz }}'}\nnodes: [x]",
            "2:41 -: 'siz' is no input of this agent.",
            id="environment's input",
        ),
        pytest.param(
            "model: echo\nnodes: ['{{ observation }}']",
            "2:13 prompt_1: nothing gives 'observation'",
            id="no environment",
        ),
        pytest.param(
            "model: echo\ncontext: '{{ reward }}'\nnodes: [x]",
            "2:14 -: nothing gives 'reward'",
            id="no environment for the context",
        ),
        pytest.param(
            "model: echo\ninputs: {old: 1}\nnodes: [x]",
            "2:10 -: the input 'old' is never used",
            id="unused input",
        ),
        pytest.param(
            "model: echo\nmodels: {m: {temperature: 0}}\nnodes: [x]",
            "2:13 -: 'use' is missing",
            id="use",
        ),
        pytest.param(
            "model: echo\nmemory: {k: .inf}\nnodes: [x]", "2:13 -: '.inf' is no number", id="inf"
        ),
        pytest.param(
            f"model: echo\nmemory: {{k: {'9' * 5000}}}\nnodes: [x]",
            "2:13 -: this number is too long",
            id="long number",
        ),
        pytest.param(
            "model: echo\nkeep: {k: always}\nmemory: {k: 1}\nnodes: [x]",
            "2:11 -: expected episode or run or forever, found the text 'always'",
            id="keep",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a:\n    prompt: x\n    check:\n      - that: output\n"
            "      - that: output >\n",
            "7:15 a: ",
            id="second check",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {prompt: x, when: step > 1, each: previous.bb}",
            "3:40 a: 'previous.bb': there is no node 'bb'",
            id="previous of nothing",
        ),
        pytest.param(
            "model: echo\nsystem: hi {{ who }}\nnodes: [x]",
            "2:15 -: unknown name 'who'",
            id="system",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {prompt: x, output: {x: str}}\n  b: '{{ a.x }} {{ a.z }}'",
            "4:20 b: 'a.z': 'a' has no field 'z'. It has: x",
            id="field of a node",
        ),
        pytest.param(
            "model: echo\ninputs: {who: {name: Ann}}\nnodes:\n  a: '{{ who.nam }}'",
            "4:10 a: 'who.nam': 'who' has no field 'nam'. Did you mean 'name'?",
            id="field of an input",
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {prompt: x, output: {x: str}}\naction: '{{ a.y }}'",
            "4:13 -: 'a.y': 'a' has no field 'y'.",
            id="field in the action",
        ),
        pytest.param(
            "model: echo\nmemory: {goal: x}\nnodes: [\"{{ memory.get('gaol') }}\"]",
            "3:25 prompt_1: memory has no key 'gaol'. Did you mean 'goal'?",
            id="key of the memory",
        ),
        *(
            pytest.param(
                f"model: echo\nmemory: {{k: 1}}\nmemory_file: {name}\nnodes: [x]",
                f"3:14 -: '{name}' is not in the folder of the agent's file",
                id=f"memory file {name}",
            )
            for name in ("/etc/k.json", "../k.json", "a/../../k.json", "a/../k.json")
        ),
        *(
            pytest.param(
                text.replace("SCRIPT", f"script:{name}"),
                f"{place}: 'script:{name}' is not in the folder of the agent's file: name a file",
                id=f"{name} {place}",
            )
            for name in ("/etc/k.json", "../k.json", "a/../../k.json", "~/../../k.json")
            for text, place in (
                ("model: SCRIPT\nnodes: [x]", "1:8 -"),
                ("model: m\nmodels:\n  m: SCRIPT\nnodes: [x]", "3:6 -"),
                ("model: m\nmodels: {m: {use: SCRIPT}}\nnodes: [x]", "2:19 -"),
                ("model: echo\nmodels: {m: SCRIPT}\nnodes: [x]", "2:13 -"),
                ("model: echo\nnodes:\n  a: {prompt: x, model: SCRIPT}", "3:25 a"),
            )
        ),
        pytest.param(
            "model: echo\nnodes:\n  a: {prompt: x, output: {choice: [go, stop]}, otherwise: wait}",
            "3:59 a: \"wait\" does not fit 'output': ",
            id="otherwise that is no option",
        ),
        pytest.param(
            "model: echo\nenv:\n  id: agentkit/Crafter-v1\n  lenght: 5\nnodes: [x]",
            "4:3 -: unknown argument 'lenght'. Did you mean 'length'?",
            id="argument of the environment",
        ),
    ],
)
def test_a_mistake_is_one_problem_at_its_place(text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1, "\n".join(found)
    assert found[0].startswith(expected)


STYLES = {
    "block": "  a: |\n    TEXT\n",
    "stripped block": "  a:\n    prompt: |-\n      TEXT\n",
    "block with a margin": "  a:\n    prompt: |2\n        TEXT\n",
    "folded": "  a: >\n    TEXT\n",
    "plain": "  a: TEXT\n",
    "plain in a field": "  a:\n    prompt:\n      TEXT\n",
    "single quotes": "  a: 'TEXT'\n",
    "double quotes": '  a: "TEXT"\n',
    "flow": "  a: {prompt: 'TEXT', attempts: 2}\n",
    "list item": "  - TEXT\n",
    "list block": "  - a: |\n      TEXT\n",
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("fault", ["{{ 1 + }}", "{{ zz_unknown }}", "{% zz_tag %}", "{{ zz. }}"])
@settings(max_examples=15)
@given(above=st.lists(st.sampled_from(["Words here", "", "{{ step }}", "zz_unknown"]), max_size=4))
def test_the_line_of_a_fault_is_right_in_every_style(
    style: str, fault: str, above: list[str]
) -> None:
    head, tail = STYLES[style].split("TEXT")
    indent = head.rpartition("\n")[2] if head.endswith("  ") else "      "
    lines = ["First", *above, f"Ask {fault} now"]
    text = "model: echo\nnodes:\n" + head + ("\n" + indent).join(lines) + tail
    with pytest.raises(SpecError) as caught:
        parse_agent(text)
    (problem,) = caught.value.problems
    place = text.index(fault)
    assert problem.line == text.count("\n", 0, place) + 1
    assert problem.excerpt == text.splitlines()[problem.line - 1]
    if "unknown" in fault and "zz_unknown" not in above:
        assert problem.column == place + 3 - text.rindex("\n", 0, place)


def test_what_a_broken_node_would_have_needed_is_not_blamed() -> None:
    """The lost prompt of `b` read `a`; that `a` now seems unused is no second problem."""
    text = "model: echo\nmemory: {k: 1}\nnodes:\n  a: {prompt: x, save: {k: output}}\n"
    text += "  b: {prompt: [y], save: {k: output}}\n"
    assert problems(text) == [
        "5:15 b: expected a prompt, found a list. "
        "A text that begins with '[' needs quotes around it"
    ]


WORDS = "model: echo\n|nodes:\n|  - |  a: |{{ a }}|{{ |}}|{% if %}|[|]|{|}|'|\"|#|\t|: |when: |\n"
WORDS += "|prompt: |each: |save: {k: |check: |output: |function: |with: |yes|null|-1|memory: |env: "
WORDS += "|keep: |inputs: |action: |recall: [a]|item|output.x|é|~|models: {m: |limits: {steps: "


@settings(max_examples=150)
@given(st.lists(st.sampled_from(WORDS.split("|")), max_size=25).map("".join) | st.text())
def test_any_text_gives_an_agent_or_a_list_of_problems(text: str) -> None:
    problems = []
    try:
        parse_agent(text)
    except SpecError as error:
        problems = [*error.problems]
    assert all(p.line and p.column and p.message for p in problems)


def test_of_a_long_line_only_the_part_around_the_fault_is_shown() -> None:
    with pytest.raises(SpecError) as caught:
        parse_agent(f"model: echo\nnodes: ['{'words ' * 500}{{{{ nobody }}}}{' words' * 500}']\n")
    excerpt, caret = str(caught.value).splitlines()[-2:]
    assert len(excerpt) < 140
    assert excerpt[caret.index("^") :].startswith("nobody }}")


def test_a_file_cannot_steer_the_terminal_that_shows_its_problems() -> None:
    with pytest.raises(SpecError) as caught:
        parse_agent('model: echo\nnodes: {a: {prompt: x, "\\e[2Jpromt": y}}\n# \x1b[2J\n')
    assert str(caught.value)
    with pytest.raises(SpecError) as escaped:
        parse_agent('model: echo\nnodes: {a: {prompt: x, "\\e[2Jpromt": y}}\n')
    assert "\x1b" not in str(caught.value) + str(escaped.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: echo\ninputs: [a]\nnodes: ['{{ a }} {{ b }}']", "2:9 -: expected a mapping"),
        (
            "model: echo\nmemory: 3\nnodes: {a: {prompt: '{{ memory.x }}', save: {y: output}}}",
            "2:9 -: expected a mapping",
        ),
        (
            "model: echo\nmodels: [a]\nnodes: {a: {prompt: x, model: b}}",
            "2:9 -: expected a mapping of names to models",
        ),
        (
            "model: rules\nenv: agentkit/Craftr-v1\nnodes: ['{{ observation }}']",
            "2:6 -: unknown environment",
        ),
        ("model: rules\nenv: {size: 3}\nnodes: ['{{ reward }}']", "2:6 -: 'id' is missing"),
        ("model: echo\naction: 3\nnodes: {a: x, b: y}", "2:9 -: expected a text"),
        ("model: {use: echo}\nnodes: [x]", "1:8 -: expected a model's id"),
    ],
)
def test_what_cannot_be_read_is_the_only_problem(text: str, expected: str) -> None:
    """What would have needed the broken field is not blamed for it."""
    found = problems(text)
    assert len(found) == 1, "\n".join(found)
    assert found[0].startswith(expected)


def test_a_link_does_not_lead_the_memory_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    text = "model: echo\nmemory: {k: 1}\nmemory_file: out/k.json\nnodes: [x]\n"
    assert "not in the folder" in problems(text, folder=folder)[0]
    assert parse_agent(text, folder=folder, memory_file=tmp_path / "k.json")
    assert parse_agent(text.replace("out/", "in/"), folder=folder)


def test_a_script_that_the_file_names_lies_beside_it_also_through_links(tmp_path: Path) -> None:
    """Else a stranger's agent could read a file of the user, and send it to its own server."""
    folder = tmp_path / "agent"
    folder.mkdir()
    outside = tmp_path / "private.json"
    outside.write_text('{"a": "secret"}')
    (folder / "link.json").symlink_to(outside)
    (folder / "own.json").write_text('{"a": "said"}')
    text = "model: script:link.json\nnodes: {a: x}\n"
    assert "not in the folder" in problems(text, folder=folder)[0]
    assert parse_agent(text.replace("link", "own"), folder=folder)
    for place in (f"script:{outside}", "script:../private.json"):
        assert parse_agent(text, folder=folder, model=place)


def test_a_script_of_the_file_that_the_caller_chooses_by_its_name_is_held_to_the_folder() -> None:
    text = "model: echo\nmodels: {far: 'script:../k.json', near: echo}\nnodes: [x]"
    with pytest.raises(SpecError, match="not in the folder"):
        parse_agent(text, model="far")
    assert parse_agent(text, model="near")


def test_all_problems_of_one_output_are_shown() -> None:
    text = "model: echo\nnodes:\n  a:\n    prompt: x\n    output:\n      x: strr\n"
    text += "      y: [int, str]\n      z: {deep: [1], 1x: int}\n"
    starts = ["6:10 a: unknown type", "7:7 a: a list has", "8:7 a: 1 is not a type", "8:22 a: '1x'"]
    found = problems(text)
    assert len(found) == 4, "\n".join(found)
    for one, start in zip(found, starts, strict=True):
        assert one.startswith(start)


def test_arguments_of_every_environment_and_of_one_that_takes_any_are_allowed() -> None:
    text = "model: echo\nenv: {id: ID, ARGUMENT: 5}\nnodes: [x]\n"
    for env, argument in [
        ("agentkit/Crafter-v1", "length"),
        ("agentkit/Crafter-v1", "max_episode_steps"),
        ("test/TakesAny-v0", "anything"),
        ("test/NotInstalled-v0", "anything"),
    ]:
        parse_agent(text.replace("ID", env).replace("ARGUMENT", argument))


def make_any(**arguments: object) -> gymnasium.Env[object, object]:
    raise NotImplementedError


gymnasium.register("test/TakesAny-v0", entry_point=make_any)
gymnasium.register("test/NotInstalled-v0", entry_point="no_such_package_here:Env")


def test_a_model_that_the_caller_gives_is_blamed_on_the_caller() -> None:
    text = "model: echo\nnodes: [x]\n"
    with pytest.raises(SpecError) as caught:
        parse_agent(text, "agent.yaml", model="nope")
    (problem,) = caught.value.problems
    assert problem.line is None
    assert problem.message.startswith("the model given with model=: unknown")
    with pytest.raises(SpecError) as caught:
        parse_agent(text.replace("[x]", "['{{ y }}']"), "agent.yaml", model="nope")
    assert [p.line for p in caught.value.problems] == [None, 2]


def test_a_model_file_that_is_not_there_is_shown_at_its_place() -> None:
    (found,) = problems("model: local:llama\nnodes: [x]")
    assert found.startswith("1:8 -: local:llama: there is no file")


def test_a_model_on_a_server_is_checked_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert parse_agent("model: openai:gpt-5-mini\nnodes: [x]").name == "agent"


SERVERS = """\
model: m
models:
  m:
    use: MODEL
    SETTING
nodes: [x]
"""


@pytest.mark.parametrize(
    ("model", "setting", "message"),
    [
        (
            "openai:x",
            "timeout_s: 0",
            "5:16 -: expected a number of 0.1 or more, found the number 0",
        ),
        ("openai:x", "retries: 1.5", "5:14 -: expected a whole number from 0 to 20"),
        ("openai:x", "max_concurrency: 0", "5:22 -: expected a whole number of 1 or more"),
        ("openai:x", "base_url: []", "5:15 -: expected the address of a server"),
        (
            "openai:x",
            "base_url: localhost:80",
            "5:15 -: base_url: expected the address of a server",
        ),
        ("openai:x", "price: 3", "5:12 -: expected a mapping such as {input: 0.25, output: 2}"),
        ("openai:x", "price: {input: 1}", "5:12 -: 'output' is missing. Tokens written."),
        ("openai:x", "timeout: 3", "5:5 -: unknown setting 'timeout'. Did you mean 'timeout_s'?"),
        (
            "echo",
            "retries: 2",
            "4:10 -: the model 'echo' takes no 'retries': only openai:, langchain:, local:",
        ),
        ("langchain:openai:x", "base_url: http://h", "takes no 'base_url': only openai: models do"),
        ("openai:x", "structured: true", "5:17 -: expected auto or on or off, found true"),
        ("openai:x", "structured: of", "found the text 'of'. Did you mean 'off'?"),
        ("openai:x", "extra: [min_p]", "5:12 -: expected a mapping such as {min_p: 0.05}"),
        ("openai:x", "extra: {a: .nan}", "5:16 -: '.nan' is no number in JSON"),
        ("openai:x", "extra: {stop: x}", "extra: AgentKit sends 'stop' itself: use the setting"),
        (
            "echo",
            "extra: {a: 1}",
            "4:10 -: the model 'echo' takes no 'extra': only openai:",
        ),
    ],
)
def test_a_wrong_setting_of_a_server_is_shown_at_its_place(
    model: str, setting: str, message: str
) -> None:
    (found,) = problems(SERVERS.replace("MODEL", model).replace("SETTING", setting))
    assert message in found


@pytest.mark.parametrize("nodes", ["- one: What?\n  - last: Why?", "one: What?\n  last: Why?"])
def test_a_misspelt_field_after_the_nodes_is_not_one_of_the_last_node(nodes):
    """The last node ends where the next field begins."""
    with pytest.raises(SpecError) as caught:
        parse_agent(f"name: x\nmodel: echo\nnodes:\n  {nodes}\nacton: last\n")
    [problem] = caught.value.problems
    assert (problem.node, problem.line, problem.column) == (None, 6, 1)
    assert "unknown field 'acton'. Did you mean 'action'?" in problem.message


def test_what_yaml_cannot_read_does_not_hide_the_other_problems() -> None:
    """Each value that is no YAML is one problem, and nothing that only follows from it is."""
    text = """\
model: ecko
memory: {facts: [
inputs: {topic: x}
nodes:
  - plan:
      prompt: Answer: yes or no
        about {{ topic }}
      attemps: 3
  - Say: this: that
  - act:
      prompt: "{{ plann }} and {{ memory.fact }}
      output: {a: strr}
      each: [1, 2
      when: topic = 3
  - last: {{ plan }} now
limits: {stepz: 3}
action: "{{ act }} {{ lst }}"
"""
    found = problems(text)
    expected = [
        "1:8 -: unknown model 'ecko'",
        "2:9 -: a text that begins with '{' needs quotes around it",
        "6:21 plan: if this is a text, the ': ' in it",
        "8:7 plan: unknown field 'attemps'. Did you mean 'attempts'?",
        "9:14 prompt_2: if this is a text, the ': ' in it",
        "11:15 act: the quote that opens here is never closed",
        "12:19 act: unknown type 'strr'",
        "13:13 act: a text that begins with '['",
        "14:19 act: '=' was not expected here",
        "15:11 last: a text that begins with '{{'",
        "16:10 -: unknown limit 'stepz'. Did you mean 'steps'?",
        "17:23 -: unknown name 'lst'",
    ]
    assert len(found) == len(expected), "\n".join(found)
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start)


TAB = "a tab is used to indent this line"
COLUMN = "this line does not stand in the same column"
MORE_TEXT = "this line looks like 'name: value'"
LOOSE = "this line is neither 'name: value' nor a list item"
MODEL = "1:8 -: unknown model 'ecko'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nodes:\n\t- x\nmodl: echo", [f"2:1 -: {TAB}", "3:1 -: unknown field 'modl'"]),
        ("nodes:\n\t- x\n\t- '{{ y }}'", [MODEL, f"3:1 -: {TAB}", "4:8 prompt_2: unknown name"]),
        (
            "nodes:\n\ta:\n\t\tprompt: x\n\t\toutpt: text\n\tb: '{{ aa }}'",
            [MODEL, f"3:1 -: {TAB}", "5:3 a: unknown field 'outpt'", "6:9 b: unknown name 'aa'"],
        ),
        (
            "nodes:\n  a: x\n\tb: '{{ aa }}'\n  c: '{{ d }}'",
            [MODEL, f"4:1 -: {TAB}", "4:9 b: unknown name 'aa'", "5:10 c: unknown name 'd'"],
        ),
        (
            "nodes:\n  a: |\n\tx\n\ty {{ q }}\n  b: {{ a }}",
            [MODEL, f"4:1 a: {TAB}", "5:7 a: unknown name 'q'", "6:6 b: a text that begins with"],
        ),
        (
            "nodes:\n  a:\n    prompt: x\n   outpt: text\n  b: '{{ aa }}'",
            [MODEL, f"5:4 a: {COLUMN}", "5:4 a: unknown field 'outpt'",
             "6:10 b: unknown name 'aa'"],
        ),
        (
            "nodes:\n  - a: x\n   - b: '{{ aa }}'\nlimits: {stepz: 3}",
            [MODEL, f"4:4 -: {COLUMN}", "4:13 b: unknown name 'aa'", "5:10 -: unknown limit"],
        ),
        (
            "nodes:\n  a:\n      prompt: x\n    attempts: 0\n  b: y: z\nlimits: {stepz: 3}",
            [MODEL, f"5:5 a: {COLUMN}", "5:15 a: expected a whole number", "6:7 b: if this is a",
             "7:10 -: unknown limit"],
        ),
        (
            "memory:\n  a: 1\n    b: 2\nnodes: ['{{ memory.c }}']",
            [MODEL, f"4:6 -: {MORE_TEXT}", "5:20 prompt_1: memory has no key 'c'"],
        ),
        ("  nodes:\n  - x\n  - '{{ y }}'", [MODEL, f"2:8 -: {MORE_TEXT}", "4:9 prompt_2: unknown"]),
        (
            "nodes:\n  - |\n    one\n  two {{ zz }}\n  - three {{ q }}",
            [MODEL, f"5:3 prompt_1: {LOOSE}", "5:10 prompt_1: unknown name 'zz'",
             "6:14 prompt_2: unknown name 'q'"],
        ),
    ],
)  # fmt: skip
def test_a_tab_or_a_line_in_the_wrong_column_hides_no_other_problem(
    text: str, expected: list[str]
) -> None:
    """The file was read up to there, so its problems came one at a time."""
    found = problems(("" if "modl" in text else "model: ecko\n") + text)
    assert len(found) == len(expected), "\n".join(found)
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: echo\nnodes:\n  a: x\n -b\n  c: y\n", "4:2 -: put a space after the '-'"),
        ("model: {use: x\nnodes: {a: x}\n", "1:8 -: a text that begins with '{'"),
        ("model: echo\nnodes:\n  a: 'x\n  b: '{{ a }}'\n", "3:6 a: the quote that opens"),
        ("model: echo\nenv: *x y\nnodes: ['{{ reward }}']\n", "2:6 -: a text that begins with"),
        ("model: m\nmodels: [a\nnodes: {a: {prompt: x, model: k}}\n", "2:9 -: a text that begi"),
    ],
)
def test_nothing_is_blamed_for_what_yaml_cannot_read(text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1, "\n".join(found)
    assert found[0].startswith(expected)


def test_a_file_full_of_syntax_errors_is_not_read_again_for_each() -> None:
    found = problems("model: echo\nnodes:\n" + "  - a: b: c\n" * 10_000)
    assert len(found) == MAX_SYNTAX_ERRORS


@pytest.mark.parametrize(
    "text", ["[]", "nodes: []", "nodes:", "{}", "[[]]", "- []", "- {}", "[{}]"]
)
def test_a_file_without_a_node_is_a_problem_with_its_place(text):
    """A bare empty list ended with a traceback."""
    with pytest.raises(SpecError) as caught:
        parse_agent(text, model="echo")
    assert all(problem.line == 1 and problem.column for problem in caught.value.problems)
