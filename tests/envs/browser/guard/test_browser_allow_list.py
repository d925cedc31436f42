"""The allow-list: what its entries mean, what it refuses, and what it says about bad entries."""

import re
from ipaddress import ip_address
from string import ascii_lowercase, digits

import pytest
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.ip_addresses import kind_of
from agentkit_envs.browser.guard.origins import read_host, read_origin
from hypothesis import given
from hypothesis import strategies as st

SHOP = "https://shop.example"


def refuses(url, *allow, start=SHOP):
    return AllowList.parse(start, allow).refuses(url)


def problems(url, *allow):
    with pytest.raises(ValueError, match=r"allow|url") as caught:
        AllowList.parse(url, allow)
    return str(caught.value).split("\n")


def test_the_origin_of_the_start_page_is_listed_by_naming_the_page():
    allow = AllowList.parse("https://shop.example/lamps?page=2#top")
    assert allow.origins == (SHOP,)
    assert allow.refuses("https://shop.example/cart") is None
    assert allow.refuses("https://SHOP.example:443") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://www.shop.example",
        "https://shop.example@evil.example",
        "https://shop.example:pass@evil.example/",
        "https://evil.example/https://shop.example",
        "https://evil.example?https://shop.example",
        "https://evil.example#@shop.example",
        "https://evil.example\\@shop.example",
        "https:\\\\evil.example",
        "https:/evil.example",
        "https:evil.example",
        "https:///evil.example",
        " \thttps://evil\n.example\r ",
        "https://evil%2Eexample",
        "https://shop.example.",
    ],
)
def test_another_host_is_refused_however_it_is_spelled(url):
    assert "not on the allow-list" in refuses(url)


@pytest.mark.parametrize("url", ["http://shop.example", "https://shop.example:8443"])
def test_another_scheme_or_port_is_another_origin(url):
    assert refuses(url) == f"{url} is not on the allow-list"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,hello",
        "blob:https://shop.example/7",
        "view-source:https://shop.example",
        "chrome://settings",
        "about:srcdoc",
        "ws://shop.example",
        "ftp://shop.example",
        "filesystem:https://shop.example/x",
        "file:///etc/passwd",
        "file://shop.example/share",
        "//shop.example",
        "/cart",
        "",
        "https://",
        "https://[::1",
        "https://shop.example:99999",
        "https://shop.example:x",
        "https://shop example",
        "https://%zz",
        "https://%ff",
    ],
)
def test_what_is_no_web_address_is_refused_even_where_every_public_one_is_allowed(url):
    assert refuses(url, "*")


def test_a_blank_page_is_always_allowed():
    assert refuses("about:blank") is None
    assert AllowList.parse(None, []).refuses("about:blank") is None


def test_a_bare_host_stands_for_both_schemes():
    allow = AllowList.parse(None, ["Shop.Example", "127.0.0.1:8000"])
    assert allow.origins == (
        "http://127.0.0.1:8000",
        "http://shop.example",
        "https://127.0.0.1:8000",
        "https://shop.example",
    )


def test_subdomains_are_allowed_without_the_domain_itself():
    assert refuses("https://a.example.org", "https://*.example.org") is None
    assert refuses("https://a.b.example.org", "*.example.org") is None
    assert refuses("http://a.example.org", "*.example.org") is None
    assert refuses("https://example.org", "*.example.org")
    assert refuses("https://notexample.org", "*.example.org")
    assert refuses("http://a.example.org", "https://*.example.org")
    assert refuses("https://a.example.org:8443", "https://*.example.org")
    assert refuses("https://a.example.org:8443", "https://*.example.org:8443") is None


