"""Environments: made by id, run on a thread, and what they say of themselves."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakValueDictionary

from agentkit.environments.failure import env_error, refuses
from agentkit.environments.spaces import check_spaces
from agentkit.errors import AgentKitError, InputError
from agentkit.outputs.action import ParseAction
from agentkit.plugins import broken_envs, env_creator, missing_package, registered_id, unknown_env
from agentkit.program.argument_kinds import wrong_kind

if TYPE_CHECKING:
    import gymnasium

    from agentkit.agent import Agent
    from agentkit.environments.estimates import Estimate

T = TypeVar("T")

CUT_OFF: Final = "cut_off"
"""In the `info` of an episode for `report`: it might have gone on."""


def check_env_id(env_id: str) -> str:
    """Return the id that Gymnasium has for an environment.

    Raises:
        InputError: Nobody registered it, or its module is not imported.
    """
    import gymnasium

    env_id = registered_id(env_id)
    if env_id in gymnasium.registry:
        return env_id
    lines = [unknown_env(env_id), *broken_envs().values()]
    raise InputError("\n".join(lines))


def make_env(agent: "Agent", render_mode: str | None = None) -> "gymnasium.Env[Any, Any]":
    """The agent's environment, with its arguments filled in.

    Args:
        agent: The agent.
        render_mode: How it is shown, in place of what its arguments say.

    Raises:
        InputError: It is unknown, a package it needs is missing, or it refuses its arguments.
    """
    from agentkit.env_spec import env_arguments

    if agent.env is None:
        raise InputError(f"{agent.name} has no environment")
    make = agent.env.make
    env_id = agent.env.id if make is not None else check_env_id(agent.env.id)
    arguments = env_arguments(agent.env, agent.inputs)
    if render_mode is not None:
        arguments["render_mode"] = render_mode
    return open_env(env_id, arguments, make)


def open_env(
    env_id: str, arguments: Mapping[str, Any], make: Callable[..., Any] | None = None
) -> "gymnasium.Env[Any, Any]":
    """Make an environment with these arguments.

    Args:
        env_id: The id it is registered under, or what `make` is called in messages.
        arguments: Its arguments.
        make: The class or function of a program that makes it; None: it is registered.

    Raises:
        InputError: A package it needs is missing, it refuses its arguments, or speaks no text; or
            `make` gives something else than a new environment.
        EnvError: Its constructor has a fault.
    """
    import gymnasium

    env: gymnasium.Env[Any, Any]
    try:
        if make is not None:
            env = make(**arguments)
        else:
            env = gymnasium.make(env_id, disable_env_checker=True, **arguments)
    except ImportError as error:
        if make is not None:
            raise env_error(error) from error
        module = str(gymnasium.spec(env_id).entry_point).partition(":")[0]
        raise missing_package(f"environment '{env_id}'", module, error) from error
    except AgentKitError:
        raise
    except Exception as error:
        refusal = isinstance(error, (TypeError, ValueError, gymnasium.error.Error))
        if refusal and refuses(error):
            raise InputError(f"environment '{env_id}': {error}") from error
        raise env_error(error) from error
    if make is not None:
        _check_new(env_id, env)
    try:
        check_spaces(env_id, env, registered=make is None)
    except InputError:
        env.close()
        raise
    return env


_given: Final[WeakValueDictionary[int, "gymnasium.Env[Any, Any]"]] = WeakValueDictionary()
"""The environments that factories gave, by their identity."""
_giving: Final = Lock()


def _check_new(name: str, env: Any) -> None:
    """Refuse what a factory gave that is no environment, or not a new one."""
    import gymnasium

    if not isinstance(env, gymnasium.Env):
        raise InputError(f"environment '{name}': {wrong_kind(env, 'a gymnasium.Env')}")
    with _giving:
        again = _given.get(id(env)) is env
        _given[id(env)] = env
    if again:
        raise InputError(
            f"environment '{name}' is the one that another episode had: return a new one each time"
        )


class EnvThread:
    """A thread that environments run on: browsers and simulators block, and want one thread.

    Unlike the threads of an executor, one that is stuck does not keep the process from ending.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        Thread(target=self._work, name="environment", daemon=True).start()

    def call(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Call a function after those before it; its result, or an EnvError, can be awaited."""
        future: Future[T] = Future()
        self._calls.put((future, function))
        return asyncio.wrap_future(future)

    def close(self) -> None:
        """End the thread once its calls are done; nothing waits for that."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except AgentKitError as error:
                future.set_exception(error)
            except BaseException as error:  # SystemExit too: a simulator ends only its episode
                future.set_exception(env_error(error))


def call_env(question: Callable[[], T]) -> T:
    """What an environment answers.

    Raises:
        EnvError: It raised something that is none of our errors.
    """
    try:
        return question()
    except AgentKitError:
        raise
    except Exception as error:
        raise env_error(error) from error


def describe_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """What of an environment's info is recorded: everything but arrays (pictures)."""
    return {key: value for key, value in info.items() if not hasattr(value, "ndim")}


def action_parser(env: "gymnasium.Env[Any, Any]") -> ParseAction | None:
    """The method `parse_action` of an environment, or of what is around it; None without one."""
    try:
        method = env.get_wrapper_attr("parse_action")
    except AttributeError:
        return None
    return method if callable(method) else None


def env_report(env_id: str, infos: Sequence[Mapping[str, Any]]) -> "dict[str, str | Estimate]":
    """What an environment says of episodes that were played, from the last `info` of each.

    An environment's class may have a static method `report(infos)` that returns, by label, texts
    and numbers (`Estimate`), such as a score; without one this is empty. An episode that was
    interrupted, or ended by a limit of the whole run, has `cut_off` in its `info`: it might have
    gone on.

    Raises:
        InputError: A package that the environment needs is missing.
    """
    report = getattr(env_creator(registered_id(env_id)), "report", None)
    return {} if report is None else dict(report(list(infos)))
