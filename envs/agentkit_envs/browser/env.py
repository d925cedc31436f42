"""Any web page as a Gymnasium environment of texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, SupportsFloat

import gymnasium
from gymnasium.core import RenderFrame
from gymnasium.error import ResetNeeded

from agentkit_envs.browser.act.actions import GRAMMAR, grammar_text
from agentkit_envs.browser.act.grammar import GROUPS, USUAL
from agentkit_envs.browser.act.listed_actions import listed_actions
from agentkit_envs.browser.arguments import (
    checked_origins,
    folder,
    text_problems,
    window_problems,
)
from agentkit_envs.browser.client import BrowserClient, Turn
from agentkit_envs.browser.report import report
from agentkit_envs.browser.see.observation_text import describe
from agentkit_envs.browser.see.rendered_frames import as_array
from agentkit_envs.browser.see.view import View
from agentkit_envs.text import AnyText


class BrowserEnv(gymnasium.Env[str, str]):
    """Any web page: a real browser, seen and used in words, that reaches only what is allowed.

    ## Description
    Chromium opens the page `url`, and the player does there what a person can do: click, type,
    choose, scroll, go elsewhere, open tabs. Nothing outside the allow-list can be reached, by the
    player or by a page: the start page's origin, and what `allow` adds. Downloads are refused,
    permissions denied. Each episode begins with a browser that remembers nothing.

    ## Action Space
    Any text. An action is one call in BrowserGym's grammar, such as `click('e3')`; it is read,
    never evaluated. `info["grammar"]` lists all of them. Anything else changes nothing, and the
    observation says what was wrong.

    ## Observation Space
    A text: the goal, the last action and why it failed if it did, what happened besides (dialogs,
    new windows, refused requests), the address, the tabs, what changed, and the page as lines
    with the references that actions use. What comes from the page stands in quotes.
    `see.observation_reader.read` turns the text back into a `View`.

    ## Reward
    Always 0: nobody judges what was done on a page of any kind.

    ## Episode End
    `terminated`: an answer was sent with `send_msg_to_user`, or `report_infeasible` was given.
    `truncated`: `max_steps` actions, understood or not.

    ## Information
    - `actions` (list of str): actions that can be done now and need no words of the player's own:
      clicks, options of lists, tabs, scrolling; those on the first 100 elements. Many more texts
      are actions. At the end of the episode there are none.
    - `understood` (bool): whether the last text was an action; true after a reset.
    - `grammar` (str): every action with its parameters and an example; those at places of the
      window only with `image=True`.
    - `goal` (str): what to do.
    - `url` (str): the address of the active tab.
    - `title` (str): its title.
    - `origins` (list of str): the allow-list.
    - `error` (str): why the last action did nothing, or not all; empty if it worked.
    - `message` (str or None): the answer that was sent to the user.
    - `infeasible` (str or None): why the task was reported to be infeasible.
    - `refused` (list of str): what the allow-list kept out in this episode.
    - `decisions` (int): actions of this episode, understood or not.
    - `failed` (int): how many of them had an error.
    - `game_steps` (int): how many of them were understood.
    - `image` (uint8 array, height x width x 3): the window, black if the page does not let itself
      be shown; only there with `image=True`.

    ## Arguments
    - `url` (None): the address of the start page; it must be given.
    - `goal` (""): what to do there, in words.
    - `allow` (()): more origins that may be reached, such as `https://help.example`; also
      `https://*.example.org` for subdomains, `*` for every public address, and
      `file:///folder/` for the files of a folder. A list, or a text with spaces between.
    - `max_steps` (30): actions in an episode; None for no limit.
    - `action_timeout_s` (5.0): how long an action may take, and as long again reading the page.
    - `text_size` (8000): characters of an observation; what does not fit is left out, and the
      text says so.
    - `image` (False): whether `info` holds a picture of the window.
    - `marks` (False): whether the picture shows the references of the elements.
    - `viewport` ((1280, 720)): width and height of the window in pixels.
    - `uploads` (None): the folder whose files `upload_file` may give to pages; None for none.
    - `dialogs` ("dismiss"): or "accept": what is answered when a page asks.
    - `multi_action` (False): whether a text may be several actions, one after the other, as in
      BrowserGym; they count as one decision, and those after one that fails are not tried.
    - `render_mode` (None): `"human"` shows the window; `"rgb_array"` makes `render()` return a
      picture; `"rgb_array_list"` the pictures since the last call: the window before each action,
      with the element that it names marked, and after it.

    ## Seeds
    A page knows of no seed. If the pages do not change and take nothing from chance, the same
    actions give the same episode.

    ## Version
    - v1: Playwright's accessibility snapshot, BrowserGym's actions.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["human", "rgb_array", "rgb_array_list"],
        "render_fps": 1,
    }
    resumable = False
    """A page may have changed, and an order must not be sent twice: episodes start over."""

    def __init__(
        self,
        url: str | None = None,
        goal: str = "",
        allow: str | Sequence[str] = (),
        max_steps: int | None = 30,
        action_timeout_s: float = 5.0,
        text_size: int = 8000,
        image: bool = False,
        marks: bool = False,
        viewport: tuple[int, int] = (1280, 720),
        uploads: str | Path | None = None,
        dialogs: Literal["accept", "dismiss"] = "dismiss",
        multi_action: bool = False,
        render_mode: str | None = None,
    ) -> None:
        texts = text_problems(
            goal=goal,
            max_steps=max_steps,
            text_size=text_size,
            image=image,
            marks=marks,
            multi_action=multi_action,
        )
        window = window_problems(
            viewport=viewport,
            action_timeout_s=action_timeout_s,
            dialogs=dialogs,
            uploads=uploads,
            render_mode=render_mode,
        )
        self.allow = checked_origins(url, allow, [*texts, *window])
        self.url = str(url)
        self.goal = goal
        self.max_steps = max_steps
        self.text_size = text_size
        self.viewport = (viewport[0], viewport[1])
        # Places are of use only to those who see the picture.
        self.grammar = grammar_text(GROUPS if image else USUAL, several=multi_action)
        self.image = image
        self.marks = marks
        self.render_mode = render_mode
        self.action_space = AnyText([command.example for command in GRAMMAR.values()])
        self.observation_space = AnyText()
        self._view: View | None = None
        self._over = False
        self.client = BrowserClient(
            self.allow,
            viewport=self.viewport,
            action_timeout_s=action_timeout_s,
            dialogs=dialogs,
            uploads=folder(uploads),
            headless=render_mode != "human",
            film=render_mode == "rgb_array_list",
            multi_action=multi_action,
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Open the start page in a browser that remembers nothing.

        Raises:
            ConnectionError: No page opened.
        """
        super().reset(seed=seed)
        if options:
            raise ValueError(f"a browser has no options at reset, but got {options!r}")
        self._over = False
        self._decisions = self._failed = self._understood = 0
        self._view = None
        try:
            trouble = self.client.open(self.url)
        except ConnectionError as error:
            raise ConnectionError(f"no page opened at the start: {error}") from None
        return self._told(None, [f"At the start: {trouble}."] if trouble else [])

    def step(self, action: str) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]]:
        """Carry out an action text and show the page after it."""
        self._started()
        if not isinstance(action, str):
            raise TypeError(f"an action is a text such as \"click('e3')\", not {action!r}")
        if self._over:
            raise ResetNeeded("the episode is over: call reset() to start the next one")
        turn = self.client.act(action)
        self._decisions += 1
        self._understood += turn.last.understood
        self._failed += bool(turn.last.error)
        ended = turn.message is not None or turn.infeasible is not None
        truncated = not ended and self._steps_left() == 0
        self._over = ended or truncated
        observation, info = self._told(turn)
        return observation, 0.0, ended, truncated, info

    def parse_action(self, text: str) -> str:
        """Return the one spelling of the action that a text says, such as `click('e3')`.

        Raises:
            ValueError: It says none; with what was expected.
        """
        return self.client.parse(text)

    def render(self) -> RenderFrame | list[RenderFrame] | None:
        """The window, or the pictures since the last call; None without a picture mode."""
        self._started()
        if self.client.film is not None:
            return list(self.client.film.take())
        return as_array(self.client.picture()) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Close the page and what belongs to it; the browser ends with its last user."""
        self.client.close()
        self._view = None

    @staticmethod
    def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Answers, failed actions and what was refused, from the last `info` of each episode."""
        return report(infos)

    @property
    def view(self) -> View:
        """What the observation says now, as a value."""
        return self._started()

    def _started(self) -> View:
        if self._view is None:
            raise ResetNeeded("call reset() before anything else")
        return self._view

    def _steps_left(self) -> int | None:
        return None if self.max_steps is None else self.max_steps - self._decisions

    def _told(self, turn: Turn | None, notices: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
        """Look at the page; the observation and the info."""
        view = self.client.look(
            goal=self.goal,
            last=None if turn is None else turn.last,
            steps_left=self._steps_left(),
            boxes=True,
            thorough=True,
        )
        self._view = replace(view, notices=(*notices, *view.notices))
        self.client.shoot()
        return describe(self._view, self.text_size, self.viewport), self._info(self._view, turn)

    def _info(self, view: View, turn: Turn | None) -> dict[str, Any]:
        info: dict[str, Any] = {
            "actions": [] if self._over else listed_actions(view),
            "understood": turn is None or turn.last.understood,
            "grammar": self.grammar,
            "goal": self.goal,
            "url": view.url,
            "title": view.title,
            "origins": list(self.allow.origins),
            "error": "" if turn is None else turn.last.error,
            "message": None if turn is None else turn.message,
            "infeasible": None if turn is None else turn.infeasible,
            "refused": list(self.client.refused),
            "decisions": self._decisions,
            "failed": self._failed,
            "game_steps": self._understood,
        }
        if self.image:
            info["image"] = as_array(self.client.picture(marks=self.marks))
        return info
