"""Why an answer ended: the words of many servers, in ours.

Looked up in November 2026: the enumerations of OpenAI (also Azure, Groq, llama.cpp and others that
follow it), Mistral (ChatCompletionChoice), OpenRouter (FinishReason; errors-and-debugging), Gemini
(Candidate.FinishReason of google-genai and Vertex) and watsonx (TextChatResultChoice); Anthropic's
page on stop reasons; `FINISH_REASON_STRINGS` in vLLM's v1/engine; Ollama's `DoneReason`; DeepSeek's
API reference. The words of Cohere, Bedrock, SGLang, Together, Text Generation Inference, GLM and
Baidu are those that their clients know.
"""

from collections.abc import Mapping
from typing import Any, Final

STOP: Final = "stop"
"""It is whole."""
LENGTH: Final = "length"
"""It was cut off at a limit."""
REFUSAL: Final = "refusal"
"""The model refused, or a filter took the answer."""
TOOL_CALLS: Final = "tool_calls"
"""It calls a tool, though none was offered."""
ERROR: Final = "error"
"""The server broke it off."""
BAD_FORM: Final = "bad_form"
"""The server held it to a form, and it has not that form."""

_WORDS: Final = {
    STOP: (
        "stop",  # OpenAI, Azure, vLLM, SGLang, llama.cpp, Ollama, Groq, DeepSeek, Mistral, Gemini
        "end_turn", "stop_sequence",  # Anthropic
        "eos", "eos_token",  # Together; Text Generation Inference
        "complete", "completed",  # Cohere; OpenAI's Responses
        "normal", "end",  # Baidu and older gateways
    ),
    LENGTH: (
        "length",
        "max_tokens", "model_context_window_exceeded",  # Anthropic, Gemini, Bedrock
        "model_length",  # Mistral
        "max_output_tokens",  # OpenAI's Responses
        "token_limit", "time_limit",  # watsonx
        "repetition",  # vLLM: it began to repeat itself
        "error_limit",  # Cohere
        "pause_turn", "incomplete",  # Anthropic, OpenAI's Responses: there would be more
    ),
    REFUSAL: (
        "refusal",  # Anthropic
        "content_filter",  # OpenAI, Azure, SGLang, DeepSeek, OpenRouter
        "content_filtered", "guardrail_intervened",  # Bedrock
        "safety", "recitation", "language", "blocklist", "prohibited_content", "spii",
        "image_safety", "image_prohibited_content", "image_recitation", "model_armor",  # Gemini
        "error_toxic",  # Cohere
        "sensitive",  # GLM
    ),
    TOOL_CALLS: (
        "tool_calls", "function_call",  # OpenAI and those that follow it
        "tool_use", "tool_call", "malformed_tool_use",  # Anthropic, Cohere, Bedrock
        "malformed_function_call", "unexpected_tool_call", "too_many_tool_calls",  # Gemini
    ),
    ERROR: (
        "error",  # OpenRouter, Mistral, vLLM, Cohere, watsonx
        "abort", "aborted", "cancelled", "canceled", "user_cancel",  # vLLM, SGLang, Triton
        "timeout",  # Cohere, Triton
        "insufficient_system_resource",  # DeepSeek
        "load", "unload",  # Ollama
        "network_error",  # GLM
        "malformed_model_output",  # Bedrock
        "malformed_response", "missing_thought_signature",  # Gemini
    ),
}  # fmt: skip
_BY_WORD: Final = {word: ours for ours, words in _WORDS.items() for word in words}
_UNSAID: Final = ("", "none", "null")
_LONGEST: Final = 60


def is_known(reason: str) -> bool:
    """Whether a reason is one of ours, and not a word that nobody knows."""
    return reason in _WORDS


def finish_reason(said: Any) -> str:
    """Return why an answer ended, from what a server says.

    Args:
        said: Its word, or a mapping with the word under `type`; None and "" where it says nothing.

    Returns:
        `stop`, `length`, `refusal`, `tool_calls` or `error`; `stop` where nothing is said; a word
        that is not known as it stands, in lower case.
    """
    if said == STOP:  # nearly always
        return STOP
    if isinstance(said, Mapping):
        said = said.get("type")
    word = "" if said is None else "_".join(str(said)[:_LONGEST].lower().replace("-", " ").split())
    word = word.removeprefix("finishreason.").removeprefix("finish_reason_")
    word = "".join(letter if letter.isprintable() else "?" for letter in word)
    return STOP if word in _UNSAID else _BY_WORD.get(word, word)
