"""Print the end of a run: answers, errors and the summary."""

import re
from collections.abc import Mapping
from typing import Any, Final

import click

from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.summary import Facts
from agentkit.cli.view.terminal import echo, echo_facts, hanging
from agentkit.cli.view.words import colour
from agentkit.values import json_text

_CONTROL: Final = re.compile("[\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff]")
"""Characters that would steer a terminal and that JSON does not escape by itself."""
_NOT_ASCII: Final = re.compile("[^\\x00-\\x7f]")


def show_answers(run_view: RunView) -> None:
    """The answer of every node, for an agent that plays no environment."""
    for episode in run_view.episodes.values():
        if episode.summary.seed is not None:
            continue
        for name, value in episode.values.items():
            show_answer(name, value)


def show_answer(name: str, value: Any) -> None:
    """One node's answer."""
    text = value if isinstance(value, str) else _indented(value)
    echo(f"--- {name} ---", bold=True)
    echo(f"{hanging(text, 0)}\n")


def _indented(value: Any) -> str:
    text = json_text(value)
    return text if len(text) <= 80 else json_line(value)


def show_failures(run_view: RunView) -> None:
    """What went wrong, on stderr."""
    for index in sorted(run_view.episodes):
        episode = run_view.episodes[index]
        if episode.summary.status != "failed":
            continue
        echo(f"episode {index} failed: {episode.summary.reason}", err=True)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    import json
    import sys

    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    text = orjson.dumps(value, default=str, option=options).decode()
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    escaped = _CONTROL if unicode else _NOT_ASCII
    click.echo(escaped.sub(lambda found: json.dumps(found[0])[1:-1], text))


def json_line(value: Any) -> str:
    """A value as JSON, indented."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2)


def show_facts(headline: str, lines: Facts, status: str) -> None:
    """The summary."""
    echo(headline, fg=colour(status), bold=True)
    echo_facts(lines)
