"""Prompts of real steps as files beside the tests, to be read by a person where they change.

`AGENTKIT_WRITE_PROMPTS=1 pytest tests/envs` writes them anew; then read the difference.
"""

import os
from pathlib import Path
from typing import Final

from agentkit.messages import Message

WRITING: Final = os.environ.get("AGENTKIT_WRITE_PROMPTS") == "1"


def written_out(messages: tuple[Message, ...]) -> str:
    """Messages as a text: each with its role on a line of its own."""
    return "".join(f"--- {one.role}\n{one.content.strip()}\n" for one in messages)


def check_prompt(path: Path, messages: tuple[Message, ...]) -> None:
    """Compare what a node is asked with a file, or write the file."""
    text = written_out(messages)
    if WRITING:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path} is not what is asked now"
