"""The shop's pages: where each click leads and what is said, in every form."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from agentkit_envs.webshop.pages.html import html
from agentkit_envs.webshop.pages.original_text import SEPARATOR, rich_text, text
from agentkit_envs.webshop.visit import Visit
from envs.webshop_shelf import GOAL, LAMP, Shelf, after, goals, shelves, shop
from hypothesis import given
from hypothesis import strategies as st

HEAD = f"Instruction: [SEP] {GOAL.instruction} [SEP] Back to Search [SEP] "
ITEM = (
    f"{HEAD}< Prev [SEP] color [SEP] red [SEP] blue [SEP] size [SEP] s [SEP] l [SEP] Desk Lamp "
    "[SEP] Price: $10.5 [SEP] Rating: 4.5 [SEP] Description [SEP] Features [SEP] Reviews [SEP] "
    "Buy Now"
)


class Texts(HTMLParser):
    """The texts of a document's body, as a reader without its tags finds them."""

    def __init__(self, document):
        super().__init__()
        self.found = []
        self.feed(document.partition("<body")[2].partition(">")[2])
        self.close()

    def handle_data(self, data):
        if data.strip(" \t\n\f\r"):
            self.found.append(data.strip())
        elif "\n" not in data:
            self.found.append("")


def test_a_visit_begins_at_the_search_page():
    visit = shop()
    assert text(visit.page) == f"WebShop [SEP] Instruction: [SEP] {GOAL.instruction} [SEP] Search"
    assert not visit.page.clickables


def test_results_are_ten_a_page():
    visit = after(shop(23))
    assert text(visit.page).startswith(f"{HEAD}Page 1 (Total results: 23) [SEP] Next > [SEP] B01 ")
    assert len(visit.page.products) == 10
    visit.click("next >")
    assert visit.click("NEXT >")
    assert [product.asin for product in visit.page.products] == ["B21", "B22", "B23"]


def test_there_is_a_next_page_even_behind_the_last():
    visit = after(shop(), "next >", "next >")
    assert text(visit.page) == f"{HEAD}Page 3 (Total results: 1) [SEP] < Prev [SEP] Next >"


def test_a_search_without_results_says_so():
    visit = after(shop(), search="nothing")
    assert text(visit.page) == f"{HEAD}Page 1 (Total results: 0) [SEP] Next >"


def test_a_product_is_opened_by_its_identifier_in_any_case():
    assert text(after(shop(), "b01").page) == ITEM
    assert text(after(shop(), "B01").page) == ITEM


def test_back_from_a_product_leads_to_the_page_of_results_it_was_found_on():
    visit = after(shop(23), "next >", "b12", "< prev")
    assert (visit.page.kind, visit.page.number) == ("results", 2)


@pytest.mark.parametrize(
    ("button", "said"),
    [
        ("description", "A bright lamp."),
        ("features", "It's <bright> [SEP] small"),
        ("reviews", '"Good" [SEP] 5.0 [SEP] I like it.'),
        ("attributes", "bright [SEP] garden [SEP] lamps [SEP] Home"),
    ],
)
def test_details_have_a_page_that_leads_back_with_the_choices_kept(button, said):
    visit = after(shop(show_attributes=True), "b01", "red", button)
    assert text(visit.page) == f"{HEAD}< Prev [SEP] {said}"
    visit.click("< prev")
    assert visit.page.kind == "item"
    assert visit.chosen == {"color": "red"}


def test_a_page_without_content_says_nothing_more():
    bare = replace(LAMP, description="", features=(), reviews=())
    for button in ("description", "features", "reviews"):
        visit = after(Visit(Shelf([bare]), GOAL), "b01", button)
        assert text(visit.page) == f"{HEAD}< Prev"


def test_attributes_cannot_be_opened_unless_they_are_shown():
    assert not after(shop(), "b01").click("attributes")


def test_a_choice_is_kept_until_results_are_shown():
    visit = after(shop(), "b01", "red", "l", "blue")
    assert visit.chosen == {"color": "blue", "size": "l"}
    assert text(visit.page) == ITEM
    visit.click("< prev")
    visit.click("b01")
    assert visit.chosen == {}


def test_a_search_works_from_a_product_and_forgets_its_choices():
    visit = after(shop(), "b01", "red", "features")
    visit.search("lamp")
    assert (visit.page.kind, visit.chosen) == ("results", {})


def test_the_search_page_forgets_which_products_were_seen():
    visit = after(shop(), "b01", "< prev")
    assert visit.page.seen == {"B01"}
    visit.search("other")
    assert visit.page.seen == {"B01"}
    visit.click("back to search")
    visit.search("lamp")
    assert visit.page.seen == set()


def test_the_search_page_forgets_what_was_chosen():
    assert after(shop(), "b01", "red", "back to search").chosen == {}


def test_a_value_that_two_options_share_belongs_to_the_last():
    both = replace(LAMP, options={"top": ("s", "m"), "bottom": ("s",)})
    assert after(Visit(Shelf([both]), GOAL), "b01", "s").chosen == {"bottom": "s"}


def test_an_option_is_chosen_under_its_name_in_lower_case():
    capital = replace(LAMP, options={"Color": ("red",)})
    visit = after(Visit(Shelf([capital]), GOAL), "b01", "red")
    assert visit.chosen == {"color": "red"}
    assert 'name="Color" value="red" checked' in html(visit.page)


