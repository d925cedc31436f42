"""Fields that pages hide behind their labels, and things that move, can be used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from envs.browser_hands import Hands, hands_on
from envs.browser_pages import needs_chromium, served

pytestmark = needs_chromium

HIDING = {
    "no size": "position:absolute; opacity:0; width:0; height:0",
    "no display": "display:none",
    "no visibility": "visibility:hidden",
    "one clipped pixel": "position:absolute; width:1px; height:1px; clip:rect(0 0 0 0)",
    "a clip path": "position:absolute; clip-path:inset(50%)",
    "left of the page": "position:absolute; left:-9999px",
    "above the page": "position:absolute; top:-9999px",
    "right of the window": "position:fixed; left:200vw",
    "no pointer events": "position:absolute; opacity:0; pointer-events:none",
    "no appearance": "appearance:none; width:0; height:0; margin:0",
    "a scale of 0": "position:absolute; transform:scale(0)",
    "behind its label": "position:absolute; opacity:0; z-index:-1",
    "in front of its label": "position:absolute; opacity:0; inset:0",
}
KNOB = "<span style='display:inline-block; width:44px; height:24px; background:#ccc'></span>"
LABELS = {
    "around": "<label>Alerts {input}" + KNOB + "</label>",
    "beside": "{input}<label for=f>Alerts</label>" + KNOB,
    "wordless": "<label aria-label=x>{input}" + KNOB + "</label>",
}


@pytest.fixture(scope="module")
def hands() -> Iterator[Hands]:
    with served({}) as site, hands_on(site) as hands:
        hands.thorough = True
        yield hands


def _line(hands: Hands, role: str) -> tuple[str, str, tuple[str, ...]]:
    found = [one for one in hands.seen if one.role == role and one.ref]
    assert len(found) == 1, hands.seen
    return str(found[0].ref), found[0].name, found[0].states


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("kind", ["checkbox", "radio"])
def test_a_hidden_box_has_a_line_and_is_used_by_its_label(hands, hiding, label, kind) -> None:
    field = f"<input id=f name=f type={kind} style='{HIDING[hiding]}'>"
    html = LABELS[label].replace("{input}", field)
    hands.open(f"<div style='position:relative; padding:9px'>{html}</div>")
    ref, name, states = _line(hands, kind)
    assert name == "Alerts" if label != "wordless" else name
    assert "checked" not in states
    checked = "document.querySelector('#f').checked"
    hands.works(f"check('{ref}')")
    assert hands.says(checked) is True
    hands.works(f"check('{ref}')")
    assert hands.says(checked) is True
    hands.look()
    again, _, states = _line(hands, kind)
    assert again == ref
    assert "checked" in states
    if kind == "checkbox":
        hands.works(f"uncheck('{ref}')")
        hands.works(f"click('{ref}')")
        hands.works(f"uncheck('{ref}')")
        assert hands.says(checked) is False


@pytest.mark.parametrize("label", LABELS)
def test_a_hidden_box_keeps_its_line_while_the_page_is_inert(hands: Hands, label: str) -> None:
    field = f"<input id=f type=checkbox style='{HIDING['no size']}'>"
    hands.open(f"<main>{LABELS[label].replace('{input}', field)}</main>")
    ref = _line(hands, "checkbox")[0]
    for inert in ("true", "false"):
        hands.says(f"document.querySelector('main').inert = {inert}")
        hands.look()
        found, _, states = _line(hands, "checkbox")
        assert (found, "inert" in states) == (ref, inert == "true")
    hands.works(f"check('{ref}')")
    assert hands.says("document.querySelector('#f').checked") is True


@pytest.mark.parametrize("hiding", sorted(set(HIDING) - {"in front of its label"}))
def test_a_hidden_field_for_files_takes_them_by_its_label(hands, hiding, tmp_path: Path) -> None:
    (tmp_path / "cv.txt").write_text("x")
    hands.uploads = tmp_path
    hands.open(
        "<div style='position:relative'><label for=f role=button tabindex=0>Attach</label>"
        f"<input id=f type=file style='{HIDING[hiding]}'></div>"
    )
    reference = next(one.ref for one in hands.seen if one.ref and "Attach" in one.name)
    hands.works(f"upload_file('{reference}', 'cv.txt')")
    assert hands.says("document.querySelector('#f').files[0].name") == "cv.txt"
    hands.look()
    assert any("cv.txt" in one.value for one in hands.seen)


FORMS = {
    "color": ("#00ff00", "green", "textbox"),
    "date": ("2026-03-01", "1 March", "textbox"),
    "time": ("08:30", "8.30 pm", "textbox"),
    "range": ("7", "high", "slider"),
}


@pytest.mark.parametrize("hiding", ["no size", "no display", "left of the page"])
@pytest.mark.parametrize("kind", FORMS)
def test_a_hidden_field_of_a_form_is_written_by_its_label(hands, hiding, kind) -> None:
    good, bad, role = FORMS[kind]
    field = f"<input type={kind} style='{HIDING[hiding]}' onchange='document.title = value'>"
    hands.open(f"<div style='position:relative'><label>Pick <b>one</b> {field}</label></div>")
    ref, name, states = _line(hands, role)
    assert name == "Pick one"
    assert any(state.startswith(("form=", "min=")) for state in states)
    assert "does not take" in hands.error(f"fill('{ref}', '{bad}')")
    hands.works(f"fill('{ref}', '{good}')")
    hands.until(f"document.title === '{good}'")
    hands.look()
    (seen,) = [one for one in hands.seen if one.ref == ref]
    assert seen.value == good


def test_a_label_with_a_link_in_its_middle_ticks_its_box_and_does_not_follow_the_link(hands):
    hands.open(
        "<label>I agree to <a href='#terms'>all of the very long terms of this shop</a> now"
        "<input type=checkbox style='display:none'></label>"
    )
    ref, name, _ = _line(hands, "checkbox")
    assert name == "I agree to all of the very long terms of this shop now"
    hands.works(f"check('{ref}')")
    assert hands.says("document.querySelector('input').checked") is True
    assert hands.path == "/page"


def test_names_and_states_of_a_hidden_box_are_those_of_its_markup(hands) -> None:
    hands.open(
        "<style>input { position:absolute; opacity:0; width:0 }</style><p id=t>Night mode</p>"
        "<input id=a type=checkbox role=switch checked required aria-labelledby=t>"
        f"<label for=a>{KNOB}</label>"
        f"<input id=b type=checkbox disabled><label for=b>Off</label>"
    )
    assert _line(hands, "switch")[1:] == ("Night mode", ("checked", "required"))
    assert _line(hands, "checkbox")[1:] == ("Off", ("disabled",))
    assert "is disabled" in hands.error("check({checkbox:Off})")


def test_a_click_that_the_page_takes_back_is_said(hands) -> None:
    hands.open(
        "<label>Take <input type=checkbox style='display:none' "
        "onclick='event.preventDefault()'></label>"
    )
    assert "left it as it was" in hands.error("check({Take})")


def test_the_keyboard_goes_to_the_hidden_field_and_not_to_its_label(hands) -> None:
    hands.open(
        "<label>Take <input type=checkbox style='position:absolute; opacity:0; width:0'></label>"
        "<label>Gone <input type=checkbox style='display:none'></label>"
    )
    hands.works("press({Take}, 'Space')")
    assert hands.says("document.querySelector('input').checked") is True
    hands.look()
    assert [one.name for one in hands.seen if "focused" in one.states] == ["Take"]
    assert hands.error("press({Gone}, 'Space')").endswith("cannot have the keyboard")


MOVING = """<style>@keyframes go {{ to {{ transform: translateX({way}px) }} }}
button {{ animation: go {time} linear infinite alternate; width: 90px; height: 40px }}</style>
<button onclick="document.title = 'hit'">Ride</button>"""


def test_what_moves_slowly_is_clicked_where_it_is(hands) -> None:
    hands.open(MOVING.format(way=200, time="9s"))
    hands.works("click({Ride})")
    assert hands.says("document.title") == "hit"


def test_what_moves_too_fast_is_named_as_moving(hands) -> None:
    hands.open(MOVING.format(way=900, time=".5s"))
    assert "keeps moving, too fast to be hit" in hands.error("click({Ride})")


def test_what_a_script_moves_is_clicked_too(hands) -> None:
    hands.open(
        "<button style='position:relative' onclick=\"document.title = 'hit'\">Walk</button>"
        "<script>let at = 0; setInterval(() => document.querySelector('button').style.left = "
        "(at = (at + 1) % 300) + 'px', 30)</script>"
    )
    hands.works("click({Walk})")
    assert hands.says("document.title") == "hit"


@pytest.mark.parametrize("above", [0, 3000])
@pytest.mark.parametrize(
    "words",
    [
        "<a href='#terms'>Terms</a> ok",
        "I accept <a href='#terms'>the terms and conditions of this shop</a>",
        "<a href='#terms'>Terms</a><br>I accept them",
    ],
)
def test_a_label_with_a_link_in_it_is_clicked_beside_the_link(
    hands: Hands, words: str, above: int
) -> None:
    """A label has a box for each part of a line; only the first one was looked at."""
    hidden = "<input id=f type=checkbox style='position:absolute; left:-9999px'>"
    hands.open(f"<p style='height:{above}px'></p><label>{words}{hidden}</label>")
    [box] = [element.ref for element in hands.seen if element.role == "checkbox"]
    hands.works(f"check('{box}')")
    became = hands.session.page.evaluate("[document.querySelector('#f').checked, location.hash]")
    assert hands.wait(became) == [True, ""]
