"""Objects of other libraries, recognised without loading them, and what they say as JSON."""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable


def class_of(value: object, names: Collection[str], library: str) -> str | None:
    """Return which of a library's classes an object is of, or of a subclass; None: of none.

    Args:
        value: The object.
        names: The names of the classes.
        library: The top module that has them; it is not loaded.
    """
    for kind in type(value).__mro__:
        if kind.__name__ in names and kind.__module__.partition(".")[0] == library:
            return kind.__name__
    return None


def is_runnable(value: object) -> "TypeGuard[Runnable[Any, Any]]":
    """Return whether an object is a Runnable of LangChain: a chat model, a tool, a chain."""
    return class_of(value, ("Runnable",), "langchain_core") is not None


_BUILT_IN: Final = frozenset({str, int, float, bool, list, dict, tuple, type(None)})
_ROLES: Final = {
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "ChatMessage": "",
    "BaseMessage": "",
}
"""Who speaks, by the class of a message; of an empty one the message says it itself."""
_PASSED_OVER: Final = frozenset({
    "reasoning", "thinking", "redacted_thinking", "tool_call", "tool_use", "input_json_delta",
    "function_call",
})  # fmt: skip
"""Parts of a message beside its text that nothing is lost with: thoughts, and its calls of tools,
which it holds once more."""


def langchain_kind(value: Any) -> str | None:
    """Which of LangChain's values it is, found out without loading LangChain; None: none of them.

    Returns:
        `Document`, `PromptValue` or the class of a message.
    """
    if type(value) in _BUILT_IN:
        return None
    known = (*_ROLES, "Document", "PromptValue")
    return class_of(value, known, "langchain_core")


def langchain_text(value: Any) -> str:
    """The text of one of LangChain's values.

    Raises:
        TypeError: It holds something beside text, or only calls tools.
    """
    kind = langchain_kind(value)
    if kind == "Document":
        return str(value.page_content)
    if kind == "PromptValue":
        return "\n".join(f"{m['role']}: {m['content']}" for m in langchain_form(value))
    text = _message_text(value)
    if not text and getattr(value, "tool_calls", None):
        raise TypeError(f"this {type(value).__name__} calls tools and has no text")
    return text


def langchain_form(value: Any) -> Any:
    """What stands for one of LangChain's values in a list or mapping.

    Raises:
        TypeError: It holds something beside text.
    """
    kind = langchain_kind(value)
    if kind == "Document":
        return {"page_content": value.page_content, "metadata": value.metadata}
    if kind == "PromptValue":
        return [langchain_form(message) for message in value.to_messages()]
    role = _ROLES[kind or "BaseMessage"] or getattr(value, "role", value.type)
    more = {name: getattr(value, name, None) for name in ("tool_calls", "tool_call_id")}
    called = {name: part for name, part in more.items() if part}
    return {"role": role, "content": _message_text(value), **called}


def _message_text(message: Any) -> str:
    """The text of a message of LangChain."""
    parts = message.content if isinstance(message.content, list) else ()
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else "text"
        if kind != "text" and kind not in _PASSED_OVER:
            name = type(message).__name__
            raise TypeError(f"this {name} holds a part of the type '{kind}', and only text fits")
    return str(message.text)


def named_fields(value: Any) -> dict[str, Any] | None:
    """The fields of a dataclass or of a pydantic model by their names; None: it is neither."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if class_of(value, ("BaseModel",), "pydantic"):
        return {name: getattr(value, name) for name in type(value).model_fields}
    return None
