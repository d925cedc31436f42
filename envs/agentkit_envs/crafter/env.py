"""Crafter as a Gymnasium environment of texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, SupportsFloat

import gymnasium
from gymnasium.error import ResetNeeded

from agentkit.environments.estimates import Estimate
from agentkit_envs.checks import one_of, pair, refuse, true_or_false, whole
from agentkit_envs.crafter.actions import ACTIONS, canonical, parse_action, suggestion, tidy
from agentkit_envs.crafter.execution import Outcome, carry_out
from agentkit_envs.crafter.landmarks import Landmarks
from agentkit_envs.crafter.observation_text import describe
from agentkit_envs.crafter.report import report
from agentkit_envs.crafter.scene import LastAction, Scene
from agentkit_envs.crafter.scene_builder import changes, look
from agentkit_envs.crafter.world import Game, Image
from agentkit_envs.text import AnyText

LEAST, MOST = 9, 4096
"""Sides of the world in cells, and of the picture in pixels."""


class CrafterEnv(gymnasium.Env[str, str]):
    """Crafter, an open world of gathering, building and surviving, played in words.

    ## Description
    The player stands in a world of grass, forest, mountains, caves and water, seen from above.
    Eating, drinking and sleeping keep the player alive; zombies, skeletons and lava do not. There
    are 22 achievements, from collecting wood to mining a diamond. The game itself is the
    `crafter` package with its rules unchanged; this class turns it into words and makes it
    reproducible.

    ## Action Space
    Any text; `info["actions"]` lists the 17 legal ones. A number repeats an action:
    `move_left 3`, `do 5`, `sleep 100`. Case, quotes and a full stop do not matter. A repeat stops
    early when going on would have no effect (blocked, the thing is gone, the item is full), when
    health fell, when a zombie, skeleton or arrow newly comes within 3 steps, before lava, on
    waking up, and at the end of the episode. A text that is no action costs no game step: the
    observation says so and lists the actions.

    ## Observation Space
    A text made from the 9 x 7 cells around the player and nothing beyond them: what is faced,
    vitals, inventory, what became of the last action and why, what changed, the achievements so
    far, the nearest thing of each kind, and the view as a labelled grid.
    `observation_reader.read` turns it back into a `Scene`. At night and asleep the picture is
    dark, the text is as complete as ever.

    ## Reward
    As in Crafter: 1 in each game step that unlocks an achievement, and 0.1 for each point of
    health won or lost. The rewards of repeats are added up.

    ## Episode End
    `terminated`: health is 0. `truncated`: `length` game steps have passed.

    ## Information
    - `actions` (list of str): the legal actions, without numbers.
    - `game_steps` (int): game steps since the episode began.
    - `achievements` (dict of str to int): how often each achievement was made.
    - `inventory` (dict of str to int): what is carried, and health, food, drink and energy.
    - `understood` (bool): whether the last text was an action; true after a reset.
    - `image` (uint8 array, height x width x 3): the picture; only there with `image=True`.

    ## Arguments
    - `area` ((64, 64)): columns and rows of the world.
    - `length` (10000): game steps in an episode; None for no limit.
    - `grid` (True): whether the observation shows the view as a grid.
    - `remember_map` (False): whether it lists landmarks seen earlier that are out of view now.
    - `image` (False): whether `info` holds the picture.
    - `size` ((288, 288)): width and height of the picture; 9 x 9 cells fit in it.
    - `repeats` (100): how often one action text can repeat an action; more is cut to this.
    - `render_mode` (None): `"rgb_array"` makes `render()` return the picture.

    `area=(256, 256), length=None` is the variant of the AgentKit paper.

    ## Seeds
    `reset(seed=s)` starts the world that `crafter.Env(seed=s)` starts with; each later `reset()`
    starts the next one of that seed. The same seed and actions give the same episode, in every
    process, however often the picture is drawn.

    ## Version
    - v1: `crafter` 1.8.3 in words.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    resumable = True
    """The same seed and actions rebuild an episode."""

    def __init__(
        self,
        area: tuple[int, int] = (64, 64),
        length: int | None = 10000,
        grid: bool = True,
        remember_map: bool = False,
        image: bool = False,
        size: tuple[int, int] = (288, 288),
        repeats: int = 100,
        render_mode: str | None = None,
    ) -> None:
        refuse(
            [
                pair("area", area, LEAST, "columns and rows of the world", MOST),
                whole("length", length, 1, "no limit"),
                true_or_false("grid", grid),
                true_or_false("remember_map", remember_map),
                true_or_false("image", image),
                pair("size", size, LEAST, "width and height of the picture", MOST),
                whole("repeats", repeats, 1),
                None if render_mode is None else one_of("render_mode", render_mode, ["rgb_array"]),
            ]
        )
        self.area = area[0], area[1]
        self.size = size[0], size[1]
        self.length = length
        self.repeats = repeats
        self.grid = grid
        self.image = image
        self.render_mode = render_mode
        self.action_space = AnyText(ACTIONS)
        self.observation_space = AnyText()
        self._remember_map = remember_map
        self._game: Game | None = None
        self._scene: Scene | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode: the first of `seed`, or without one the next of the seed before."""
        super().reset(seed=seed)
        if options:
            raise ValueError(f"Crafter has no options at reset, but got {options!r}")
        if self._game is None:
            self._game = Game(self.area, self.size)
            seed = int(self.np_random.integers(2**31 - 1)) if seed is None else seed
        self._game.reset(seed)
        self._over = False
        self._landmarks = Landmarks(self.area) if self._remember_map else None
        self._see()
        self._scene = self._with_landmarks(look(self._game))
        return describe(self._scene, grid=self.grid), self._info(self._game, understood=True)

    def step(self, action: str) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]]:
        """Carry out an action text and say what came of it."""
        game, scene = self._started()
        if not isinstance(action, str):
            raise TypeError(f"an action is a text such as 'move_left 3', not {action!r}")
        if self._ended():
            raise ResetNeeded("the episode is over: call reset() to start the next one")
        command = parse_action(action)
        if command is None:
            last = LastAction(tidy(action), times=0, worked=False, why=suggestion(action))
            self._scene = replace(scene, moved=(0, 0), last=last, changes=())
            reward = 0.0
        else:
            command = replace(command, times=min(command.times, self.repeats))
            start = game.position
            outcome = carry_out(game, scene, command, self._ended, self._see)
            self._scene = self._told(scene, outcome, tidy(action), start)
            reward = outcome.reward
        text = describe(self._scene, grid=self.grid)
        info = self._info(game, understood=command is not None)
        return text, reward, game.dead, self._truncated(), info

    def parse_action(self, text: str) -> str:
        """Return the one spelling of the action that a text says, such as `move_left 3`.

        Raises:
            ValueError: It says none; with what was expected.
        """
        return canonical(text)

    def render(self) -> Image | None:
        """The picture, (height, width, 3), with `render_mode="rgb_array"`; else None."""
        game, _ = self._started()
        return game.picture() if self.render_mode == "rgb_array" else None

    @staticmethod
    def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str | Estimate]:
        """Achievements and scores of episodes, from the last `info` of each."""
        return report(infos)

    @property
    def game(self) -> Game:
        """The game behind the words, for researchers; an agent must not look at it."""
        return self._started()[0]

    @property
    def scene(self) -> Scene:
        """What the last observation says, as a value."""
        return self._started()[1]

    def _started(self) -> tuple[Game, Scene]:
        if self._game is None or self._scene is None:
            raise ResetNeeded("call reset() before anything else")
        return self._game, self._scene

    def _ended(self) -> bool:
        return self._game is not None and (self._game.dead or self._truncated())

    def _truncated(self) -> bool:
        steps = 0 if self._game is None else self._game.steps
        return self.length is not None and steps >= self.length

    def _see(self) -> None:
        if self._landmarks is not None and self._game is not None:
            self._landmarks.see(self._game)

    def _with_landmarks(self, scene: Scene) -> Scene:
        if self._landmarks is None or self._game is None:
            return scene
        return replace(scene, landmarks=self._landmarks.around(self._game.position))

    def _told(self, before: Scene, outcome: Outcome, text: str, start: tuple[int, int]) -> Scene:
        x, y = self.game.position
        return replace(
            self._with_landmarks(outcome.scene),
            moved=(x - start[0], y - start[1]),
            last=LastAction(text, outcome.times, outcome.worked, outcome.why),
            changes=changes(before, outcome.scene),
        )

    def _info(self, game: Game, *, understood: bool) -> dict[str, Any]:
        info: dict[str, Any] = {
            "actions": list(ACTIONS),
            "game_steps": game.steps,
            "achievements": dict(game.player.achievements),
            "inventory": dict(game.player.inventory),
            "understood": understood,
        }
        if self.image:
            info["image"] = game.picture()
        return info
