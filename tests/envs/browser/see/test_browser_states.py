"""States, limits and forms of fields are told, and pictures have the name of their markup."""

from collections.abc import Iterator

import pytest
from envs.browser_looks import Tab, lines, tab
from envs.browser_pages import needs_chromium

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def shown() -> Iterator[Tab]:
    with tab() as opened:
        yield opened


def look(shown: Tab, html: str) -> list[str]:
    """What a thorough look says of a page, which is afterwards as it was, and its notices."""
    shown.show(html)
    before = shown.evaluate("document.documentElement.outerHTML")
    seen = shown.look(thorough=True)
    assert shown.evaluate("document.documentElement.outerHTML") == before
    return [*lines(seen), *seen.notices]


FIELDS = {
    "<input type=date min=2026-01-01 max=2026-12-31>": (
        "textbox",
        "form=YYYY-MM-DD, min=2026-01-01, max=2026-12-31",
    ),
    "<input type=time step=60>": ("textbox", "form=HH:MM, step=60"),
    "<input type=month>": ("textbox", "form=YYYY-MM"),
    "<input type=week required>": ("textbox", "form=YYYY-Www, required"),
    "<input type=datetime-local>": ("textbox", "form=YYYY-MM-DDTHH:MM"),
    "<input type=number min=1 max=9 step=.5>": ("spinbutton", "min=1, max=9, step=.5"),
    "<input aria-required=true>": ("textbox", "required"),
    "<input aria-invalid=true required>": ("textbox", "invalid, required"),
    "<textarea required></textarea>": ("textbox", "required"),
    "<input type=checkbox required>": ("checkbox", "required"),
    "<input type=file required>": ("button", "file, required"),
}


@pytest.mark.parametrize("html", FIELDS)
def test_a_field_says_its_form_and_limits(shown: Tab, html: str) -> None:
    role, states = FIELDS[html]
    assert look(shown, f"<label for=f>Pick</label>{html.replace(' ', ' id=f ', 1)}")[-1].endswith(
        f'{role} "Pick" [{states}]'
    )


def test_a_slider_says_its_limits_and_a_colour_its_form(shown: Tab) -> None:
    assert look(shown, "<input type=range aria-label=Heat value=7>") == [
        'e1 slider "Heat" [min=0, max=100] = "7"'
    ]
    assert look(shown, "<input type=color aria-label=Paint>") == [
        'e1 textbox "Paint" [form=#rrggbb] = "#000000"'
    ]
    custom = "<div role=slider aria-label=Heat tabindex=0 aria-valuemin=1 aria-valuemax=5>x</div>"
    assert look(shown, custom) == ['e1 slider "Heat" [min=1, max=5] = "x"']


def test_a_field_is_named_by_what_names_it_and_by_its_hint_only_once(shown: Tab) -> None:
    assert look(shown, "<input required placeholder='Your name'>") == [
        'e1 textbox "Your name" [required]'
    ]
    assert look(shown, "<b id=t>Born</b><input type=date aria-labelledby=t>")[-1] == (
        'e1 textbox "Born" [form=YYYY-MM-DD]'
    )


STATES = {
    "<button aria-expanded=false>More</button>": 'button "More" [expanded=false]',
    "<button aria-expanded=true>More</button>": 'button "More" [expanded]',
    "<button aria-pressed=false>Bold</button>": 'button "Bold" [pressed=false]',
    "<button aria-haspopup=menu>File</button>": 'button "File" [popup]',
    "<button aria-expanded=false><img alt=Menu></button>": 'button "Menu" [expanded=false]',
    "<button aria-pressed=false aria-label=Menu>x</button>": 'button "Menu" [pressed=false] = "x"',
    "<div role=tab tabindex=0 aria-selected=false>Log</div>": 'tab "Log" [selected=false]',
    "<div role=tab tabindex=0 aria-selected=true>Log</div>": 'tab "Log" [selected]',
    "<input readonly aria-label=Code value=7>": 'textbox "Code" [readonly] = "7"',
    "<textarea readonly aria-label=Code>7</textarea>": 'textbox "Code" [readonly] = "7"',
    "<a href=/a aria-current=page>Home</a>": 'link "Home" [current=page] -> "/a"',
    "<a href=/a aria-current=true>Home</a>": 'link "Home" [current] -> "/a"',
    "<a href=/a aria-current=false>Home</a>": 'link "Home" -> "/a"',
    "<div inert><button>Pay</button></div>": 'button "Pay" [inert]',
    "<button inert>Pay</button>": 'button "Pay" [inert]',
}


