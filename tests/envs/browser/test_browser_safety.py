"""Nothing leaves the allow-list: every way out is tried in the real Chromium.

Each escape is tried twice: where the other site is listed it must reach it, or the escape would
be none; where it is not, the other site must not even get a connection.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
from functools import partial

import pytest
from agentkit_envs.browser.chromium import find_chromium
from agentkit_envs.browser.engine import Engine
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.gate import Gate
from envs.browser_escapes import ESCAPES, IN_FRONT, TOP, path, seen
from envs.browser_escapes import pages as escaping
from envs.browser_pages import needs_chromium, served
from envs.browser_visit import PATIENCE_S, Visit, until
from playwright.async_api import Error, async_playwright

pytestmark = needs_chromium

PLAY = """
import sys
from agentkit_envs.browser.env import BrowserEnv
env = BrowserEnv(sys.argv[1])
env.reset(seed=0)
print(env.step("click('" + next(e.ref for e in env.view.elements if e.name == "Go") + "')")[4])
env.close()
"""
TUNNELLED = {name for name in ESCAPES if "TUNNEL" in str(ESCAPES[name])}


@pytest.fixture(scope="module")
def engine():
    engine = Engine()
    with engine:
        yield engine
    engine.close()


def try_all(visit, site, arrived):
    """Open every page that tries to escape; `arrived` says whether that of a name did."""
    for name in IN_FRONT:
        visit.go(site.url(path(name)))
        assert until(partial(arrived, name)), name
    visit.go(site.url("/all"), *(site.url(path(name)) for name in sorted(TOP)))


def test_every_escape_reaches_the_other_site_where_that_is_listed(engine):
    with served({}) as evil, served({}) as tunnel:
        pages = escaping(evil.address, tunnel.address)
        https = tunnel.address.replace("http", "https")
        with served(pages) as site, Visit(engine, site.address, evil.address, https) as visit:
            try_all(visit, site, lambda name: name in seen(evil))
            expected = set(ESCAPES) - TUNNELLED
            until(lambda: seen(evil) >= expected)
            assert seen(evil) == expected
            assert until(lambda: tunnel.connections >= len(TUNNELLED))


def test_no_escape_reaches_the_other_site_where_that_is_not_listed(engine):
    with served({}) as evil, served(escaping(evil.address, evil.address)) as site:
        with Visit(engine, site.address) as visit:
            refused = []

            def arrived(_):
                told = visit.gate.drain()
                times = (re.search(r"(?: \((\d+) times\))?: not", line) for line in told)
                refused.extend(int(found[1] or 1) for found in times)
                return told

            try_all(visit, site, arrived)
            assert until(lambda: not arrived(any) and sum(refused) >= len(ESCAPES)), refused
        assert (evil.connections, evil.paths) == (0, [])


SPELLINGS = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "127.0.1"),
    *("localhost", "LOCALHOST.", "a.localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"),
    *("user@127.0.0.1", "127.0.0.1%2e", "127%2e0.0.1", "\\\\127.0.0.1"),
)
FETCH_ALL = """async ([hosts, port]) => {
  for (const host of hosts)
    for (const scheme of ["http", "https"])
      await fetch(`${scheme}://${host}:${port}/`, {mode: "no-cors"}).catch(() => 0);
}"""


def test_no_spelling_of_this_computer_is_public(engine):
    with served({}) as evil, served({"/": "hello"}) as site:
        with Visit(engine, site.address, "*") as visit:
            visit.go(site.url())
            visit.evaluate(FETCH_ALL, [SPELLINGS, evil.port])
            told = visit.gate.drain()
            assert len(told) >= 8
            assert all("address, which has to be listed by its own name" in line for line in told)
        assert evil.connections == 0


DATAGRAMS = """async port => {
  const wait = ms => new Promise(done => setTimeout(done, ms));
  const call = new RTCPeerConnection({iceServers: [
    {urls: [`stun:127.0.0.1:${port}`]},
    {urls: [`turn:127.0.0.1:${port}`, `turn:127.0.0.1:${port}?transport=tcp`],
     username: "a", credential: "b"}]});
  call.createDataChannel("x");
  await call.setLocalDescription(await call.createOffer());
  const other = new RTCPeerConnection();
  await other.setRemoteDescription(call.localDescription);
  await other.setLocalDescription(await other.createAnswer());
  await call.setRemoteDescription(other.localDescription);
  for (const [way, more] of [["udp", ""], ["tcp", "tcptype passive"]]) {
    const candidate = `candidate:1 1 ${way} 1 127.0.0.1 ${port} typ host ${more}`;
    await call.addIceCandidate({candidate, sdpMid: "0", sdpMLineIndex: 0});
  }
  const wt = new WebTransport(`https://127.0.0.1:${port}/x`);
  wt.closed.catch(() => 0);
  await Promise.race([wt.ready.catch(() => 0), wait(WAIT)]);
  await wait(WAIT);
}"""


@pytest.fixture
def ear():
    """A UDP port that hears, and a site on the TCP port of the same number."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        with served({}, port=udp.getsockname()[1]) as site:
            yield udp, site


def heard(udp):
    """How many datagrams came."""
    count = 0
    while True:
        try:
            udp.recv(2000)
        except BlockingIOError:
            return count
        count += 1


def test_no_datagram_and_no_call_gets_out(engine, ear):
    udp, site = ear
    with served({"/": "hello"}) as own, Visit(engine, own.address) as visit:
        visit.go(own.url())
        visit.evaluate(DATAGRAMS.replace("WAIT", "700"), site.port)
        assert (heard(udp), site.connections) == (0, 0)


