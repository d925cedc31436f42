"""The spaces of an environment: agents read and write texts, and nothing else."""

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from agentkit.errors import InputError
from agentkit.program.display import short

if TYPE_CHECKING:
    import gymnasium


def check_spaces(name: str, env: "gymnasium.Env[Any, Any]", *, registered: bool = True) -> None:
    """Refuse an environment that says of itself that it speaks no text.

    A space that is not declared is trusted: what `reset` and `step` give is checked as well.

    Args:
        name: What the environment is called, for the message.
        env: The environment; it need not be reset.
        registered: Whether the name is an id, so that an agent's file can name it.

    Raises:
        InputError: Its actions or its observations are no texts.
    """
    spaces = {
        "actions": getattr(env, "action_space", None),
        "observations": getattr(env, "observation_space", None),
    }
    wrong = {what: space for what, space in spaces.items() if not _speaks_text(space)}
    if not wrong:
        return
    said = " and ".join(f"its {what} are {short(space, 160)}" for what, space in wrong.items())
    way = "give a function that returns Words(env)"
    if registered:
        in_a_file = f"env: {{id: agentkit/Words-v1, env: {name}}} in an agent's file"
        way = f"{in_a_file}, or Words(env) in Python"
    raise InputError(
        f"environment '{name}' does not speak text: {said}. agentkit_envs.words puts them into "
        f"words: {way}; docs/words.md says how values get names"
    )


def _speaks_text(space: Any) -> bool:
    """Whether the values of a space are texts; of a space of one's own, a drawn value tells."""
    from gymnasium import spaces

    if not isinstance(space, spaces.Space) or isinstance(space, spaces.Text):
        return True
    if type(space).__module__.startswith("gymnasium.spaces"):
        return False
    try:
        drawn = deepcopy(space).sample()  # the space's own chance stays as it was
    except Exception:  # one that cannot be drawn from says nothing
        return True
    return isinstance(drawn, str)
