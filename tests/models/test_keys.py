"""A key goes to the server it is meant for, and to no other; nothing shows it."""

import pytest

from agentkit import AccessError, InputError
from agentkit.models.keys import find_key, get_server


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def key_for(base_url, given=None):
    return find_key(get_server(base_url), given, "openai:x")


def test_openai_gets_its_key_and_no_stranger_does():
    assert key_for(None) == "sk-for-openai"
    assert key_for("https://api.openai.com/v1") == "sk-for-openai"
    for other in (
        "https://api.openai.com.evil.example/v1",
        "https://api-openai.com/v1",
        "https://api.openai.com:8443/v1",
        "http://api.openai.com/v1",
        "http://127.0.0.1:8000/v1",
        "https://evil.example/api.openai.com",
    ):
        assert key_for(other) is None, other


def test_the_server_of_the_environment_gets_the_key_too(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://llm.company.example/v1")
    assert key_for(None) == "sk-for-openai"
    assert key_for("https://llm.company.example/v1/team/") == "sk-for-openai"
    for path in ("", "/other", "/v10", "/v1/../other", "/v1/%2e%2e/other"):
        assert key_for(f"https://llm.company.example{path}") is None, path
    assert key_for("https://llm.company.example:444/v1") is None
    assert key_for("https://api.openai.com/v1") == "sk-for-openai"


@pytest.mark.parametrize(
    ("base_url", "variable"),
    [
        ("https://api.together.xyz/v1", "AGENTKIT_KEY_API_TOGETHER_XYZ"),
        ("https://API.Together.xyz./v1", "AGENTKIT_KEY_API_TOGETHER_XYZ"),
        ("https://api-together.xyz/v1", "AGENTKIT_KEY_API__TOGETHER_XYZ"),
        ("http://localhost:8000/v1", "AGENTKIT_KEY_LOCALHOST"),
        ("https://a_b.example/v1", None),
        ("https://bücher.example/v1", None),
    ],
)
def test_any_other_server_gets_the_key_named_after_its_host(monkeypatch, base_url, variable):
    """Hosts that differ have variables that differ, also where only '-' and '.' do."""
    assert get_server(base_url).variable == variable
    if variable:
        monkeypatch.setenv(variable, " key-of-this-host\n")
        assert key_for(base_url) == "key-of-this-host"


def test_a_missing_key_of_openai_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with pytest.raises(AccessError, match=r"OPENAI_API_KEY.*'base_url'"):
        key_for(None)


def test_a_key_does_not_travel_in_the_open(monkeypatch):
    monkeypatch.setenv("AGENTKIT_KEY_HOST_EXAMPLE", "secret-key")
    with pytest.raises(AccessError, match=r"not sent to host\.example in the open") as caught:
        key_for("http://host.example/v1")
    assert "secret-key" not in str(caught.value)
    assert key_for("http://192.168.0.5:8000/v1") is None
    with pytest.raises(AccessError, match="in the open"):
        key_for("http://192.168.0.5:8000/v1", given="secret-key")
    assert key_for("http://[::1]:8000/v1", given="secret-key") == "secret-key"


@pytest.mark.parametrize("key", ["sk-päss", "sk one", "sk\none"])
def test_a_key_that_cannot_be_sent_is_named_but_not_shown(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(AccessError, match="OPENAI_API_KEY has characters that no key") as caught:
        key_for(None)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "base_url",
    ["localhost:8000", "ftp://host/v1", "http://", "https://h:x/v1", "http://h/v1?key=1", "x"],
)
def test_an_address_that_is_none_is_said_so(base_url):
    with pytest.raises(InputError, match="base_url: expected the address of a server"):
        get_server(base_url)


def test_a_wrong_address_in_the_environment_is_named_with_its_variable(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:80")
    with pytest.raises(InputError, match="OPENAI_BASE_URL: expected the address of a server"):
        get_server(None)


def test_an_address_cannot_carry_a_password():
    for address in (
        "https://user:hunter2@host.example/v1",
        "ftp://user:hunter2@h",
        "//u:hunter2@h",
    ):
        with pytest.raises(InputError, match="password cannot stand") as caught:
            get_server(address)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "label"),
    [
        (None, ""),
        ("https://api.openai.com/v1/", ""),
        ("http://127.0.0.1:8000/v1", "@127.0.0.1:8000"),
        ("https://Host.example/v1/", "@host.example"),
        ("https://host.example/openai/v2", "@host.example/openai/v2"),
    ],
)
def test_a_server_that_is_not_openai_is_part_of_the_name(base_url, label):
    assert get_server(base_url).label == label
