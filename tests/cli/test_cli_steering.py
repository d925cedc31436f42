"""What a model, an environment, a file or a server writes does not steer the terminal.

A model could answer with codes that clear the screen, set the title or write to the clipboard.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli_live import Terminal

import agentkit.cli
from agentkit.cli.view.closing import print_json
from agentkit.errors import Problem, visible

AGENTKIT = Path(sys.executable).with_name("agentkit")
STEER = "\x1b[2J\x1b]0;pwn\x07\x1b]52;c;aGk=\x07\x9b2J\r\u202epwn"
STEERING = ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e")

PLUGIN = f'''

STEER = {STEER!r}


class Evil:
    reads_variables = False

    def __init__(self, name):
        self.name = "evil:" + STEER
        self._fails = name == "broken"

    async def complete(self, request):
        if request.on_text is not None:
            request.on_text(STEER)
        await asyncio.sleep(0.15)
        if self._fails:
            raise ValueError(STEER)
        return Completion("east" + STEER, Usage(10, 2, 5, 1), model=self.name)


class EvilCorridor(Corridor):
    """A corridor with something on its walls."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return STEER, {{**self._info(), "achievements": {{STEER: 1}}}}

    def step(self, action):
        _, *rest, info = super().step(action)
        return (STEER, *rest, {{**info, "achievements": {{STEER: 1}}}})

    @staticmethod
    def report(infos):
        return {{"[red]label" + STEER: STEER}}


def register_evil():
    if "evil/Corridor-v0" not in gymnasium.registry:
        gymnasium.register("evil/Corridor-v0", entry_point=EvilCorridor)
'''
AGENT = """\
version: 1
name: haunted
env: {id: evil/Corridor-v0, length: 2}
model: "evil:x"
nodes:
  look: "{{ observation }} What do you see?"
  plan: {prompt: "{{ look }}", output: {wall: str}, attempts: 2, otherwise: {wall: none}}
  act: "{{ plan }} Which way?"
"""
ANSWER = 'version: 1\nname: answer\nmodel: "evil:x"\nnodes: {a: Go}\n'


@pytest.fixture
def evil(processes, folder: Path):
    site = folder / "site"
    with (site / "slow_plugin.py").open("a") as plugin:
        plugin.write(PLUGIN)
    points = site / "slow_plugin-1.0.dist-info" / "entry_points.txt"
    text = points.read_text().replace(
        "[agentkit.models]", "[agentkit.models]\nevil = slow_plugin:Evil"
    )
    text = text.replace("[agentkit.envs]", "[agentkit.envs]\nevil = slow_plugin:register_evil")
    points.write_text(text)
    (folder / "haunted.yaml").write_text(AGENT)
    (folder / "answer.yaml").write_text(
        'version: 1\nname: answer\nmodel: "evil:x"\nnodes: {a: Go}\n'
    )
    return processes


ON_TERMINAL = (
    ("run", "haunted.yaml", "--out", "r"),
    ("run", "haunted.yaml", "--model", "evil:broken", "--out", "failed"),
    ("run", "answer.yaml", "--out", "answered"),
    ("show", "r", "--full"),
    ("profile", "r"),
)
PIPED = (
    ("run", "haunted.yaml", "--episodes", "2", "--out", "several"),
    ("run", "haunted.yaml", "--model", "evil:broken", "--out", "piped"),
    ("run", "answer.yaml", "--node", "a"),
    ("render", "haunted.yaml", "--node", "act", "--from", "r:0:1"),
    ("show", "haunted.yaml"),
    ("show", "r", "--full"),
    ("show", "failed", "--step", "0"),
    ("show", "failed"),
    ("profile", "r"),
)


def test_nothing_steers_a_terminal_nor_what_reads_a_pipe(evil):
    for command in ON_TERMINAL:
        screen = Terminal(evil, *command)
        screen.read_to_end()
        for code in STEERING:
            assert code not in screen.seen, (command, code)
        assert "pwn" in screen.text, screen.text
    for command in PIPED:
        done = subprocess.run([AGENTKIT, *command], env=evil.environment, capture_output=True)
        said = (done.stdout + done.stderr).decode()
        for code in ("\x1b", *STEERING):
            assert code not in said, (command, code)
        assert "pwn" in said, said


def test_json_tells_everything_and_escapes_it(evil):
    done = evil.start("run", "answer.yaml", "--json").communicate(timeout=60)[0]
    for code in ("\x1b", "\x07", "\x9b"):
        assert code not in done
    assert json.loads(done)["episodes"][0]["values"] == {"a": "east" + STEER}


def test_json_of_controls_beyond_ascii_is_escaped(capsys):
    print_json({"a": "\x7f\x9b\u202e"})
    said = capsys.readouterr().out
    assert "\\u007f\\u009b" in said
    assert json.loads(said) == {"a": "\x7f\x9b\u202e"}


def test_lines_tabs_and_every_script_stay():
    for text in ("a\n\tb", "wałek größer", "你好\u3000。", "👩\u200d🚀", "שלום", "e\u0301"):
        assert visible(text) == text


def test_whatever_steers_becomes_a_space():
    assert visible("a\x1b[31mb\x00c\r\nd\x85\u2028e\udc80") == "a [31mb c \nd  e "


def test_a_problem_shows_its_line_without_codes_and_with_its_caret_in_place():
    text = str(Problem("no \x1b[2J", line=1, column=3, excerpt="\ta\x1b[2J"))
    assert text == "line 1: no  [2J\n     a [2J\n      ^"


CONSTANT = {"app.py", "reference.py", "schema.py"}
"""What these print of themselves comes from AgentKit alone."""


def test_every_text_goes_to_the_terminal_by_one_way():
    folder = Path(agentkit.cli.__file__).parent
    printing = re.compile(r"click\.s?echo\(|\bText\(|sys\.std(?:out|err)\.write")
    found = {
        path.name: printing.findall(path.read_text())
        for path in folder.rglob("*.py")
        if path.name not in CONSTANT and printing.search(path.read_text())
    }
    assert set(found) == {"terminal.py", "closing.py", "frame.py"}
    assert found["closing.py"] == ["click.echo("]  # --json, which escapes by itself
    assert set(found["frame.py"]) == {"Text("}  # numbers and AgentKit's own words
