"""ScriptedModel: answers that were written down beforehand."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from agentkit.atomic_files import open_regular
from agentkit.errors import InputError, ScriptExhausted
from agentkit.messages import Completion, Request, Usage
from agentkit.models.decisions import as_decided
from agentkit.program.argument_kinds import check_given

_KEYS = ("episode", "step", "node", "item", "attempt")


class ScriptedModel:
    """Answers from a script, for tests and demonstrations.

    Args:
        answers: Either texts, given in turn to whoever asks; or a mapping from a node's name to
            one text (always the same answer) or to a list of texts (one for each of its calls);
            or entries with `text` and any of `episode step node item attempt`: an entry answers
            every call that agrees with the keys it has, and the first such entry counts.

    Where a node decides, a text is an option, or JSON such as `{"left": 0.7, "right": 0.3}`.

    A script of entries or of single texts depends on nothing but the call, so it gives the same
    answers after a resume and in any order; lists are used up.
    """

    reads_variables = False

    def __init__(
        self,
        answers: Mapping[str, str | list[str]] | Iterable[str | Mapping[str, Any]],
        name: str = "script",
    ) -> None:
        self.name = name
        self._by_node: dict[str, str | list[str]] = {}
        self._in_turn: list[str] = []
        self._entries: list[Mapping[str, Any]] = []
        self._used: dict[str, int] = {}
        if isinstance(answers, Mapping):
            self._by_node = {node: _texts(said, node) for node, said in answers.items()}
        else:
            if isinstance(answers, str):
                raise InputError(f"answers: one text is [{answers!r:.60}], a list")
            check_given("answers", answers, Iterable, "a list of texts or entries, or a mapping")
            self._take(answers)
        lists = [[one] if isinstance(one, str) else one for one in self._by_node.values()]
        texts = [*self._in_turn, *(entry["text"] for entry in self._entries), *chain(*lists)]
        self._longest = max((len(str(text).split()) for text in texts), default=0)

    def _take(self, answers: Iterable[str | Mapping[str, Any]]) -> None:
        for number, answer in enumerate(answers, 1):
            if isinstance(answer, str):
                self._in_turn.append(answer)
            else:
                self._entries.append(_checked(answer, number))

    async def complete(self, request: Request) -> Completion:
        """Give the script's answer.

        Raises:
            ScriptExhausted: The script has no answer for this call.
        """
        text = self._answer(request)
        if text is None:
            call = request.call
            where = f"node '{call.node}', step {call.step}, attempt {call.attempt}"
            raise ScriptExhausted(
                f"{self.name} has no answer left for {where}. The prompt was:\n{request.prompt}"
            )
        if request.on_text is not None:
            request.on_text(text)
        usage = Usage(_words(request), len(text.split()), calls=1, cost_usd=0.0)
        return Completion(text, usage, model=self.name)

    decides = is_certain = True
    most_questions = 1

    async def decide(self, request: Request) -> Completion:
        """Give the script's answer: an option, or the JSON of `{option: probability}`.

        Raises:
            ScriptExhausted: The script has no answer for this call.
        """
        return as_decided(request, await self.complete(replace(request, on_text=None)))

    def most_usage(self, request: Request) -> Usage:
        """What the longest answer of the script would take: a token a word."""
        return Usage(_words(request), self._longest, calls=1)

    def cost_usd(self, usage: Usage) -> float:
        """Nothing: answers of this kind are free."""
        return 0.0

    def _answer(self, request: Request) -> str | None:
        for entry in self._entries:
            if all(entry[key] == getattr(request.call, key) for key in _KEYS if key in entry):
                return str(entry["text"])
        answers = self._by_node.get(request.call.node, self._in_turn)
        if isinstance(answers, str):
            return answers
        queue = request.call.node if answers is not self._in_turn else ""
        position = self._used.get(queue, 0)
        self._used[queue] = position + 1
        return answers[position] if position < len(answers) else None


def _words(request: Request) -> int:
    return sum(len(message.content.split()) for message in request.messages)


def _texts(answers: Any, node: str) -> str | list[str]:
    """The answers of a node: one text, or a text for each of its calls."""
    if isinstance(answers, str):
        return answers
    if isinstance(answers, (list, tuple)) and all(isinstance(text, str) for text in answers):
        return list(answers)
    raise InputError(
        f"the answers of the node '{node}' are no text and no list of texts: write each of them "
        "in quotes"
    )


def _checked(entry: Any, number: int) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise InputError(
            f"script entry {number} is no text and no entry; an entry has 'text' and any of "
            f"{', '.join(_KEYS)}"
        )
    unknown = sorted(set(entry) - {*_KEYS, "text"})
    if unknown or not isinstance(entry.get("text"), str):
        found = f"unknown key '{unknown[0]}'" if unknown else "no 'text'"
        raise InputError(
            f"script entry {number} has {found}; an entry has 'text' and any of {', '.join(_KEYS)}"
        )
    return entry


def load_script(path: Path) -> ScriptedModel:
    """Load a script: a JSON file (texts, or node to text), or JSON lines of entries.

    Raises:
        InputError: The file cannot be read or is no script; it says which line.
    """
    try:
        with open_regular(path) as file:
            data = file.read()
    except OSError as error:
        raise InputError(f"script {path}: {error.strerror}") from error
    try:
        answers = _read_lines(data) if path.suffix == ".jsonl" else orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"script {path}: line {error.lineno}: {error.msg}") from error
    if not isinstance(answers, (list, dict)):
        raise InputError(f"script {path}: expected a list of texts, or a mapping from node to text")
    try:
        return ScriptedModel(answers, name=f"script:{path.name}")
    except InputError as error:
        raise InputError(f"script {path}: {error}") from None


def _read_lines(data: bytes) -> list[Any]:
    entries = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                entries.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise InputError(f"script line {number}: {error.msg}") from error
    return entries
