"""The shipped shopper in a shop of lamps, step by step, with what it was asked."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from agentkit_envs.webshop.execution import canonical, legal_actions, take_turn
from agentkit_envs.webshop.pages.prompt_text import describe
from agentkit_envs.webshop.pages.view import LastAction, view_of
from agentkit_envs.webshop.visit import Visit
from envs.webshop_reader import Answers, reader, wanted
from envs.webshop_shelf import GOAL, LAMP, Shelf

from agentkit import load_agent
from agentkit.agentfile.load import find_agent
from agentkit.events import Event

WISH = "a lamp in the color red, and price lower than 20.00 dollars"


class Walk:
    """A visit that the shipped agent makes; a stand-in for a language model answers.

    Args:
        answers: Other answers than the stand-in's, by node.
        steps: Decisions before the visit is cut off.
        count: How many lamps there are.
        wish: The instruction.
        lamp: What is different about the lamps.
    """

    def __init__(
        self,
        answers: Answers | None = None,
        steps: int | None = 15,
        count: int = 3,
        wish: str = WISH,
        **lamp: Any,
    ) -> None:
        lamps = [replace(LAMP, asin=f"B{n:02}", **lamp) for n in range(1, count + 1)]
        self.visit = Visit(Shelf(lamps), replace(GOAL, instruction=wish))
        self.steps_left = steps
        self.asked: list[tuple[str, str]] = []
        self._earlier: list[tuple[str, str]] = []
        self._contexts: dict[str, str] = {}
        self._is_first = True
        self.events: list[Event] = []
        self._answers: Answers = dict(answers or {})
        self._last: LastAction | None = None
        model = reader(self.asked, self._answers, self._contexts)
        self._shopper = load_agent(find_agent("webshop"), model=model).episode()

    def step(self, *wishes: str) -> str:
        """One decision, carried out; with `wishes`, these are the answers in turn."""
        self._earlier += self.asked
        self.asked.clear()
        self.events.clear()
        if wishes:
            left = list(wishes)
            self._answers["act"] = lambda *_: json.dumps({"why": "", "action": left.pop(0)})
        if wishes and self._is_first:
            self._answers["wanted"] = lambda prompt, page: json.dumps(
                {**json.loads(wanted(prompt, page)), "search": left.pop(0)}
            )
        self._is_first = False
        page = self.visit.page
        observation = describe(view_of(page, self._last, self.steps_left))
        actions = legal_actions(page, exact=False)
        info = {"instruction": page.instruction}
        step = self._shopper.act(
            observation, actions=actions, info=info, emit=self.events.append,
            parse_action=lambda text: canonical(self.visit, text, exact=False),
        )  # fmt: skip
        action = asyncio.run(step)
        turn = take_turn(self.visit, action, exact=False)
        assert turn.understood, action
        self._last = turn.last
        self.steps_left = None if self.steps_left is None else self.steps_left - 1
        return action

    def steps(self, *actions: str) -> None:
        """Take these actions."""
        for action in actions:
            assert self.step(action) == action

    def prompt(self, node: str) -> str:
        """What a node was asked in the last step, at first."""
        return next(text for name, text in self.asked if name == node)

    def latest(self, node: str) -> str:
        """What a node was asked when it was last asked, in whatever step."""
        asked = [*self._earlier, *self.asked]
        return next(text for name, text in reversed(asked) if name == node)

    def context(self, node: str) -> str:
        """What stood in front of the last question to a node."""
        return self._contexts[node]

    @property
    def nodes(self) -> list[str]:
        """Which nodes were asked in the last step, without repetition, in order."""
        return list(dict.fromkeys(node for node, _ in self.asked))
