"""YAML text as values with places: what is read, and what is refused in plain words."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agentfile import yaml_reader
from agentkit.agentfile.line_numbers import FileText, Flaw
from agentkit.agentfile.yaml_reader import MAX_ALIASED, read_yaml
from agentkit.agentfile.yaml_traps import MAX_DEPTH
from agentkit.agentfile.yaml_values import Odd, entry, value_of


def read(text: str) -> tuple[yaml.Node | None, list[Flaw], FileText]:
    source = FileText(text)
    flaws: list[Flaw] = []
    return read_yaml(source, flaws), flaws, source


def only_flaw(text: str) -> tuple[int, int, str]:
    _, flaws, source = read(text)
    assert len(flaws) == 1, flaws
    line, column, _ = source.place(flaws[0].start)
    return line, column, flaws[0].message


def item(text: str) -> object:
    node, flaws, _ = read(f"- {text}\n")
    assert node is not None
    assert not flaws
    (value,) = value_of(node)
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"),
        ("1_000", "1_000"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("=", "="),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    meaning = item(text)
    assert meaning == value
    assert isinstance(meaning, type(value))


@pytest.mark.parametrize("text", ["", ".inf", ".nan", "1e999", "9" * 5000, "-9223372036854775809"])
def test_what_json_has_no_value_for_is_odd(text: str) -> None:
    assert isinstance(item(text), Odd)


def test_places_are_counted_in_characters_and_lines_of_an_editor() -> None:
    value, _, source = read("\ufeffé😀: [x, {y: z}]\r\n# note here\r\nlast: 1\r\n")
    key, _ = entry(value, "last") or pytest.fail("it is not there")
    assert source.place(key.start_mark.index) == (3, 1, "last: 1")
    _, items = entry(value, "é😀") or pytest.fail("it is not there")
    assert source.place(items.value[1].start_mark.index)[:2] == (1, 9)


def test_modest_aliases_are_followed() -> None:
    value, flaws, _ = read("a: &rule be brief\nb: *rule\n")
    assert not flaws
    assert value is not None
    assert value_of(value) == {"a": "be brief", "b": "be brief"}


def test_aliases_that_explode_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 30):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]")
    start = time.perf_counter()
    line, _, message = only_flaw("\n".join(lines))
    assert time.perf_counter() - start < 10  # 10^30 values would take for ever
    assert f"repeat more than {MAX_ALIASED:,} values" in message
    assert line < 8


def test_an_alias_of_itself_is_refused() -> None:
    assert only_flaw("a: &x [1, *x]\n") == (1, 11, "'*x' contains itself")


@pytest.mark.parametrize("loader", [yaml_reader.Loader, yaml.SafeLoader])
@pytest.mark.parametrize("deep", [MAX_DEPTH + 1, 2_000, 100_000])
@pytest.mark.parametrize("bracket", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_without_recursion(
    monkeypatch: pytest.MonkeyPatch, bracket: str, deep: int, loader: type
) -> None:
    """Whether our reader or its parser meets its limit first, the writer is told the same."""
    monkeypatch.setattr(yaml_reader, "Loader", loader)
    line, _, message = only_flaw(f"# deep\n{bracket * deep}")
    assert (line, message) == (2, f"lists and mappings are nested more than {MAX_DEPTH} deep")


@pytest.mark.parametrize("bracket", ["[", "- "])
def test_nesting_up_to_the_limit_is_read(bracket: str) -> None:
    value, flaws, _ = read(f"{bracket * MAX_DEPTH}x{']' * MAX_DEPTH if bracket == '[' else ''}")
    assert isinstance(value, yaml.SequenceNode)
    assert not flaws


def test_a_file_over_the_limit_is_refused_before_it_is_parsed() -> None:
    assert "1,000,000 is the most" in only_flaw("[" * 1_000_001)[2]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        pytest.param("", 1, 1, "the file is empty", id="empty"),
        pytest.param("# only a comment\n", 1, 1, "the file is empty", id="comment"),
        pytest.param("a: 1\n---\nb: 2\n", 2, 1, "a second document", id="documents"),
        pytest.param("a: 1\nb: 2\na: 3\n", 3, 1, "in lines 1 and 3", id="twice"),
        pytest.param("a: {x: 1, x: 2}\n", 1, 11, "'x' is given twice", id="twice in braces"),
        pytest.param("<<: {a: b}\n", 1, 1, "write the fields out", id="merge"),
        pytest.param("a: !!python/name:os.system x\n", 1, 4, "is a YAML tag", id="python tag"),
        pytest.param("a: !important do it\n", 1, 4, "put quotes around the text", id="tag"),
        pytest.param("a: &hello world\n", 1, 4, "nothing uses the name", id="anchor"),
        pytest.param("a: *hello\n", 1, 4, "put quotes around the text", id="alias"),
        pytest.param("? [a]\n: b\n", 1, 3, "a key must be a text", id="list as key"),
        pytest.param("a: x\x07\n", 1, 5, "U+0007", id="control"),
        pytest.param("a: x\u2028y\n", 1, 5, "U+2028", id="unseen line end"),
        pytest.param("a: \ud800\n", 1, 4, "U+D800", id="surrogate"),
        pytest.param("p: {{ x }}\n", 1, 4, "needs quotes around it", id="braces alone"),
        pytest.param("p: {{ x }} and\n", 1, 4, "needs quotes around it", id="braces first"),
        pytest.param("- {% if x %}y{% endif %}\n", 1, 3, "needs quotes", id="statement first"),
        pytest.param("p: Answer: yes or no\n", 1, 10, "the ': ' in it", id="colon"),
        pytest.param("- Say: this: that\n", 1, 12, "the ': ' in it", id="colon in a list"),
        pytest.param("n:\n\tp: x\n", 2, 1, "a tab is used to indent", id="tab"),
        pytest.param("n:\n  - a\n  -b\n", 3, 3, "a space after the '-'", id="tight dash"),
        pytest.param("prompt:text\nb: c\n", 1, 7, "a space after the ':'", id="tight colon"),
        pytest.param("p: [a] b\n", 1, 4, "begins with '['", id="bracket"),
        pytest.param("p: [a, b\n", 1, 4, "which needs a ']'", id="open bracket"),
        pytest.param("p: {a} b\n", 1, 4, "begins with '{'", id="brace"),
        pytest.param("- *very* good\n", 1, 3, "begins with '*'", id="star"),
        pytest.param("- @you\n", 1, 3, "begins with '@'", id="at"),
        pytest.param("- `x`\n", 1, 3, "begins with '`'", id="backtick"),
        pytest.param("p: %x\n", 1, 4, "begins with '%'", id="percent"),
        pytest.param("p: |text\n", 1, 4, "begins on the next line", id="text after the bar"),
        pytest.param('p: "say" it\n', 1, 10, "after its closing", id="quote ends early"),
        pytest.param("p: 'don't'\n", 1, 9, "after its closing", id="apostrophe"),
        pytest.param('a: 1\np: "x\n', 2, 4, "is never closed", id="open quote"),
        pytest.param('p: "\\d"\n', 1, 5, "use single quotes", id="escape"),
        pytest.param("p: |\n    a\n  b\n", 3, 3, "same column", id="indentation"),
        pytest.param("m: x\n  n: y\n", 2, 4, "text in line 1", id="indented key"),
        pytest.param("- a\nmore\n", 2, 1, "neither 'name: value' nor", id="loose line"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words_at_its_place(
    text: str, line: int, column: int, words: str
) -> None:
    _, found, source = read(text)
    flaws = list(dict.fromkeys(found))
    assert [source.place(flaw.start)[:2] for flaw in flaws] == [(line, column)]
    assert words in flaws[0].message


def test_unquoted_braces_are_read_as_the_text_that_was_meant() -> None:
    value, flaws, _ = read("p: {{ x }}\nq: 1\n")
    assert len(flaws) == 1
    assert value is not None
    assert value_of(value) == {"p": "{{ x }}", "q": 1}


PIECES = [
    *("a: ", "- ", "  ", "[", "]", "{", "}", "&a ", "*a", "!t ", ">", "'", "? ", "---", "%", "#"),
    *("<<: ", "x", "é", ": ", ",", "{{ ", "\n", "\t", "|\n ", '"', "\\", "\0", "\u2028"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_read_or_explained(text: str) -> None:
    value, flaws, source = read(text)
    assert value is not None or flaws
    for flaw in flaws:
        line, column, _ = source.place(flaw.start)
        assert line >= 1
        assert column >= 1
        assert "\n" not in flaw.message