def test_an_empty_feature_leaves_its_place_empty():
    """The original puts a space in front of each feature, which stays when there is no more."""
    gaps = replace(LAMP, features=("", "small", "\n"))
    page = after(Visit(Shelf([gaps]), GOAL), "b01", "features").page
    assert text(page) == f"{HEAD}< Prev [SEP]  [SEP] small"
    assert rich_text(page).endswith("[button] < Prev [button_]\n \n small\n")


def test_a_value_named_like_a_button_presses_the_button():
    odd = replace(LAMP, options={"read": ("reviews", "search")})
    visit = after(Visit(Shelf([odd]), GOAL), "b01")
    assert not visit.click("search")
    visit.click("reviews")
    assert (visit.page.kind, visit.chosen) == ("reviews", {})


def test_buying_ends_the_visit_and_shows_the_reward():
    visit = after(shop(), "b01", "l", "red", "buy now")
    assert text(visit.page) == (
        "Thank you for shopping with us! [SEP] Your code: [SEP] None [SEP] (Paste it in your "
        "MTurk interface.) [SEP] Purchased [SEP] asin [SEP] B01 [SEP] options [SEP] "
        '{"color": "red", "size": "l"} [SEP] attrs [SEP] None [SEP] category [SEP] None [SEP] '
        "query [SEP] None [SEP] product category [SEP] None [SEP] Target [SEP] asin [SEP] "
        "options [SEP] attrs [SEP] price upper [SEP] instuction text [SEP] category [SEP] "
        "product category [SEP] query [SEP] Goal [SEP] None [SEP] Reward [SEP] Your score (min "
        "0.0, max 1.0) [SEP] 1.0 [SEP] Reward Details [SEP] None"
    )
    assert visit.score.reward == 1
    assert not visit.page.clickables
    assert not visit.search("lamp")
    assert visit.page.kind == "done"


def test_a_purchase_is_scored_with_the_tagger_of_the_visit():
    class Nothing:
        name = "nothing"

        def __call__(self, text):
            return ()

    assert after(shop(nouns=Nothing()), "b01", "buy now").score.nouns == "nothing"


def test_the_page_of_a_purchase_escapes_values_as_the_original_does():
    odd = replace(LAMP, options={"color": ("it's <é>",)})
    visit = after(Visit(Shelf([odd]), GOAL), "b01", "it's <é>", "buy now")
    assert r'{"color": "it\u0027s \u003c\u00e9\u003e"}' in text(visit.page)


def test_clicking_what_is_not_there_changes_nothing():
    visit = after(shop(), "b01", "red")
    before = visit.page
    for words in ("green", "", "b01", "next >", "search", "Desk Lamp", "color"):
        assert not visit.click(words)
    assert visit.page is before


def test_rich_text_marks_buttons_and_choices():
    assert rich_text(after(shop(), "b01", "red").page) == (
        "You have clicked red.\n"
        f"Instruction:\n{GOAL.instruction}\n"
        "[button] Back to Search [button_]\n[button] < Prev [button_]\n"
        "color\n  [clicked button] red [clicked button_]\n  [button] blue [button_]\n"
        "size\n  [button] s [button_]\n  [button] l [button_]\n"
        "Desk Lamp\nPrice: $10.5\nRating: 4.5\n"
        "[button] Description [button_]\n[button] Features [button_]\n"
        "[button] Reviews [button_]\n[button] Buy Now [button_]\n"
    )


def test_rich_text_tells_the_choices_from_the_last_to_the_first():
    said = rich_text(after(shop(), "b01", "red", "l").page)
    assert said.startswith("You have clicked l.\nYou have clicked red.\nInstruction:\n")


@pytest.mark.parametrize(("value", "marked"), [("red", True), ("dark red", False)])
def test_rich_text_takes_a_quoted_word_of_the_search_for_a_choice(value, marked):
    """The original looks for choices in the address of the page, which holds the search too."""
    lamp = replace(LAMP, options={"color": (value,)})
    page = after(Visit(Shelf([lamp]), GOAL), "b01", search=f'"{value}" lamp').page
    assert (f"[clicked button] {value}" in rich_text(page)) == marked


def test_rich_text_marks_products_that_were_opened():
    visit = after(shop(2), "b02", "< prev")
    assert rich_text(visit.page).endswith(
        "[button] Next > [button_]\n"
        "\n[button] B01 [button_]\nDesk Lamp\n$10.5\n"
        "\n[clicked button] B02 [clicked button_]\nDesk Lamp\n$10.5\n"
    )


def test_html_is_escaped():
    page = after(shop(), "b01", "features").page
    assert "It&#x27;s &lt;bright&gt;" in html(page)
    assert "<bright>" not in html(page)


def test_html_says_what_is_chosen():
    document = html(after(shop(), "b01", "red", "l").page)
    assert 'name="color" value="red" checked' in document
    assert 'name="size" value="l" checked' in document
    assert document.count("checked") == 2


@given(shelves(), goals, st.data())
def test_every_page_says_the_same_in_html_and_text(shelf, goal, data):
    """Any walk through a shop with the oddest texts; nothing raises on the way."""
    visit = Visit(shelf, goal, show_attributes=data.draw(st.booleans()))
    for _ in range(data.draw(st.integers(0, 12))):
        said = text(visit.page)
        assert SEPARATOR.join(Texts(html(visit.page)).found) == said
        assert rich_text(visit.page).count("utton] ") >= len(visit.page.clickables)
        clicks = [*visit.page.clickables, "nothing that is there"]
        words = data.draw(st.sampled_from([*clicks, None]))
        if words is None:
            visit.search(data.draw(st.sampled_from(["lamp", "nothing"])))
        else:
            assert visit.click(words) == (words in clicks[:-1])
