"""Texts are read as actions, or refused with what is wrong; nothing is evaluated."""

import re
import time

import pytest
from agentkit_envs.browser.act.actions import (
    GRAMMAR,
    Action,
    ActionError,
    grammar_text,
    parse_action,
    parse_actions,
)
from agentkit_envs.browser.act.grammar import GROUPS
from hypothesis import given
from hypothesis import strategies as st

# What BrowserGym 0.14 calls its actions and their parameters, read from its source.
BROWSERGYM = {
    "noop": ["wait_ms"],
    "send_msg_to_user": ["text"],
    "report_infeasible": ["reason"],
    "scroll": ["delta_x", "delta_y"],
    "scroll_at": ["x", "y", "dx", "dy"],
    "fill": ["bid", "value", "enable_autocomplete_menu"],
    "check": ["bid"],
    "uncheck": ["bid"],
    "select_option": ["bid", "options"],
    "click": ["bid", "button", "modifiers"],
    "dblclick": ["bid", "button", "modifiers"],
    "hover": ["bid"],
    "press": ["bid", "key_comb"],
    "focus": ["bid"],
    "clear": ["bid"],
    "drag_and_drop": ["from_bid", "to_bid"],
    "upload_file": ["bid", "file"],
    "goto": ["url"],
    "go_back": [],
    "go_forward": [],
    "new_tab": [],
    "tab_close": [],
    "tab_focus": ["index"],
    "mouse_upload_file": ["x", "y", "file"],
    "mouse_move": ["x", "y"],
    "mouse_up": ["x", "y", "button"],
    "mouse_down": ["x", "y", "button"],
    "mouse_click": ["x", "y", "button"],
    "mouse_dblclick": ["x", "y", "button"],
    "mouse_drag_and_drop": ["from_x", "from_y", "to_x", "to_y"],
    "keyboard_press": ["key"],
    "keyboard_up": ["key"],
    "keyboard_down": ["key"],
    "keyboard_type": ["text"],
    "keyboard_insert_text": ["text"],
}


def problem(text: str) -> str:
    with pytest.raises(ActionError) as error:
        parse_action(text)
    return str(error.value)


def test_every_action_of_browsergym_is_read_with_its_parameters() -> None:
    ours = {
        name: [p.name for p in command.parameters if (name, p.name) != ("scroll", "bid")]
        for name, command in GRAMMAR.items()
    }
    assert ours == BROWSERGYM


