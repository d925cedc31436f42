"""AgentKit's messages and completions in LangChain's terms, and back."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata

from agentkit.messages import Completion, Image, Message, Usage
from agentkit.models import finish_reasons
from agentkit.models.finish_reasons import finish_reason
from agentkit.models.openai.answers import clean, clean_completion, token_count
from agentkit.models.retries import Retryable

_KINDS: dict[str, type[BaseMessage]] = {
    "system": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
}


def to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    """Messages as LangChain has them; pictures become standard content blocks."""
    return [
        _KINDS[message.role](content=content_of(message.content, message.images))
        for message in messages
    ]


def content_of(text: str, images: Sequence[Image]) -> Any:
    """A text, or its standard content blocks with pictures before it."""
    said = clean(text)
    return [*map(_block, images), {"type": "text", "text": said}] if images else said


def _block(image: Image) -> dict[str, Any]:
    data = base64.b64encode(image.data).decode()
    return {"type": "image", "base64": data, "mime_type": image.media_type}


def from_langchain(answer: BaseMessage) -> Completion:
    """A model's message as a completion, without its cost.

    Raises:
        Retryable: The server broke it off.
    """
    metadata = answer.response_metadata
    refusal = answer.additional_kwargs.get("refusal")
    reason = finish_reasons.REFUSAL if refusal else _reason(answer)
    text = str(answer.text) or str(refusal or "")
    model = metadata.get("model_name") or metadata.get("model")
    return clean_completion(text, _thoughts(answer), reason, _usage(answer), model)


def _usage(answer: BaseMessage) -> Usage:
    """The tokens that a package counted; 0 where it did not, as in an answer of a cache.

    LangChain marks an answer of its own cache with a cost of 0: no tokens were used for it.
    """
    counted = getattr(answer, "usage_metadata", None)
    if not isinstance(counted, Mapping):
        return Usage(calls=1)
    if counted.get("total_cost") == 0:
        return Usage(calls=1, cost_usd=0.0)
    taken, given, total = (
        token_count(counted.get(f"{name}_tokens")) for name in ("input", "output", "total")
    )
    taken, given = taken or max(0, total - given), given or max(0, total - taken)
    details = counted.get("input_token_details")
    cached = token_count(details.get("cache_read")) if isinstance(details, Mapping) else 0
    return Usage(taken, given, min(cached, taken), calls=1)


def is_ended(answer: BaseMessage) -> bool:
    """Whether an answer in pieces has its end, as far as its class tells.

    Packages of LangChain put the provider beside what its last piece says: the reason why the
    answer ended. Where the connection is lost between two pieces, they raise no error.
    """
    provider = answer.response_metadata.get("model_provider")
    return not provider or bool(_said_reason(answer) or answer.response_metadata.get("status"))


def tells_of_end(piece: BaseMessage) -> bool:
    """Whether a piece says why the answer ended, or counts tokens."""
    return bool(_said_reason(piece) or getattr(piece, "usage_metadata", None))


def put_right(whole: AIMessage, pieces: Sequence[BaseMessage]) -> None:
    """Undo what LangChain makes of pieces that say the same: it adds up words as well as numbers.

    A reason on every piece becomes `stopstop`, and counts that every piece gives so far are summed.

    Args:
        whole: All pieces, added up.
        pieces: Those of them that tell of its end.
    """
    reasons = list(filter(None, map(_said_reason, pieces)))
    if len(reasons) > 1:
        ended = {said: finish_reason(said) for said in map(str, reasons)}
        others = (s for s, ours in ended.items() if ours != finish_reasons.STOP)
        said = next(filter(lambda s: finish_reasons.is_known(ended[s]), others), str(reasons[-1]))
        keys = (key for key in _REASON_KEYS if whole.response_metadata.get(key))
        whole.response_metadata |= dict.fromkeys(keys, said)
    counted = list(filter(None, (getattr(piece, "usage_metadata", None) for piece in pieces)))
    taken = {usage["input_tokens"] for usage in counted}
    if len(counted) > 1 and len(taken) == 1 and 0 not in taken:
        whole.usage_metadata = counted[-1]


_REASON_KEYS = ("finish_reason", "stop_reason", "stopReason", "done_reason")


def _reason(answer: BaseMessage) -> str:
    """Why a completion ended, from what a provider says in its own words.

    Raises:
        Retryable: The server broke it off.
    """
    said = _said_reason(answer)
    reason = finish_reason(said)
    if reason == finish_reasons.ERROR:
        raise Retryable(f"the server broke its answer off: {said!s:.60}")
    calls = getattr(answer, "tool_calls", None) or getattr(answer, "invalid_tool_calls", None)
    return finish_reasons.TOOL_CALLS if calls and reason == finish_reasons.STOP else reason


def _said_reason(answer: BaseMessage) -> Any:
    metadata = answer.response_metadata
    said = next((metadata[key] for key in _REASON_KEYS if metadata.get(key)), None)
    details = metadata.get("incomplete_details")
    return details.get("reason") if said is None and isinstance(details, Mapping) else said


def _thoughts(answer: BaseMessage) -> str:
    """What the model thought: LangChain's blocks of reasoning, or a field of its provider."""
    if isinstance(answer.content, str) and not answer.additional_kwargs:
        return ""
    blocks = (block for block in answer.content_blocks if block["type"] == "reasoning")
    said = "".join(str(block.get("reasoning") or "") for block in blocks)
    return said or str(answer.additional_kwargs.get("reasoning_content") or "")


def to_answer(completion: Completion, message_id: str) -> AIMessage:
    """A completion as LangChain's callbacks see it, with the tokens it took."""
    usage = completion.usage
    metadata = {"model_name": completion.model, "finish_reason": completion.finish_reason}
    thoughts = {"reasoning_content": completion.thoughts} if completion.thoughts else {}
    return AIMessage(
        content=completion.text,
        id=message_id,
        additional_kwargs=thoughts,  # from here LangChain makes its block of reasoning
        response_metadata=metadata,
        usage_metadata=UsageMetadata(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            total_tokens=usage.input_tokens + usage.output_tokens,
            input_token_details=InputTokenDetails(cache_read=usage.cached_tokens),
        ),
    )
