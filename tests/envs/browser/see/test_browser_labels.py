"""What acts without being a button or a link is seen as well, and the page is left as it was."""

from collections.abc import Iterator

import pytest
from agentkit_envs.browser.see.labels import Mark, unmask
from agentkit_envs.browser.see.view import Element
from envs.browser_looks import Tab, lines, tab
from envs.browser_pages import needs_chromium

FIX = """const fix = (owner, key, value) =>
    Object.defineProperty(owner, key, { configurable: false, value });"""
"""What a page replaces so that not even the browser can put it back."""


def label(key: str) -> str:
    """A label of ours."""
    return f"\ue000{key}\ue001"


def test_labels_give_way_to_what_they_stand_for() -> None:
    marks = {
        "0-1": Mark("", "words", "span.x", ("clickable",), True),
        "0-2": Mark("Delete", "Delete", "i.trash", ("clickable", "draggable"), True),
        "0-3": Mark("", "", "i.star #ff0000", ("clickable",), True),
        "0-4": Mark("Name", "Name", "", (), False),
    }
    elements = [
        Element("note", label("0-1"), "e1", value="words", states=("clickable",)),
        Element("note", label("0-2"), "e2"),
        Element("note", label("0-3"), "e3", value="\ue123"),
        Element("textbox", label("0-4"), "e4", value="Name"),
        Element("row", f"a {label('0-1')}  b{label('0-9')}", "e5"),
        Element("note", "a note", "e6"),
        Element("heading", label("0-3"), "e7"),
        Element("textbox", label("0-1"), "e8", value="x"),
    ]
    assert unmask(elements, marks) == [
        Element("generic", "words", "e1", states=("clickable",)),
        Element("generic", "Delete", "e2", states=("clickable", "draggable")),
        Element("generic", "i.star #ff0000", "e3", states=("clickable",)),
        Element("textbox", "Name", "e4", value="Name"),
        Element("row", "a words b", "e5"),
        Element("note", "a note", "e6"),
        Element("heading", "", "e7"),
        Element("textbox", "words", "e8", value="x"),
    ]


@pytest.fixture(scope="module")
def shown() -> Iterator[Tab]:
    """A tab of the real Chromium."""
    with tab() as opened:
        yield opened


def thorough(shown: Tab, html: str) -> list[str]:
    """What a thorough look says of a page, which is afterwards as it was."""
    shown.show(html)
    before = shown.evaluate("document.documentElement.outerHTML")
    said = lines(shown.look(thorough=True))
    assert shown.evaluate("document.documentElement.outerHTML") == before
    assert lines(shown.look(thorough=True)) == said, "references and words stay"
    return said


@needs_chromium
def test_words_that_listen_to_clicks_are_lines_of_their_own(shown: Tab) -> None:
    page = """<p>Read <span class=on>the terms</span> and <span onclick=x()>the rest</span> or
    <span style="cursor:pointer">more</span>, <span>if</span> you like.</p>
    <script>document.querySelector('.on').addEventListener('click', () => {})</script>"""
    assert thorough(shown, page) == [
        "e1 paragraph",
        '  text "Read"',
        '  e2 generic "the terms" [clickable]',
        '  text "and"',
        '  e3 generic "the rest" [clickable]',
        '  text "or"',
        '  e4 generic "more" [clickable]',
        '  text ", if you like."',
    ]
    assert lines(shown.look()) == [
        'e1 paragraph "Read the terms and the rest or more, if you like."'
    ]


@needs_chromium
def test_what_has_no_words_is_called_as_in_its_markup(shown: Tab) -> None:
    page = """<style>i, div, a { display: inline-block; width: 20px; height: 20px }</style>
    <i class="icon trash" onclick=x()></i> <i id=star title="Star it" onclick=x()></i>
    <div style="background: #f00; cursor: pointer"></div>
    <canvas id=board width=50 height=50></canvas>
    <svg width=40 height=40><circle cx=20 cy=20 r=9 fill=blue onclick=x() /></svg>
    <button class="bold"></button> <a href="/cart" class=cart></a>
    <input name=q> <select id=size><option>S</select>
    <i style="display:none" onclick=x()></i> <i></i>"""
    assert thorough(shown, page) == [
        'e1 generic "i.icon.trash" [clickable]',
        'e2 generic "Star it" [clickable]',
        'e3 generic "div #ff0000" [clickable]',
        'e4 generic "canvas#board" [clickable]',
        "e5 img",
        '  e6 generic "circle #0000ff" [clickable]',
        'e7 button "button.bold"',
        'e8 link "a.cart" -> "/cart"',
        'e9 textbox "input[name=q]"',
        'e10 combobox "select#size"',
        '  option "S" [selected]',
    ]


