"""No page starts a program of this computer, such as its mail program.

Chromium hands an address that it cannot open itself (`mailto:`, `tel:`, `zoommtg:`) to the desktop:
it asks in a dialog, which then takes every click of the tab, or it starts `xdg-open` or `xdg-email`
at once. A link, a redirect or a script is enough. So Chromium finds programs of ours under these
names (`no_programs/`): they start nothing, and say that Chromium itself is what opens such
addresses, so that it does nothing. It has no connection to the desktop's services either.

That is so on Linux. On macOS and Windows, Chromium asks the system directly.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agentkit_envs.browser.guard.origins import scheme_of

STAND_INS: Final = Path(__file__).with_name("no_programs")
"""The folder with a program for each name that Chromium or a desktop opens addresses by."""
_DESKTOP: Final = frozenset({"BROWSER", "DESKTOP_STARTUP_ID", "GIO_LAUNCHED_DESKTOP_FILE"})
_SCREEN: Final = frozenset({"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"})
_BUSES: Final = {
    "DBUS_SESSION_BUS_ADDRESS": "disabled:",
    "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
}
"""Over a bus, the desktop would be asked to open an address."""
_OWN: Final = frozenset(
    {
        *("about", "blob", "chrome", "chrome-error", "chrome-extension", "data", "devtools"),
        *("file", "filesystem", "http", "https", "javascript", "view-source"),
    }
)
"""What Chromium opens itself, or refuses; everything else is for another program."""


def without_openers(environment: Mapping[str, str], *, headless: bool) -> dict[str, str]:
    """Return a process's environment, for a Chromium that starts no other program for a page.

    Args:
        environment: Such as `os.environ`.
        headless: Without a window, so that the screen is left out too.

    Raises:
        PermissionError: The stand-ins of this installation may not be executed.
    """
    broken = [path for path in STAND_INS.iterdir() if not os.access(path, os.X_OK)]
    if broken:
        raise PermissionError(
            f"the programs in {STAND_INS}, which keep pages from starting others, may not be "
            f"executed: chmod +x {STAND_INS}/*"
        )
    gone = _DESKTOP | _SCREEN if headless else _DESKTOP
    kept = {name: value for name, value in environment.items() if name not in gone}
    path = os.pathsep.join([str(STAND_INS), kept.get("PATH") or os.defpath])
    return {**kept, **_BUSES, "PATH": path}


def asks_for_program(url: str) -> bool:
    """Whether an address is one that Chromium would start another program for."""
    return scheme_of(url) not in _OWN