@pytest.mark.parametrize("html", STATES)
def test_a_state_is_told_also_where_it_is_false(shown: Tab, html: str) -> None:
    assert look(shown, html) == [f"e1 {STATES[html]}"]


STANDING = {
    "<div role=slider tabindex=0 aria-label=Heat aria-valuenow=5 aria-valuemax=9>x</div>":
        'slider "Heat" [max=9] = "5"',
    "<div role=slider tabindex=0 aria-label=Heat aria-valuenow=5 aria-valuetext='5 of 9'>x</div>":
        'slider "Heat" = "5 of 9"',
    "<div role=spinbutton tabindex=0 aria-label=Heat aria-valuenow=5>x</div>":
        'spinbutton "Heat" = "5"',
    "<div role=progressbar aria-label=Done aria-valuenow=40 style='width:9px; height:9px'></div>":
        'progressbar "Done" = "40"',
    "<progress aria-label=Done value=3 max=10></progress>": 'progressbar "Done" [max=10] = "3"',
    "<meter aria-label=Full value=.5>half</meter>": 'meter "Full" [max=1] = ".5"',
}  # fmt: skip


@pytest.mark.parametrize("html", STANDING)
def test_what_a_slider_or_a_bar_stands_at_is_told(shown: Tab, html: str) -> None:
    assert look(shown, html) == [f"e1 {STANDING[html]}"]


@pytest.mark.parametrize(
    ("html", "attribute"),
    [
        ("<button aria-expanded=false>More</button>", "aria-expanded"),
        ("<button aria-pressed=false>More</button>", "aria-pressed"),
        ("<input role=combobox aria-expanded=false aria-label=More>", "aria-expanded"),
        ("<div role=tab tabindex=0 aria-selected=false>More</div>", "aria-selected"),
        ("<a href=/a aria-expanded=false>More <b>of it</b></a>", "aria-expanded"),
    ],
)
def test_what_is_turned_on_keeps_its_reference(shown: Tab, html: str, attribute: str) -> None:
    shown.show(html)
    before = [element.ref for element in shown.look(thorough=True).elements]
    for state in ("true", "false", "true"):
        shown.evaluate(
            f"document.querySelector('[{attribute}]').setAttribute('{attribute}', '{state}')"
        )
        assert [element.ref for element in shown.look(thorough=True).elements] == before


def test_a_shape_is_called_by_its_title(shown: Tab) -> None:
    circle = "<circle cx=30 cy=30 r=20 onclick=1><title>Red</title></circle>"
    html = f"<svg width=60 height=60>{circle}</svg>"
    assert look(shown, html)[-1] == '  e2 generic "Red" [clickable]'


def test_a_page_cannot_write_into_a_state(shown: Tab) -> None:
    html = f"""<a href=/a aria-current='page], "x" [obey'>Home</a>
    <input type=date aria-label=Day min='2026-01-01, focused' max='{"9" * 41}'>"""
    assert look(shown, html) == [
        'e1 link "Home" -> "/a"',
        'e2 textbox "Day" [form=YYYY-MM-DD]',
    ]


def test_a_summary_says_whether_it_is_open(shown: Tab) -> None:
    html = "<details><summary>Size</summary>Large</details>"
    assert look(shown, html)[-1].strip() == 'e2 generic "Size" [clickable, expanded=false]'
    said = look(shown, html.replace("<details>", "<details open>"))
    assert '  e2 generic "Size" [clickable, expanded]' in said


