"""The gate as a proxy: what it forwards, what it refuses, and what it does with bad manners."""

import asyncio
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from agentkit_envs.browser.guard import forwarder
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.connections import look_up
from agentkit_envs.browser.guard.gate import Gate
from agentkit_envs.browser.guard.origins import read_origin
from envs.browser_pages import served

PAGE = "<p>hello"


@pytest.fixture
def good():
    with served({"/": PAGE, "/back": lambda hit: hit.body}) as site:
        yield site


@pytest.fixture
def evil():
    with served({"/": "caught"}) as site:
        yield site


@asynccontextmanager
async def opened(*allow, look_up=look_up):
    gate = await Gate.open(AllowList.parse(None, allow), look_up)
    try:
        yield gate
    finally:
        await gate.close()


async def connected(gate):
    return await asyncio.open_connection("127.0.0.1", read_origin(gate.address).port)


async def say(gate, data):
    """What the gate answers to some bytes, until it hangs up."""
    async with asyncio.timeout(10):
        reader, writer = await connected(gate)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer


async def ask(gate, url, *headers, method="GET", body=b""):
    host = url.split("/")[2]
    lines = [f"{method} {url} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    return await say(gate, "\r\n".join(lines).encode() + body)


@asynccontextmanager
async def server(*answers):
    """A server that says these bytes, one for each connection, and keeps what it was sent."""
    heard = []
    left = list(answers)

    async def serve(reader, writer):
        mine = bytearray()
        heard.append(mine)
        answer = left.pop(0) if left else answers[-1]
        while b"\r\n\r\n" not in mine and (data := await reader.read(1000)):
            mine += data
        writer.write(answer)
        if not answer.endswith(b"..."):
            writer.write_eof()
        while data := await reader.read(100_000):
            mine += data
        mine += b"<hung up>"
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", heard
    finally:
        listening.close()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_page_of_an_allowed_origin_is_passed_on(good):
    async def main():
        async with opened(good.address) as gate:
            answer = await ask(gate, good.url("/?a=b#c"))
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"\r\n\r\n" + PAGE.encode())
            assert gate.drain() == []

    asyncio.run(main())
    assert good.paths == ["/?a=b"]


def test_what_is_refused_is_said_and_counted_and_never_reached(good, evil):
    async def main():
        async with opened(good.address) as gate:
            for _ in range(3):
                answer = await ask(gate, evil.url("/steal?secret=1"))
                assert answer.startswith(b"HTTP/1.1 403 ")
                assert answer.endswith(b"AgentKit's gate: this is refused: it is not on the "
                                       b"allow-list.\n")  # fmt: skip
                assert b"Content-Type: text/plain" in answer
            assert gate.drain() == [f'"{evil.address}" (3 times): not on the allow-list']
            assert gate.drain() == []
            assert gate.reason(evil.address) == "not on the allow-list"
            assert gate.reason(good.address) is None

    asyncio.run(main())
    assert evil.connections == 0