PRIVATE = [
    "http://127.0.0.1",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://0177.0.0.1",
    "http://017700000001",
    "http://127.0.0.1.",
    "http://127%2e0.0.1",
    "http://localhost",
    "http://LOCALHOST:8000",
    "http://localhost.",
    "http://a.localhost",
    "http://[::1]",
    "http://[0:0:0:0:0:0:0:1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[64:ff9b::10.0.0.1]",
    "http://[2002:7f00:1::]",
    "http://0.0.0.0",
    "http://0",
    "http://[::]",
    "http://10.1.2.3",
    "http://172.31.255.255",
    "http://192.168.1.1",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1",
    "http://192.0.0.8",
    "http://224.0.0.1",
    "http://255.255.255.255",
    "http://[fe80::1]",
    "http://[fd00::1]",
    "http://[fec0::1]",
    "http://[ff02::1]",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_refused_where_every_public_one_is_allowed(url):
    assert re.search("address, which has to be listed by its own name$", refuses(url, "*"))


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_allowed_by_its_own_name(url):
    assert refuses(url, start=url) is None


@pytest.mark.parametrize(
    "url", ["http://8.8.8.8", "http://134744072", "https://[2606:4700::1111]", SHOP]
)
def test_every_public_address_is_allowed_by_a_star(url):
    assert refuses(url, "*", start=None) is None


def test_one_private_address_opens_no_other():
    allow = AllowList.parse("http://127.0.0.1:8000", ["*"])
    for url in ("http://127.0.0.1:8001", "http://localhost:8000", "https://127.0.0.1:8000"):
        assert "loopback address" in allow.refuses(url), url


def test_a_name_that_stands_for_a_private_address_needs_that_address_on_the_list_too():
    inside, outside = ip_address("10.0.0.5"), ip_address("8.8.8.8")
    origin = read_origin("https://shop.example:444")
    allow = AllowList.parse("https://shop.example:444")
    assert allow.refuses_address(origin, outside) is None
    assert allow.refuses_address(origin, inside) == (
        "at 10.0.0.5, a private address, and https://10.0.0.5:444 is not on the allow-list"
    )
    both = AllowList.parse("https://shop.example:444", ["https://10.0.0.5:444"])
    assert both.refuses_address(origin, inside) is None


def test_an_ipv6_address_that_carries_a_public_ipv4_address_is_public():
    for address in ("::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::"):
        assert kind_of(ip_address(address)) is None


def test_files_are_allowed_in_listed_folders_only(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a page.html").write_text("hello")
    (inside / "link.html").symlink_to(outside / "a page.html")
    allow = AllowList.parse((inside / "a page.html").as_uri(), [inside.as_uri()])
    assert allow.origins == (inside.as_uri() + "/",)
    assert allow.refuses((inside / "a page.html").as_uri()) is None
    assert allow.refuses((inside / "missing.html").as_uri()) is None
    for url in (
        (outside / "a page.html").as_uri(),
        (inside / "link.html").as_uri(),
        inside.as_uri() + "/../out/a page.html",
        inside.as_uri() + "/%2e%2e/out/a%20page.html",
        inside.as_uri() + "\\..\\out",
        inside.as_uri() + "side/page.html",
        "file:" + str(outside),
        "FILE:///etc/passwd",
    ):
        assert "in no folder of the allow-list" in allow.refuses(url), url
    assert "slash or a zero" in allow.refuses(outside.as_uri() + "%2F..%2Fin/a page.html")
    assert "another computer" in allow.refuses("file://other.example/in/a page.html")


def test_a_listed_folder_that_is_a_link_is_the_folder_that_it_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    allow = AllowList.parse(None, [(tmp_path / "link").as_uri()])
    assert allow.refuses((tmp_path / "real" / "page.html").as_uri()) is None
    assert allow.refuses((tmp_path / "link" / "page.html").as_uri()) is None


def test_every_problem_is_told_at_once(tmp_path):
    file = tmp_path / "page.html"
    file.write_text("hello")
    forms = "expected an origin (https://shop.example), a host for both http and https"
    told = problems(
        "shop.example/lamps",
        "https://shop.example/cart",
        "htps://shop.example",
        "ftp://shop.example",
        file.as_uri(),
        (tmp_path / "none").as_uri(),
        "user@shop.example",
        "*.127.0.0.1",
        "https://*",
        "shop.example:0",
        "",
        7,
    )
    expected = [
        "url = 'shop.example/lamps': an address begins with https:// or http://. "
        "Did you mean https://shop.example/lamps?",
        "allow[0] = 'https://shop.example/cart': an entry is an origin, without user, path or "
        "query: leave out what belongs to '/'. Did you mean https://shop.example?",
        f"allow[1] = 'htps://shop.example': {forms}",
        f"allow[2] = 'ftp://shop.example': {forms}",
        f"allow[3] = {file.as_uri()!r}: {file} is a file: list the folder, {tmp_path.as_uri()}/",
        f"allow[4] = {(tmp_path / 'none').as_uri()!r}: there is no folder {tmp_path / 'none'}",
        "allow[5] = 'user@shop.example': an entry is an origin, without user, path or query: "
        "leave out what belongs to '@'. Did you mean https://shop.example?",
        "allow[6] = '*.127.0.0.1': the address of a computer has no subdomains: name each origin",
        "allow[7] = 'https://*': '*' is no name of a host. For every public address write *",
        "allow[8] = 'shop.example:0': there is no port 0: ports are 1 to 65535",
        f"allow[9] = '': {forms}",
        f"allow[10] = 7: {forms}",
    ]
    assert len(told) == len(expected)
    for problem, start in zip(told, expected, strict=True):
        assert problem.startswith(start)
    assert told[2].endswith(". Did you mean https://shop.example?")
    assert told[3].endswith("or * for every public address")


def test_a_start_page_that_is_refused_is_a_problem(tmp_path):
    assert problems("data:text/html,hello") == [
        "url = 'data:text/html,hello': an address begins with https:// or http://, not with data:"
    ]
    page = (tmp_path / "page.html").as_uri()
    assert problems(page) == [
        f"url = {page!r}: {page} is in no folder of the allow-list; list its folder, "
        f"{tmp_path.as_uri()}/"
    ]


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("127.0.0.1:8000/x?a=1", "http://127.0.0.1:8000/x?a=1"),
        ("localhost/x", "http://localhost/x"),
        ("htps://shop.example/x", "https://shop.example/x"),
        ("user:word@shop.example/x", "https://shop.example"),
    ],
)
def test_a_start_page_without_its_scheme_is_suggested_whole(url, meant):
    [problem] = problems(url)
    assert problem.endswith(f"Did you mean {meant}?")


