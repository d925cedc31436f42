"""What beginners type: each mistake is answered with what to type instead."""

import json

import pytest
from click.testing import CliRunner

from agentkit.cli.app import cli

AGENT = "version: 1\nname: NAME\nmodel: echo\ninputs: {topic: bees, most: 3, later: null}\nnodes:\n"
PROMPT = "  - '{{ topic }} {{ most }} {{ later }} → é 😀'\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with an agent, which the commands run in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "essay6.yaml").write_text(AGENT + PROMPT, "utf-8")
    (tmp_path / "list.yaml").write_text("- What is {{ step }}?\n- And then?\n", "utf-8")
    return tmp_path


def said(*words, code=2, charset="utf-8"):
    result = CliRunner(charset=charset).invoke(cli, [*map(str, words)])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output


def prompt_of(*words):
    output = CliRunner().invoke(cli, ["run", "essay6.yaml", "--json", *words]).stdout
    return json.loads(output)["episodes"][0]["action"]


@pytest.mark.parametrize("typed", ["1.10", "1e5", "007", "true", "null", '{"a": 1}', "9" * 30])
def test_an_input_whose_own_value_is_a_text_gets_what_was_typed(here, typed):
    given = ("--input", f"topic={typed}", "--input", "later=x")
    assert prompt_of(*given) == f"{typed} 3 x → é 😀"


@pytest.mark.parametrize(
    ("typed", "shown"), [("1.10", "1.1"), ("4", "4"), ("1e2", "100.0"), ("[1, 2]", "[1, 2]")]
)
def test_an_input_whose_own_value_is_a_number_gets_a_number(here, typed, shown):
    assert prompt_of("--input", f"most={typed}", "--input", "later=x") == f"bees {shown} x → é 😀"


@pytest.mark.parametrize("typed", ["1.10", "1e5", "4", "2.5", "9" * 30])
def test_an_input_without_a_value_is_shown_as_typed(here, typed):
    assert prompt_of("--input", f"later={typed}") == f"bees 3 {typed} → é 😀"


@pytest.mark.parametrize("typed", ["9" * 30, f"[{'9' * 5000}]", "[1e999]", '{"a": -1e999}'])
def test_a_number_without_bounds_is_refused(here, typed):
    output = said("run", "essay6.yaml", "--input", f"most={typed}", "--input", "later=x")
    assert "--input most: the number" in output


@pytest.mark.parametrize("typed", ["@nul.txt", r'"\u0000"', r'["a\u0000"]', r'{"a\u0000": 1}'])
def test_a_nul_in_an_input_is_refused(here, typed):
    (here / "nul.txt").write_bytes(b"a\n\0b")
    output = said("run", "essay6.yaml", "--input", f"later={typed}")
    assert "--input later: " in output
    assert "the character U+0000 (NUL" in output
    assert ("nul.txt:2: " in output) == (typed == "@nul.txt")


@pytest.mark.parametrize("typed", [r"\0", r'"\\u0000"', r"[\u0000"])
def test_words_about_a_nul_are_text(here, typed):
    prompt_of("--input", f"later={typed}")


@pytest.mark.parametrize("command", [["check"], ["show"], ["render", "--node", "prompt_2"]])
def test_a_list_of_prompts_without_a_model_is_an_agent_with_model(here, command):
    assert "or use --model" in said(*command, "list.yaml")
    said(*command, "list.yaml", "--model", "echo", code=0)


@pytest.mark.parametrize("command", [["run"], ["check"], ["render", "--node", "x"]])
def test_a_run_in_place_of_an_agent_is_told_what_shows_and_resumes_it(here, command):
    said("run", "essay6.yaml", "--input", "later=x", "--out", "runs/first", code=0)
    output = " ".join(said(*command, "runs/first").split())
    assert "agentkit show runs/first shows it" in output
    assert "agentkit run --resume runs/first resumes it" in output


