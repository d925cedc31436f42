"""A declared schema in words: for messages, for display, and as the form that a model is shown."""

import json
from collections.abc import Iterator
from typing import Any, Final

from agentkit.outputs.score import level_words, score_text
from agentkit.outputs.shape import (
    SCALARS,
    ChoiceShape,
    ListShape,
    NullableShape,
    OneOfShape,
    RecordShape,
    ScalarShape,
    ScoreShape,
    Shape,
    bound_of,
    without_bound,
)


def words_for(shape: Shape) -> str:
    """What is expected, in words for the model."""
    match shape:
        case ScalarShape(kind, most):
            return SCALARS[kind] + ("" if most is None else f" of at most {most} characters")
        case OneOfShape(options):
            return "one of " + ", ".join(f'"{option}"' for option in options[:30])
        case ScoreShape(levels):
            return level_words(levels)
        case ChoiceShape(expression):
            return f"one of {expression.source}"
        case ListShape(_, most):
            return "a list" + ("" if most is None else f" of at most {_items(most)}")
        case NullableShape(inner):
            return f"{words_for(inner)} or null"
        case RecordShape():
            return "an object"


def declaration_of(shape: Shape) -> str:
    """The declaration on one line, for display."""
    if bound := bound_of(shape):
        name, most = bound
        return f"{{type: {declaration_of(without_bound(shape))}, {name}: {most}}}"
    match shape:
        case ScalarShape(kind):
            return kind
        case OneOfShape(options):
            return f"one of [{', '.join(options)}]"
        case ScoreShape(levels):
            return "{score: " + score_text(levels) + "}"
        case ChoiceShape(expression):
            return f"{{choice: {expression.source}}}"
        case ListShape(item):
            return f"[{declaration_of(item)}]"
        case NullableShape(inner):
            return f"{declaration_of(inner)} | null"
        case RecordShape(fields):
            return "{" + ", ".join(f"{name}: {declaration_of(kind)}" for name, kind in fields) + "}"


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


_BLANKS: Final = {
    "str": "<text>",
    "int": "<whole number>",
    "float": "<number>",
    "bool": "true or false",
    "action": "<action>",
}


def form_of(shape: Shape) -> str:
    """The shape as a form to fill in: what a model is shown, far shorter than a JSON schema.

    Its blanks are no JSON, so that a copy of the form is no answer.
    """
    match shape:
        case ScalarShape("str", int(most)):
            return f"<text of at most {most} characters>"
        case ScalarShape(kind):
            return _BLANKS[kind]
        case OneOfShape(options):
            return " or ".join(json.dumps(option, ensure_ascii=False) for option in options)
        case ScoreShape(levels):
            return f"<{level_words(levels)}>"
        case ChoiceShape(expression):
            return f"<one of {expression.source}>"
        case ListShape(item, most):
            bound = "" if most is None else f" <at most {_items(most)}>"
            return f"[{form_of(item)}, ...{bound}]"
        case NullableShape(inner):
            return f"{form_of(inner)} or null"
        case RecordShape(fields):
            filled = (f"{json.dumps(name)}: {form_of(kind)}" for name, kind in fields)
            return "{" + ", ".join(filled) + "}"


def is_blank_form(value: Any, shape: Shape) -> bool:
    """Whether the texts of an answer are still the blanks of the form, and there is one."""
    texts = [*_texts(value, shape)]
    return bool(texts) and all(text == blank for text, blank in texts)


def _texts(value: Any, shape: Shape) -> Iterator[tuple[str, str]]:
    """Yield each free text of an answer with the blank that the form has in its place."""
    match shape:
        case ScalarShape("str"):
            yield value, form_of(shape)
        case NullableShape(inner) if value is not None:
            yield from _texts(value, inner)
        case ListShape(item):
            for part in value:
                if part != "...":
                    yield from _texts(part, item)
        case RecordShape(fields):
            for name, kind in fields:
                yield from _texts(value[name], kind)
