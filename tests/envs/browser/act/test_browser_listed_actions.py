"""What a player who picks from a list can do on a page."""

from agentkit_envs.browser.act.listed_actions import LISTED, listed_actions
from agentkit_envs.browser.see.view import Element, Tab, View

ALWAYS = ["scroll(0, 500)", "scroll(0, -500)", "go_back()", "noop()"]


def listed(*elements, tabs=(), focused=None):
    view = View("", "http://a.example/", "", tabs, elements, focused)
    found = listed_actions(view)
    assert found[-4:] == ALWAYS
    return found[:-4]


def test_a_page_without_elements_can_be_scrolled_left_and_waited_on():
    assert listed() == []


def test_what_is_clickable_is_clicked_and_what_takes_words_gets_the_keyboard():
    assert listed(
        Element("heading", "Shop", "e1"),
        Element("button", "Buy", "e2"),
        Element("textbox", "Name", "e3"),
        Element("generic", "More", "e4", states=("clickable",)),
        Element("generic", "Write here", "e5", states=("editable",)),
        Element("text", "words"),
    ) == ["click('e2')", "focus('e3')", "click('e4')", "focus('e5')"]


def test_what_is_disabled_or_has_the_keyboard_already_is_left_out():
    assert listed(
        Element("button", "Buy", "e2", states=("disabled",)),
        Element("textbox", "Name", "e3", states=("focused",)),
        focused="e3",
    ) == ["press('e3', 'Enter')"]


def test_the_options_of_a_drop_down_list_are_chosen_by_their_names():
    assert listed(
        Element("combobox", "Colour", "e1"),
        Element("option", "red", None, 1, states=("selected",)),
        Element("option", 'it\'s "blue"', None, 1),
        Element("listbox", "Sizes", "e2"),
        Element("option", "small", "e3", 1),
    ) == ["focus('e1')", "select_option('e1', 'it\\'s \"blue\"')", "click('e3')"]


def test_a_disabled_list_offers_no_options():
    assert (
        listed(
            Element("combobox", "Colour", "e1", states=("disabled",)),
            Element("option", "red", None, 1),
        )
        == []
    )


def test_other_tabs_can_be_changed_to():
    assert listed(tabs=(Tab("a", "b"), Tab("c", "d", active=True))) == ["tab_focus(0)"]


def test_a_long_page_lists_its_first_elements():
    links = [Element("link", "x", f"e{n}") for n in range(LISTED + 5)]
    assert len(listed(*links)) == LISTED