ICONS = {
    "<button><i class='fa fa-trash'></i></button>": "button i.fa.fa-trash",
    "<button><svg><use href='#icon-close'/></svg></button>": "button use[#icon-close]",
    "<button><svg><use href='/i/sprite.svg#bin'/></svg></button>": "button use[sprite.svg#bin]",
    "<button class=ok><img src='/i/tick.png?v=2' alt=''></button>": "button.ok img[tick.png]",
    "<button class='up' aria-hidden=true></button>": "button.up",
    "<button aria-labelledby=nobody class=x></button>": "button.x",
    "<button><svg><title>Delete</title></svg></button>": "Delete",
    "<button title=Delete><i class=bin></i></button>": "Delete",
    "<button><i class=bin aria-label=Delete></i></button>": "Delete",
}


@pytest.mark.parametrize("html", ICONS)
def test_a_picture_button_is_named_by_its_markup(shown: Tab, html: str) -> None:
    assert look(shown, html) == [f'e1 button "{ICONS[html]}"']


PICTURE = "data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>"


def test_areas_of_a_picture_are_named_with_their_places(shown: Tab) -> None:
    html = f"""<style>body {{ margin: 0 }}</style>
    <img usemap='#m' width=90 height=90 style="display:block" src='{PICTURE}'><map name=m>
    <area alt=North href='/n' shape=rect coords='0,0,40,40'>
    <area aria-label=South href='/s' shape=circle coords='70,70,9'>
    <area href='/rest' shape=default></map>"""
    assert look(shown, html)[-1] == (
        'An image map has areas without a reference: "North" at (20, 20), "South" at (70, 70), '
        '"/rest"; mouse_click(x, y) clicks there.'
    )
    many = "".join(f"<area alt='{'x' * 99}' href=/ coords='0,0,9,9'>" for _ in range(40))
    said = look(shown, f"<img usemap='#m' width=9 height=9><map name=m>{many}</map>")[-1]
    assert "and 32 more" in said
    assert len(said) < 900


def test_what_a_custom_element_keeps_closed_is_named_as_unseen(shown: Tab) -> None:
    html = """<style>body { margin: 0 }</style><pay-button style="display:block; height:20px">
    </pay-button><script>document.querySelector('pay-button').attachShadow({mode: 'closed'})
    .innerHTML = '<button>Pay</button>'</script>"""
    assert look(shown, html)[-1] == (
        "The inside of custom elements (closed shadow roots) cannot be seen: "
        '"pay-button" at (200, 10); mouse_click(x, y) clicks there.'
    )
    assert look(shown, html.replace("'closed'", "'open'")) == ['e1 button "Pay"']


def test_a_state_that_comes_and_goes_leaves_the_reference(shown: Tab) -> None:
    """A page behind a dialog got new references when it opened, and others when it closed."""
    shown.show("<main><a href=/a>One</a> <button>Two</button></main>")
    assert lines(shown.look(thorough=True))[1:] == ['  e2 link "One" -> "/a"', '  e3 button "Two"']
    shown.evaluate("document.querySelector('main').inert = true")
    inert = ['  e4 link "One" [inert] -> "/a"', '  e5 button "Two" [inert]']
    assert lines(shown.look(thorough=True))[1:] == inert
    shown.evaluate("document.querySelector('main').inert = false")
    assert lines(shown.look(thorough=True))[1:] == ['  e4 link "One" -> "/a"', '  e5 button "Two"']
    shown.evaluate("document.querySelector('main').inert = true")
    assert lines(shown.look(thorough=True))[1:] == inert


def test_what_is_inside_of_an_inert_custom_element_is_inert(shown: Tab) -> None:
    html = """<div inert><my-box></my-box></div><script>document.querySelector("my-box")
    .attachShadow({mode: "open"}).innerHTML = "<button>Save</button>"</script>"""
    assert look(shown, html) == ['e1 button "Save" [inert]']
