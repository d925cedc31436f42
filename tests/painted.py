"""Environments that can be seen: each paints what it is asked, in colours that a test can read."""

from typing import Any

import gymnasium
import numpy as np

SIZE = (40, 60)
"""Height and width of a picture."""


class Painted(gymnasium.Env[str, str]):
    """Five steps to the east; each picture has the brightness of its place."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012
    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(200)
    resumable = True

    def __init__(self, length: int = 5, render_mode: str | None = None) -> None:
        self.length = length
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = 0
        return self._text(), self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.place += action == "east"
        there = self.place >= self.length
        return self._text(), float(there), there, False, self._info()

    def render(self) -> Any:
        return None if self.render_mode is None else painted(10 * self.place)

    def _text(self) -> str:
        return f"You are at {self.place} of {self.length}."

    def _info(self) -> dict[str, Any]:
        return {"actions": ["east", "west"], "understood": True}


class Drawn(Painted):
    """Gives two pictures a step: what it is about to do, and what became of it."""

    metadata = {"render_modes": ["rgb_array", "rgb_array_list"]}  # noqa: RUF012

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        beginning = super().reset(seed=seed)
        self.drawn = [painted(0)]
        return beginning

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.drawn.append(painted(10 * self.place + 5))
        outcome = super().step(action)
        self.drawn.append(painted(10 * self.place))
        return outcome

    def render(self) -> Any:
        drawn, self.drawn = self.drawn, []
        return drawn


class Forgetful(Painted):
    """Cannot be brought back to where it was."""

    resumable = False


class Windowed(Painted):
    """Says in its observation whether a window is open."""

    metadata = {"render_modes": ["human"]}  # noqa: RUF012

    def _text(self) -> str:
        return f"{super()._text()} Seen as {self.render_mode}."


class Screenless(Windowed):
    """Has a window, but finds no screen for it."""

    def __init__(self, length: int = 5, render_mode: str | None = None) -> None:
        if render_mode == "human":
            raise ValueError("there is no screen here: DISPLAY is not set")
        super().__init__(length, render_mode)


class Blank(Painted):
    """Promises pictures and gives none."""

    def render(self) -> Any:
        return None


def painted(brightness: int) -> Any:
    """A picture of one colour."""
    return np.full((*SIZE, 3), brightness, np.uint8)


def register() -> None:
    """Let Gymnasium know them."""
    for kind in (Painted, Drawn, Forgetful, Windowed, Screenless, Blank):
        if (env_id := f"test/{kind.__name__}-v0") not in gymnasium.registry:
            gymnasium.register(env_id, kind)
