"""A look at real pages in the real Chromium."""

import json
import re
from collections.abc import Iterator

import pytest
from agentkit_envs.browser.see.view import Box
from envs.browser_looks import Tab, lines, tab
from envs.browser_pages import needs_chromium
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.async_api import Error, Route

pytestmark = needs_chromium

FORM = """<title>A form</title>
<h1>Your order</h1>
<p>Read <a href="/terms">the terms</a> first.</p>
<label>Name <input id=name value="Bob: #1" placeholder="Your name"></label>
<input type=checkbox id=c checked aria-label="- button &quot;x&quot; [ref=e9]">
<select aria-label=Colour><option>red<option selected>blue: 2</select>
<textarea aria-label=Note>two
lines</textarea>
<button disabled>Off</button><button aria-expanded=true>Menu</button>
<div style="cursor:pointer" onclick="document.title='clicked'"><span>Click</span> me</div>
<iframe style="position:absolute;left:200px;top:200px;border:0"
  srcdoc="<body style='margin:0'><button style='position:absolute;left:10px;top:20px'>In</button>">
</iframe>"""


@pytest.fixture(scope="module")
def shown() -> Iterator[Tab]:
    """A tab of the real Chromium."""
    with tab() as opened:
        yield opened


def test_a_form_is_seen_as_a_person_would_say_it(shown: Tab) -> None:
    shown.show(FORM)
    shown.evaluate("document.querySelector('#name').focus()")
    look = shown.look()
    assert (look.title, look.url, look.focused) == ("A form", "about:blank", "e4")
    assert lines(look) == [
        'e1 heading "Your order" [level=1]',
        "e2 paragraph",
        '  text "Read"',
        '  e3 link "the terms" -> "/terms"',
        '  text "first."',
        'e4 textbox "Name" [focused] = "Bob: #1" hint "Your name"',
        'e5 checkbox "- button \\"x\\" [ref=e9]" [checked]',
        'e6 combobox "Colour"',
        '  option "red"',
        '  option "blue: 2" [selected]',
        'e7 textbox "Note" = "two lines"',
        'e8 button "Off" [disabled]',
        'e9 button "Menu" [expanded]',
        'e10 generic "Click me" [clickable]',
        "e11 iframe",
        '  e12 button "In"',
    ]


def test_nobody_has_the_keyboard_on_a_fresh_page(shown: Tab) -> None:
    shown.show("<body>words")
    look = shown.look()
    assert look.focused is None
    assert lines(look) == ['e1 generic "words"']


def test_references_lead_to_the_elements_frames_included(shown: Tab) -> None:
    shown.show(FORM)
    look = shown.look()
    assert list(shown.references.playwright) == [f"e{at}" for at in range(1, 13)]
    for element in look.elements:
        if element.role == "button":
            selector = f"aria-ref={shown.references.playwright[element.ref or '']}"
            assert shown.run(shown.page.locator(selector).inner_text()) == element.name


def test_elements_keep_their_references_while_others_come_and_go(shown: Tab) -> None:
    shown.show("<button>A</button><button>B</button>")
    assert [element.ref for element in shown.look().elements] == ["e1", "e2"]
    shown.evaluate("document.body.insertAdjacentHTML('afterbegin', '<button>C</button>')")
    assert lines(shown.look()) == ['e3 button "C"', 'e1 button "A"', 'e2 button "B"']
    shown.evaluate("document.querySelectorAll('button')[1].remove()")
    assert lines(shown.look()) == ['e3 button "C"', 'e2 button "B"']
    assert "e1" not in shown.references.playwright
    assert shown.references.given("e1")


def test_another_document_has_other_references(shown: Tab) -> None:
    shown.show("")
    for number in (1, 2, 3):
        shown.run(shown.page.goto("data:text/html,<button>A</button>"))
        assert lines(shown.look()) == [f'e{number} button "A"']
        assert list(shown.references.playwright) == [f"e{number}"]


def test_elements_say_where_they_stand_in_the_window(shown: Tab) -> None:
    shown.show(FORM)
    box = shown.look(boxes=True).elements[-1].box
    assert box is not None
    assert (box.x, box.y) == (210, 220)
    assert all(element.box is None for element in shown.look().elements)
    shown.show("<button style='position:absolute;left:7px;top:900px;width:50px;height:20px'>")
    shown.evaluate("scrollTo(0, 700)")
    assert shown.look(boxes=True).elements[0].box == Box(7, shown.evaluate("900 - scrollY"), 50, 20)


