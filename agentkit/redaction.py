"""The texts of errors, made fit for logs and spans: no keys, and no answers or values."""

import re
from typing import Final

_LONGEST: Final = 200
_QUOTED: Final = re.compile(r"""(?<!\w)(['"]).+?\1(?!\w)""", re.DOTALL)


def brief(text: str) -> str:
    """The first line of an error's text, without what it quotes and without keys.

    What is quoted may come from a prompt, an answer or a value.
    """
    from agentkit.models.keys import redacted

    unquoted = _QUOTED.sub(lambda quotation: quotation[1] + "..." + quotation[1], text)
    line = redacted(next(iter(unquoted.strip().splitlines()), ""))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
