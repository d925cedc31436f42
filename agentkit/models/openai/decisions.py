"""How servers are asked for decisions, and how their answers read.

`/decisions` is OpenAI's, which vLLM has too; `/systemone` is that of `transformers serve`, SGLang
and vLLM. (SGLang's own `/decisions` has another form: it refuses ours, and gets the second.)
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agentkit.messages import Completion, Decision, Image, Message, Question, Request, Usage
from agentkit.models.openai.answers import Unreadable, clean, token_count
from agentkit.models.openai.errors import Refusal

DECISIONS: Final = "/decisions"
SYSTEM_ONE: Final = "/systemone"
_NOT_THERE: Final = frozenset({301, 302, 303, 307, 308, 404, 405, 501})
_NOT_TAKEN: Final = frozenset({None, 400, 403, 422})
_MOST_OPTIONS: Final = 255
_MOST_QUESTIONS: Final = {True: 400, False: 64}
"""Of OpenAI; and of the servers that take the fewest."""
_ENOUGH: Final = 2
"""Refusals that may be about the question, after which they are taken for the server's own."""
_ALONE: Final = {
    "choice": "Which option answers the question in the input?",
    "predicate": "The answer to the question in the input is yes.",
    "score": "Which number answers the question in the input?",
}
"""What is asked where the question itself is all there is."""


class DecisionWires:
    """The ways to ask one server for decisions, as far as it has not refused them.

    Args:
        model: The model, as the server calls it.
        is_openai: Whether the server is OpenAI's own.
    """

    def __init__(self, model: str, is_openai: bool) -> None:
        self._model = model
        self._is_openai = is_openai
        self._left = [DECISIONS] if is_openai else [DECISIONS, SYSTEM_ONE]
        self.known: str | None = None
        """The path that has taken a request."""
        self._refusals: dict[str, int] = {}

    @property
    def some_left(self) -> bool:
        """Whether there is a path that has not refused."""
        return bool(self._left)

    @property
    def settled(self) -> bool:
        """Whether it is known on which path to ask, or that there is none."""
        return self.known is not None or not self._left

    @property
    def most_questions(self) -> int:
        """How many questions one request may have."""
        return _MOST_QUESTIONS[self._is_openai] if self._left else 1

    def ways(self, request: Request) -> Sequence[str]:
        """Return the paths that may take a request, the likeliest first."""
        if any(len(one.options) > _MOST_OPTIONS for one in request.questions):
            return ()
        has_images = any(one.images for one in request.messages) or any(
            one.images for one in request.questions
        )
        return tuple(self._left) if self._is_openai or not has_images else ()

    def took(self, path: str) -> None:
        """Remember that a path took a request: the server is asked in no other way."""
        self._left, self.known = [path], path

    def refused(self, path: str, refusal: Refusal | None) -> bool:
        """Learn from a refusal; None: the answer made no sense.

        Returns:
            Whether it may be asked in another way: else the refusal is an error.
        """
        status = refusal.status if refusal is not None else None
        is_gone = status in _NOT_THERE
        if not (is_gone and path != self.known) and status not in _NOT_TAKEN:
            return False
        if self.known is None:
            self._refusals[path] = self._refusals.get(path, 0) + 1
            if is_gone or self._refusals[path] >= _ENOUGH:
                self._left = [one for one in self._left if one != path]
        return True

    def body(self, path: str, request: Request) -> dict[str, Any]:
        """Return what is sent to a path."""
        before, questions = request.messages[:-1], request.questions
        if not before:  # a server wants something to decide about
            (question,) = questions
            before = (Message("user", question.text, question.images),)
            questions = (replace(question, text=_ALONE[question.kind], images=()),)
        if path == SYSTEM_ONE:
            asked = {_name(i): _system_one(one) for i, one in enumerate(questions)}
            return {"model": self._model, "state": _as_text(before), "questions": asked}
        return {
            "model": self._model,
            "input": [*map(_message, before)] if self._is_openai else _as_text(before),
            "questions": [*map(_question, questions)],
        }