def test_a_password_is_not_repeated():
    told = problems("htp://ada:secret@shop.example/", "http://ada:se:cret@x.example", "b:secret@x")
    assert len(told) == 3
    assert "secret" not in str(told)
    assert "se:cret" not in str(told)
    assert told[0].startswith("url = 'htp://ada:…@shop.example/': ")


def test_one_text_in_place_of_a_list_is_a_problem():
    with pytest.raises(ValueError, match=r"allow is a list .*: write \['\*'\]"):
        AllowList.parse(SHOP, "*")


def test_names_in_other_letters_are_written_as_browsers_write_them():
    assert read_host("MÜNCHEN.example") == "xn--mnchen-3ya.example"
    # Browsers keep the sharp s, Python makes it ss: it could be another's host.
    assert "xn--" in problems(SHOP, "faß.example")[0]


LABEL = st.text(ascii_lowercase + digits, min_size=1, max_size=8)


@given(st.integers(0, 2**32 - 1), st.sampled_from("dox"), st.integers(1, 4))
def test_an_ipv4_address_is_read_in_every_spelling(number, base, parts):
    octets = [(number >> 8 * place) & 255 for place in (3, 2, 1, 0)]
    last = number & (256 ** (5 - parts) - 1)
    write = {"d": str, "o": "0{:o}".format, "x": "0x{:x}".format}[base]
    assert read_host(".".join(map(write, [*octets[: parts - 1], last]))) == str(ip_address(number))


@given(st.text())
def test_any_text_is_refused_or_is_on_the_list(text):
    allow = AllowList.parse(SHOP)
    assert allow.refuses(text) or text.strip().lower().startswith(("https:", "about:blank"))


@given(st.lists(LABEL, min_size=1, max_size=3).map(".".join), st.integers(1, 65535))
def test_an_origin_that_is_listed_is_the_only_one_that_is_allowed(host, port):
    name = f"a{host}.example"
    allow = AllowList.parse(None, [f"http://{name}:{port}"])
    assert allow.refuses(f"http://{name}:{port}/x") is None
    assert allow.refuses(f"http://x{name}:{port}/x")
    assert allow.refuses(f"http://{name}:{port % 65535 + 1}/x")
    assert read_origin(str(read_origin(f"http://{name}:{port}"))) == read_origin(allow.origins[0])
