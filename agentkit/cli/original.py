"""The original AgentKit (`agentkit-llm`), which is imported under the same name."""

import sys
from pathlib import Path


def clash_note() -> str | None:
    """Return what to do where `agentkit-llm` is installed too; None where it is not.

    Both distributions bring a package `agentkit`, so pip mixes their files, and removing one of
    them deletes files of the other.
    """
    folders = (Path(entry or ".") for entry in dict.fromkeys(sys.path))
    if not any(any(folder.glob("agentkit_llm-*.dist-info")) for folder in folders):
        return None
    return (
        "note: agentkit-llm, the original AgentKit, is installed here too, and both are imported "
        "as 'agentkit'. Remove it, and then reinstall this one, since that deletes files of both:\n"
        "  pip uninstall -y agentkit-llm\n"
        f"  pip install --force-reinstall --no-deps {_source()}"
    )


def _source() -> str:
    """What pip installs again: the checkout or file that it was installed from, or its name."""
    import json
    import shlex
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    from agentkit.plugins import DISTRIBUTION

    try:
        origin = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return DISTRIBUTION
    url = str(origin.get("url", ""))
    if not url.startswith("file:"):
        return shlex.quote(url) if url else DISTRIBUTION
    path = shlex.quote(url2pathname(urlsplit(url).path))
    return f"-e {path}" if origin.get("dir_info", {}).get("editable") else path
