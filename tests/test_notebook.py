"""A notebook: its kernel runs an event loop, and a cell shows its last value as HTML."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
BLOCK = re.compile(r"^(?:<!-- ([^\n]*) -->\n)?```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""The note above a program of the page, if there is one, and the program."""
RUN = re.compile(r"asyncio\.run\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)")
SHOWN = """
from agentkit import Agent, Graph, Node, RunWriter, load_run, rollout_sync
graph = Graph([Node("a", "Say <b>{{ word }}</b>."), Node("b", "{{ a }}")])
graph
---
agent = Agent(graph, model="echo", inputs={"word": "hi"}, action="b")
agent
---
graph.run_sync({"word": "hi"}, model="echo")
---
result = await graph.run({"word": "hi"}, model="echo")
result
---
with RunWriter("run") as writer:
    rollout_sync(agent, writer=writer)
load_run("run")
"""


def executed(cells: list[str], folder: Path) -> list[str]:
    """What each cell shows as HTML, of a notebook that a real kernel executes."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [
        "".join(one["data"].get("text/html", "") for one in cell["outputs"] if "data" in one)
        for cell in notebook.cells
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_objects_show_themselves_in_cells_and_calls_work_with_and_without_await(tmp_path):
    graph, agent, now, awaited, run = executed(SHOWN.split("---"), tmp_path)
    assert "<img" in graph
    assert "data:image/svg+xml" in graph
    assert "<table" in agent
    assert "Say &lt;b&gt;hi&lt;/b&gt;." in now
    assert re.sub(r"[\d.]+ s", "", awaited) == re.sub(r"[\d.]+ s", "", now)
    assert "<table" in run


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_every_program_of_the_page_about_python_works_in_one_notebook(tmp_path):
    cells = []
    for note, code in BLOCK.findall(PAGE.read_text()):
        if note.startswith("file: "):
            (tmp_path / note.removeprefix("file: ")).write_text(code)
        elif not note.startswith("mistyped"):
            cells.append(RUN.sub(r"(await \1)", code))
    assert len(cells) > 4
    executed(cells, tmp_path)