def test_one_connection_asks_for_many_pages_of_several_origins(good):
    async def main(other, evil):
        async with opened(good.address, other.address) as gate, asyncio.timeout(10):
            reader, writer = await connected(gate)
            for site in (good, good, other, good, evil, other):
                writer.write(f"GET {site.url()} HTTP/1.1\r\nHost: any\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                assert head.startswith(b"HTTP/1.1 403 " if site is evil else b"HTTP/1.1 200 ")
            writer.close()

    with served({"/": "other"}) as other, served({"/": "caught"}) as evil:
        asyncio.run(main(other, evil))
        assert (len(good.hits), len(other.hits), evil.connections) == (3, 2, 0)
        assert good.connections == 2, "the first two requests share a connection"
        assert good.hits[0].headers["Host"] == good.address.removeprefix("http://")


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_bodies_go_both_ways_whole(good, size):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def main():
        async with opened(good.address) as gate:
            length = f"Content-Length: {len(body)}"
            answer = await ask(gate, good.url("/back"), length, method="POST", body=body)
            assert answer.partition(b"\r\n\r\n")[2] == body

    asyncio.run(main())


def test_a_body_in_chunks_stays_in_chunks():
    async def main():
        async with server(b"HTTP/1.1 200 OK\r\n\r\n") as (url, heard), opened(url) as gate:
            chunks = b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
            await ask(gate, url, "Transfer-Encoding: chunked", method="POST", body=chunks)
            await until(lambda: heard[0].endswith(b"<hung up>"))
            head, _, body = bytes(heard[0]).removesuffix(b"<hung up>").partition(b"\r\n\r\n")
            assert b"transfer-encoding: chunked" in head.lower()
            assert b"content-length" not in head.lower()
            assert body == chunks

    asyncio.run(main())


def test_an_answer_of_unknown_length_ends_where_the_server_hangs_up():
    async def main():
        async with server(b"HTTP/1.0 200 OK\r\n\r\nhello") as (url, _), opened(url) as gate:
            answer = await ask(gate, url)
            assert b"transfer-encoding: chunked" in answer.lower()
            assert answer.endswith(b"5\r\nhello\r\n0\r\n\r\n")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "said", "body"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
                b"Content-Length: 2\r\n\r\nok", b"ok"),
        ("GET", b"HTTP/1.1 418 I am a teapot\r\nContent-Length: 3\r\n\r\ntea", b"tea"),
    ],
)  # fmt: skip
def test_answers_without_a_body_and_early_ones_are_understood(method, said, body):
    async def main():
        async with server(said) as (url, _), opened(url) as gate:
            answer = await ask(gate, url, method=method)
            status = said.rpartition(b"HTTP/1.1 ")[2][:3]
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert answer.partition(b"\r\n\r\n")[2] == body

    asyncio.run(main())


def test_headers_of_one_connection_are_not_passed_on():
    said = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Mine\r\nX-Mine: 1\r\n"
        b"Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nSet-Cookie: a=1\r\n"
        b"Set-Cookie: b=2\r\n\r\n"
    )

    async def main():
        async with server(said) as (url, heard), opened(url) as gate:
            answer = await ask(
                gate, url, "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic x",
                "TE: trailers", "Upgrade: websocket", "Connection: X-Own, upgrade", "X-Own: 1",
                "X-Kept: 1", "Expect: 100-continue",
            )  # fmt: skip
            asked = bytes(heard[0]).lower()
            for name in (b"proxy-", b"te:", b"upgrade", b"x-own", b"expect"):
                assert name not in asked
            assert b"x-kept: 1" in asked
            for name in (b"x-mine", b"keep-alive", b"proxy-authenticate"):
                assert name not in answer.lower()
            assert answer.lower().count(b"set-cookie") == 2

    asyncio.run(main())


SMUGGLED = b"GET http://127.0.0.1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Length: 6", "Content-Length: 60"], b"0\r\n\r\n" + SMUGGLED),
        (["Content-Length: 6", "Transfer-Encoding: chunked"], b"0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding: xchunked"], b"0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding : chunked"], b"0\r\n\r\n" + SMUGGLED),
        (["Content-Length: +6"], b"0\r\n\r\nG" + SMUGGLED),
        (["X: 1\nTransfer-Encoding: chunked"], b"0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding: chunked"], b"0x0\r\n\r\n" + SMUGGLED),
        (["Transfer-Encoding: chunked"], b"-1\r\n\r\n" + SMUGGLED),
    ],
)
def test_no_second_request_is_smuggled_in_a_first_one(good, headers, body):
    async def main():
        async with opened(good.address) as gate:
            await ask(gate, good.url("/"), *headers, method="POST", body=body)

    asyncio.run(main())
    assert good.paths in ([], ["/"])
    assert all("smuggled" not in str(hit) for hit in good.hits)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET https://a.example/ HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n", b"403"),
        (b"GET http://a b/ HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET http://a.example/ HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"CONNECT a.example HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"CONNECT a.example:0 HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", b"403"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET http://a.example/ HTTP/1.1\r\nX: " + b"x" * 300_000, b"431"),
    ],
)
def test_bad_requests_are_answered_as_such(said, status):
    async def main():
        async with opened("https://shop.example") as gate:
            reader, writer = await connected(gate)
            writer.write(said)
            writer.write_eof()
            async with asyncio.timeout(10):
                assert (await reader.read()).startswith(b"HTTP/1.1 " + status)
            writer.close()

    asyncio.run(main())


