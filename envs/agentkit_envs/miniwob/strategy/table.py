"""Which rule plays which task."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from agentkit_envs.browser.see.view import View
from agentkit_envs.miniwob.strategy import (
    choices,
    clicks,
    games,
    mail,
    moves,
    numbers,
    offers,
    places,
    posts,
    searches,
    shapes,
    texts,
)
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Rule, Turn

RULES: MappingProxyType[str, Rule] = MappingProxyType(
    {
        "ascending-numbers": clicks.ascending,
        "bisect-angle": places.bisect,
        "book-flight": offers.flight,
        "book-flight-nodelay": offers.flight,
        "button-delay": clicks.buttons_in_order,
        "buy-ticket": offers.tickets,
        "choose-date": searches.date,
        "choose-date-easy": searches.date,
        "choose-date-medium": searches.date,
        "choose-date-nodelay": searches.date,
        "choose-list": choices.options,
        "circle-center": places.centre,
        "click-button": clicks.button,
        "click-button-sequence": clicks.buttons_in_order,
        "click-checkboxes": choices.boxes,
        "click-checkboxes-large": choices.boxes,
        "click-checkboxes-transfer": choices.boxes,
        "click-collapsible": clicks.section,
        "click-collapsible-2": clicks.hidden_link,
        "click-collapsible-2-nodelay": clicks.hidden_link,
        "click-collapsible-nodelay": clicks.section,
        "click-color": shapes.colour,
        "click-dialog": clicks.dialog,
        "click-dialog-2": clicks.dialog,
        "click-link": clicks.hidden_link,
        "click-menu": choices.menu_path,
        "click-menu-2": choices.menu_item,
        "click-option": choices.boxes,
        "click-pie": shapes.pie,
        "click-pie-nodelay": shapes.pie,
        "click-scroll-list": choices.options,
        "click-shades": shapes.shades,
        "click-shape": shapes.click_shape,
        "click-tab": clicks.numbered_tab,
        "click-tab-2": clicks.hidden_link,
        "click-tab-2-easy": clicks.hidden_link,
        "click-tab-2-hard": clicks.hidden_link,
        "click-tab-2-medium": clicks.hidden_link,
        "click-test": clicks.button,
        "click-test-2": clicks.buttons_in_order,
        "click-test-transfer": clicks.buttons_in_order,
        "click-widget": clicks.widget,
        "copy-paste": texts.copied,
        "copy-paste-2": texts.copied,
        "count-shape": shapes.count,
        "drag-box": places.box,
        "drag-circle": places.push,
        "drag-shapes": places.sort_shapes,
        "drag-shapes-2": places.sort_shapes,
        "drag-single-shape": places.push,
        "drag-sort-numbers": places.sort_numbers,
        "draw-circle": places.circle,
        "draw-line": places.line,
        "email-inbox": mail.inbox,
        "email-inbox-delete": mail.inbox,
        "email-inbox-forward": mail.inbox,
        "email-inbox-forward-nl": mail.inbox,
        "email-inbox-forward-nl-turk": mail.inbox,
        "email-inbox-important": mail.inbox,
        "email-inbox-nl-turk": mail.inbox,
        "email-inbox-noscroll": mail.inbox,
        "email-inbox-reply": mail.inbox,
        "email-inbox-star-reply": mail.inbox,
        "enter-date": texts.date,
        "enter-password": texts.quoted_text,
        "enter-text": texts.quoted_text,
        "enter-text-2": texts.quoted_text,
        "enter-text-dynamic": texts.quoted_text,
        "enter-time": texts.time,
        "find-greatest": numbers.greatest,
        "find-midpoint": places.midpoint,
        "find-word": texts.nth_word,
        "focus-text": clicks.focus,
        "focus-text-2": clicks.focus,
        "form-sequence": numbers.sliders,
        "form-sequence-2": texts.form,
        "form-sequence-3": texts.dropdown,
        "generate-number": numbers.generate,
        "grid-coordinate": shapes.coordinate,
        "guess-number": numbers.guess,
        "identify-shape": shapes.identify,
        "login-user": texts.login,
        "login-user-popup": texts.login,
        "multi-layouts": texts.films,
        "multi-orderings": texts.films,
        "navigate-tree": searches.tree,
        "odd-or-even": numbers.odd_or_even,
        "order-food": offers.meal,
        "phone-book": searches.phone_book,
        "read-table": texts.table_value,
        "read-table-2": texts.table_values,
        "right-angle": places.right_angle,
        "scroll-text": texts.last_word,
        "scroll-text-2": texts.scrolled,
        "search-engine": searches.search_engine,
        "sign-agreement": texts.agreement,
        "simon-says": games.melody,
        "simple-algebra": texts.algebra,
        "simple-arithmetic": texts.arithmetic,
        "social-media": posts.post_button,
        "social-media-all": posts.many_buttons,
        "social-media-some": posts.many_buttons,
        "stock-market": games.stock,
        "terminal": texts.terminal,
        "text-transform": texts.spelled,
        "unicode-test": clicks.button,
        "use-autocomplete": searches.autocomplete,
        "use-autocomplete-nodelay": searches.autocomplete,
        "use-colorwheel": texts.picked_colour,
        "use-colorwheel-2": texts.picked_colour,
        "use-slider": numbers.sliders,
        "use-slider-2": numbers.sliders,
        "use-spinner": texts.spinner,
        "visual-addition": texts.blocks,
    }
)

_WAIT = moves.wait(300)
_PATIENCE = 3
"""So often in a row it is waited for what is not there."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the expert does next."""

    action: str
    why: str
    facts: tuple[str, ...] = ()
    """What it remembers of the page."""
    fault: str = ""
    """The error in a rule that let it fail, which is a mistake in the rule."""


