"""Local files in the browser: those of listed folders, and no others."""

import pytest
from agentkit_envs.browser.engine import Engine
from agentkit_envs.browser.env import BrowserEnv
from agentkit_envs.browser.guard.notices import quote_address
from envs.browser_pages import needs_chromium, served
from envs.browser_visit import Visit, until

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def engine():
    engine = Engine()
    with engine:
        yield engine
    engine.close()


@pytest.fixture
def folders(tmp_path):
    """A folder of pages that try to read a secret beside it."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
    (outside / "secret.html").write_text("the secret")
    (outside / "secret.js").write_text("document.title = 'the secret'")
    (inside / "fine.html").write_text("no secret")
    (inside / "link.html").symlink_to(outside / "secret.html")
    sources = ("../out/secret.html", "link.html", "fine.html", "%2e%2e/out/secret.html")
    frames = "".join(f"<iframe src='{source}'></iframe>" for source in sources)
    (inside / "page.html").write_text(
        f"<title>page</title>{frames}<embed src=../out/secret.html>"
        "<script src=../out/secret.js></script><a href=../out/secret.html>away</a>"
    )
    return inside, outside


def read_all(visit):
    """The words of the active tab and its frames, when all of them have loaded."""

    async def read():
        page = visit.session.page
        await page.wait_for_load_state()
        return await page.title() + await page.aria_snapshot(mode="ai")

    return visit.engine.run(read(), 60)


def test_a_page_of_files_reads_the_files_of_listed_folders_only(engine, folders):
    inside, outside = folders
    with Visit(engine, inside.as_uri()) as visit:
        engine.run(visit.gate.guard(visit.session.page.context))
        visit.go((inside / "page.html").as_uri())
        words = read_all(visit)
        assert words.startswith("page")
        assert "no secret" in words
        assert "the secret" not in words
        secrets = [(outside / name).as_uri() for name in ("secret.html", "secret.js")]
        told = visit.gate.drain()
        for url in (*secrets, (inside / "link.html").as_uri()):
            assert any(line.startswith(quote_address(url)) for line in told), url
        for away in (
            "document.querySelector('a').click()",
            f"location = '{secrets[0]}'",
            f"window.open('{secrets[0]}')",
        ):
            visit.go((inside / "page.html").as_uri())
            visit.evaluate(f"() => void setTimeout(() => {{{away}}})")
            assert until(visit.gate.drain), away
            assert "the secret" not in read_all(visit)


def test_an_agent_in_a_folder_reads_no_file_outside_of_it(folders):
    inside, _ = folders
    env = BrowserEnv((inside / "page.html").as_uri(), allow=[inside.as_uri()])
    try:
        seen, _ = env.reset(seed=0)
        (away,) = [element.ref for element in env.view.elements if element.name == "away"]
        clicked, _, _, _, info = env.step(f"click('{away}')")
    finally:
        env.close()
    assert "no secret" in seen
    assert "the secret" not in seen + clicked
    assert info["error"]
    assert any(line.endswith("not on the allow-list.") for line in info["refused"])


def test_a_page_of_the_web_leads_to_no_file(engine, folders):
    inside, outside = folders
    assert (outside / "secret.html").read_text() == "the secret"
    file = (outside / "secret.html").as_uri()
    script = f"<script src='{(outside / 'secret.js').as_uri()}'></script>"
    with (
        served({"/": f"<title>web</title>{script}<embed src='{file}'>hello"}) as site,
        Visit(engine, site.address, inside.as_uri()) as visit,
    ):
        for away in (f"location = '{file}'", f"window.open('{file}')", f"fetch('{file}')"):
            visit.go(site.url())
            visit.evaluate(f"async () => {{ try {{ await ({away}) && 0 }} catch (e) {{}} }}")
            assert "the secret" not in read_all(visit)
        frame = "document.body.append(Object.assign(document.createElement('iframe'), {src: url}))"
        visit.evaluate(
            f"async url => {{ {frame}; await new Promise(r => setTimeout(r, 200)) }}", file
        )
        urls = visit.engine.run(frames_of(visit.session.page))
        assert not any(url.startswith("file:") for url in urls)


async def frames_of(page):
    """Where the frames of a page are."""
    return [frame.url for frame in page.frames]