@pytest.mark.parametrize("command", GRAMMAR.values(), ids=lambda command: command.name)
def test_the_example_of_every_action_is_read_and_written_the_same(command) -> None:
    assert str(parse_action(command.example)) == command.example


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("  click( 'e3' )\n", "click('e3')"),
        ('click("e3")', "click('e3')"),
        ("click(e3)", "click('e3')"),
        ("click([e3])", "click('e3')"),
        ("click(3)", "click('e3')"),
        ("click('3')", "click('e3')"),
        ("click([3])", "click('e3')"),
        ("click(bid=12)", "click('e12')"),
        ("drag_and_drop('56', 498)", "drag_and_drop('e56', 'e498')"),
        ("click('e3', modifiers=('Shift', 'Alt'))", "click('e3', modifiers=['Shift', 'Alt'])"),
        ("click('e3', modifiers=['ShiftLeft'])", "click('e3', modifiers='Shift')"),
        ("select_option('e5', ('red', 'blue'))", "select_option('e5', ['red', 'blue'])"),
        ("fill('e4', 'x', True)", "fill('e4', 'x', enable_autocomplete_menu=True)"),
        ("fill('e4', 'x', enable_autocomplete_menu=false)", "fill('e4', 'x')"),
        ("click('[e3]')", "click('e3')"),
        ("click(ref=e3)".replace("ref", "bid"), "click('e3')"),
        ("click('[ref=e3]')", "click('e3')"),
        ("click('e3');", "click('e3')"),
        ("click('e3'); # the button", "click('e3')"),
        ("# the button\nclick('e3')", "click('e3')"),
        ("`click('e3')`", "click('e3')"),
        ("```\nclick('e3')\n```", "click('e3')"),
        ("```python\nclick('e3')\n```\n", "click('e3')"),
        ("click('e3',)", "click('e3')"),
        ("click('e3', 'right')", "click('e3', button='right')"),
        ("click('e3', button=RIGHT)", "click('e3', button='right')"),
        ("click('e3', modifiers='Shift')", "click('e3', modifiers='Shift')"),
        ("click('e3', modifiers=[ctrl, Alt])", "click('e3', modifiers=['Control', 'Alt'])"),
        ("click('e3', 'left', [])", "click('e3')"),
        ("fill(value='x', bid=e4)", "fill('e4', 'x')"),
        ("fill('e4', 42)", "fill('e4', '42')"),
        ("fill('e4', 1.50)", "fill('e4', '1.50')"),
        ("fill('e4', '''two\nlines''')", "fill('e4', 'two\\nlines')"),
        ("fill('e4', 'two\nlines')", "fill('e4', 'two\\nlines')"),
        ("fill('e4', 'it's here')", "fill('e4', 'it\\'s here')"),
        ("select_option('e5', ['red', \"blue\"])", "select_option('e5', ['red', 'blue'])"),
        ("select_option('e5', ['red'])", "select_option('e5', 'red')"),
        ("select_option('e5', [])", "select_option('e5', [])"),
        ("press('e4', ctrl+A)", "press('e4', 'Control+A')"),
        ("press('e4', 'shift + tab')", "press('e4', 'Shift+Tab')"),
        ("press('e4', 'return')", "press('e4', 'Enter')"),
        ("press('e4', ' ')", "press('e4', 'Space')"),
        ("press('e4', '+')", "press('e4', '+')"),
        ("press('e4', 'Control++')", "press('e4', 'Control++')"),
        ("scroll(-50.25, +100)", "scroll(-50.25, 100)"),
        ("scroll(0, 300, 'e3')", "scroll(0, 300, bid='e3')"),
        ("scroll(0, 300, None)", "scroll(0, 300)"),
        ("noop(1000)", "noop()"),
        ("goto('https://a.example/?q=(1)&r=\\'')", "goto('https://a.example/?q=(1)&r=\\'')"),
    ],
)
def test_what_is_forgiven_is_read_as_it_was_meant(text: str, meant: str) -> None:
    assert str(parse_action(text)) == meant


def test_an_action_has_the_values_of_all_its_parameters() -> None:
    action = parse_action("click('e3', modifiers=['Shift'])")
    assert action.arguments == {"bid": "e3", "button": "left", "modifiers": ("Shift",)}
    assert action.references == ("e3",)
    assert parse_action("drag_and_drop(e3, e4)").references == ("e3", "e4")
    assert parse_action("scroll(0, 5)").references == ()
    assert parse_action("scroll(0, 5)").number("delta_y") == 5
    assert parse_action("upload_file('e3', 'a.pdf')").texts("file") == ("a.pdf",)


