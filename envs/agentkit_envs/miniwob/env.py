"""MiniWoB++ as a Gymnasium environment of texts."""

from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

import gymnasium
from gymnasium.core import RenderFrame
from gymnasium.error import ResetNeeded

from agentkit.environments.estimates import Estimate
from agentkit_envs.browser.act.actions import ActionError, grammar_text
from agentkit_envs.browser.arguments import text_problems, window_problems
from agentkit_envs.browser.client import BrowserClient, Turn
from agentkit_envs.browser.see.observation_text import describe
from agentkit_envs.browser.see.rendered_frames import Picture, as_array, black
from agentkit_envs.browser.see.view import LastAction, View
from agentkit_envs.checks import refuse
from agentkit_envs.miniwob.page_server import pages_folder
from agentkit_envs.miniwob.report import report
from agentkit_envs.miniwob.task_actions import COMMANDS, HOLDING, listed, read_action
from agentkit_envs.miniwob.task_page import (
    MOST_MS,
    STEP_MS,
    Beginning,
    Settings,
    State,
    TaskPage,
    give_back,
    take_page,
)
from agentkit_envs.miniwob.task_view import as_shown
from agentkit_envs.miniwob.tasks import WINDOW, chosen_tasks, window_of
from agentkit_envs.text import AnyText


