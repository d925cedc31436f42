"""Forms: fields, checkboxes, lists and files are filled in, or what they take is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from envs.browser_hands import Hands, hands_on
from envs.browser_pages import needs_chromium, served

pytestmark = needs_chromium

ALL_FILES = "[...document.querySelector('input').files].map((file) => file.name)"


@pytest.fixture(scope="module")
def hands() -> Iterator[Hands]:
    with served({}) as site, hands_on(site) as hands:
        yield hands


def value(hands: Hands) -> str:
    return str(hands.says("(document.querySelector('input, textarea, select')).value"))


@pytest.mark.parametrize(
    "html",
    [
        "<input aria-label=Field value=before>",
        "<textarea aria-label=Field>before</textarea>",
        "<label>Field <input value=before></label>",
        "<input type=password aria-label=Field value=before>",
    ],
)
def test_a_field_holds_what_was_filled_in_and_nothing_after_clearing(
    hands: Hands, html: str
) -> None:
    hands.open(html)
    hands.works("fill({textbox:Field}, 'it\\'s \"5\" 漢')")
    assert value(hands) == 'it\'s "5" 漢'
    hands.works("clear({textbox:Field})")
    assert value(hands) == ""


def test_words_that_can_be_edited_are_a_field(hands: Hands) -> None:
    hands.open("<div contenteditable role=textbox aria-label=Note>before</div>")
    hands.works("fill({Note}, 'after')")
    assert hands.says("document.querySelector('div').textContent") == "after"


def test_the_page_hears_what_is_filled_in_as_if_it_was_typed(hands: Hands) -> None:
    hands.open("""<input aria-label=Field oninput="document.title += this.value + ';'"
      onchange="document.title += 'changed;'"><button>Ok</button>""")
    hands.works("fill({Field}, 'ab')")
    hands.works("click({Ok})")
    assert hands.says("document.title") == "ab;changed;"


KINDS = {
    "date": ("2026-03-01", "1 March", "2026-12-31"),
    "time": ("08:30", "8.30 pm", "23:59"),
    "number": ("1.5", "many", "12.5"),
    "range": ("7", "high", None),
    "color": ("#00ff00", "green", "#ff8800"),
}


def test_a_field_of_a_kind_says_how_to_write_it(hands: Hands) -> None:
    hands.open("".join(f"<input type={kind} aria-label={kind} max=10>" for kind in KINDS))
    for kind, (good, bad, example) in KINDS.items():
        held = f"document.querySelector('[type={kind}]').value"
        hands.works(f"fill({{{kind}}}, '{good}')")
        assert hands.says(held) == good
        problem = hands.error(f"fill({{{kind}}}, '{bad}')")
        form = (
            f"write it like {example}" if example else 'write a number from "0" to "10", in steps'
        )
        assert f'is a field for a {kind} and does not take "{bad}": {form}' in problem
        assert hands.says(held) == good


def test_a_slider_refuses_what_it_could_not_stand_on_and_says_its_limits(hands: Hands) -> None:
    hands.open("<input type=range aria-label=Heat min=5 max=50 step=5 value=10>")
    for wrong in ("150", "0", "12", "-5"):
        problem = hands.error(f"fill({{Heat}}, '{wrong}')")
        assert problem.endswith('write a number from "5" to "50", in steps of "5"')
        assert hands.says("document.querySelector('input').value") == "10"
    hands.works("fill({Heat}, '45')")
    assert hands.says("document.querySelector('input').value") == "45"


NO_FIELDS = [
    ("<button>{}</button>", "is no field that a text can be written in"),
    ("<h1>{}</h1>", "is no field that a text can be written in"),
    ("<input type=checkbox aria-label={}>", "takes no text: use check or uncheck"),
    ("<input type=radio aria-label={}>", "takes no text: use check"),
    ("<input type=submit value={}>", "takes no text: click it"),
    ("<input type=file aria-label={}>", "takes no text: use upload_file"),
    ("<select aria-label={}></select>", "is a list of options: use select_option"),
    ("<input readonly aria-label={}>", "cannot be changed: it is for reading only"),
    ("<input disabled aria-label={}>", "cannot be used: it is disabled"),
]


def test_what_takes_no_text_says_what_to_do_instead(hands: Hands) -> None:
    hands.open("".join(html.format(f"F{at}") for at, (html, _) in enumerate(NO_FIELDS)))
    for at, (html, said) in enumerate(NO_FIELDS):
        assert hands.error(f"fill({{F{at}}}, 'x')").endswith(said), html


def test_checkboxes_and_radio_buttons_are_ticked_and_left_ticked(hands: Hands) -> None:
    hands.open("""<input type=checkbox aria-label=A><label><input type=checkbox checked>B</label>
      <input type=radio name=r aria-label=C><div role=checkbox aria-checked=false aria-label=D
      onclick="this.ariaChecked = 'true'" tabindex=0>D</div>""")
    for action in ("check({A})", "check({checkbox:B})", "check({C})", "check({D})"):
        hands.works(action)
    states = "[...document.querySelectorAll('input')].map((e) => e.checked)"
    assert hands.says(states) == [True, True, True]
    assert hands.says("document.querySelector('div').ariaChecked") == "true"
    hands.works("uncheck({A})")
    hands.works("uncheck({A})")
    assert hands.says(states) == [False, True, True]
    assert "choose another of its group" in hands.error("uncheck({C})")


def test_what_is_no_checkbox_says_to_click_it(hands: Hands) -> None:
    hands.open("<button>Ok</button><input type=checkbox onclick='return false' aria-label=Stuck>")
    assert hands.error("check({Ok})") == (
        'e# (button "Ok") is no checkbox and no radio button: click it'
    )
    assert "did not change" in hands.error("check({Stuck})")


COLOURS = """<select aria-label=Colour onchange="document.title += this.value + ';'">
  <option value=r>Red</option><option value=b>Dark  blue</option>
  <option disabled>Gold</option><optgroup label=More disabled><option>Teal</option></optgroup>
