"""Keeps headers that are meant for OpenAI from other servers."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx2

_OWN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-stainless-raw-response",
    }
)


class HeaderGuard:
    """Sees to it that a server gets no header which is not meant for it.

    OpenAI's SDK adds what OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS hold, also
    where another package uses it for a server of its own.

    Args:
        trusted: Whether the server is the one that these variables are meant for.
        key: The server's key; None: it gets none.
    """

    def __init__(self, trusted: bool, key: str | None) -> None:
        self._trusted = trusted
        self._key = key

    async def __call__(self, request: "httpx2.Request") -> None:
        """Take out of a request what does not belong there."""
        if not self._trusted:
            for name in [name for name in request.headers if name.lower() not in _OWN_HEADERS]:
                del request.headers[name]
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key}"
        elif "Authorization" in request.headers:
            del request.headers["Authorization"]