@needs_chromium
def test_what_can_be_written_or_dragged_says_so(shown: Tab) -> None:
    page = """<div contenteditable><p>My text</p></div><li draggable=true>Item</li>
    <div tabindex=0>Keys</div>"""
    assert thorough(shown, page) == [
        "e1 generic [editable, clickable]",
        '  e2 paragraph "My text"',
        'e3 listitem "Item" [draggable, clickable]',
        'e4 generic "Keys" [clickable]',
    ]


@needs_chromium
def test_a_page_that_listens_as_a_whole_is_no_button(shown: Tab) -> None:
    page = """<div id=app><h1>Shop</h1><button>Buy</button></div>
    <div id=text><p>One</p><p>Two</p></div>
    <script>for (const at of [document, document.body, app, text])
      at.addEventListener('click', x => x)</script>"""
    assert thorough(shown, page) == [
        'e1 heading "Shop" [level=1]',
        'e2 button "Buy"',
        "e3 generic [clickable]",
        '  e4 paragraph "One"',
        '  e5 paragraph "Two"',
    ]


@needs_chromium
def test_names_that_hold_a_labelled_element_are_whole(shown: Tab) -> None:
    page = """<h2>The <span onclick=x()>best</span> lamp</h2>
    <label for=f>Old <span onclick=x()>price</span></label><input id=f>
    <span id=l onclick=x()>New price</span><input aria-labelledby=l>"""
    said = thorough(shown, page)
    assert '  e2 generic "best" [clickable]' in said
    assert any('textbox "Old price"' in line for line in said)
    assert any('textbox "New price"' in line for line in said)
    assert not any("\ue000" in line for line in said)


@needs_chromium
def test_long_texts_and_fields_that_hold_their_name_are_not_lost(shown: Tab) -> None:
    long = "word " * 300
    page = f"""<table><td>{long}</td></table><h2>{long}</h2><a href="/x">{long}</a>
    <input aria-label=City value=City><label>Town <input value=Town></label>"""
    words = long.strip()
    assert thorough(shown, page) == [
        "e1 table",
        "  e2 row",
        f'    e3 cell "{words}"',
        f'e4 heading "{words}" [level=2]',
        f'e5 link "{words}" -> "/x"',
        'e6 textbox "City" = "City"',
        'e7 textbox "Town" = "Town"',
    ]


@needs_chromium
def test_references_of_labelled_elements_lead_to_them(shown: Tab) -> None:
    shown.show("""<i class=a style="padding:9px" onclick="document.title='clicked'"></i>
    <iframe srcdoc="<b onclick=x()>in</b> the frame"></iframe>""")
    look = shown.look(thorough=True)
    assert lines(look) == [
        'e1 generic "i.a" [clickable]',
        "e2 iframe",
        '  e3 generic "in" [clickable]',
        '  text "the frame"',
    ]
    playwright = shown.references.playwright
    shown.run(shown.page.locator(f"aria-ref={playwright['e1']}").click())
    assert shown.look(thorough=True).title == "clicked"
    assert shown.run(shown.page.locator(f"aria-ref={playwright['e3']}").inner_text()) == "in"


@needs_chromium
def test_a_page_may_not_forge_labels(shown: Tab) -> None:
    page = """<button aria-label="\ue0000-1\ue001">x</button><p>\ue0000-7\ue001</p>
    <i class=real style="padding:9px" onclick=x()></i>"""
    shown.show(page)
    assert lines(shown.look(thorough=True)) == [
        'e1 button = "x"',
        'e2 generic "i.real" [clickable]',
    ]


@needs_chromium
@pytest.mark.parametrize(
    "broken",
    [
        "document.querySelectorAll = () => { throw new Error('no') }",
        "fix(JSON, 'stringify', () => 'no')",
        "fix(JSON, 'stringify', () => '[1]')",
        "fix(JSON, 'stringify', () => '{\"0-1\": {}}')",
    ],
)
def test_a_page_that_breaks_what_marks_are_made_with_is_still_seen(shown: Tab, broken: str) -> None:
    shown.show("<button>Ok</button><p>Read <b onclick=x()>this</b></p>")
    shown.evaluate(f"() => {{ {FIX} {broken} }}")
    assert lines(shown.look(thorough=True)) == ['e1 button "Ok"', 'e2 paragraph "Read this"']
    assert not shown.evaluate("document.querySelector('b').hasAttribute('aria-label')")