def test_a_text_says_what_its_escapes_say_and_keeps_every_other_letter() -> None:
    read = parse_action(r"keyboard_type('a\tb\\n\'\"\u00e9\x41\d /é 漢')").text("text")
    assert read == "a\tb\\n'\"éA\\d /é 漢"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        ("```\n\n```", "the text is empty"),
        ("click", "the brackets are missing"),
        ("I will click('e3')", "other words before the action"),
        ("Click the button.", "does not begin with the name of an action"),
        ("click('e3'", "the bracket ')' is missing"),
        ("fill('e4', 'text)", "has no quote at its end"),
        ("fill('e4', hello world)", "texts need quotes"),
        ("select_option('e5', ['a', 'b')", "a comma or ']' was expected"),
        ("select_option('e5', [['a']])", "a list inside a list"),
        ("fill('e4', value)", "value must be a text in quotes, not value"),
        ("fill('e4', ['a'])", "value must be a text in quotes"),
        ("fill('e4', None)", "value must be a text in quotes"),
        ("fill('e4')", "value is missing"),
        ("click()", "bid is missing"),
        ("click('the button')", "must be the reference of an element, such as 'e3'"),
        ("click(3.5)", "must be the reference of an element, such as 'e3'"),
        ("fill('e4', 'x', 1)", "enable_autocomplete_menu must be True or False"),
        ("scroll(0, 100000000000)", "must be between -1,000,000,000 and 1,000,000,000"),
        ("click('e3', 'e4')", "button must be one of left, middle, right"),
        ("click('e3', modifiers=['Enter'])", "modifiers must be a list of Alt"),
        ("click('e3', bid='e4')", "bid is given twice"),
        ("click('e3', 'left', [], 4)", "4 values are too many: it takes 3"),
        ("go_back(1)", "1 values are too many: it takes none"),
        ("click('e3', butto='left')", "it takes nothing called butto (did you mean button?)"),
        ("fill(value='x', 'e4')", "has no name, but stands after one that has"),
        ("press('e4', 'Entr')", "Did you mean 'Enter'?"),
        ("press('e4', 'a+b')", "no key is called 'a'"),
        ("press('e4', 'Enter+a')", "'Enter' cannot be held"),
        ("press('e4', '')", "there is no name of a key"),
        ("press('e4', ['Enter'])", "key_comb must be a key"),
        ("scroll('down', 0)", "delta_x must be a number, not 'down'"),
        ("scroll(1e400, 0)", "delta_x must be between -1,000,000,000"),
        ("noop(-1)", "wait_ms must be 0 or more"),
        ("tab_focus(1.5)", "index must be a whole number"),
        ("tab_focus(-1)", "index must be 0 or more"),
        ("clik('e3')", "Did you mean click(bid, button='left', modifiers=[])?"),
        ("type('e4', 'x')", "Did you mean fill(bid, value, enable_autocomplete_menu=False)?"),
        ("wait(5)", "Did you mean noop(wait_ms=1000)?"),
        ("frobnicate()", "There are: click, dblclick, fill"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    assert said in problem(text)


def test_halves_of_letters_are_put_together_and_alone_replaced() -> None:
    """Playwright cannot send half a letter: it raised an encoding error."""
    assert parse_action(r"keyboard_type('\ud83d\ude00')").text("text") == "\U0001f600"
    assert parse_action(r"keyboard_type('a\ud83db')").text("text") == "a\ufffdb"
    assert parse_action("keyboard_type('\ud83d')").text("text") == "\ufffd"


def test_every_problem_of_an_action_is_said_at_once_with_the_form_and_an_example() -> None:
    assert problem("click('x', butto='left', modifiers=['Enter'])") == (
        "click: it takes nothing called butto (did you mean button?); bid must be the reference "
        "of an element, such as 'e3', not 'x'; modifiers must be a list of "
        "Alt, Control, ControlOrMeta, Meta, Shift, not ['Enter']. "
        "Expected: click(bid, button='left', modifiers=[]), for example click('e3')"
    )


# Every example in the help of BrowserGym 0.14, and what it writes; its own references are not ours.
EXAMPLES = """
send_msg_to_user("Based on the results of my search, the city was built in 1751.")
report_infeasible("I cannot follow these instructions because there is no email field.")
noop() noop(500)
fill('45', "multi-line\\nexample") fill('a12', "example with \\"quotes\\"")
fill('b534', "Montre", True)
check('55') uncheck('a5289')
select_option('a48', "blue") select_option('c48', ["red", "green", "blue"])
click('a51') click('b22', button="right") click('48', button="middle", modifiers=["Shift"])
dblclick('12') dblclick('ca42', button="right") hover('b8')
press('88', 'Backspace') press('a26', 'ControlOrMeta+a') press('a61', 'Meta+Shift+t')
focus('b455') clear('996') drag_and_drop('56', '498')
scroll(0, 200) scroll(-50.2, -100.5) scroll_at(50, 100, -50, -100)
mouse_move(65.2, 158.5) mouse_up(250, 120) mouse_up(47, 252, 'right')
mouse_down(140.2, 580.1) mouse_down(458, 254.5, 'middle')
mouse_click(887.2, 68) mouse_click(56, 712.56, 'right')
mouse_dblclick(5, 236) mouse_dblclick(87.5, 354, 'right')
mouse_drag_and_drop(10.7, 325, 235.6, 24.54)
keyboard_press('Backspace') keyboard_press('ControlOrMeta+a') keyboard_press('Meta+Shift+t')
keyboard_up('Shift') keyboard_up('c') keyboard_down('Shift') keyboard_down('c')
keyboard_type('Hello world!') keyboard_insert_text('Hello world!')
goto('http://www.example.com') go_back() go_forward() new_tab() tab_close() tab_focus(2)
upload_file("572", "my_receipt.pdf")
upload_file("63", ["/home/bob/Documents/image.jpg", "/home/bob/Documents/file.zip"])
mouse_upload_file(132.1, 547, "my_receipt.pdf")
mouse_upload_file(328, 812, ["/home/bob/Documents/image.jpg", "/home/bob/Documents/file.zip"])
"""


def test_every_example_of_browsergym_is_read_and_no_action_of_it_is_missing() -> None:
    read = [action for line in EXAMPLES.split("\n") if line for action in parse_actions(line)]
    assert {action.name for action in read} == set(BROWSERGYM)
    for action in read:
        assert parse_action(str(action)) == action


# The names of keys that Playwright knows, which BrowserGym hands on to it.
KEYS = re.findall(
    r"\w+",
    """Alt AltGraph AltLeft AltRight ArrowDown ArrowLeft ArrowRight ArrowUp AudioVolumeDown
    AudioVolumeMute AudioVolumeUp Backquote Backslash Backspace BracketLeft BracketRight CapsLock
    Comma ContextMenu Control ControlLeft ControlOrMeta ControlRight Delete End Enter Equal Escape
    Home Insert MediaPlayPause MediaTrackNext MediaTrackPrevious Meta MetaLeft MetaRight Minus
    NumLock NumpadAdd NumpadDecimal NumpadDivide NumpadEnter NumpadMultiply NumpadSubtract PageDown
    PageUp Pause Period PrintScreen Quote ScrollLock Semicolon Shift ShiftLeft ShiftRight Slash
    Space Tab""",
)
KEYS += [f"F{number}" for number in range(1, 13)]
KEYS += [f"{pad}{digit}" for pad in ("Digit", "Numpad") for digit in range(10)]
KEYS += [f"Key{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


@pytest.mark.parametrize("key", [*KEYS, *"aZ0#~+-=?/;,.'"])
def test_every_key_of_browsergym_is_read_alone_and_with_modifiers(key: str) -> None:
    quoted = '"' + key + '"'
    for name in ("keyboard_press", "keyboard_down", "keyboard_up"):
        assert parse_action(f"{name}({quoted})").text("key") == key
    for held in ("Shift", "ShiftLeft", "ControlRight", "AltLeft+Meta", "ControlOrMeta"):
        read = parse_action(f"press('e1', \"{held}+{key}\")").text("key_comb")
        assert read == f"{held}+{key}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("noop(-1)", "wait_ms must be 0 or more"),
        ("tab_focus(-1)", "index must be 0 or more"),
        ("press('e1', 'F13')", "no key is called 'F13'"),
        ("press('e1', 'Enter+Shift')", "'Enter' cannot be held"),
        ("fill('e1', None)", "must be a text in quotes"),
        ("fill('e1', {'a': 'b'})", "a value was expected"),
        ("page.keyboard.press('PageDown')", "there are other words before the action"),
        ("get_element_html('e1')", "there is no action called 'get_element_html'"),
    ],
)
def test_what_browsergym_takes_and_we_do_not_is_refused_with_the_reason(text, reason) -> None:
    assert reason in problem(text)


