"""Tools and other Runnables of LangChain as the functions of nodes."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentkit.program.foreign_objects import class_of, langchain_kind

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

_INPUT = "input"
"""The argument that is a Runnable's whole input."""


class RunnableFunction:
    """A Runnable that is called like a Python function.

    The arguments are a mapping, the Runnable's input. Where there is only one, called `input`, its
    value is the input, unless the Runnable itself takes a mapping with `input`.

    Args:
        runnable: The Runnable.
    """

    def __init__(self, runnable: "Runnable[Any, Any]") -> None:
        self.__name__ = runnable.get_name()
        self.__signature__ = inspect.Signature(_parameters(runnable))
        self._runnable = runnable
        self._maps_input = _INPUT in _schema(runnable).get("properties", {})

    async def __call__(self, **arguments: Any) -> Any:
        """Invoke the Runnable, within the callbacks of the running node."""
        whole = arguments.keys() == {_INPUT} and not self._maps_input
        result = await self._runnable.ainvoke(arguments[_INPUT] if whole else arguments)
        dump = getattr(result, "model_dump", None)  # of with_structured_output
        return dump(mode="json") if callable(dump) and langchain_kind(result) is None else result


def _parameters(runnable: Any) -> list[inspect.Parameter]:
    """What it takes: of a tool its arguments, of any other Runnable whatever comes."""
    schema = _schema(runnable) if _is_tool(runnable) else {}
    properties, required = schema.get("properties"), schema.get("required", ())
    if not properties or not all(name.isidentifier() for name in properties):
        return [inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)]
    empty = inspect.Parameter.empty
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=empty if name in required else None
        )
        for name in properties
    ]


def _is_tool(runnable: object) -> bool:
    return class_of(runnable, ("BaseTool",), "langchain_core") is not None


def _schema(runnable: Any) -> Mapping[str, Any]:
    """The JSON Schema of what it takes; empty where it cannot say so."""
    if _is_tool(runnable):
        given = runnable.args_schema
        if isinstance(given, Mapping):  # a tool of another server, as MCP describes it
            return given
        if given is None:
            named = runnable.args
            needed = [name for name, about in named.items() if "default" not in about]
            return {"properties": named, "required": needed}
    try:
        schema: Mapping[str, Any] = runnable.get_input_jsonschema()
    except Exception:  # its types have no JSON Schema
        return {}
    reference = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    found: Mapping[str, Any] = schema.get("$defs", {}).get(reference, schema)
    return found