SLOW = """() => {
    const matches = Element.prototype.matches;
    let is_first = true;
    const slow = function (selector) {
        const ends = performance.now() + 2300;
        while (is_first && performance.now() < ends);
        is_first = false;
        return matches.call(this, selector);
    };
    Object.defineProperty(Element.prototype, "matches", { configurable: false, value: slow });
}"""


@needs_chromium
def test_labels_that_come_too_late_are_never_put(shown: Tab) -> None:
    shown.show("<h1>Hi</h1><p>Read <b onclick=x()>this</b></p><button><svg></svg></button>")
    before = shown.evaluate("document.documentElement.outerHTML")
    shown.evaluate(SLOW)
    assert lines(shown.look(thorough=True)) == [
        'e1 heading "Hi" [level=1]',
        'e2 paragraph "Read this"',
        "e3 button",
    ]
    assert shown.evaluate("document.documentElement.outerHTML") == before
    assert 'generic "this" [clickable]' in "".join(lines(shown.look(thorough=True)))


@needs_chromium
def test_a_page_cannot_keep_its_labels(shown: Tab) -> None:
    shown.show("<p>Read <b onclick=x()>this</b></p>")
    shown.evaluate("""() => {
        const ours = window[Symbol.for("agentkit")];
        Object.defineProperty(ours, "restore", { get: () => () => {}, set() {} });
        Array.prototype.splice = Array.prototype.reverse = () => [];
    }""")
    assert lines(shown.look(thorough=True))[-1].endswith('generic "this" [clickable]')
    assert not shown.evaluate("document.querySelector('b').hasAttribute('aria-label')")


@needs_chromium
@pytest.mark.parametrize(
    "broken",
    [
        "fix(JSON, 'stringify', () => '['.repeat(1e6))",
        "Object.defineProperty(Object.prototype, 'states', { get: () => 5 })",
        "fix(Array.prototype, 'flatMap', () => new Proxy([], { get() { throw new Error('x') } }))",
        "fix(Array.prototype, 'flatMap', () => 5)",
    ],
)
def test_a_page_that_forges_what_it_is_asked_is_still_seen(shown: Tab, broken: str) -> None:
    shown.show("<button>Ok</button><p>Read <b onclick=x()>this</b></p>")
    shown.evaluate(f"() => {{ {FIX} {broken} }}")
    assert lines(shown.look(thorough=True))[0] == 'e1 button "Ok"'
    assert not shown.evaluate("document.querySelector('b').hasAttribute('aria-label')")


REPLACED = [
    "",
    "Array.prototype.toJSON = () => 'none'",
    "Object.prototype.toJSON = () => 1",
    "JSON.stringify = () => '{}'",
    "window.getComputedStyle = () => null",
    "Array.prototype.map = Array.prototype.flatMap = () => { throw 1 }",
    "Element.prototype.getAttribute = () => null; Element.prototype.closest = null",
    "Element.prototype.matches = () => true",
    "Document.prototype.querySelectorAll = () => []",
    "String.prototype.trim = () => 'trimmed'; RegExp.prototype.test = () => false",
    "Object.entries = () => { throw 1 }; window.Set = Array; CSS = null",
]


@needs_chromium
@pytest.mark.parametrize("replaced", REPLACED)
def test_a_page_that_replaces_functions_of_the_browser_is_seen_all_the_same(
    shown: Tab, replaced: str
) -> None:
    """Prototype.js gave all arrays a toJSON: nothing that listens to clicks was seen any more."""
    shown.show(f"""<p>Read <span onclick=x()>the rest</span></p>
      <button aria-expanded=false>Menu</button>
      <label>News <input type=checkbox style="position: absolute; opacity: 0; width: 0"></label>
      <script>{replaced}</script>""")
    functions = "[JSON.stringify, getComputedStyle, [].map, [].toJSON, ''.trim].map(String).join()"
    if "throw" not in replaced:
        before = shown.evaluate(functions)
    assert lines(shown.look(thorough=True)) == [
        "e1 paragraph",
        '  text "Read"',
        '  e2 generic "the rest" [clickable]',
        'e3 button "Menu" [expanded=false]',
        'e4 checkbox "News"',
    ]
    if "throw" not in replaced:
        assert shown.evaluate(functions) == before, "they are the page's again"