def test_datagrams_would_get_out_of_a_browser_that_is_launched_as_usual(ear):
    """What the test above tries is real: without our flags and the gate it is heard."""
    udp, site = ear

    async def main():
        async with async_playwright() as playwright:
            program, arguments = find_chromium(), ["--no-sandbox"]
            browser = await playwright.chromium.launch(executable_path=program, args=arguments)
            page = await browser.new_page()
            with served({"/": "hello"}) as own:
                await page.goto(own.url())
                await page.evaluate(DATAGRAMS.replace("WAIT", "300"), site.port)
            await browser.close()

    asyncio.run(main())
    assert heard(udp) > 0
    assert site.connections > 0


def test_a_service_worker_asks_the_gate_too(engine):
    """Sessions have none; a context that has reaches no further by it."""
    with served({}) as evil, Visit(engine) as unused:
        code = (
            f"oninstall = e => e.waitUntil(fetch('{evil.url('/x')}', {{mode: 'no-cors'}}))\n"
            "onfetch = e => e.respondWith(fetch('EVIL', {mode: 'no-cors'}))"
        ).replace("EVIL", evil.url("/y"))
        register = "navigator.serviceWorker.register('/sw.js').then(r => r.update()).catch(String)"

        async def try_it(gate, url):
            browser = await engine.browser()
            context = await browser.new_context(proxy=gate.proxy)
            page = await context.new_page()
            await page.goto(url)
            await page.evaluate(register)
            async with asyncio.timeout(PATIENCE_S):
                while not (told := gate.drain()):
                    await asyncio.sleep(0.02)
            await context.close()
            return told

        with served({"/": "hello", "/sw.js": code}) as own, Visit(engine, own.address) as visit:
            told = engine.run(try_it(visit.gate, own.url()), 60)
            assert told[0].startswith(f'"{evil.address}"')
        assert evil.connections == 0
        assert unused.gate.drain() == []


def test_a_context_without_a_gate_reaches_nothing(engine):
    async def try_it(url):
        context = await (await engine.browser()).new_context()
        page = await context.new_page()
        try:
            with pytest.raises(Error, match="net::ERR_"):
                await page.goto(url)
        finally:
            await context.close()

    with served({"/": "hello"}) as site:
        engine.run(try_it(site.url()), 60)
        engine.run(try_it(site.url().replace("127.0.0.1", "localhost")), 60)
        assert site.connections == 0


def test_no_variable_of_playwright_lets_loopback_pass_by_the_gate(monkeypatch):
    monkeypatch.setenv("PLAYWRIGHT_DISABLE_FORCED_CHROMIUM_PROXIED_LOOPBACK", "1")

    async def try_it(engine, url):
        gate = await Gate.open(AllowList.parse(None))
        context = await (await engine.browser()).new_context(proxy=gate.proxy)
        answer = await (await context.new_page()).goto(url)
        await context.close()
        await gate.close()
        return answer.status

    with served({"/": "hello"}) as site, Engine() as engine:
        assert engine.run(try_it(engine, site.url()), 60) == 403
        assert site.connections == 0
    engine.close()


def test_a_page_reaches_nothing_when_its_gate_is_gone(engine):
    with served({"/": "hello"}) as site, Visit(engine, site.address) as visit:
        visit.go(site.url())
        engine.run(visit.gate.close())
        before = site.connections
        assert visit.evaluate("fetch('/x').then(() => 'reached', () => 'not reached')") == (
            "not reached"
        )
        assert site.connections == before


DEVICES = """async () => {
  const got = [];
  const late = new Promise((_, no) => setTimeout(no, 300));
  const note = (name, promise) => Promise.race([promise, late]).then(() => got.push(name), () => 0);
  const some = list => list.length || Promise.reject();
  await Promise.all([
    note("place", new Promise((yes, no) => navigator.geolocation.getCurrentPosition(yes, no))),
    note("camera", navigator.mediaDevices.getUserMedia({video: true})),
    note("screen", navigator.mediaDevices.getDisplayMedia({video: true})),
    note("clipboard", navigator.clipboard.readText()),
    note("music", navigator.requestMIDIAccess()),
    note("fonts", queryLocalFonts().then(some)),
    note("files", showOpenFilePicker()),
    note("USB", navigator.usb.requestDevice({filters: []})),
    note("notices", Notification.requestPermission().then(s => s == "granted" || late)),
  ]);
  return got;
}"""


def test_a_page_gets_nothing_of_this_machine(engine):
    with served({"/": "hello"}) as site, Visit(engine, site.address) as visit:
        visit.go(site.url())
        assert visit.evaluate(DEVICES) == []


def test_a_variable_of_playwright_opens_no_way_around_the_gate():
    with served({"/": "evil"}) as evil:
        bait = f"<img src={evil.url('/image')}><a href={evil.url('/link')}>Go</a>"
        with served({"/": bait}) as site:
            around = {"PLAYWRIGHT_DISABLE_FORCED_CHROMIUM_PROXIED_LOOPBACK": "1"}
            command = [sys.executable, "-c", PLAY, site.url()]
            told = subprocess.run(
                command, env={**os.environ, **around}, capture_output=True, text=True, timeout=120
            )
            assert "not on the allow-list" in told.stdout, told.stderr
            assert site.paths[0] == "/"
            assert evil.connections == 0
