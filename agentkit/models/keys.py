"""Which key goes to which server.

The address of a server may come from a stranger's file, so a key is sent only where its owner
meant it to go: OPENAI_API_KEY to OpenAI, or to the address in OPENAI_BASE_URL; any other key only
to the host that its variable is named after.
"""

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from agentkit.errors import AccessError, InputError
from agentkit.redaction import redacted

OPENAI_URL: Final = "https://api.openai.com/v1"
OPENAI_KEY: Final = "OPENAI_API_KEY"
_OPENAI_BASE: Final = "OPENAI_BASE_URL"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is."""

    url: str
    """The address that the paths of the API are added to, such as `https://api.openai.com/v1`."""
    host: str
    """Its host, in small letters."""
    port: int
    """Its port."""
    encrypted: bool
    """Whether the address begins with https."""

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own."""
        return self.origin == ("api.openai.com", 443, True)

    @property
    def is_loopback(self) -> bool:
        """Whether it runs on this machine."""
        return is_loopback(self.host)

    @property
    def origin(self) -> tuple[str, int, bool]:
        """What makes two addresses the same server."""
        return self.host, self.port, self.encrypted

    def _is_users_own(self) -> bool:
        """Whether the user's own environment names it: the same address, or one below it."""
        if not os.environ.get(_OPENAI_BASE):
            return False
        own = get_server(None)
        path, start = (unquote(urlsplit(server.url).path) for server in (self, own))
        below = f"{path}/".startswith(f"{start}/") and ".." not in path.split("/")
        return self.origin == own.origin and below

    @property
    def label(self) -> str:
        """How the server is shown in a model's name; empty for OpenAI's own."""
        if self.is_openai:
            return ""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/")
        return f"@{parts.netloc}{'' if path == '/v1' else path}"

    @property
    def variable(self) -> str | None:
        """The environment variable that holds its key; None: its name gives no variable."""
        if self.is_openai or self._is_users_own():
            return OPENAI_KEY
        if not re.fullmatch(r"[a-z0-9.-]+", self.host):
            return None
        # "-" and "." must differ: else the owner of api-shop.net could ask for api.shop.net's key.
        return "AGENTKIT_KEY_" + self.host.replace("-", "__").replace(".", "_").upper()


def is_loopback(host: str) -> bool:
    """Return whether a host, in small letters, is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name, not an address
        return False


def get_server(base_url: str | None) -> Server:
    """The server at an address; without one, OPENAI_BASE_URL or OpenAI's own.

    Raises:
        InputError: It is no address of a server.
    """
    name = "base_url" if base_url else _OPENAI_BASE
    given = base_url or os.environ.get(_OPENAI_BASE) or OPENAI_URL
    try:
        parts = urlsplit(given.strip())
        port = parts.port
    except ValueError:
        raise InputError(_wrong(name, given)) from None
    if "@" in parts.netloc:
        raise InputError(f"{name}: a key or a password cannot stand in the address of a server")
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise InputError(_wrong(name, given))
    host = parts.hostname.rstrip(".")
    url = SplitResult(parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", "").geturl()
    return Server(url, host, port or _PORTS[parts.scheme], parts.scheme == "https")


def _wrong(name: str, given: str) -> str:
    return (
        f"{name}: expected the address of a server such as http://127.0.0.1:8000/v1, "
        f"found {redacted(given)!r:.80}"
    )


def find_key(server: Server, given: str | None, model: str) -> str | None:
    """The key to send to a server; None: none is known, and none may be needed.

    Args:
        server: Where it goes.
        given: The key that a program gave with the model.
        model: The model's name, for messages.

    Raises:
        AccessError: OpenAI needs a key and there is none, or the key would travel in the open.
    """
    variable = server.variable
    key = (given or (os.environ.get(variable) if variable else None) or "").strip()
    if not key:
        if server.is_openai:
            raise AccessError(
                f"{model} needs a key: set the environment variable {OPENAI_KEY}. "
                "A server of your own needs none: give the model its 'base_url'"
            )
        return None
    where = "the key" if given else f"the environment variable {variable}"
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AccessError(f"{model}: {where} has characters that no key has")
    if not server.encrypted and not server.is_loopback:
        raise AccessError(
            f"{model}: a key is not sent to {server.host} in the open: use https in 'base_url', "
            f"or unset {variable or 'the key'} if the server needs no key"
        )
    return key


def refused(server: Server, key: str | None, given: str | None, model: str, status: int) -> str:
    """What to say when a server refuses access."""
    variable = server.variable
    if given and status == 401:
        return f"{model}: the server refused the key that was given (401)"
    if given:
        return (
            f"{model}: the server refused the key that was given, or its use for this model or "
            f"from this place ({status})"
        )
    if key and status == 401:
        return (
            f"{model}: the server refused the key (401): check the environment variable {variable}"
        )
    if key:
        return (
            f"{model}: the server refused the key, or its use for this model or from this place "
            f"({status}): if it is about the key, check the environment variable {variable}"
        )
    if variable is None:
        return f"{model}: the server wants a key ({status}): give it in Python, with api_key"
    return f"{model}: the server wants a key ({status}): set the environment variable {variable}"
