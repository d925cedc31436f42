"""The rule-based player of MiniWoB++ as a model: it answers the nodes of the shipped agents.

It is not a language model. It sees what the observation says and the name of the task, follows what
it did and what it remembers by itself, and goes by the name of the node, whatever the prompt says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentkit.errors import ModelError
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.browser.see.view import View
from agentkit_envs.experts import Expert, Sight
from agentkit_envs.miniwob.possible_moves import WAIT, moves_on
from agentkit_envs.miniwob.strategy.table import Decision, decide, plan


@dataclass(frozen=True, slots=True)
class Play:
    """An episode as the player has followed it, and what it does now."""

    task: str
    view: View
    tried: tuple[str, ...]
    """The actions of the episode so far, whoever chose them."""
    facts: tuple[str, ...]
    """What it remembered before this decision."""
    decision: Decision


def follow(before: Play | None, sight: Sight) -> Play:
    """Return the play after an observation: what was tried, what is remembered, what comes next.

    Raises:
        ModelError: The observation or the info are not those of a task.
    """
    try:
        view, task = read(sight.observation), str(sight.info["task"])
    except (ValueError, KeyError) as error:
        raise ModelError(f"the rule-based MiniWoB player sees no task: {error}") from error
    tried = before.tried if before else ()
    facts = (*before.facts, *before.decision.facts) if before else ()
    if sight.action is not None:
        tried = (*tried, sight.action)
    return Play(task, view, tried, facts, decide(task, view, tried, facts))


def effect(play: Play) -> dict[str, Any]:
    """Whether the last action had an error, and what changed after it."""
    error = play.view.last.error if play.view.last else ""
    changed = "; ".join((play.view.changes or ())[:3]) or "nothing that is shown"
    return {"effect": error or f"changed: {changed}", "worked": not error}


def plans(play: Play) -> list[str]:
    """What the rule for the task does."""
    return [plan(play.task)]


def act(play: Play) -> dict[str, Any]:
    """What is to be remembered of the page, why, and the action."""
    return {
        "notes": list(play.decision.facts),
        "why": play.decision.why,
        "action": play.decision.action,
    }


def move(play: Play) -> dict[str, str]:
    """Which of the listed moves it is; to wait where it is none."""
    return {"why": play.decision.why, "move": listed_move(play.view, play.decision.action)}


def listed_move(view: View, action: str) -> str:
    """Return the words of the listed move that does what an action does; else those of waiting.

    A click on an element is a click on what it is in, or on what is in it.
    """
    moves = {action: words for words, action in moves_on(view).items()}
    return next((moves[one] for one in (action, *_clicks_like(view, action)) if one in moves), WAIT)


def _clicks_like(view: View, action: str) -> Iterator[str]:
    """Yield clicks on what a clicked element is in, the nearest first, and on what is in it."""
    clicks = [(one.depth, f"click({one.ref!r})") for one in view.elements]
    at = next((at for at, (_, click) in enumerate(clicks) if click == action), None)
    if at is None:
        return
    depth = clicks[at][0]
    for around, click in reversed(clicks[:at]):
        if around < depth:
            depth = around
            yield click
    for inside, click in clicks[at + 1 :]:
        if inside <= clicks[at][0]:
            return
        yield click


answer = Expert("MiniWoB", follow, {"effect": effect, "plan": plans, "act": act, "move": move})
"""Answers the nodes of agents; see `Expert`."""
