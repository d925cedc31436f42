"""The rule-based player of MiniWoB++ as a model: it answers each node of the shipped agent.

It is not a language model. It sees only what the observation says, the name of the task, and what
the agent remembers, and goes by the name of the node, whatever the prompt says.
"""

import re
from collections.abc import Sequence
from typing import Any

from agentkit.messages import Request
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.browser.see.view import View
from agentkit_envs.experts import Rules, Variables, answer_by_rule, value
from agentkit_envs.miniwob.strategy.table import Decision, decide, plan
from agentkit_envs.miniwob.strategy.turn import words

_CLAUSE = re.compile(r"(?:, and then |, then |, and | and then |, hit |, click |\. )(?=\S)")


def wanted(variables: Variables) -> list[str]:
    """The goal, part by part."""
    goal = _view(variables).goal.strip().rstrip(".")
    return [part for part in _CLAUSE.split(goal) if part] or [goal]


def effect(variables: Variables) -> dict[str, Any]:
    """Whether the last action had an error, and what changed after it."""
    view = _view(variables)
    error = view.last.error if view.last else ""
    if error:
        return {"worked": False, "effect": error}
    changed = view.changes or ()
    return {
        "worked": True,
        "effect": f"changed: {'; '.join(changed[:3]) or 'nothing that is shown'}",
    }


def seen(variables: Variables) -> dict[str, list[str]]:
    """The element that comes next, and what is to be remembered of the page."""
    decision = _decision(variables)
    named = re.findall(r"'(e\d+)'", decision.action)
    elements = [e for e in _view(variables).elements if e.ref in named]
    return {
        "elements": [f"{e.ref}, the {e.role} {words(e)}".rstrip() for e in elements],
        "facts": list(decision.facts),
    }


def plans(variables: Variables) -> list[str]:
    """What the rule for the task does."""
    return [plan(value(variables, "info.task"))]


def act(variables: Variables) -> dict[str, str]:
    """The action, and why."""
    decision = _decision(variables)
    return {"why": decision.why, "action": decision.action}


ANSWERS: Rules = {"wanted": wanted, "effect": effect, "seen": seen, "plan": plans, "act": act}
"""What each node is answered with, from the values its prompt reads."""


def answer(request: Request) -> str:
    """The text that answers a node of an agent; see `experts.answer_by_rule`."""
    return answer_by_rule(ANSWERS, request, "MiniWoB")


def _view(variables: Variables) -> View:
    return read(value(variables, "observation"))


def _decision(variables: Variables) -> Decision:
    """What the rules decide; the same in every node of a step."""
    tried: Sequence[Any] = value(variables, "memory.tried")
    task = value(variables, "info.task")
    facts = value(variables, "memory.found")
    return decide(task, _view(variables), [one["action"] for one in tried], facts)
