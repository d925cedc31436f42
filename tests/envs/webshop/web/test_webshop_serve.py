"""`python -m agentkit_envs.webshop serve`: the shop as web pages, as any program asks for them."""

import asyncio
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

import pytest
from agentkit_envs.webshop.goals.nouns import get_nouns
from agentkit_envs.webshop.web.hosts import allowed
from agentkit_envs.webshop.web.shop import Shop
from agentkit_envs.webshop.web.site import HEADERS, make_site
from webshop_served import command, served
from webshop_shelf import GOAL, LAMP, Shelf


@dataclass
class Answer:
    """What the server said."""

    status: int
    text: str
    headers: dict = field(default_factory=dict)


def ask(url, method="GET", body=None, **headers):
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, answer.read().decode(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode(), dict(error.headers))


ITEM = "asin=B01&q=lamp&page=1"


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("99", 404, "Goals have the numbers 0 to 23; &#39;99&#39; is none."),
        ("?session=24", 404, "&#39;24&#39; is none."),
        ("?session=", 404, "&#39;&#39; is none."),
        ("-1", 404, "&#39;-1&#39; is none."),
        ("1e3/search?q=lamp", 404, "&#39;1e3&#39; is none."),
        ("%C2%B2", 404, "&#39;²&#39; is none."),
        ("9" * 5000, 404, "is none."),
        ("3/search?q=lamp&page=0", 400, "Pages of results are counted from 1; &#39;0&#39; is none"),
        ("3/search?q=lamp&page=two", 400, "&#39;two&#39; is none."),
        ("3/search?q=lamp&page=3", 404, "has 2 pages of results; there is no page 3."),
        (f"3/search?q={'lamp+' * 500}", 400, "at most 2,000 characters; this one has 2,500."),
        ("3/search?q=zzz&page=2", 404, "has 1 page of results; there is no page 2."),
        ("3/search?q=lamp&page=999999999", 404, "there is no page 999,999,999."),
        ("3/item?q=lamp&page=1&asin=B99", 404, "has no product &#39;B99&#39;."),
        ("3/item", 404, "Page 1 of the results for &#39;&#39; has no product without a number."),
        (f"3/item?{ITEM}&option.colour=red", 400, "Did you mean &#39;color&#39;?"),
        (f"3/reviews?{ITEM}&option.color=rod", 400, "Did you mean &#39;red&#39;?"),
        ("3/basket", 404, "The shop has no page &#39;/3/basket&#39;."),
        ("3/buy", 405, "&#39;/3/buy&#39; is not opened with GET."),
    ],
)
def test_what_leads_nowhere_is_a_page_that_says_why_and_leads_back(
    shop_address, path, status, told
):
    answer = ask(shop_address + path)
    assert answer.status == status
    assert told in answer.text
    assert "Go on shopping" in answer.text
    assert "Traceback" not in answer.text


def test_a_page_refuses_what_it_does_not_do_and_says_what_it_does(shop_address):
    answer = ask(f"{shop_address}3", "DELETE")
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert "&#39;/3&#39; is not opened with DELETE." in answer.text


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 404, "has no product without a number."),
        (b"\xff\x00", 400, "What came is no form of this shop."),
        (b"q=%ff", 400, "What came is no form of this shop."),
        (b"q=" + b"x" * 70_000, 413, "A purchase has at most 65,536 bytes."),
        (f"{ITEM}&option.color=pink".encode(), 400, "has no value &#39;pink&#39;."),
    ],
)
def test_a_purchase_that_is_none_is_refused(shop_address, body, status, told):
    answer = ask(f"{shop_address}3/buy", "POST", body)
    assert answer.status == status
    assert told in answer.text


def test_a_purchase_is_the_same_however_often_it_is_sent(shop_address):
    body = f"{ITEM}&option.color=red".encode()
    answers = {ask(f"{shop_address}3/buy", "POST", body).text for _ in range(2)}
    assert len(answers) == 1
    assert "Thank you for shopping with us!" in answers.pop()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "[::2]", "192.0.2.1"])
def test_another_name_is_refused_on_every_page(shop_address, host):
    for path in ("", "3", "style.css", "3/buy"):
        answer = ask(shop_address + path, Host=host)
        assert answer.status == 421
        assert "Open it by the address that it printed" in answer.text
        assert "lamp" not in answer.text


@pytest.mark.parametrize(
    ("header", "host", "open_to"),
    [
        ("127.0.0.1:3000", "127.0.0.1", True),
        ("LocalHost:3000", "127.0.0.1", True),
        ("[::1]:3000", "127.0.0.1", True),
        ("localhost.evil.example", "127.0.0.1", False),
        ("192.0.2.1", "localhost", False),
        ("192.0.2.1:3000", "0.0.0.0", True),
        ("evil.example", "0.0.0.0", False),
        ("shop.example:3000", "shop.example", True),
        ("127.0.0.1:3000", "shop.example", True),
        ("[]", "::1", False),
    ],
)
def test_the_shop_answers_to_its_own_names(header, host, open_to):
    assert allowed(header, host) is open_to