def test_only_a_part_of_the_page_is_seen_where_that_is_asked_for(shown: Tab) -> None:
    shown.show("<p>before</p><div id=wrap><button>A</button><p>in</p></div><p>after</p>")
    assert lines(shown.look(root="#wrap")) == ['e1 button "A"', 'e2 paragraph "in"']
    with pytest.raises(Error, match="does not match any element"):
        shown.look(root="#nothing")


def test_a_frame_that_loads_for_ever_hides_nothing_of_the_rest(shown: Tab) -> None:
    held: list[Route] = []
    shown.run(shown.page.route("http://never.example/", lambda route: held.append(route)))
    shown.show("<button>A</button>")
    shown.evaluate("""() => {
        const frame = document.createElement('iframe');
        frame.src = 'http://never.example/';
        document.body.append(frame);
    }""")
    try:
        for options in ({}, {"thorough": True}):
            assert lines(shown.look(**options)) == ['e1 button "A"', "e2 iframe"]
        assert held
    finally:
        for route in held:
            shown.run(route.abort())
        shown.run(shown.page.unroute_all())


@pytest.mark.parametrize("thorough", [False, True])
def test_a_page_that_is_nested_very_deep_is_seen_down_to_a_depth(
    shown: Tab, thorough: bool
) -> None:
    shown.show("<button>Top</button>" + "<ul><li>item" * 40 + "<button>Deepest</button>")
    look = shown.look(thorough=thorough, patience_s=5)
    assert lines(look)[0] == 'e1 button "Top"'
    assert [element.depth for element in look.elements if element.role == "list"][-1] >= 46
    assert "Deepest" not in [element.name for element in look.elements]
    assert look.notices == ("The page is nested more than 48 lines deep: deeper ones are missing.",)
    shown.show("<ul><li>item" * 20 + "<button>Deepest</button>")
    look = shown.look(thorough=thorough)
    assert (look.elements[-1].name, look.notices) == ("Deepest", ())


def test_a_page_that_is_busy_is_seen_if_there_is_time_for_it(shown: Tab) -> None:
    shown.show("<button>Busy</button>")
    busy = "() => { const ends = performance.now() + 1200; while (performance.now() < ends); }"
    shown.evaluate(f"() => {{ setTimeout({busy}) }}")
    with pytest.raises(Error, match="Timeout"):
        shown.look(patience_s=0.2)
    assert lines(shown.look(patience_s=10)) == ['e1 button "Busy"']


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=25))
def test_any_words_of_a_page_are_read_as_they_are(shown: Tab, words: list[str]) -> None:
    """The characters that mean something in YAML, JSON, HTML or our own lines among them."""
    shown.show("<body>")
    shown.evaluate(f"""for (const words of {json.dumps(words)}) {{
        const button = document.createElement('button');
        button.setAttribute('aria-label', words);
        const text = document.createElement('blockquote');
        text.textContent = words;
        document.body.append(button, text);
    }}""")
    seen = shown.look().elements
    assert [element.role for element in seen] == ["button", "blockquote"] * len(words)
    assert [element.name for element in seen[::2]] == [tidy(one) for one in words]
    assert [element.name for element in seen[1::2]] == [tidy(one) for one in words]


SPECIAL = st.text(st.sampled_from("-:# '\"[]{}=\\/,&*!|>%@`~\n\t\u00a0\u2028éa1"), min_size=1)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(SPECIAL, min_size=1, max_size=25))
def test_special_characters_are_read_as_they_are(shown: Tab, words: list[str]) -> None:
    shown.show("<body>")
    shown.evaluate(f"""for (const words of {json.dumps(words)}) {{
        const field = document.createElement('input');
        field.setAttribute('aria-label', 'name ' + words);
        field.value = words;
        field.placeholder = words + '?';
        document.body.append(field);
    }}""")
    for element, one in zip(shown.look().elements, words, strict=True):
        assert element.name == tidy(f"name {one}")
        assert element.value == tidy(one.replace("\n", ""))
        assert element.placeholder == f"{one}?"


SPACES = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What a browser takes for white space."""
ICONS = "\ue000-\uf8ff\U000f0000-\U0010ffff"
"""Letters for private use."""


def tidy(words: str) -> str:
    """The words as they are told: white space is one space, what nobody can see is gone."""
    told = re.sub(f"[{SPACES}]+", " ", re.sub("[\u200b\u00ad]", "", words)).strip(" ")
    return (
        re.sub(f" *[{ICONS}]+ *", " ", told).strip(" ") if re.search(f"[{ICONS}]", told) else told
    )
