"""Names in single braces, `{topic}` or `${topic}`: text for a template, and rarely meant so."""

import re
from collections.abc import Callable, Iterator

from agentkit.templates.sandbox.jinja_environment import SANDBOX
from agentkit.templates.template import Template

_SINGLE = re.compile(
    r"(?<![\w{}\\])(?P<written>\$?\{ *(?P<path>(?P<name>[^\W\d]\w*)(?:\.\w+)*) *\})"
)
"""A name in braces, outside a command such as `\\frac{a}`."""


def single_braces(template: Template, is_known: Callable[[str], bool]) -> Iterator[tuple[str, int]]:
    """Yield a message for each known name in single braces, and its line, counted from 0."""
    if not any(is_known(match["name"]) for match in _SINGLE.finditer(template.source)):
        return
    raw = False
    for line, token, text in SANDBOX.lexer.tokeniter(template.source, None):
        raw = (raw or token == "raw_begin") and token != "raw_end"
        for match in _SINGLE.finditer(text) if token == "data" and not raw else ():
            if is_known(match["name"]):
                written, path = match["written"], match["path"]
                message = (
                    f"'{written}' is text and stays as it is: write {{{{ {path} }}}} for the value "
                    f"(or {{{{ '{written}' }}}} if the braces are meant)"
                )
                yield message, line - 1 + text.count("\n", 0, match.start())


def without_single_braces(text: str) -> str:
    """Return a text of the same lines and length with other signs around names in single braces."""
    return _SINGLE.sub(lambda match: match["written"].replace("{", "(").replace("}", ")"), text)
