"""What the server says: a pure function of the request's messages and schema."""

import hashlib
import json
import random
import re
from collections.abc import Iterable, Mapping
from typing import Any

from loopback.forms import schema_of_form
from loopback.instances import Writer

_CORRECTION = "That answer cannot be used:"
_SCHEMA_MARK = "It must fit this JSON schema:\n"
_FORM_MARK = "and nothing else, in this form:\n"
_OPTIONS_MARK = "Answer with exactly one of these options and nothing else:"
_FIELDS = re.compile(r'"(\w+)"')
WRONG_SHARE = 0.06
"""Share of the answers that cannot be used; the answer to a correction always can."""


def answer(body: Mapping[str, Any]) -> str:
    """The text that answers a request.

    A schema that was sent is followed. Else the last message is read for what it asks: a schema,
    options, yes or no, a number, JSON, code; a small share of such answers cannot be used. After
    a correction the answer is the one that would have been right at first, so what a conversation
    comes to does not depend on how often it was corrected.
    """
    pairs, corrected = _uncorrected(messages_of(body))
    schema = schema_of(body)
    seed = digest_of([*pairs, ("schema", json.dumps(schema, sort_keys=True))])
    draw = random.Random(int(seed[:16], 16))
    wrong = draw.random() < WRONG_SHARE and not corrected
    prompt = pairs[-1][1] if pairs else ""
    writer = Writer(draw, prompt, wrong)
    if schema is not None:
        return json.dumps(writer.instance(schema))
    return _as_asked(writer, prompt)


def messages_of(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Role and text of each message; a picture counts as the digest of its address."""
    return [(message["role"], _text(message["content"])) for message in body["messages"]]


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON schema that was sent."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return dict(wanted["json_schema"]["schema"])
    return {"type": "object"} if wanted.get("type") == "json_object" else None


def digest_of(pairs: Iterable[tuple[str, str]]) -> str:
    """A digest of messages given as (role, text)."""
    text = json.dumps([list(pair) for pair in pairs], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def body_digest(body: Mapping[str, Any]) -> str:
    """A digest of a request's messages."""
    return digest_of(messages_of(body))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(_part(part) for part in content)
    return content or ""


def _part(part: Mapping[str, Any]) -> str:
    if part["type"] == "text":
        return str(part["text"])
    url = json.dumps(part, sort_keys=True).encode()
    return f"<picture {hashlib.sha256(url).hexdigest()}>"


def _uncorrected(pairs: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], bool]:
    """The messages without the attempts at the end that were sent back, and if there were any."""
    end = len(pairs)
    while end > 2 and pairs[end - 1][0] == "user" and pairs[end - 1][1].startswith(_CORRECTION):
        end -= 2
    return pairs[:end], end < len(pairs)


def _as_asked(writer: Writer, prompt: str) -> str:
    schema = prompt.rpartition(_SCHEMA_MARK)[2]
    if _SCHEMA_MARK in prompt:
        return writer.spoiled(json.dumps(writer.instance(json.loads(schema))))
    if _FORM_MARK in prompt:
        form = schema_of_form(prompt.rpartition(_FORM_MARK)[2])
        return writer.spoiled(json.dumps(writer.instance(form)))
    options = prompt.rpartition(_OPTIONS_MARK)[2]
    if _OPTIONS_MARK in prompt:
        return writer.spoiled(writer.draw.choice(options.strip().removeprefix("- ").split("\n- ")))
    asked = prompt.rpartition("\n")[2]
    for ending, kind in _PLAIN.items():
        if asked.endswith(ending):
            value = writer.instance(kind)
            return writer.spoiled(value if isinstance(value, str) else json.dumps(value))
    if asked.endswith("Answer with one JSON value and nothing else."):
        fields = {name: {"type": "string"} for name in _FIELDS.findall(prompt)}
        shape = {"type": "object", "properties": fields, "required": list(fields)}
        return writer.spoiled(json.dumps(writer.instance(shape)))
    if asked.endswith("between two lines of ```."):
        return writer.spoiled(f"```\nprint({writer.draw.randint(1, 9)})\n```")
    return writer.sentence()


_PLAIN: dict[str, Mapping[str, Any]] = {
    "Answer yes or no.": {"enum": ["yes", "no"]},
    "Answer with one whole number and nothing else.": {"type": "integer"},
    "Answer with one number and nothing else.": {"type": "number"},
}
