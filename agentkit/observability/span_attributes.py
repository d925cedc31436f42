"""What spans say of a question, an answer and a place in a run, in the words of OpenTelemetry.

The names are those of semantic-conventions-genai 0.1, and `agentkit.*` for what it does not know.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from agentkit.messages import Answer, Call, Decision, Image, Message, Request, Usage
from agentkit.values import json_stand_in

OWN: Final = "agentkit"
"""The provider of models that come with AgentKit and of Python functions."""
_HOST: Final = re.compile(
    r"""@(?P<host> localhost | \[[0-9a-f:]+\] | [\w-]+(?:\.[\w-]+)+ | [\w-]+(?=:\d) )
        (?: :(?P<port>\d+) )?  (?: /.* )?  $""",
    re.VERBOSE,
)
"""What follows a model that is on another server than its provider's own."""
_PROVIDERS: Final = {
    "azureopenai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrockconverse": "aws.bedrock",
    "googlegenai": "gcp.gemini",
    "googlegenerativeai": "gcp.gemini",
    "googlevertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Names in the conventions of LangChain's providers and classes, where they differ."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who answers, as the conventions say it."""

    provider: str
    model: str
    address: str | None = None
    """Its server, where the model's name says it."""
    port: int | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it answers from another process."""
        return self.provider not in (OWN, "local")


@lru_cache(maxsize=256)
def peer_of(name: str) -> Peer:
    """What a model's name says of its provider and server."""
    provider, separator, model = name.partition(":")
    if not separator or provider == "function":
        return Peer(OWN, name)
    if provider == "langchain":
        provider, _, model = model.partition("#")[0].partition(":")
        key = provider.partition("@")[0].lower().replace("chat", "").replace("_", "")
        model, provider = model or provider, _PROVIDERS.get(key, key)
    host = _HOST.search(model)
    if host is not None:
        port = int(host["port"]) if host["port"] else None
        return Peer(provider, model[: host.start()], host["host"], port)
    if name.startswith("openai:"):
        return Peer(provider, model, "api.openai.com", 443)
    return Peer(provider, model)


def of_request(peer: Peer, request: Request) -> dict[str, Any]:
    """What a request says of itself, without its messages."""
    sampling = request.sampling
    streamed = request.on_text is not None and peer.is_remote
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": peer.provider,
        "gen_ai.request.model": peer.model,
        "server.address": peer.address,
        "server.port": peer.port,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.max_tokens": sampling.max_tokens,
        "gen_ai.request.stop_sequences": list(sampling.stop) or None,
        "gen_ai.request.seed": sampling.seed,
        "gen_ai.request.stream": streamed or None,
        "gen_ai.output.type": None if request.schema is None else "json",
    }


def of_call(call: Call) -> dict[str, Any]:
    """Where in a run a question is asked, or a function called."""
    return {
        "agentkit.episode": call.episode,
        "agentkit.step": call.step,
        "agentkit.node": call.node,
        "agentkit.item": call.item,
        "agentkit.attempt": call.attempt,
    }


def of_answer(answer: Answer) -> dict[str, Any]:
    """What an answer says; one that was there already took no tokens and cost nothing."""
    completion = answer.completion
    found = {
        "gen_ai.response.model": completion.model or None,
        "gen_ai.response.finish_reasons": [completion.finish_reason],
        "agentkit.reused": answer.reused,
        **_of_decision(completion.decision),
    }
    if answer.reused:
        return found
    usage = completion.usage
    return {**found, **of_usage(usage), "agentkit.tries": usage.calls}


def _of_decision(decision: Decision | None) -> dict[str, Any]:
    """How sure a decision is; its options are contents."""
    if decision is None or decision.winner is None:
        return {}
    return {
        "agentkit.decision.probability": decision.probabilities[decision.winner],
        "agentkit.decision.options": len(decision.probabilities),
        "agentkit.decision.other": decision.other,
    }


def of_usage(usage: Usage) -> dict[str, Any]:
    """What was used."""
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "agentkit.cost_usd": usage.cost_usd,
    }


def conversation(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """A conversation in the form of the conventions; pictures are told by their digest."""
    return [
        {"role": message.role, "parts": [*map(_picture, message.images), _text(message.content)]}
        for message in messages
    ]


def output(answer: Answer) -> dict[str, Any]:
    """An answer in the form of the conventions."""
    completion = answer.completion
    thoughts = completion.thoughts
    parts = [{"type": "reasoning", "content": thoughts}] if thoughts else []
    parts.append(_text(completion.text))
    return {"role": "assistant", "parts": parts, "finish_reason": completion.finish_reason}


def said(role: str, value: Any) -> dict[str, Any]:
    """What goes into a step or comes out of it, in the form of the conventions."""
    text = value
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, default=json_stand_in)
    reason = {"finish_reason": "stop"} if role == "assistant" else {}
    return {"role": role, "parts": [_text(text)], **reason}


def _picture(image: Image) -> dict[str, str]:
    digest = hashlib.sha256(image.data).hexdigest()
    return {"type": "image", "mime_type": image.media_type, "sha256": digest}


def _text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


def as_json(value: Any) -> str:
    """A value as spans hold it: they take no nested values, and no half characters."""
    return json.dumps(value, default=json_stand_in)
