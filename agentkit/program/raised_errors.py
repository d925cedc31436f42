"""Errors that a program around a graph raises: which pass through it, and how others are told."""

import os
from collections.abc import Iterable
from typing import Final

from agentkit.errors import FunctionError, ModelError
from agentkit.program.foreign_objects import class_of
from agentkit.redaction import words_of


def passes_through(error: BaseException) -> bool:
    """Whether an error steers the program around a graph, so that it is no failure of a node:
    cancellations, Ctrl-C, and what LangGraph raises to interrupt (found without loading it)."""
    return not isinstance(error, Exception) or bool(
        class_of(error, ("GraphBubbleUp",), "langgraph")
    )


_OWN_FOLDER: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120  # pathlib loads slowly
_LIBRARIES: Final = (os.path.dirname(os.__file__) + os.sep, "<frozen")  # noqa: PTH120


def raised(what: str, error: BaseException) -> str:
    """`search raised KeyError: 'x' (tools.py, line 3)`: what of the program raised, and where.

    The frames of AgentKit are cut off in front of those of the program, so that the traceback of
    the error begins there.
    """
    trace = error.__traceback__
    while trace and trace.tb_next and trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        trace = trace.tb_next
    error.__traceback__ = trace
    places = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((*_LIBRARIES, _OWN_FOLDER)):
            places.append(f" ({file.removeprefix(_current_folder())}, line {trace.tb_lineno})")
        trace = trace.tb_next
    own = [place for place in places if "site-packages" not in place] or places
    words = words_of(error)
    said = f": {words}" if words else ""
    return f"{what} raised {type(error).__name__}{said}{own[-1] if own else ''}"


def _current_folder() -> str:
    try:
        return os.getcwd() + os.sep  # noqa: PTH109
    except OSError:  # it was deleted
        return os.sep


def causes_of(what: str, failures: Iterable[BaseException]) -> BaseException | None:
    """The program's own errors behind some failures: the only one, or a group called `what`."""
    causes: list[BaseException] = []
    for failure in failures:
        cause = failure.__cause__
        if isinstance(cause, BaseExceptionGroup):
            causes += cause.exceptions
        elif isinstance(failure, (FunctionError, ModelError)) and cause is not None:
            causes.append(cause)
    return causes[0] if len(causes) == 1 else BaseExceptionGroup(what, causes) if causes else None
