"""An exception of an environment, as an error that says where in whose code it was raised."""

import linecache
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agentkit.errors import EnvError
from agentkit.redaction import masked, words_of

_FRAMES: Final = 12
"""The innermost calls that are shown of each exception."""
_CAUSES: Final = 3
"""The exceptions behind an exception that are shown."""
_LONGEST: Final = 6_000
"""Characters of the whole; of more, the middle is left out."""
_OURS: Final = str(Path(__file__).parents[1])


def env_error(error: BaseException, subject: str = "the environment") -> EnvError:
    """Return the error that an environment raised something, with file, line and traceback.

    Args:
        error: What it raised.
        subject: Who raised it.
    """
    error = _original(error)
    lines = [f"{subject} raised {_named(error)}", *_calls(error)]
    for cause in _causes(error):
        lines += [f"caused by {_named(cause)}", *_calls(cause)]
    text = "\n".join(masked(line) for whole in lines for line in whole.splitlines())
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]}\n  ...\n{text[-half:]}"
    problem = EnvError(text)
    problem.__cause__ = error
    return problem


def refuses(error: Exception) -> bool:
    """Return whether an exception was raised on purpose, as a constructor refuses an argument.

    `raise ValueError(...)` is on purpose; `int("x")` that fails is a fault of the code around it.
    """
    place = traceback.extract_tb(_original(error).__traceback__)[-1]
    called_wrongly = Path(place.filename).parent == Path(__file__).parent
    if called_wrongly or place.filename == _registration():
        return True
    line = linecache.getline(place.filename, place.lineno or 0).strip()
    return not line or line.startswith("raise ")


def _original(error: BaseException) -> BaseException:
    """What a constructor raised: Gymnasium raises another `TypeError` in its place."""
    frames = traceback.extract_tb(error.__traceback__)
    wrapped = isinstance(error, TypeError) and frames and frames[-1].filename == _registration()
    return error.__cause__ or error if wrapped else error


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {words_of(error)}"


def _calls(error: BaseException) -> list[str]:
    """The calls that led to an exception, from the environment's own code on."""
    frames = traceback.extract_tb(error.__traceback__, limit=-100)
    own = [number for number, frame in enumerate(frames) if not _leads_there(frame.filename)]
    frames = traceback.StackSummary.from_list(frames[own[0] :][-_FRAMES:] if own else frames[-1:])
    return [entry.rstrip() for entry in frames.format()]


def _causes(error: BaseException) -> Iterator[BaseException]:
    for _ in range(_CAUSES):
        context = None if error.__suppress_context__ else error.__context__
        cause = error.__cause__ or context
        if cause is None:
            return
        yield cause
        error = cause


def _leads_there(filename: str) -> bool:
    """Whether a file only calls environments: AgentKit's own, and Gymnasium's around them."""
    import gymnasium

    house = Path(gymnasium.__file__).parent
    callers = (str(house / "wrappers"), str(house / "core.py"), _registration(), _OURS)
    return filename.startswith(callers)


def _registration() -> str:
    from gymnasium.envs import registration

    return registration.__file__
