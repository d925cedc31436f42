"""What a model's name says of its provider and its server."""

import pytest

from agentkit.observability.span_attributes import Peer, peer_of

NAMES = {
    "openai:gpt-5-mini": Peer("openai", "gpt-5-mini", "api.openai.com", 443),
    "openai:ft:gpt-5:acme::1": Peer("openai", "ft:gpt-5:acme::1", "api.openai.com", 443),
    "openai:qwen3@127.0.0.1:8000": Peer("openai", "qwen3", "127.0.0.1", 8000),
    "openai:qwen3@localhost": Peer("openai", "qwen3", "localhost"),
    "openai:qwen3@gpu-box:8000/api/v2": Peer("openai", "qwen3", "gpu-box", 8000),
    "openai:org/m@api.groq.com/openai/v1": Peer("openai", "org/m", "api.groq.com"),
    "openai:m@[::1]:80": Peer("openai", "m", "[::1]", 80),
    "langchain:anthropic:claude-5": Peer("anthropic", "claude-5"),
    "langchain:google_genai:gemini-3": Peer("gcp.gemini", "gemini-3"),
    "langchain:azure_openai:gpt-5@my.openai.azure.com": Peer(
        "azure.ai.openai", "gpt-5", "my.openai.azure.com"
    ),
    "langchain:ChatOpenAI:gpt-5-mini#0a1b2c3d": Peer("openai", "gpt-5-mini"),
    "langchain:ChatMistralAI:large": Peer("mistral_ai", "large"),
    "langchain:ChatVertexAI:claude@20240620": Peer("gcp.vertex_ai", "claude@20240620"),
    "langchain:ChatBedrockConverse:amazon.nova:0": Peer("aws.bedrock", "amazon.nova:0"),
    "langchain:FakeModel#0a1b2c3d": Peer("fakemodel", "FakeModel"),
    "local:models/tiny": Peer("local", "models/tiny"),
    "rules": Peer("agentkit", "rules"),
    "function:answer": Peer("agentkit", "function:answer"),
    "acme:large": Peer("acme", "large"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_models_name_says_its_provider_and_server(name):
    assert peer_of(name) == NAMES[name]


def test_models_in_this_process_are_not_remote():
    remote = {name for name in NAMES if peer_of(name).is_remote}
    assert set(NAMES) - remote == {"rules", "function:answer", "local:models/tiny"}
