"""How people see the environments of a run: in a window, as pictures, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from agentkit.agent import Agent
from agentkit.environments.make import call_env, check_env_id, make_env
from agentkit.errors import InputError, advice
from agentkit.plugins import env_creator


@dataclass(frozen=True, slots=True)
class RenderTarget:
    """How people see an environment."""

    render_mode: str | None = None
    """What it is made with; None: what its arguments say."""
    folder: Path | None = None
    """The folder of the run, where its pictures are kept; None: nowhere."""


NOT_RENDERED: Final = RenderTarget()
"""Nothing is rendered."""
_PICTURES: Final = ("rgb_array_list", "rgb_array")
"""The render modes that give pictures; the first has those between two steps too."""


def in_a_window(agent: Agent) -> RenderTarget:
    """A window for each environment of the agent.

    Raises:
        InputError: It has no environment, or one that opens no window.
    """
    show = advice("show=True", "--show")
    env_id, modes = _modes(agent, show)
    if "human" in modes:
        return RenderTarget("human")
    other = f". {_record()} keeps pictures of it" if set(modes) & set(_PICTURES) else ""
    raise InputError(
        f"{show}: environment '{env_id}' opens no window: it needs the render mode 'human', and "
        f"has {', '.join(modes) or 'none'}{other}"
    )


def as_pictures(agent: Agent, folder: Path) -> RenderTarget:
    """Pictures of each environment of the agent, in the folder of a run.

    Raises:
        InputError: It has no environment, or one that gives no pictures, or Pillow is missing.
    """
    record = _record()
    env_id, modes = _modes(agent, record)
    mode = next((mode for mode in _PICTURES if mode in modes), None)
    if mode is None:
        raise InputError(
            f"{record}: environment '{env_id}' gives no pictures: it needs the render mode "
            f"'rgb_array' or 'rgb_array_list', and has {', '.join(modes) or 'none'}"
        )
    if find_spec("PIL") is None:
        raise InputError(f"{record} needs Pillow, which is not installed: pip install pillow")
    return RenderTarget(mode, folder)


def _record() -> str:
    return advice("record=True", "--record")


def _metadata(agent: Agent) -> Any:
    with closing(make_env(agent)) as env:
        return env.metadata


def _modes(agent: Agent, option: str) -> tuple[str, list[str]]:
    """The agent's environment, and the render modes that its class says it has."""
    if agent.env is None:
        raise InputError(f"{option} needs an environment, and {agent.name} has none")
    env_id = agent.env.id
    creator: Any = agent.env.make
    if creator is None:
        env_id = check_env_id(env_id)
        creator = env_creator(env_id)
    metadata = getattr(getattr(creator, "func", creator), "metadata", None)
    if agent.env.make is not None and metadata is None:  # only what a function gives can tell
        with ThreadPoolExecutor(1) as thread:
            metadata = thread.submit(call_env, partial(_metadata, agent)).result()
    modes = metadata.get("render_modes") if isinstance(metadata, dict) else None
    return env_id, [str(mode) for mode in modes or ()]