class MiniWoBEnv(gymnasium.Env[str, str]):
    """MiniWoB++: small tasks on web pages, in a real browser, used in words.

    ## Description
    A page of 160 x 210 pixels shows a form, a list, a mailbox, a drawing; a goal in one sentence
    says what to do there (Liu et al. 2018, https://arxiv.org/abs/1802.08802). The pages are those
    of the Python package `miniwob`, served on loopback to Chromium. Their clock stands still
    while the player thinks: it goes on by half a second after each action, and by `wait_ms` in
    `noop(wait_ms)`, a minute at most, so that nothing depends on how fast the machine or the
    model is. The time limits of the tasks (7 to 60 seconds) are out of reach.

    ## Action Space
    Any text. An action is one call in BrowserGym's grammar, such as `click('e3')`; it is read,
    never evaluated. `info["grammar"]` lists those that there are: on elements, with the mouse and
    the keyboard at places, `noop` and `report_infeasible`. A task is one page, so there is no
    address to go to and no tab to open. Anything else changes nothing, and the observation says
    what was wrong.

    ## Observation Space
    A text: the goal, the last action and why it failed if it did, what changed, and the page as
    lines with the references that actions use. What comes from the page stands in quotes. Icons,
    coloured boxes and shapes have no words, so they are named by what their markup says: class
    and id, colour, size and centre in pixels. What can be pressed is a button or clickable.
    `agentkit_envs.browser.see.observation_reader.read` turns the text back into a `View`.

    ## Reward
    0, and at the end what the page gives: from -1 to 1, without its discount for time, parts of 1
    for parts of some tasks. A success is a reward above 0, as in BrowserGym.

    ## Episode End
    `terminated`: the page says that the task is over; the player says `report_infeasible`; or the
    page was left, loaded again or does not answer any more, which loses the task. `truncated`:
    `max_steps` actions, understood or not.

    ## Information
    - `actions` (list of str): actions that can be done now and need no words of the player's own:
      clicks, options of lists, scrolling. Many more texts are actions. At the end of the episode
      there are none.
    - `understood` (bool): whether the last text was an action; true after a reset.
    - `grammar` (str): every action with its parameters and an example.
    - `task` (str): the name of the task.
    - `tasks` (int): how many the argument `task` names.
    - `task_seed` (int): which of its variants this is.
    - `goal` (str): what to do.
    - `fields` (dict or None): the parts of the goal by name, where the page tells them.
    - `error` (str): why the last action did nothing, or not all; empty if it worked.
    - `infeasible` (str or None): why the task was reported to be infeasible.
    - `left` (bool): whether the page of the task was left, or does not answer any more.
    - `score` (float or None): the page's reward, once it has said that the task is over.
    - `success` (bool): whether that is above 0.
    - `reason` (str): why, where the page says so.
    - `decisions` (int): actions of this episode, understood or not.
    - `failed` (int): how many of them had an error.
    - `game_steps` (int): how many of them were understood.
    - `image` (uint8 array, height x width x 3): the window, black if the page does not let itself
      be shown; only there with `image=True`.

    ## Arguments
    - `task` ("benchmark"): the name of a task such as "click-test"; a group: "benchmark" (the 125
      tasks that others report results on), "expert" (those with a rule of the expert), "timed",
      "flight" or "all" (134); or several of these, as a list or as a text with commas between.
    - `max_steps` (30): actions in an episode; None for no limit. BrowserGym's runs have 10.
    - `action_timeout_s` (5.0): how long an action may take, in real seconds, and as long again
      reading the page.
    - `text_size` (8000): characters of an observation; what does not fit is left out, and the
      text says so.
    - `image` (False): whether `info` holds a picture of the window, 500 x 420 pixels (600 x
      700 for flights).
    - `marks` (False): whether the picture shows the references of the elements.
    - `render_mode` (None): `"human"` shows the window; `"rgb_array"` makes `render()` return a
      picture; `"rgb_array_list"` the pictures since the last call: the window before each action,
      with the element that it names marked, and after it.

    ## Seeds
    With n tasks, `reset(seed=s)` plays task number s % n with the variant s // n of its page: as
    many episodes as tasks play each of them once. A later `reset()` takes the next seed; a first
    one without a seed takes any. The same seed and actions give the same episode, in any process.

    ## Version
    - v1: the pages of `miniwob` 1.1, Playwright's accessibility snapshot, BrowserGym's actions.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["human", "rgb_array", "rgb_array_list"],
        "render_fps": 1,
    }
    resumable = True
    """The same seed and actions rebuild an episode."""

    def __init__(
        self,
        task: str | Sequence[str] = "benchmark",
        max_steps: int | None = 30,
        action_timeout_s: float = 5.0,
        text_size: int = 8000,
        image: bool = False,
        marks: bool = False,
        render_mode: str | None = None,
    ) -> None:
        self.tasks = _checked_tasks(
            task,
            [
                *text_problems(
                    goal="", max_steps=max_steps, text_size=text_size, image=image, marks=marks
                ),
                *window_problems(
                    viewport=WINDOW,
                    action_timeout_s=action_timeout_s,
                    dialogs="accept",
                    uploads=None,
                    render_mode=render_mode,
                ),
            ],
        )
        pages_folder()
        self.max_steps = max_steps
        self.text_size = text_size
        self.image = image
        self.marks = marks
        self.render_mode = render_mode
        self.grammar = grammar_text(COMMANDS)
        self.action_space = AnyText([command.example for command in COMMANDS.values()])
        self.observation_space = AnyText()
        self._action_timeout_s = action_timeout_s
        self._number: int | None = None
        self._task = self.tasks[0]
        self._seed = 0
        self._beginning = Beginning("", None)
        self._state: State | None = None
        self._decisions = self._failed = self._understood = 0
        self._over = False
        self._page: TaskPage | None = None
        self._held = False
        self._view: View | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a task: the one of the seed, or without a seed the next one."""
        super().reset(seed=seed)
        if options:
            raise ValueError(f"a task has no options at reset, but got {options!r}")
        self._number = self._next_number(seed)
        self._task = self.tasks[self._number % len(self.tasks)]
        self._seed = self._number // len(self.tasks)
        self._decisions = self._failed = self._understood = 0
        self._over = False
        self._state = self._view = None
        page = self._page_of(self._task)
        self._held = False
        self._beginning = page.begin(self._task, self._seed)
        return self._told(page, None)

    def step(self, action: str) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]]:
        """Carry out an action text, and show the page after it."""
        page, _ = self._started()
        if not isinstance(action, str):
            raise TypeError(f"an action is a text such as \"click('e3')\", not {action!r}")
        if self._over:
            raise ResetNeeded("the episode is over: call reset() to start the next one")
        turn, wait_ms = self._act(page, action)
        self._state = page.wait(wait_ms)
        self._decisions += 1
        self._understood += turn.last.understood
        self._failed += bool(turn.last.error)
        terminated = self._state is None or self._state.done or turn.infeasible is not None
        truncated = not terminated and self._steps_left() == 0
        self._over = terminated or truncated
        observation, info = self._told(page, turn)
        return observation, info["score"] or 0.0, terminated, truncated, info

    def parse_action(self, text: str) -> str:
        """Return the one spelling of the action that a text says, such as `click('e3')`.

        Raises:
            ValueError: It says none that a task takes; with what was expected.
        """
        return str(read_action(text))

    def render(self) -> RenderFrame | list[RenderFrame] | None:
        """The window, or the pictures since the last call; None without a picture mode."""
        page, _ = self._started()
        if page.client.film is not None:
            return list(page.client.film.take())
        return self._picture(page) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Let the page go; the browser ends with its last user."""
        self._let_go()
        self._view = None

    @staticmethod
    def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str | Estimate]:
        """Success rate and mean reward, from the last `info` of each episode."""
        return report(infos)

    @property
    def client(self) -> BrowserClient:
        """The browser behind the words, for researchers; an agent must not look at it."""
        return self._started()[0].client

    @property
    def view(self) -> View:
        """What the observation says now, as a value."""
        return self._started()[1]

    def _page_of(self, task: str) -> TaskPage:
        """A page for a task: the one that there is, unless it must be another."""
        settings = Settings(
            window_of(task),
            self._action_timeout_s,
            headless=self.render_mode != "human",
            film=self.render_mode == "rgb_array_list",
        )
        if self._page is not None and (self._held or self._page.settings != settings):
            self._let_go()
        if self._page is None:
            self._page = take_page(settings)
        return self._page

    def _let_go(self) -> None:
        """A key or button that is held would be held in the next episode too."""
        page, self._page = self._page, None
        if page is not None:
            give_back(page, clean=not self._held)

    def _next_number(self, seed: int | None) -> int:
        if seed is not None:
            return seed
        if self._number is None:
            return int(self.np_random.integers(1000 * len(self.tasks)))
        return self._number + 1

    def _started(self) -> tuple[TaskPage, View]:
        if self._page is None or self._view is None:
            raise ResetNeeded("call reset() before anything else")
        return self._page, self._view

    def _steps_left(self) -> int | None:
        return None if self.max_steps is None else self.max_steps - self._decisions

    def _act(self, page: TaskPage, text: str) -> tuple[Turn, float]:
        """What became of an action text, and how far the page's clock goes on after it."""
        try:
            action = read_action(text)
        except ActionError as error:
            return Turn(LastAction(text, str(error), understood=False)), 0
        self._held = self._held or action.name in HOLDING
        if action.name == "noop":
            page.client.shoot()
            wait_ms = action.number("wait_ms")
            trouble = f"it waited {MOST_MS:,} ms, the most at once" if wait_ms > MOST_MS else ""
            return Turn(LastAction(text, trouble)), min(wait_ms, MOST_MS)
        return page.client.act(text), STEP_MS

    def _told(self, page: TaskPage, turn: Turn | None) -> tuple[str, dict[str, Any]]:
        """Look at the page; the observation and the info."""
        view = page.client.look(
            goal=self._beginning.goal,
            last=None if turn is None else turn.last,
            steps_left=self._steps_left(),
            boxes=True,
        )
        self._view = as_shown(view, self._task)
        page.client.shoot()
        window = page.settings.window
        return describe(self._view, self.text_size, window), self._info(page, self._view, turn)

    def _info(self, page: TaskPage, view: View, turn: Turn | None) -> dict[str, Any]:
        state = self._state
        score = state.reward if state is not None and state.done else None
        info: dict[str, Any] = {
            "actions": [] if self._over else listed(view),
            "understood": turn is None or turn.last.understood,
            "grammar": self.grammar,
            "task": self._task,
            "tasks": len(self.tasks),
            "task_seed": self._seed,
            "goal": self._beginning.goal,
            "fields": self._beginning.fields,
            "error": "" if turn is None else turn.last.error,
            "infeasible": None if turn is None else turn.infeasible,
            "left": turn is not None and state is None,
            "score": score,
            "success": score is not None and score > 0,
            "reason": "" if state is None else state.reason,
            "decisions": self._decisions,
            "failed": self._failed,
            "game_steps": self._understood,
        }
        if self.image:
            info["image"] = self._picture(page, marks=self.marks)
        return info

    def _picture(self, page: TaskPage, *, marks: bool = False) -> Picture:
        """The window; all black if the page does not let itself be shown."""
        file = page.client.picture(marks=marks)
        return black(page.settings.window) if file is None else as_array(file)


def _checked_tasks(task: str | Sequence[str], others: Sequence[str | None]) -> tuple[str, ...]:
    try:
        tasks = chosen_tasks(task)
    except ValueError as error:
        refuse([str(error), *others])
        raise
    refuse(others)
    return tasks
