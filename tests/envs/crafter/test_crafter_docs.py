"""The page about Crafter says what is true."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from agentkit_envs.crafter.actions import ACTIONS
from agentkit_envs.crafter.env import CrafterEnv

PAGE = (Path(__file__).parents[3] / "docs" / "crafter.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"][2:]


def test_the_example_prints_what_the_page_shows():
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    shown = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(program, "docs/crafter.md", "exec"), {})
    assert printed.getvalue() == shown


def test_the_table_of_actions_has_all_of_them():
    named = [
        name for first, *_ in rows("What can be done") for name in re.findall(r"`(\w+)`", first)
    ]
    assert sorted(named) == sorted(ACTIONS)


def test_the_table_of_info_keys_is_complete():
    _, info = CrafterEnv(image=True).reset(seed=0)
    assert [row[0].strip("`") for row in rows("Reward, end and info")] == list(info)


def test_the_table_of_arguments_has_the_defaults():
    defaults = CrafterEnv.__init__.__defaults__
    names = CrafterEnv.__init__.__code__.co_varnames[1 : 1 + len(defaults)]
    told = {row[0].strip("`"): row[1].strip("`") for row in rows("Arguments")}
    assert told == {name: str(value) for name, value in zip(names, defaults, strict=True)}
