"""The shop's pages behind their addresses."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from agentkit_envs.webshop.pages.page import (
    BACK_TO_SEARCH,
    BUY,
    DETAILS,
    NEXT,
    PREVIOUS,
    SEARCH,
    Page,
)
from agentkit_envs.webshop.visit import Visit
from agentkit_envs.webshop.web.address import Address, parse_address, parse_session
from agentkit_envs.webshop.web.document import document, style
from agentkit_envs.webshop.web.hosts import HostCheck
from agentkit_envs.webshop.web.refusal import Refusal
from agentkit_envs.webshop.web.shop import Shop, last_page

MOST_BYTES = 1 << 16
"""Of a form; a purchase is far smaller."""
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Nothing is loaded from elsewhere, and no script runs."""


def make_site(shop: Shop, host: str = "127.0.0.1") -> ASGIApp:
    """The application for a web server.

    Args:
        shop: What is sold and asked for.
        host: Where the server listens; see `hosts.allowed`.
    """
    return HostCheck(Site(shop).app, host, _refuse_host)


class Site:
    """Answers requests; it remembers nothing between them.

    What searches or renders is done on threads, so that a slow request holds up no other.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        about = [name.lower() for name in DETAILS]
        self.app = Starlette(
            routes=[
                Route("/", self._start),
                Route("/style.css", _style),
                Route("/{session}", self._index),
                Route("/{session}/search", self._results),
                Route("/{session}/item", self._item),
                *(Route(f"/{{session}}/{name}", self._detail) for name in about),
                Route("/{session}/buy", self._buy, methods=["POST"]),
            ],
            exception_handlers={
                Refusal: _refused,
                HTTPException: _nothing_there,
                Exception: _broken,
            },
        )
        # Starlette would redirect such addresses without our headers: `_nothing_there` does it.
        self.app.router.redirect_slashes = False

    def _start(self, request: Request) -> Response:
        wanted = request.query_params.get("session")
        count = len(self._shop.goals)
        if wanted is not None:
            return RedirectResponse(f"/{parse_session(wanted.strip(), count)}", 303, HEADERS)
        return _page("start", catalogue=self._shop.catalogue, goals=count)

    def _index(self, request: Request) -> Response:
        address = self._address(request, [])
        return self._show(address, self._shop.enter(address))

    def _results(self, request: Request) -> Response:
        address = self._address(request, request.query_params.multi_items())
        return self._show(address, self._shop.search(address))

    def _item(self, request: Request) -> Response:
        address = self._address(request, request.query_params.multi_items())
        return self._show(address, self._shop.open(address))

    def _detail(self, request: Request) -> Response:
        address = self._address(request, request.query_params.multi_items())
        visit = self._shop.open(address)
        visit.click(request.url.path.rpartition("/")[2])
        return self._show(address, visit)

    async def _buy(self, request: Request) -> Response:
        return await run_in_threadpool(self._bought, request, await _form(request))

    def _bought(self, request: Request, values: list[tuple[str, str]]) -> Response:
        address = self._address(request, values)
        visit = self._shop.open(address)
        visit.click(BUY)
        return self._show(address, visit)

    def _address(self, request: Request, values: Iterable[tuple[str, str]]) -> Address:
        session = parse_session(request.path_params["session"], len(self._shop.goals))
        return parse_address(session, values)

    def _show(self, address: Address, visit: Visit) -> Response:
        page = visit.page
        kind = "detail" if page.kind in _DETAIL_KINDS else page.kind
        return _page(
            kind,
            page=page,
            address=address,
            catalogue=self._shop.catalogue,
            goals=len(self._shop.goals),
            last=last_page(page.total),
            buttons=_BUTTONS,
            details=DETAILS,
            paid=self._paid(page),
        )

    def _paid(self, page: Page) -> float | None:
        """What was paid, in USD, where something was bought."""
        if page.score is None or page.product is None:
            return None
        return self._shop.catalogue.price(page.product.asin)


_DETAIL_KINDS = frozenset(name.lower() for name in DETAILS)


_BUTTONS = {
    "search": SEARCH,
    "back": BACK_TO_SEARCH,
    "previous": PREVIOUS,
    "next": NEXT,
    "buy": BUY,
}
"""The texts of the text environment's buttons."""


async def _style(request: Request) -> Response:
    return Response(style(), media_type="text/css", headers=HEADERS)


async def _form(request: Request) -> list[tuple[str, str]]:
    """The values that a form sent.

    Raises:
        Refusal: They are too many, or no text.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refusal(413, "Too much", f"A purchase has at most {MOST_BYTES:,} bytes.")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        told = "What came is no form of this shop. Buy with the button on a product's page."
        raise Refusal(400, "Not understood", told) from error


def _page(template: str, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(document(template, **values), status, HEADERS)


def _refusal(refusal: Refusal) -> Response:
    return _page(
        "refusal", refusal.status, title=refusal.title, told=refusal.told, back=refusal.back
    )


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return _refusal(error)


async def _nothing_there(request: Request, error: Exception) -> Response:
    """Addresses that lead nowhere, and methods that a page does not have."""
    if not isinstance(error, HTTPException):
        raise error
    if (plain := request.url.path.rstrip("/")) and plain != request.url.path:
        return RedirectResponse(request.url.replace(path=plain), 307, HEADERS)
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        told = f"The shop has no page '{request.url.path}'."
        return _refusal(Refusal(error.status_code, "Nothing there", told))
    told = f"'{request.url.path}' is not opened with {request.method}. "
    told += "Go through the shop with its links and buttons; buying is a button of its own."
    answer = _refusal(Refusal(error.status_code, "Not this way", told))
    answer.headers.update(error.headers or {})
    return answer


async def _broken(request: Request, error: Exception) -> Response:
    told = "The shop made a mistake; what went wrong stands in the window that it was started in."
    return _refusal(Refusal(500, "The shop made a mistake", told))


async def _refuse_host(scope: Scope, receive: Receive, send: Send, name: str) -> None:
    told = f"The shop does not answer to the name '{name}'. "
    told += "Open it by the address that it printed when it was started."
    await _refusal(Refusal(421, "Another name", told))(scope, receive, send)