def read_decisions(path: str, data: Any, questions: Sequence[Question]) -> Completion:
    """Return the decisions in an answer.

    Raises:
        Unreadable: It is no such answer.
    """
    try:
        answers, usage, model = data["answers"], data.get("usage"), data.get("model")
        if path == SYSTEM_ONE:
            answers = [answers[_name(i)] for i in range(len(questions))]
        pairs = zip(questions, answers, strict=True)
        decisions = tuple(_decision(question, answer) for question, answer in pairs)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Unreadable("the server's answer has not the form of decisions") from None
    name = clean(model) if isinstance(model, str) else ""
    return Completion("", _usage(usage), model=name, decisions=decisions)


def _decision(question: Question, answer: Mapping[str, Any]) -> Decision:
    mass = answer.get("x_label_mass")
    other = 1 - min(1.0, mass) if isinstance(mass, (int, float)) else None
    match answer["type"]:
        case "refusal":
            return Decision({})
        case "predicate" | "noul" as kind:
            yes = answer["probability" if kind == "predicate" else "noul"]
            return Decision({"yes": float(yes), "no": 1 - float(yes)}, other)
        case "choice":
            found = answer["probabilities"]
            if not isinstance(found, Mapping):
                found = {one["value"]: one["probability"] for one in found}
            return Decision({one: float(found[one]) for one in question.options}, other)
        case "score":  # levels by their labels, or by their places in the order
            found = answer["probabilities"]
            if isinstance(found, Mapping):
                masses = [found[str(place)] for place in range(len(question.options))]
            else:
                by_label = {one["label"]: one["probability"] for one in found}
                masses = [by_label[option] for option in question.options]
            return Decision(dict(zip(question.options, map(float, masses), strict=True)), other)
    raise ValueError(answer["type"])


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, Mapping):
        return Usage()
    details = usage.get("input_tokens_details")
    cached = token_count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0
    taken = token_count(usage.get("input_tokens"))
    return Usage(taken, token_count(usage.get("output_tokens")), min(cached, taken))


def _name(position: int) -> str:
    return f"q{position}"


def _question(question: Question) -> dict[str, Any]:
    asked: dict[str, Any] = {"type": question.kind, "instructions": clean(question.text)}
    if question.images:
        asked["instructions"] = _parts(question.text, question.images)
    if question.kind == "choice":
        asked["choices"] = [{"value": clean(option)} for option in question.options]
    elif question.kind == "score":
        asked["levels"] = [{"label": option} for option in question.options]
        for level, meaning in zip(asked["levels"], question.meanings, strict=False):
            level["description"] = clean(meaning)
    return asked


def _system_one(question: Question) -> dict[str, Any]:
    if question.kind == "predicate":
        return {"type": "noul", "instructions": clean(question.text)}
    if question.kind == "score":
        levels = [*map(clean, question.shown)]
        return {"type": "score", "instructions": clean(question.text), "criteria": levels}
    criteria = dict.fromkeys(map(clean, question.options))
    return {"type": "choice", "instructions": clean(question.text), "criteria": criteria}


def _message(message: Message) -> dict[str, Any]:
    content: Any = clean(message.content)
    if message.images:
        content = _parts(message.content, message.images)
    return {"role": message.role, "content": content}


def _parts(text: str, images: Sequence[Image]) -> list[dict[str, Any]]:
    urls = (f"data:{i.media_type};base64,{base64.b64encode(i.data).decode()}" for i in images)
    shown = [{"type": "input_image", "image_url": url} for url in urls]
    return [*shown, {"type": "input_text", "text": clean(text)}]


def _as_text(messages: Sequence[Message]) -> str:
    """Messages as one text: these servers know no roles but the user's."""
    said = (f"Answer: {m.content}" if m.role == "assistant" else m.content for m in messages)
    return clean("\n\n".join(said))
