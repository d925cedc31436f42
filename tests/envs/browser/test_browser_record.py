"""Runs in a real browser that are recorded, and one that is stopped by Ctrl-C."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from agentkit_envs.browser.env import BrowserEnv
from agentkit_envs.browser.see.observation_reader import read
from envs.browser_pages import needs_chromium, served
from envs.browser_processes import descendants, left_of
from PIL import Image, ImageSequence

from agentkit import Agent, EnvSpec, Graph, Node, Plan, RunWriter, rollout

pytestmark = needs_chromium

AGENTKIT = Path(sys.executable).with_name("agentkit")
SIZE = (400, 300)
HOME = "<title>Home</title><body style='margin: 0'><button style='margin: 100px'>Next</button>"
WATCH = """<title>Wait</title><script>
fetch("/film.webp").then(async found => {
  const decoder = new ImageDecoder({data: found.body, type: "image/webp"});
  await decoder.tracks.ready;
  await decoder.completed;
  const track = decoder.tracks.selectedTrack;
  for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
    await decoder.decode({frameIndex});
  }
  document.title = `${track.frameCount} pictures, again ${track.repetitionCount}`;
}).catch(error => { document.title = `cannot be watched: ${error}` });
</script>"""
WAITER = """\
version: 1
name: waiter
env: {id: agentkit/Browser-v1, url: "{{ url }}"}
model: script:noop.json
inputs: {url: }
nodes:
  act: "{{ observation }} What now?"
"""


def next_button(request):
    """Click the only button there is, and then give an answer."""
    buttons = [e for e in read(request.variables["observation"]).elements if e.role == "button"]
    return f"click('{buttons[0].ref}')" if buttons else "send_msg_to_user('There.')"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The folder of a run of two steps."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    with served({"/": HOME.replace("<button", "<button onclick='location = `/there`'"),
                 "/there": "<title>There</title><h1>There</h1>"}) as site:  # fmt: skip
        agent = Agent(
            Graph([Node("act", "{{ observation }}")]),
            model=next_button,
            env=EnvSpec("agentkit/Browser-v1", {"url": site.url(), "viewport": SIZE}),
        )
        writer = RunWriter(folder, {})
        summary = asyncio.run(rollout(agent, Plan(record=True), writer=writer))
        writer.finish(summary.status, summary.totals())
    assert [(one.status, one.steps) for one in summary.episodes] == [("done", 2)]
    return folder


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_a_step_has_the_page_it_saw_and_the_element_it_is_about_to_use(recorded):
    folder = recorded / "pictures/0000"
    names = ["0000.png", "0000_1.png", "0001.png", "0001_1.png", "0002.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    seen, marked, after = (pixels(folder / name) for name in names[:3])
    assert seen.shape == (SIZE[1], SIZE[0], 3)
    ys, xs = np.nonzero((seen != marked).any(axis=2))
    assert 70 < xs.min() < 110
    assert 70 < ys.min() < 110, "the mark is not around the button"
    assert xs.max() < 220
    assert ys.max() < 180
    assert (marked != after).any()


def test_the_film_shows_both_and_its_words_say_the_action(recorded):
    with Image.open(recorded / "pictures/0000.webp") as film:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 5
    assert {frame.shape for frame in frames} == {(SIZE[1] + 28, SIZE[0], 3)}
    for name, frame in zip(sorted((recorded / "pictures/0000").iterdir()), frames, strict=True):
        assert (pixels(name) == frame[: SIZE[1]]).all()
    with Image.open(recorded / "pictures/0000/0001.png") as picture:
        assert picture.info["Description"].startswith("0: click('e")


def test_a_browser_plays_the_film(recorded):
    film = (recorded / "pictures/0000.webp").read_bytes()
    with served({"/": WATCH, "/film.webp": film}) as site:
        env = BrowserEnv(site.url())
        try:
            env.reset()
            for _ in range(20):
                observation, *_ = env.step("noop(100)")
                if read(observation).title != "Wait":
                    break
        finally:
            env.close()
    assert read(observation).title == "5 pictures, again Infinity"


def test_a_run_that_is_given_up_in_the_middle_of_an_action_leaves_no_browser(tmp_path):
    (tmp_path / "waiter.yaml").write_text(WAITER)
    (tmp_path / "noop.json").write_text('{"act": ["noop(10)", "noop(4000)"]}')
    arguments = ["waiter.yaml", "--out", "run", "--record", "--input"]
    with served({"/": HOME}) as site:
        process = subprocess.Popen(
            [AGENTKIT, "run", *arguments, f"url={site.url()}"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )
        with process:
            try:
                wait_for_actions(2, tmp_path / "run/episodes/0000.jsonl", process)
                children = descendants(process.pid)
                assert len(children) >= 4
                for said in ("stopping after the calls in flight", "stopping now"):
                    process.send_signal(signal.SIGINT)
                    assert process.stderr.readline().startswith(said)
                assert process.wait(timeout=30) == 130
                assert left_of(children) == {}
            finally:
                process.kill()
    with Image.open(tmp_path / "run/pictures/0000.webp") as film:
        assert film.n_frames >= 2


def wait_for_actions(number, record, process):
    """Wait until so many actions were decided on."""
    until = time.monotonic() + 60
    while not record.exists() or record.read_text().count('"step_finished"') < number:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.02)
