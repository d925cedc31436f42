"""Chat models inside LangChain's wrappers, such as those of `with_retry` and `with_fallbacks`.

LangChain's Runnables take long to import, so that happens where a chat model is at hand.
"""

from collections.abc import Callable, Collection, Iterator
from contextvars import Context
from typing import TYPE_CHECKING, Any

from agentkit.errors import InputError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable, RunnableConfig

    Chat = Runnable[Any, BaseMessage]
    """A chat model, wrapped or not."""


def settled(model: object) -> "Chat":
    """Return a chat model, or a wrapped one, with the values of its configurable fields put in.

    Raises:
        InputError: It is another Runnable, which cannot be a model.
    """
    return Context().run(_settled, model, {})


def _settled(model: Any, config: "RunnableConfig") -> "Chat":
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableSequence, RunnableWithFallbacks
    from langchain_core.runnables.base import RunnableBindingBase
    from langchain_core.runnables.config import merge_configs
    from langchain_core.runnables.configurable import DynamicRunnable

    if isinstance(model, BaseChatModel):
        return model
    if isinstance(model, RunnableBindingBase):
        bound = _settled(model.bound, merge_configs(model.config, config))
        return model.model_copy(update={"bound": bound})
    if isinstance(model, RunnableWithFallbacks):
        if model.exception_key is not None:
            raise InputError(
                "with_fallbacks(exception_key=...) adds the error to a mapping of inputs, and a "
                "model gets messages: leave exception_key out"
            )
        first, *others = (_settled(each, config) for each in model.runnables)
        return model.model_copy(update={"runnable": first, "fallbacks": others})
    if isinstance(model, DynamicRunnable):
        return _settled(*model.prepare(config))
    kind = type(model).__name__
    if isinstance(model, RunnableSequence) and _begins_with_chat(model.first):
        raise InputError(
            f"a chat model with a parser after it (a {kind}) is no model: the node reads the "
            "answer, so give the chat model without with_structured_output or '| parser', and say "
            "in the node's 'output' what form the answer has"
        )
    raise InputError(
        f"a {kind} of LangChain is no model: expected a chat model, or one wrapped by with_retry, "
        "with_fallbacks, bind, with_config or configurable_fields. Any other Runnable can be the "
        "'function' of a node"
    )


def _begins_with_chat(part: Any) -> bool:
    from langchain_core.runnables import RunnableParallel

    if isinstance(part, RunnableParallel):  # with_structured_output(include_raw=True)
        return "raw" in part.steps__
    try:
        _settled(part, {})
    except InputError:
        return False
    return True


def chat_models(chat: "Chat") -> "Iterator[tuple[BaseChatModel, dict[str, Any]]]":
    """The chat models that may answer, the first choice first, with the options that are bound."""
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableWithFallbacks
    from langchain_core.runnables.base import RunnableBindingBase

    if isinstance(chat, RunnableBindingBase):
        for inside, options in chat_models(chat.bound):
            yield inside, {**options, **chat.kwargs}
    elif isinstance(chat, RunnableWithFallbacks):
        for each in chat.runnables:
            yield from chat_models(each)
    elif isinstance(chat, BaseChatModel):
        yield chat, {}


def exchanged(
    chat: "Chat", exchange: "Callable[[BaseChatModel], Chat]", unbound: Collection[str]
) -> "Chat":
    """Return the same wrappers around other chat models.

    Args:
        chat: A chat model, wrapped or not.
        exchange: Gives what stands for a chat model.
        unbound: Bound options that are left out, since the node says something else.
    """
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableWithFallbacks
    from langchain_core.runnables.base import RunnableBindingBase

    if isinstance(chat, RunnableBindingBase):
        options = {key: value for key, value in chat.kwargs.items() if key not in unbound}
        bound = exchanged(chat.bound, exchange, unbound)
        return chat.model_copy(update={"bound": bound, "kwargs": options})
    if isinstance(chat, RunnableWithFallbacks):
        first, *others = (exchanged(each, exchange, unbound) for each in chat.runnables)
        return chat.model_copy(update={"runnable": first, "fallbacks": others})
    return exchange(chat) if isinstance(chat, BaseChatModel) else chat
