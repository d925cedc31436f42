"""Decisions as servers give them: OpenAI's and vLLM's, System One's, and probabilities of tokens.

The shapes are those of openai 3.57 (`types/decision.py`), vLLM 0.33 (`openai/decisions/protocol`),
SGLang 0.5.23 (`systemone/protocol`) and transformers 5.24 (`cli/serving/systemone`).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Probabilities = Callable[[str, Sequence[str]], Mapping[str, float] | None]
"""Of a question and its options; None refuses the question."""
_OPTION = re.compile(r"^([A-Z])\. (.*)$", re.MULTILINE)
_LEVEL = re.compile(r"^(\d)(?:: .*)?$", re.MULTILINE)


@dataclass
class Decides:
    """What a server decides, and on which paths.

    Args:
        probabilities: Of a question and its options.
        paths: Of `/decisions`, `/systemone` and `logprobs` those that it has.
        refusals: The status, and words, of paths that refuse.
        most_tokens: The most `top_logprobs` it takes.
        other: The probability of other tokens, where labels are read.
    """

    probabilities: Probabilities
    paths: frozenset[str] = frozenset({"/decisions"})
    refusals: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    most_tokens: int = 20
    other: float = 0.0
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """Path and body of every request."""

    def answer(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """The status and the body of an answer."""
        self.asked.append((path, body))
        if path in self.refusals:
            status, said = self.refusals[path]
            return status, {"error": {"message": said, "type": "invalid_request_error"}}
        if path not in self.paths:
            return 404, {"detail": "Not Found"}
        usage = {"input_tokens": 100, "output_tokens": 0}
        if path == "/systemone":
            assert set(body) == {"model", "state", "questions"}
            assert isinstance(body["state"], str)
            answers = {name: self._system_one(one) for name, one in body["questions"].items()}
            return 200, {"model": body["model"], "answers": answers, "usage": usage}
        assert set(body) == {"model", "input", "questions"}
        details = {
            "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 100,
        }
        listed = [self._decided(one) for one in body["questions"]]
        return 200, {"model": "decider-1", "answers": listed, "usage": usage | details}

    def _decided(self, question: Mapping[str, Any]) -> dict[str, Any]:
        if question["type"] == "predicate":
            assert set(question) == {"type", "instructions"}
            found = self.probabilities(_text(question["instructions"]), ["yes", "no"])
            if found is None:
                return {"type": "refusal", "name": None}
            return {"type": "predicate", "name": None, "probability": found["yes"]}
        if question["type"] == "score":
            assert set(question) == {"type", "instructions", "levels"}
            labels = [one["label"] for one in question["levels"]]
            found = self.probabilities(_text(question["instructions"]), labels)
            levels = [
                {"label": label, "probability": found[label], "value": value}
                for value, label in enumerate(labels)
            ]
            score = sum(one["value"] * one["probability"] for one in levels)
            head = {"type": "score", "name": None, "score": score, "confidence": 0.5}
            return {**head, "probabilities": levels}
        assert set(question) == {"type", "instructions", "choices"}
        options = [one["value"] for one in question["choices"]]
        assert 2 <= len(options) <= 255
        found = self.probabilities(_text(question["instructions"]), options)
        if found is None:
            return {"type": "refusal", "name": None}
        best = max(found, key=found.__getitem__)
        listed = [{"value": one, "probability": found[one]} for one in options]
        head = {"type": "choice", "name": None, "choice": best}
        return {**head, "probabilities": listed, "confidence": found[best]}

    def _system_one(self, question: Mapping[str, Any]) -> dict[str, Any]:
        mass = {"x_label_mass": 1 - self.other}
        if question["type"] == "noul":
            found = self.probabilities(question["instructions"], ["yes", "no"])
            return {"type": "noul", "noul": found["yes"], **mass}
        options = [*question["criteria"]]
        found = self.probabilities(question["instructions"], options)
        if question["type"] == "score":
            assert isinstance(question["criteria"], list)
            places = {str(place): found[one] for place, one in enumerate(options)}
            score = sum(int(place) * share for place, share in places.items())
            head = {"type": "score", "score": score, "legend": dict(enumerate(options))}
            return {**head, "probabilities": places, "confidence": 0.5, **mass}
        best = max(found, key=found.__getitem__)
        head = {"type": "choice", "choice": best, "confidence": found[best]}
        return {**head, "probabilities": {one: found[one] for one in options}, **mass}

    def logprobs(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The likeliest first tokens of an answer: labels with and without a space, and others."""
        assert (body["max_tokens"], body["temperature"], "stream" in body) == (1, 1.0, False)
        text = body["messages"][-1]["content"]
        options = dict(_OPTION.findall(text)) or {one: one for one in _LEVEL.findall(text)}
        labels = list(options) or ["Yes", "no"]
        question = text.partition("\n\nA. ")[0].partition("\n\nAnswer yes")[0]
        found = self.probabilities(question, [*options.values()] or ["yes", "no"])
        tokens = [("The", self.other)] if self.other else []
        for label, probability in zip(labels, found.values(), strict=True):
            tokens.append((label, probability * (1 - self.other)))
        label, share = tokens.pop(bool(self.other))
        tokens += [(label, share * 0.75), (f" {label}", share * 0.25)]
        tokens = sorted((t for t in tokens if t[1] > 0), key=lambda t: -t[1])
        listed = [
            {"token": token, "logprob": math.log(p), "bytes": list(token.encode())}
            for token, p in tokens[: body["top_logprobs"]]
        ]
        first = {**listed[0], "top_logprobs": listed}
        return {"content": [first], "refusal": None}


def _text(instructions: Any) -> str:
    if isinstance(instructions, str):
        return instructions
    return "".join(part["text"] for part in instructions if part["type"] == "input_text")