def test_several_actions_are_read_in_order_where_they_may_be_given() -> None:
    for text in (
        "click('e3')\nfill('e4', 'x')",
        "click('e3') fill('e4', 'x')",
        "```python\nclick('e3'); fill('e4', 'x')\n```",
        "# first\nclick('e3'),\n# then\nfill('e4', 'x')  # done",
    ):
        assert [str(one) for one in parse_actions(text)] == ["click('e3')", "fill('e4', 'x')"]
    assert len(parse_actions("noop()")) == 1
    for text, reason in (
        ("", "the text is empty"),
        ("click('e3') and then go_back()", "there is more after the action"),
        ("click('e3')\nclik('e4')", "there is no action called 'clik'"),
        ("noop() " * 21, "21 actions at once are too many"),
    ):
        with pytest.raises(ActionError, match=re.escape(reason)):
            parse_actions(text)


@pytest.mark.parametrize(
    "text", ["click('e3') click('e4')", "click('e3')\nfill('e4', 'x')", "click('e3'), click('e4')"]
)
def test_two_actions_are_refused_with_the_first(text: str) -> None:
    assert "more than one action: give one at a time, first click('e3')" in problem(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "click(open('x'))",
        "fill('e4', 'a' + 'b')",
        "fill('e4', f'{1}')",
        "click('e3') or 1",
        "click(*['e3'])",
        "click(**{'bid': 'e3'})",
        "fill('e4', {'a': 'b'})",
        "fill('e4', 'a' if 1 else 'b')",
        "lambda: click('e3')",
    ],
)
def test_what_would_have_to_be_evaluated_is_no_action(text: str) -> None:
    assert problem(text)