def test_a_browser_that_says_nothing_is_no_trouble():
    async def main():
        async with opened("https://shop.example") as gate:
            for said in (b"", b"GET http://sho"):
                reader, writer = await connected(gate)
                writer.write(said)
                writer.close()
                async with asyncio.timeout(10):
                    await reader.read()

    asyncio.run(main())


def test_a_tunnel_passes_every_byte_to_an_allowed_origin_of_either_scheme():
    async def main():
        async with server(b"\x00\xffpong...") as (url, heard):
            for listed in (url, url.replace("http:", "https:")):
                async with opened(listed) as gate, asyncio.timeout(10):
                    reader, writer = await connected(gate)
                    place = url.removeprefix("http://")
                    # What is said at once with the request belongs to the tunnel.
                    said = f"CONNECT {place} HTTP/1.1\r\nHost: x\r\n\r\n\x00early\r\n\r\n"
                    writer.write(said.encode())
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
                    assert await reader.readexactly(9) == b"\x00\xffpong..."
                    writer.write(b"later")
                    writer.close()
                    await until(lambda: heard[-1].endswith(b"<hung up>"))
                    assert heard[-1] == b"\x00early\r\n\r\nlater<hung up>"

    asyncio.run(main())


def test_a_tunnel_to_any_other_port_or_host_is_refused(good, evil):
    async def main():
        async with opened(good.address, "https://shop.example") as gate:
            for place in (f"127.0.0.1:{evil.port}", f"localhost:{good.port}", "shop.example:80"):
                said = f"CONNECT {place} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                assert (await say(gate, said.encode())).startswith(b"HTTP/1.1 403 "), place
            assert gate.drain() == [
                f'"https://127.0.0.1:{evil.port}": not on the allow-list',
                f'"https://localhost:{good.port}": not on the allow-list',
                '"http://shop.example": not on the allow-list',
            ]

    asyncio.run(main())
    assert (good.connections, evil.connections) == (0, 0)


def names(table):
    """A look-up that knows these names, and notes what it was asked for."""
    asked = []

    async def look_up(host):
        asked.append(host)
        if host not in table:
            raise OSError(f"{host} is unknown")
        return [ip_address(address) for address in table[host].split()]

    return look_up, asked


def test_a_name_that_leads_to_this_computer_is_not_followed(good):
    table, _ = names({"shop.example": "127.0.0.1", "mapped.example": "::ffff:127.0.0.1"})

    async def main():
        port = good.port
        async with opened("*", f"http://shop.example:{port}", look_up=table) as gate:
            for host in ("shop.example", "mapped.example"):
                answer = await ask(gate, f"http://{host}:{port}/")
                assert answer.startswith(b"HTTP/1.1 403 ")
            assert gate.reason(f"http://shop.example:{port}") == (
                f"at 127.0.0.1, a loopback address, and {good.address} is not on the allow-list"
            )
            assert len(gate.drain()) == 2

    asyncio.run(main())
    assert good.connections == 0


def test_a_name_that_leads_to_a_listed_address_is_followed(good):
    table, asked = names({"shop.example": "10.0.0.5 127.0.0.1"})

    async def main():
        url = f"http://shop.example:{good.port}"
        async with opened(url, good.address, look_up=table) as gate:
            assert (await ask(gate, url + "/")).startswith(b"HTTP/1.1 200 ")

    asyncio.run(main())
    assert good.hits[0].headers["Host"] == f"shop.example:{good.port}"
    # Asked once: the address that was checked is the one that is connected to.
    assert asked == ["shop.example"]


def test_a_name_that_changes_its_address_is_checked_at_every_connection(good):
    table = {"shop.example": "127.0.0.1"}
    look_up, _ = names(table)

    async def main():
        url = f"http://shop.example:{good.port}"
        async with opened(url, good.address, look_up=look_up) as gate:
            assert (await ask(gate, url + "/")).startswith(b"HTTP/1.1 200 ")
            table["shop.example"] = "169.254.169.254"
            answer = await ask(gate, url + "/")
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert b"at 169.254.169.254, a link-local address" in answer

    asyncio.run(main())
    assert len(good.hits) == 1


def test_a_name_of_this_computer_is_not_looked_up(good):
    look_up, asked = names({"localhost": "8.8.8.8"})

    async def main():
        url = f"http://localhost:{good.port}"
        async with opened(url, look_up=look_up) as gate:
            assert (await ask(gate, url + "/")).startswith(b"HTTP/1.1 200 ")

    asyncio.run(main())
    assert asked == []


