"""What a shopper notes of the shop, page by page."""

import pytest
from agentkit_envs.webshop.notes import update_notes
from agentkit_envs.webshop.pages.prompt_text import describe
from agentkit_envs.webshop.pages.view import view_of
from envs.webshop_shelf import shop


class Noting:
    """A visit of which every page is noted."""

    def __init__(self, count=23):
        self.visit, self.notes = shop(count), None

    def see(self, *clicks, search=None, marks=None):
        """What is noted after a search or after each of some clicks."""
        if search:
            self.visit.search(search)
            self.note(marks)
        for click in clicks:
            assert self.visit.click(click), click
            self.note(marks)
        return self.notes

    def note(self, marks=None):
        observation = describe(view_of(self.visit.page, None, 9))
        self.notes = update_notes(observation, self.notes, marks)


def test_a_place_counts_from_the_first_page_of_results():
    notes = Noting().see("Next >", search="lamp")
    assert notes["products"]["B02"]["places"] == [[0, 1]]
    assert notes["products"]["B12"]["places"] == [[0, 11]]


def test_what_is_chosen_is_known_on_the_pages_of_texts_and_forgotten_with_the_product():
    seen = Noting()
    assert seen.see("B01", "red", "Features", search="lamp")["chosen"] == {"color": "red"}
    assert seen.see("< Prev")["chosen"] == {"color": "red"}
    assert seen.see("< Prev")["chosen"] == {}


def test_the_product_of_the_page_is_at_hand_with_all_that_was_read_of_it():
    seen = Noting()
    assert seen.see(search="lamp")["here"] is None
    here = seen.see("B01", "Features")["here"]
    assert (here["asin"], here["price"], here["features"]) == (
        "B01",
        "$10.5",
        "It's <bright>\nsmall",
    )
    assert here["options"] == {"color": ["red", "blue"], "size": ["s", "l"]}
    assert here["description"] is None


def test_a_page_is_the_same_when_only_a_choice_was_made():
    seen = Noting()
    pages = [seen.see(search="lamp"), seen.see(search="lamp")]
    pages += [seen.see(click) for click in ("B01", "red", "Features", "< Prev", "< Prev", "B02")]
    assert [page["same_page"] for page in pages] == [False] * 3 + [True] + [False] * 4


def test_the_values_that_can_be_chosen_are_those_of_the_page():
    seen = Noting()
    assert seen.see("B01", search="lamp")["choosable"] == ["red", "blue", "s", "l"]
    assert seen.see("Features")["choosable"] == []


def test_the_most_promising_products_are_told_of_until_they_are_opened():
    seen = Noting()
    seen.see(search="lamp")
    marks = [{"promise": 1 if n else 4, "why": "so"} for n in range(10)]
    notes = seen.see("B02", marks=marks)
    assert [item["asin"] for item in notes["promising"]] == [
        "B01", "B03", "B04", "B05", "B06", "B07", "B08", "B09"]  # fmt: skip
    assert notes["promising"][0] == {
        "asin": "B01",
        "title": "Desk Lamp",
        "price": "$10.5",
        "promise": 4,
        "why": "so",
    }


def test_marks_that_are_not_those_of_the_fresh_products_are_refused():
    seen = Noting()
    seen.see(search="lamp")
    with pytest.raises(ValueError, match="one for each of 10 fresh products, found 1"):
        seen.see("B01", marks=[{"promise": 1, "why": ""}])


def test_steps_are_counted():
    assert Noting().see("B01", search="lamp")["steps"] == 2
