"""Tasks in an inbox: find an email by its sender, then delete, mark, answer or forward it."""

import re

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Turn, words

_DELETE = re.compile(
    r"\b(delet\w*|trash|remov\w*|eras\w*|get rid|discard\w*|junk|throw|recycl\w*"
    r"|don't want|out of)\b",
    re.IGNORECASE,
)
_MARK = re.compile(r"\b(mark\w*|star\w*|importan\w*|flag\w*|priority|favou?rite)\b", re.IGNORECASE)
_NAME = re.compile(r"\b[A-Z][a-z]+(?=\b|'s)")
_NO_NAMES = frozenset({"Email", "Primary"})
_FROM = r"\b(?:from|by|of)\s+{0}\b|\b{0}(?:'s|\s+(?:sent|wrote|gave|has sent))"
_TO = r"\b(?:to|in)\s+{0}\b"
_SENDER = "the sender is "


def inbox(turn: Turn) -> str | Move:
    """Do what the goal says with the email of the sender that it names."""
    if turn.seek("send-reply"):
        message = goals.quotes(turn.goal)[0]
        return turn.enter([(turn.first("textbox"), message)], "send-reply")
    if turn.seek("send-forward"):
        return turn.enter([(turn.first("textbox"), _receiver(turn))], "send-forward")
    if turn.seek("close-email"):
        return moves.click(turn.find("Reply" if goals.quotes(turn.goal) else "Forward"))
    sender = _sender(turn)
    for icon, pattern in (("trash", _DELETE), ("star", _MARK)):
        if pattern.search(turn.goal) and not goals.quotes(turn.goal):
            return moves.click(_icon(turn, sender, icon))
    return Move(moves.click(sender), (_SENDER + words(sender),))


def _sender(turn: Turn) -> Element:
    """The line with the sender; of two that the goal names, the one it speaks of as a sender."""
    lines = []
    for row in turn.all("generic"):
        said = [e for e in turn.inside(row) if words(e)]
        if "clickable" in row.states and len(said) > 1:
            lines.append(said[0])
    named = [e for e in lines if re.search(rf"\b{words(e)}(?:\b|s\b)", turn.goal)]
    if not named:
        raise Lost("no email is by anybody whom the goal names")
    return max(named, key=lambda e: _sends(turn.goal, words(e)))


def _sends(goal: str, name: str) -> int:
    """How much the goal speaks of somebody as a sender, and not as a receiver."""
    return bool(re.search(_FROM.format(name), goal)) - bool(re.search(_TO.format(name), goal))


def _icon(turn: Turn, sender: Element, name: str) -> Element:
    for element in turn.after(sender):
        if element.name == name and element.ref:
            return element
    raise Lost(f"the email has no icon {name!r}")


def _receiver(turn: Turn) -> str:
    """Whom the goal names besides the sender."""
    sender = next((f.removeprefix(_SENDER) for f in turn.facts if f.startswith(_SENDER)), "")
    named: list[str] = [n for n in _NAME.findall(turn.goal) if n not in {sender, *_NO_NAMES}]
    for pattern in (r"\bto (?:the )?{0}\b", r"(?<=[a-z] ){0}\b", r"{0}\b"):
        for name in reversed(named):
            if re.search(pattern.format(name), turn.goal):
                return name
    raise Lost("the goal names nobody to forward to")