def test_an_agent_named_without_its_ending_or_misspelt_is_found(here):
    for name in ("essay6", "esay6.yaml"):
        for command in ("run", "check", "show"):
            assert "Did you mean 'essay6.yaml'?" in said(command, name)
    assert "such as essay6.yaml" in said("run", ".")


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["--topic", "two words"], "--input topic='two words'"),
        (["--topic=school"], "--input topic=school"),
        (["--topic"], "--input topic=VALUE"),
        (["topic=school"], "--input topic=school"),
    ],
)
@pytest.mark.parametrize("command", [["run"], ["render", "--node", "prompt_1"]])
def test_an_input_written_as_an_option_is_told_how_it_is_given(here, command, words, instead):
    output = " ".join(said(*command, "essay6.yaml", *words).split())
    assert f"An input gets its value with {instead[:14]}" in output
    assert instead in output
    assert "--picture" not in output


def test_a_misspelt_option_is_suggested(here):
    assert "'--steps'" in said("run", "essay6.yaml", "--stps", "3")


def test_a_name_that_is_too_long_for_a_folder_is_cut(here):
    for name in ("a" * 300, "é" * 300, ". " * 200):
        text = (AGENT + PROMPT).replace("NAME", json.dumps(name))
        (here / "long.yaml").write_text(text, "utf-8")
        said("run", "long.yaml", "--input", "later=x", code=0)
    assert len(list((here / "runs").iterdir())) == 3


@pytest.mark.parametrize(
    "words",
    [
        ["run", "LONG"], ["check", "LONG"], ["show", "LONG"], ["replay", "LONG"],
        ["run", "--resume", "LONG"], ["run", "essay6.yaml", "--input", "later=@LONG"],
        ["run", "essay6.yaml", "--input", "later=x", "--out", "LONG"],
        ["show", "essay6.yaml", "--svg", "LONG.svg"],
    ],
)  # fmt: skip
def test_a_file_name_that_is_too_long_is_a_mistake(here, words):
    output = said(*(word.replace("LONG", "a" * 300) for word in words))
    assert "File name too long" in output


@pytest.mark.parametrize("charset", ["ascii", "cp1252", "latin-1", "koi8-r"])
def test_what_a_terminal_cannot_show_is_replaced(here, charset):
    given = ("--input", "later=x")
    output = said("run", "essay6.yaml", *given, code=0, charset=charset)
    assert "bees 3 x" in output
    said("show", "essay6.yaml", code=0, charset=charset)
    said("render", "essay6.yaml", "--node", "prompt_1", *given, code=0, charset=charset)


@pytest.mark.parametrize("charset", ["ascii", "cp1252"])
def test_json_says_everything_whatever_the_terminal_can_show(here, charset):
    runner = CliRunner(charset=charset)
    result = runner.invoke(cli, ["run", "essay6.yaml", "--json", "--input", "later=\u202ex"])
    assert json.loads(result.stdout)["episodes"][0]["action"] == "bees 3 \u202ex → é 😀"


def test_a_model_that_is_left_to_the_user_may_be_one_without_a_key(here):
    output = said("run", "essay6.yaml", "--input", "later=x", "--model", "none")
    assert "--model openai:gpt-5-mini" in output
    assert "--model echo" in output


def test_showing_an_agent_leaves_nothing_out(here):
    """The system, the context, initial values, attempts and what checks say were missing."""
    text = (
        "version: 1\nname: all\nmodel: echo\nsystem: Be brief.\ncontext: In step {{ step }}.\n"
        "nodes:\n  a: {prompt: hi, initial: nothing yet, attempts: 2, otherwise: '',"
        " check: {that: output != '', say: Say something.}}\n"
    )
    (here / "all.yaml").write_text(text, "utf-8")
    output = said("show", "all.yaml", code=0)
    for words in (
        "system", "Be brief.", "context", "In step {{ step }}.", "initial   nothing yet",
        "attempts  2", "otherwise \"\"", "output != '': Say something.",
    ):  # fmt: skip
        assert words in output
