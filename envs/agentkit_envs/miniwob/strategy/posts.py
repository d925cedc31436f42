"""Tasks on a page of posts."""

import re

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import Lost, Turn, words

_USER = re.compile(r"@\w+")


def post_button(turn: Turn) -> str:
    """Press a button of the post of a user, which may be in the post's menu."""
    name = goals.quotes(turn.goal)[0].casefold()
    post = _posts(turn)[0]
    for element in post:
        if element.ref and words(element).casefold().startswith(name):
            return moves.click(element)
    more = next((e for e in post if e.name == "more" and e.ref), None)
    if more is None or turn.did(moves.click(more)):
        raise Lost(f"the post has no button {name!r}")
    return moves.click(more)


def many_buttons(turn: Turn) -> str:
    """Press a button on all or some posts of a user, then submit."""
    name = goals.quotes(turn.goal)[0].casefold()
    count = re.search(r"on (\d+) posts?", turn.goal)
    posts = _posts(turn)
    for post in posts[: int(count[1])] if count else posts:
        for element in post:
            if element.ref and element.name.casefold() == name:
                return moves.click(element)
    return turn.submit()


def _posts(turn: Turn) -> list[list[Element]]:
    """The elements after each line with the user's name, up to the next user."""
    user = _USER.search(turn.goal)
    found: list[list[Element]] = []
    mine = False
    for element in turn.elements:
        named = _USER.search(words(element)) if element.role in ("text", "generic") else None
        if named and not element.name.startswith(("Mute", "Block")):
            mine = user is not None and named[0] == user[0]
            if mine:
                found.append([])
        elif mine:
            found[-1].append(element)
    if not found:
        raise Lost("there is no post by the user")
    return found