def test_texts_stay_texts(shop_address):
    features = ask(f"{shop_address}3/features?{ITEM}").text
    assert "<li>It&#39;s &lt;bright&gt;</li>" in features
    words = "\"><script>alert(1)</script>{{ 7*7 }}'"
    results = ask(f"{shop_address}3/search?q={urllib.parse.quote(words)}").text
    assert "<script" not in results
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}&#39;" in results


def test_pages_load_nothing_from_elsewhere_and_run_no_script(shop_address):
    for path in ("", "3", "3/search?q=lamp", f"3/item?{ITEM}", f"3/features?{ITEM}", "nowhere"):
        answer = ask(shop_address + path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'self'" in policy
        assert "form-action 'self'; base-uri 'none'; frame-ancestors 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "//" not in answer.text.replace("<!DOCTYPE html>", "")
    style = ask(f"{shop_address}style.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_a_search_for_nothing_asks_for_words_and_one_that_finds_nothing_for_others(shop_address):
    for path in ("3/search?q=", "3/search?q=+", "3/search"):
        assert "Type a few words that say what you want." in ask(shop_address + path).text
    assert "No product has any of these words." in ask(f"{shop_address}3/search?q=zzz").text


async def asked_directly(app, path, method="GET", body=b""):
    """What the application sends for a request, without a server, and what it raises."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"127.0.0.1")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    try:
        await app({**scope, "query_string": b"q=lamp", "root_path": ""}, receive, send)
    except RuntimeError as error:
        return sent, error
    return sent, None


@pytest.mark.parametrize("slow", [("/0/search",), ("/0/buy", "POST", f"{ITEM}".encode())])
def test_a_slow_search_holds_up_nobody_else(slow):
    answered = threading.Event()
    waited = []

    class Slow(Shelf):
        def search(self, query, limit):
            waited.append(answered.wait(5))
            return super().search(query, limit)

    site = make_site(Shop(Slow([LAMP]), [GOAL], get_nouns()))

    async def quick():
        (start, _), _ = await asked_directly(site, "/0")
        answered.set()
        return start["status"]

    async def both():
        return await asyncio.gather(asked_directly(site, *slow), quick())

    ((start, _), _), status = asyncio.run(both())
    assert (start["status"], status, waited) == (200, 200, [True])


@pytest.mark.parametrize("path", ["3/", "3/search/?q=lamp", "3/item//?q=lamp&asin=B01"])
def test_a_slash_too_many_leads_to_the_page_and_keeps_its_headers(shop_address, path):
    assert ask(shop_address + path).status == 200
    site = make_site(Shop(Shelf([LAMP]), [GOAL], get_nouns()))
    (start, _), _ = asyncio.run(asked_directly(site, f"/{path.partition('?')[0]}"))
    assert start["status"] == 307
    assert {key.encode() for key in HEADERS} <= {key for key, _ in start["headers"]}


def test_a_slash_too_many_leads_to_no_other_host():
    site = make_site(Shop(Shelf([LAMP]), [GOAL], get_nouns()))
    (start, _), _ = asyncio.run(asked_directly(site, "//evil.example/"))
    assert dict(start["headers"])[b"location"].startswith(b"http://127.0.0.1/")


def test_a_mistake_of_the_shop_is_a_page_without_its_insides():
    class Broken(Shelf):
        def search(self, query, limit):
            raise RuntimeError("the secret shelf broke")

    site = make_site(Shop(Broken([LAMP]), [GOAL], get_nouns()))
    (start, body), raised = asyncio.run(asked_directly(site, "/0/search"))
    assert start["status"] == 500
    assert b"The shop made a mistake" in body["body"]
    assert b"secret" not in body["body"]
    assert str(raised) == "the secret shelf broke", "the server's log shows it"


def test_a_port_that_is_taken_and_data_that_are_missing_are_said_in_words(
    shop_address, shop_data, shop_cache
):
    port = urllib.parse.urlsplit(shop_address).port
    taken = subprocess.run(
        command("--data", shop_data, "--cache", shop_cache, "--port", port),
        capture_output=True,
        text=True,
    )
    assert taken.returncode == 1
    assert taken.stderr == (
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port "
        "with --port\n"
    )
    missing = subprocess.run(
        command("--data", shop_data / "nowhere", "--cache", shop_cache),
        capture_output=True,
        text=True,
    )
    assert missing.returncode == 2
    assert "nowhere" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_folders_without_a_name_are_refused():
    told = subprocess.run(command("--data", "", "--cache", ""), capture_output=True, text=True)
    assert told.returncode == 2
    assert "data is the path of a folder" in told.stderr
    assert "cache is the path of a folder" in told.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there SIGINT cannot be handed on as ignored")
def test_a_shop_that_was_started_with_sigint_ignored_closes_by_it_all_the_same(
    shop_data, shop_cache
):
    with served(shop_data, shop_cache, sigint_ignored=True) as address:  # looks at how it ends
        assert ask(address).status == 200
