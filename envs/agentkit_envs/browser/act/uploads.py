"""Give files of one allowed folder to a page."""

from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from playwright.async_api import TimeoutError as PlaywrightTimeout

from agentkit_envs.browser.act.action_context import ActionContext, CannotAct
from agentkit_envs.browser.act.element_lookup import find, why_unusable
from agentkit_envs.browser.act.mouse_and_keyboard import place
from agentkit_envs.browser.guard.quoting import said

DIALOG_MS: Final = 1500.0
"""How long a page may take to ask for a file after a click."""
_LISTED = 20


async def upload_file(context: ActionContext) -> None:
    """Give files to a file field, or to the button that asks for them."""
    paths = [allowed_file(context.uploads, name) for name in context.action.texts("file")]
    found = await find(context, context.action.text("bid"))
    if found.facts.type == "file":
        _check_number(found.what, paths, several=found.facts.multiple)
        field = await found.field()
        await field.set_input_files(paths, timeout=context.left_ms)
        return
    problem = why_unusable(found)
    if problem:
        raise CannotAct(problem)
    await _choose(context, paths, found.what, found.handle.click)


async def mouse_upload_file(context: ActionContext) -> None:
    """Give files to what asks for them when it is clicked at a place."""
    paths = [allowed_file(context.uploads, name) for name in context.action.texts("file")]
    x, y = place(context, "x", "y")

    async def click(timeout: float) -> None:
        await context.page.mouse.click(x, y)

    await _choose(context, paths, f"what is at ({x:g}, {y:g})", click)


async def _choose(
    context: ActionContext, paths: list[Path], what: str, click: Callable[..., Awaitable[None]]
) -> None:
    """Click what asks for files, and give it these."""
    try:
        patience = min(DIALOG_MS, context.left_ms)
        async with context.page.expect_file_chooser(timeout=patience) as asked:
            await click(timeout=patience)
        chooser = await asked.value
    except PlaywrightTimeout:
        raise CannotAct(f"{what} does not ask for a file when it is clicked") from None
    _check_number(what, paths, several=chooser.is_multiple())
    await chooser.set_files(paths, timeout=context.left_ms)


def allowed_file(folder: Path | None, name: str) -> Path:
    """The file of that name inside the folder; raises `CannotAct` for every other."""
    if folder is None:
        raise CannotAct(
            "no files can be given to pages here: name a folder as the argument uploads of the "
            "environment to allow the files in it"
        )
    root = folder.resolve()
    if not name.strip() or "\0" in name:
        raise CannotAct(f"the text {said(name)} is no name of a file")
    path = (root / name).resolve()
    # A name with .. and a link that leads out of the folder both end here.
    if not path.is_relative_to(root):
        raise CannotAct(
            f"the file {said(name)} is not inside the folder whose files may be given to pages"
        )
    if not path.is_file():
        raise CannotAct(f"there is no file {said(name)}. {_known(root, name)}")
    return path


def _check_number(what: str, paths: list[Path], several: bool) -> None:
    if len(paths) > 1 and not several:
        raise CannotAct(f"{what} takes one file, not {len(paths)}")


def _known(root: Path, name: str) -> str:
    names = sorted(path.relative_to(root).as_posix() for path in root.iterdir() if path.is_file())
    near = get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean {said(near[0])}?"
    listed = ", ".join(said(one) for one in names[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"The folder has: {listed or 'no files'}{more}"