</select>"""


def test_an_option_is_chosen_by_its_words_or_its_value(hands: Hands) -> None:
    hands.open(COLOURS)
    for name in ("Dark blue", "b", "dark BLUE", " Dark\nblue "):
        hands.works("select_option({Colour}, 'Red')")
        hands.works(f"select_option({{Colour}}, {name!r})")
        assert hands.says("document.querySelector('select').value") == "b", name
    assert hands.says("document.title").startswith("r;b;r;b;")


def test_an_option_that_there_is_not_is_said_with_those_that_there_are(hands: Hands) -> None:
    hands.open(COLOURS)
    assert hands.error("select_option({Colour}, 'Dark bleu')") == (
        'e# (select "Colour") has no option "Dark bleu". Did you mean "Dark blue"? '
        'It has: "Red", "Dark blue", "Gold", "Teal"'
    )
    assert 'the option "Gold" of' in hands.error("select_option({Colour}, 'Gold')")
    assert "is disabled" in hands.error("select_option({Colour}, 'Teal')")
    assert hands.error("select_option({Colour}, ['Red', 'b'])").endswith("takes one option, not 2")
    assert hands.says("document.title") == ""


def test_several_options_are_chosen_together(hands: Hands) -> None:
    hands.open("<select multiple aria-label=Pets><option>Cat<option>Dog<option>Fox</select>")
    chosen = "[...document.querySelector('select').selectedOptions].map((e) => e.label)"
    hands.works("select_option({Pets}, ['Fox', 'Cat'])")
    assert hands.says(chosen) == ["Cat", "Fox"]
    hands.works("select_option({Pets}, [])")
    assert hands.says(chosen) == []


def test_a_list_that_is_none_of_the_browsers_own_is_to_be_clicked(hands: Hands) -> None:
    hands.open("<div role=listbox aria-label=Menu><div role=option>One</div></div>")
    assert "click it, then click the option" in hands.error("select_option({Menu}, 'One')")


@pytest.fixture
def folder(tmp_path: Path, hands: Hands) -> Iterator[Path]:
    """A folder that is allowed, beside a file that is not."""
    folder = tmp_path / "allowed"
    (folder / "deep").mkdir(parents=True)
    for name in ("letter.pdf", "photo.png", "deep/more.txt"):
        (folder / name).write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "inside.txt").symlink_to(folder / "letter.pdf")
    hands.uploads = folder
    yield folder
    hands.uploads = None


def test_files_of_the_folder_are_given_to_a_field(hands: Hands, folder: Path) -> None:
    hands.open("<input type=file multiple aria-label=Files>")
    hands.works("upload_file({Files}, 'letter.pdf')")
    assert hands.says(ALL_FILES) == ["letter.pdf"]
    hands.works("upload_file({Files}, ['photo.png', 'deep/more.txt', 'inside.txt'])")
    assert hands.says(ALL_FILES) == ["photo.png", "more.txt", "letter.pdf"]
    assert hands.says("document.querySelector('input').files[1].text()") == "deep/more.txt"
    hands.works("upload_file({Files}, [])")
    assert hands.says(ALL_FILES) == []


def test_files_are_given_to_a_button_that_asks_for_them(hands: Hands, folder: Path) -> None:
    hands.open("""<input type=file style="display: none">
      <button onclick="document.querySelector('input').click()">Choose</button>""")
    hands.works("upload_file({Choose}, 'letter.pdf')")
    assert hands.says(ALL_FILES) == ["letter.pdf"]
    assert "takes one file, not 2" in hands.error(
        "upload_file({Choose}, ['letter.pdf', 'photo.png'])"
    )
    hands.open("<button>Plain</button>")
    assert "does not ask for a file" in hands.error("upload_file({Plain}, 'letter.pdf')")


OUTSIDE = ("../secret.txt", "deep/../../secret.txt", "link.txt", "/etc/passwd", "..")


def test_a_file_outside_of_the_folder_is_refused(hands: Hands, folder: Path) -> None:
    hands.open("<input type=file aria-label=Files>")
    for name in (*OUTSIDE, "../allowed-not/../secret.txt", str(folder.parent / "secret.txt")):
        problem = hands.error(f"upload_file({{Files}}, '{name}')")
        assert "is not inside the folder whose files may be given to pages" in problem, name
    assert hands.says(ALL_FILES) == []


def test_a_file_that_there_is_not_is_said_with_those_that_there_are(
    hands: Hands, folder: Path
) -> None:
    hands.open("<input type=file aria-label=Files><input type=file aria-label=Other>")
    assert hands.error("upload_file({Files}, 'leter.pdf')") == (
        'there is no file "leter.pdf". Did you mean "letter.pdf"?'
    )
    assert hands.error("upload_file({Files}, 'x')") == (
        'there is no file "x". The folder has: "inside.txt", "letter.pdf", "link.txt", "photo.png"'
    )
    assert "there is no file" in hands.error("upload_file({Files}, 'deep')")
    assert "is no name of a file" in hands.error("upload_file({Files}, '')")
    assert "takes one file, not 2" in hands.error(
        "upload_file({Files}, ['letter.pdf', 'photo.png'])"
    )


def test_without_a_folder_no_file_is_given_and_how_to_allow_one_is_said(hands: Hands) -> None:
    hands.open("<input type=file aria-label=Files>")
    assert hands.error("upload_file({Files}, '/etc/passwd')") == (
        "no files can be given to pages here: name a folder as the argument uploads of the "
        "environment to allow the files in it"
    )