def test_what_cannot_be_reached_is_said_and_is_no_refusal(good):
    look_up, _ = names({})
    gone = "http://127.0.0.1:1"

    async def main():
        async with opened("http://none.example", gone, look_up=look_up) as gate:
            answer = await ask(gate, "http://none.example/")
            assert answer.startswith(b"HTTP/1.1 502 ")
            assert b"cannot be reached: there is no computer of this name." in answer
            assert b"cannot be reached: nobody answers there." in await ask(gate, gone + "/")
            assert gate.reason("http://none.example") == "there is no computer of this name"
            assert gate.reason(gone) == "nobody answers there"
            assert gate.drain() == []

    asyncio.run(main())


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_server_that_breaks_off_breaks_off_for_the_browser_too(said):
    async def main():
        async with server(said) as (url, _), opened(url) as gate:
            assert await ask(gate, url) == b""

    asyncio.run(main())


def test_a_server_that_breaks_off_in_the_middle_does_not_look_whole():
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"

    async def main():
        async with server(said) as (url, _), opened(url) as gate:
            assert (await ask(gate, url)).endswith(b"\r\n\r\nhello")

    asyncio.run(main())


def test_a_kept_connection_that_the_server_has_closed_is_not_used_again():
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"

    async def main():
        async with server(first, first) as (url, heard), opened(url) as gate:
            reader, writer = await connected(gate)
            async with asyncio.timeout(10):
                for turn in (1, 2):
                    writer.write(f"GET {url}/{turn} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    await reader.readuntil(b"\r\n\r\n")
                    assert await reader.readexactly(1) == b"1"
                    # The gate sees that this server has closed its end before it is asked again.
                    await until(lambda: heard[-1])
                    await asyncio.sleep(0.05)
                writer.close()
            assert [bytes(said[:6]) for said in heard] == [b"GET /1", b"GET /2"]

    asyncio.run(main())


def test_a_browser_that_hangs_up_ends_what_it_had_asked_for():
    async def main():
        async with server(b"HTTP/1.1 200 OK\r\n\r\nevent...") as (url, heard), opened(url) as gate:
            reader, writer = await connected(gate)
            writer.write(f"GET {url}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            async with asyncio.timeout(10):
                await reader.readuntil(b"event...")
            assert not heard[0].endswith(b"<hung up>")
            writer.close()
            await until(lambda: heard[0].endswith(b"<hung up>"))

    asyncio.run(main())


def test_a_server_may_answer_before_it_has_heard_all():
    said = b"HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno"

    async def main():
        async with server(said) as (url, _), opened(url) as gate:
            head = f"POST {url}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbegin"
            assert (await say(gate, head.encode())).startswith(b"HTTP/1.1 413 ")

    asyncio.run(main())


def test_closing_drops_every_connection():
    async def main():
        async with server(b"...") as (url, heard):
            gate = await Gate.open(AllowList.parse(url))
            tunnel, idle = await connected(gate), await connected(gate)
            tunnel[1].write(f"CONNECT {url[7:]} HTTP/1.1\r\nHost: x\r\n\r\nhi\r\n\r\n".encode())
            await until(lambda: heard and b"hi" in heard[0])
            await gate.close()
            await until(lambda: heard[0].endswith(b"<hung up>"))
            for reader, writer in (tunnel, idle):
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await reader.readexactly(1000)
                writer.close()
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await connected(gate)
            await gate.close()

    asyncio.run(main())


def test_what_is_remembered_of_refusals_is_bounded():
    async def main():
        async with opened("https://shop.example") as gate:
            reader, writer = await connected(gate)
            for number in range(60):
                place = f"a{number}.example:443"
                writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
            writer.close()
            told = gate.drain()
            assert len(told) == 21
            assert told[-1] == "40 more requests, for other addresses"
            assert gate.drain() == []
            assert gate.reason("https://a59.example") == "not on the allow-list"
            assert gate.reason("https://a0.example") is None

    asyncio.run(main())


def test_a_connection_may_be_silent_for_longer_than_a_model_thinks():
    assert forwarder.IDLE_S >= 600