def test_a_very_long_text_is_refused_in_a_short_sentence() -> None:
    assert problem("click('" + "e" * 60_000 + "')") == (
        "the action has 60,009 characters; it may have 50,000 at most"
    )
    assert len(problem("click('" + "e" * 40_000 + "')")) < 400
    assert len(problem("x" * 40_000)) < 400
    assert len(problem("x" * 40_000 + "()")) < 600


@pytest.mark.parametrize(
    "text",
    [
        "'" * 49_000,
        "f(" + "' " * 24_000,
        "f('" + "\\" * 49_000,
        "f(" * 20_000,
        "x" * 49_000,
        "x " * 24_000,
        "f" + " \n" * 24_000 + "f",
        "f(" + "# \n" * 15_000,
        "press('e4', '" + "x" * 49_000 + "')",
        "press('e4', '" + "x+" * 24_000 + "')",
        "click('e4', " + "x" * 49_000 + "=1)",
        "click('e4', " + "x=1, " * 9_000 + ")",
        "select_option('e4', [" + "'x'," * 12_000 + "])  f()",
    ],
)
def test_a_text_made_to_be_slow_is_refused_soon(text: str) -> None:
    """The first x took 79 s with a search that began anew at every letter."""
    began = time.perf_counter()
    assert len(problem(text)) < 800
    assert time.perf_counter() - began < 5


@given(st.text(max_size=60))
def test_any_text_comes_back_as_it_was_written(words: str) -> None:
    action = Action("keyboard_type", (("text", words),))
    assert parse_action(str(action)) == action


PIECES = [*"cliskfe()3[]'\"`\\,;:= \n#.+-_", "click('e3')", "fill('e4', ", "'''", "[ref=e3]"]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    try:
        read = str(parse_action(text))
    except ActionError as error:
        read = str(error)
    else:
        assert str(parse_action(read)) == read
    assert "\n" not in read


def test_the_prompt_names_the_usual_actions_with_an_example_each() -> None:
    lines = grammar_text().splitlines()
    assert lines[0].startswith("click(bid, button='left', modifiers=[]): Click an element.")
    assert lines[0].endswith("Example: click('e3')")
    names = [line.partition("(")[0] for line in lines]
    assert names == [c.name for c in GRAMMAR.values() if c.group != "coord"]


def test_the_prompt_can_be_about_some_actions_only() -> None:
    assert [
        line.partition("(")[0] for line in grammar_text(["fill", "click", "nav"]).splitlines()
    ] == [
        "click",
        "fill",
        "goto",
        "go_back",
        "go_forward",
    ]
    assert len(grammar_text(GROUPS).splitlines()) == len(GRAMMAR)
    with pytest.raises(ValueError, match="no action and no group is called"):
        grammar_text(["clik"])
