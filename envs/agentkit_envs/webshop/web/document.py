"""Pages as HTML documents, from templates that escape every text."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agentkit_envs.webshop.web.address import OPTION

FOLDER = Path(__file__).with_name("templates")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def document(name: str, **values: Any) -> str:
    """A template filled in; whatever a value contains stays text."""
    return _templates().get_template(f"{name}.html").render(option_prefix=OPTION, **values)


@cache
def style() -> str:
    """The style sheet of all pages."""
    return (FOLDER / "style.css").read_text(encoding="utf-8")
