"""`--log`: a file that gets a line for each event."""

import logging
import sys
from contextlib import suppress
from pathlib import Path

import click

from agentkit.cli.view.terminal import echo
from agentkit.errors import visible

_LOGGER = logging.getLogger("agentkit")


class _OneLine(logging.Formatter):
    """Every entry is one line: a name with line breaks in it would forge further ones."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return " ".join(visible(super().format(record)).split("\n"))


class LogFile(logging.FileHandler):
    """A log file that says once when it cannot be written, and disturbs nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:
        """Take note of a line that could not be written."""
        _LOGGER.removeHandler(self)
        error = sys.exc_info()[1]
        echo(f"note: the log {self.baseFilename} is not written any more: {error}", err=True)


def start_log(ctx: click.Context, option: click.Parameter, path: Path | None) -> None:
    """Write a log until the command ends.

    Raises:
        BadParameter: The file cannot be written.
    """
    if path is None:
        return
    try:
        handler = LogFile(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise click.BadParameter(message, ctx, option) from error
    level = _LOGGER.level
    _LOGGER.setLevel(logging.DEBUG)
    _LOGGER.addHandler(handler)

    def end() -> None:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)
        with suppress(OSError):  # a full disk, which was said
            handler.close()

    ctx.call_on_close(end)
