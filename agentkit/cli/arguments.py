"""What the commands' arguments mean: agents, inputs, runs and places in them, `--out`."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from math import isfinite
from os.path import expanduser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import InputError
from agentkit.models.registry import file_of

if TYPE_CHECKING:
    from agentkit.agent import Agent
    from agentkit.preview.snapshot import Snapshot
    from agentkit.record.reader import Run

_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_WORDS: Final = {"true": True, "false": False, "null": None}
_LONGEST_SLUG: Final = 100
"""Bytes of an agent's name in the name of its run's folder; file systems take some 255 in all."""
_MOST_DIGITS: Final = 40
_NO_VALUES: Final[Mapping[str, Any]] = {}
_NOT_KNOWN: Final = object()


def load(
    name: str,
    model: str | None = None,
    inputs: Sequence[str] = (),
    memory_file: Path | None = None,
) -> "tuple[Agent, Path]":
    """Load an agent with what the command line gives it.

    Raises:
        InputError: It is not there or cannot work, or an input is unknown.
    """
    from agentkit.agentfile.load import find_agent, load_agent

    path = find_agent(name)
    agent = load_agent(
        path,
        model=from_here(model),
        inputs=partial(parse_inputs, inputs),
        memory_file=memory_file,
    )
    return agent, path


def load_with_values(
    name: str, model: str | None, inputs: Sequence[str]
) -> "tuple[Agent, dict[str, Any]]":
    """Load an agent with its inputs given, and what else is given: values of any name.

    Raises:
        InputError: It is not there or cannot work, or an input is missing.
    """
    agent, _ = load(name, model)
    values = parse_inputs(inputs, agent.inputs)
    agent = agent.with_inputs({key: values.pop(key) for key in list(values) if key in agent.inputs})
    agent.check_inputs()
    return agent, values


def find_snapshot(agent: "Agent", node: str, place: str | None, seed: int) -> "Snapshot":
    """What a node sees: in a recorded step, or at the beginning of an episode.

    Raises:
        InputError: There is no such step, or the environment cannot be made.
        TraceError: The record is damaged.
    """
    from agentkit.preview.snapshot import first_snapshot, recorded_snapshot

    if place is None:
        return first_snapshot(agent, seed)
    folder, episode, step = parse_place(place)
    run = open_run(folder)
    return recorded_snapshot(agent, run, choose_episode(run, episode), step, node)


def from_here(model: str | None) -> str | None:
    """A file that the command line names lies where the user stands, not beside the agent."""
    file = file_of(model) if model is not None else None
    if model is None or file is None:
        return model
    return f"{model.partition(':')[0]}:{Path(expanduser(file)).resolve()}"  # noqa: PTH111 (Path raises)


def parse_inputs(given: Sequence[str], own: Mapping[str, Any] = _NO_VALUES) -> dict[str, Any]:
    """The values of `--input name=value` options.

    Args:
        given: The options.
        own: The values that the agent's inputs have without them.

    Raises:
        InputError: One has no `=`, comes twice, or names a file that cannot be read.
    """
    inputs, problems = read_inputs(given, "--input", own)
    if problems:
        raise InputError("\n".join(problems))
    return inputs


def read_inputs(
    given: Sequence[str], option: str, own: Mapping[str, Any] = _NO_VALUES
) -> tuple[dict[str, Any], list[str]]:
    """The values of `name=value` options, and what is wrong with them; a wrong value is None."""
    inputs: dict[str, Any] = {}
    problems = []
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            problems.append(f"{option} {text!r}: write name=value")
            continue
        if name in inputs:
            problems.append(f"{option} {name} is given twice")
        inputs[name] = None
        try:
            inputs[name] = parse_value(value, own.get(name, _NOT_KNOWN))
        except InputError as error:
            problems.append(f"{option} {name}: {error}")
    return inputs, problems


def parse_value(text: str, own: Any = _NOT_KNOWN) -> Any:
    """A value of `--input`: text, unless it is clearly a number, true, false, null or JSON.

    Args:
        text: What was typed.
        own: The value that the input has without it. In place of a text it is always a text, as
            typed; in place of null it is a number only if a prompt shows it as typed.

    Raises:
        InputError: It is `@FILE` and the file cannot be read as text, a number in it has more
            than 64 bits, or a text in it has a NUL.
    """
    from agentkit.values import NUL, has_nul

    if text.startswith("@"):
        return read_text(Path(text[1:]))
    if isinstance(own, str):
        return text
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text) is not None
    if not number and text[:1] not in ("[", "{", '"'):
        return text
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_real, parse_constant=_real)
    except (ValueError, RecursionError):
        return text
    except OverflowError as error:
        if number and own is None:
            return text
        raise InputError(str(error)) from None
    if has_nul(value):
        raise InputError(NUL)
    return text if number and own is None and json.dumps(value) != text else value


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS or not -(2**63) <= int(digits) < 2**63:
        raise OverflowError(f"the number {digits[:40]} is too long: put quotes around it")
    return int(digits)


def _real(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise OverflowError(f"the number {digits[:40]} is too large")
    return number


def read_text(path: Path) -> str:
    """The text of a file that the user named.

    Raises:
        InputError: It cannot be read, or is not UTF-8 text.
    """
    from agentkit.values import NUL

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}: it is not UTF-8 text") from error
    except ValueError as error:
        raise InputError(f"cannot read {path}: a file name has no NUL in it") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}:{line}: {NUL}")
    return text


def open_run(folder: Path) -> "Run":
    """The recorded run that the user named.

    Raises:
        InputError: The folder is no run folder.
        TraceError: It is one, but cannot be read.
    """
    from agentkit.record.reader import load_run

    if not (folder / "run.json").exists():
        raise InputError(f"{folder} is not a run folder: it has no run.json")
    return load_run(folder)


def choose_episode(run: "Run", episode: int | None) -> int:
    """An episode of a run; without a number, the only one.

    Raises:
        InputError: It has no such episode, or several and no number was given.
    """
    episodes = run.episodes
    if episode is None and len(episodes) == 1:
        return episodes[0]
    if episode is None:
        plural = "" if len(episodes) == 1 else "s"
        raise InputError(f"{run.folder} has {len(episodes)} episode{plural}: say --episode N")
    if episode not in episodes:
        known = " to ".join(dict.fromkeys(map(str, episodes[:1] + episodes[-1:]))) or "none"
        raise InputError(f"{run.folder} has no episode {episode}; it has: {known}")
    return episode


def parse_place(text: str) -> tuple[Path, int, int]:
    """`RUN:EPISODE:STEP` as a folder and two numbers.

    Raises:
        InputError: It does not look like that.
    """
    folder, episode, step = ["", "", "", *text.rsplit(":", 2)][-3:]
    if not folder or not episode.isdecimal() or not step.isdecimal():
        raise InputError(
            f"--from {text}: write RUN:EPISODE:STEP, a run folder and two numbers counted from 0, "
            "such as runs/20260131-120000-crafter:0:12"
        )
    return Path(folder), int(episode), int(step)


def run_folder(name: str, out: Path | None) -> Path:
    """`runs/<time>-<agent>`, or the folder the user named.

    Raises:
        InputError: The user named a file, or a folder that has something in it.
    """
    if out is not None:
        if out.exists() and not out.is_dir():
            raise InputError(f"--out {out} is a file: choose a folder for the run")
        if out.is_dir() and any(out.iterdir()):
            raise InputError(f"--out {out} is not empty: choose another folder for the run")
        return out
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    slug = re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_SLUG].strip() or "agent"
    while len(slug.encode()) > _LONGEST_SLUG:
        slug = slug[:-1]
    folder = Path("runs") / f"{now}-{slug}"
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{now}-{slug}-{number}")
        number += 1
    return folder