def plan(task: str) -> str:
    """How the expert plays a task, in a sentence."""
    rule = RULES.get(task)
    if rule is None:
        return f"Give up: there is no rule for the task {task}."
    return (rule.__doc__ or "Play the task.").splitlines()[0]


def decide(task: str, view: View, tried: Sequence[str], facts: Sequence[str] = ()) -> Decision:
    """What to do now, from what the observation says and what is remembered.

    Args:
        task: The name of the task.
        view: The observation, read.
        tried: The actions of the episode so far.
        facts: What earlier decisions wanted to remember.
    """
    rule = RULES.get(task)
    if rule is None:
        why = f"the rule-based expert has no rule for task {task}"
        return Decision(moves.give_up(why), why)
    goal = " ".join(view.goal.split())
    error = view.last.error if view.last else ""
    turn = Turn(goal, view.elements, tuple(tried), tuple(facts), error)
    again = _by_keyboard(turn)
    if again:
        return Decision(again, f"the mouse did not reach it: {error}")
    try:
        found = rule(turn)
    except Lost as problem:
        return _wait_or_give_up(task, tried, str(problem))
    except (LookupError, StopIteration, ValueError) as problem:
        # Also a page that is still loading may be what the rule did not think of.
        fault = f"the rule failed with {type(problem).__name__}: {problem}"
        return _wait_or_give_up(task, tried, fault, fault)
    move = found if isinstance(found, Move) else Move(found)
    return Decision(move.action, plan(task), move.facts)


def _wait_or_give_up(task: str, tried: Sequence[str], lost: str, fault: str = "") -> Decision:
    if tried[-_PATIENCE:].count(_WAIT) < _PATIENCE:
        return Decision(_WAIT, f"{lost}, so it is waited for", fault=fault)
    why = f"the rule for task {task} found no way on: {lost}"
    return Decision(moves.give_up(why), why, fault=fault)


def _by_keyboard(turn: Turn) -> str | None:
    """The Enter key on a button that a click did not reach."""
    if turn.error and turn.tried:
        for element in turn.all("button"):
            if turn.tried[-1] == moves.click(element):
                return moves.press(element, "Enter")
    return None
