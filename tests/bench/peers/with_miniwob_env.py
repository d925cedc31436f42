"""Our environment, with everything that it does."""

from typing import Any

from agentkit_envs.miniwob.env import MiniWoBEnv
from browser_worker import Player, serve


class Ours(Player):
    def __init__(self) -> None:
        self._envs: dict[str, MiniWoBEnv] = {}

    def reset(self, task: str, seed: int) -> Any:
        for name in [name for name in self._envs if name != task]:
            self._envs.pop(name).close()
        self._env = self._envs.setdefault(task, MiniWoBEnv(task))
        return self._env.reset(seed=seed)

    def find(self, css: str, role: str) -> str:
        return next(e.ref or "" for e in self._env.view.elements if e.role == role and e.ref)

    def step(self, action: str, element: str) -> Any:
        return self._env.step(f"{action}('{element}')")


serve(Ours(), "")
