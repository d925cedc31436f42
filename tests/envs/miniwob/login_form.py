"""A login form that is played without a browser: it shows what MiniWoB shows."""

import asyncio

from agentkit_envs.browser.act.actions import grammar_text
from agentkit_envs.browser.see.observation_text import describe
from agentkit_envs.browser.see.view import Element, LastAction, View
from agentkit_envs.miniwob.task_actions import COMMANDS, listed, read_action

GOAL = 'Enter the username "ada" and the password "x1" into the text fields and press login.'
WANTED = {"e2": "ada", "e4": "x1"}


class LoginForm:
    """One episode of a task like login-user."""

    def __init__(self, goal=GOAL, task="login-user"):
        self.goal = goal
        self.task = task
        self.filled = {"e2": "", "e4": ""}
        self.done = False
        self.last = None
        self.decisions = 0

    def look(self):
        """The observation and the info."""
        error = self.last.error if self.last else ""
        info = {"task": self.task, "error": error, "grammar": grammar_text(COMMANDS)}
        view = self._view()
        return describe(view), {**info, "actions": listed(view), "goal": self.goal}

    def step(self, text):
        """Fill a field, press the button, or do nothing."""
        action = read_action(text)
        error = ""
        if action.name == "fill" and action.text("bid") in self.filled:
            self.filled[action.text("bid")] = action.text("value")
        elif action.name == "click" and action.text("bid") == "e5":
            self.done = True
        elif action.name != "noop":
            error = "there is no such element: e2 to e5 are on the page"
        self.last = LastAction(text, error)
        self.decisions += 1

    def parse_action(self, text):
        return str(read_action(text))

    @property
    def is_won(self):
        return self.done and self.filled == WANTED

    def _view(self):
        name, word = (Element("textbox", "", ref, value=v) for ref, v in self.filled.items())
        elements = (Element("text", "Username"), name, Element("text", "Password"), word)
        return View(
            self.goal,
            "/miniwob/login-user.html",
            "Login",
            elements=(*elements, Element("button", "Login", "e5")),
            last=self.last,
            changes=() if self.last else None,
            steps_left=max(30 - self.decisions, 0),
        )


def play(episode, form, decisions=8):
    """Let an agent's episode play the form; the events."""
    events = []
    while not form.done and form.decisions < decisions:
        observation, info = form.look()
        step = episode.act(
            observation, actions=info["actions"], info=info, emit=events.append,
            parse_action=form.parse_action,
        )  # fmt: skip
        form.step(asyncio.run(step))
    return events
