"""What happens in a step or an episode, a line an event, for Python's `logging`.

A line has names, numbers and the classes of errors: no prompt, no answer, no value, no key, and no
text of an error, since that may quote them.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from agentkit import events
from agentkit.errors import ErrorText
from agentkit.messages import Completion, Usage
from agentkit.redaction import brief

LOG: Final = logging.getLogger("agentkit.run")
logging.getLogger("agentkit").addHandler(logging.NullHandler())

_UNHEARD: Final = logging.CRITICAL + 1
_DEBUG, _INFO, _WARNING, _ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

_OF_STEPS: Final[Mapping[type, tuple[int, str]]] = {
    events.StepStarted: (_DEBUG, "step_started step"),
    events.NodeStarted: (_DEBUG, "node_started step node item attempt model function"),
    events.NodeRetried: (
        _WARNING,
        "node_retried step node item attempt error latency_s waited_s reused completion",
    ),
    events.CallRetried: (_WARNING, "call_retried step node item attempt reason wait_s"),
    events.NodeFinished: (
        _DEBUG,
        "node_finished step node item attempt status latency_s waited_s reused completion",
    ),
    events.NodeSkipped: (_DEBUG, "node_skipped step node"),
    events.NodeFailed: (_ERROR, "node_failed step node item attempt error"),
    events.NodeCancelled: (_DEBUG, "node_cancelled step node because"),
    events.NodeAdded: (_DEBUG, "node_added step node by"),
    events.MemoryWritten: (_DEBUG, "memory_written step node key"),
    events.StepFinished: (_INFO, "step_finished step latency_s usage"),
    events.StepFailed: (_ERROR, "step_failed step failures usage"),
}
_OF_EPISODES: Final[Mapping[type, tuple[int, str]]] = {
    events.EpisodeStarted: (_INFO, "episode_started seed"),
    events.EpisodeResumed: (_INFO, "episode_resumed step seconds"),
    events.EnvironmentStepped: (_DEBUG, "environment_stepped step reward terminated truncated"),
    events.LimitReached: (_WARNING, "limit_reached step limit value"),
    events.EpisodeFinished: (
        _INFO,
        "episode_finished status reason steps reward seconds usage",
    ),
}
"""For each event its level, its name in the line, and the fields that are told."""

_WORD: Final = re.compile(r"""[^\s"=]*""")

Listener = Callable[[events.Event], None]


def step_log(agent: str, episode: int) -> Listener | None:
    """What logs the events of a step; None while nobody listens."""
    return _listener(_OF_STEPS, agent, episode)


def episode_log(agent: str, episode: int) -> Listener | None:
    """What logs the events of an episode that do not belong to a step."""
    return _listener(_OF_EPISODES, agent, episode)


def _listener(told: Mapping[type, tuple[int, str]], agent: str, episode: int) -> Listener | None:
    lowest = _lowest()
    if lowest == _UNHEARD:
        return None

    def listen(event: events.Event) -> None:
        kind = type(event)
        if kind not in told:
            return
        level, fields = told[kind]
        level = _exact_level(event, level)
        if level >= lowest:
            name, *names = fields.split()
            if isinstance(event, events.StepFailed) and not event.failures:
                name = "step_stopped"
            values = {"agent": one_word(agent), "episode": episode}
            for field in names:
                values |= _shown(field, getattr(event, field))
            LOG.log(
                level, "%s %s", name, " ".join(f"{k}={v}" for k, v in values.items() if v != "")
            )

    return listen


def _lowest() -> int:
    """The lowest level that somebody hears."""
    logger: logging.Logger | None = LOG
    while logger is not None:
        for handler in logger.handlers:
            if not isinstance(handler, logging.NullHandler):
                return LOG.getEffectiveLevel()
        logger = logger.parent if logger.propagate else None
    return _UNHEARD


def _exact_level(event: events.Event, level: int) -> int:
    """A step that was stopped did not fail, and an episode may have."""
    if isinstance(event, events.StepFailed) and not event.failures:
        return _INFO
    if isinstance(event, events.EpisodeFinished) and event.status == "failed":
        return _ERROR
    return level


def _shown(field: str, value: Any) -> dict[str, Any]:
    """A field as the line shows it; what is not there is left out."""
    match value:
        case None | "":
            return {}
        case Completion():
            return _shown("usage", value.usage)
        case Usage():
            return {
                "calls": value.calls,
                "input_tokens": value.input_tokens,
                "cached_tokens": value.cached_tokens,
                "output_tokens": value.output_tokens,
                **_shown("cost_usd", value.cost_usd),
            }
        case float():
            return {field: f"{value:.6g}"}
        case Mapping():
            return {field: ",".join(value)}
        case ErrorText():
            return {field: value.kind}
        case str() if field == "error":
            return {}
        case str() if field == "reason":
            return {field: f'"{own_words(value)}"'}
        case str():
            return {field: one_word(value)}
    return {field: value}


def one_word(text: str) -> str:
    """A name as it stands in a line; one with spaces or other characters is quoted and escaped."""
    return text if _WORD.fullmatch(text) and text.isprintable() else json.dumps(text)


def own_words(reason: str) -> str:
    """What AgentKit says of a server's error, without the words of the server after it."""
    return brief(reason.partition(": ")[0])
