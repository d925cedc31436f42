"""What a shopper notes of the shop, page by page."""

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
    assert notes["products"]["B02"]["places"] == [["lamp", 1]]
    assert notes["products"]["B12"]["places"] == [["lamp", 11]]


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


def test_a_page_tells_something_new_until_it_was_seen():
    """A page that was read says nothing new when it is seen again, nor does a choice."""
    seen = Noting()
    pages = [seen.see(search="lamp")]
    pages += [seen.see(click) for click in ("B01", "red", "Features", "< Prev", "< Prev", "B02")]
    pages += [seen.see(click) for click in ("Reviews", "< Prev", "Description", "< Prev", "< Prev")]
    news = [page["learned"] for page in pages]
    assert news == [False, True, False, True, False, False, True, False, False, True, False, False]


def test_the_values_that_can_be_chosen_are_those_of_the_product():
    seen = Noting()
    assert seen.see("B01", search="lamp")["choosable"] == ["red", "blue", "s", "l"]
    assert seen.see("Features")["choosable"] == ["red", "blue", "s", "l"]
    assert seen.see("< Prev", "< Prev")["choosable"] == []


def test_values_wait_to_be_chosen_until_their_option_has_one():
    seen = Noting()
    assert seen.see("B01", search="lamp")["unchosen"] == ["red", "blue", "s", "l"]
    assert seen.see("red")["unchosen"] == ["s", "l"]
    assert seen.see("Features")["unchosen"] == [], "they can be clicked on the product's page"
    assert seen.see("< Prev", "l")["unchosen"] == []


def test_what_can_be_clicked_is_offered_without_what_leads_to_nothing_new():
    seen = Noting(2)
    details, rest = ["Description", "Features", "Reviews"], ["Buy Now"]
    found = seen.see(search="lamp")["offers"]
    assert found["product 2"] == "click[B02]"
    assert [*found] == ["product 1", "product 2", "Next >"]
    found = seen.see("B01")["offers"]
    assert [*found] == ["red", "blue", "s", "l", "< Prev", *details, *rest]
    assert found["red"] == "click[red]"
    assert [*seen.see("red")["offers"]] == ["s", "l", "< Prev", *details, *rest]
    assert [*seen.see("Features")["offers"]] == ["< Prev"]
    assert [*seen.see("< Prev")["offers"]] == [
        "s", "l", "< Prev", "Description", "Reviews", *rest]  # fmt: skip


def mark(asin, promise=1, why="so"):
    return {"product": asin, "promise": promise, "why": why}


def test_the_most_promising_products_are_told_of_until_they_are_opened():
    seen = Noting()
    assert seen.see(search="lamp")["promising"] == [], "those of the page are fresh"
    marks = [mark(f"B{n:02}", 1 if n > 1 else 4) for n in range(1, 11)]
    notes = seen.see("B02", marks=marks)
    assert [item["asin"] for item in notes["promising"]] == [
        "B01", "B03", "B04", "B05", "B06"]  # fmt: skip
    assert notes["promising"][0] == {
        "asin": "B01",
        "title": "Desk Lamp",
        "price": "$10.5",
        "promise": 4,
        "why": "so",
    }


def test_missing_doubled_reordered_and_unknown_marks_do_no_harm():
    seen = Noting(3)
    seen.see(search="lamp")
    marks = [mark("B03", 9, "x" * 999), mark("B99", 10), mark("B01", 2), mark("B01", 3)]
    promising = seen.see("Back to Search", marks=marks)["promising"]
    assert [(item["asin"], item["promise"]) for item in promising] == [
        ("B03", 9), ("B02", None), ("B01", 3)]  # fmt: skip
    assert len(promising[0]["why"]) == 200


def test_only_so_much_is_remembered_and_what_was_opened_longest():
    """A visit without a limit on steps goes on; its notes do not grow with it."""
    seen = Noting(50)
    seen.see("B01", search="lamp")
    for number in range(40):
        seen.see(search=f"lamp {number}")
    notes = seen.notes
    assert notes["searches"] == [f"lamp {number}" for number in range(10, 40)]
    assert len(notes["products"]["B01"]["places"]) == 5
    many = {f"C{n}": notes["products"]["B02"] for n in range(400)}
    full = notes | {"products": {**notes["products"], **many}}
    kept = update_notes(describe(view_of(seen.visit.page, None, 9)), full)["products"]
    assert len(kept) == 300
    assert "B01" in kept
    assert "B02" not in kept


def test_steps_are_counted():
    assert Noting().see("B01", search="lamp")["steps"] == 2
