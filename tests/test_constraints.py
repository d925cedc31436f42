"""The tested set of versions: complete, within the ranges, and the same on every machine."""

import re
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"([A-Za-z0-9][\w.-]*)==([\w.!-]+)")


def pinned() -> dict[str, str]:
    """Versions by canonical name; a line that is anything else fails."""
    found = {}
    for line in (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines():
        match = LINE.fullmatch(line)
        assert match, f"neither a path, an option nor a local version belongs here: {line}"
        found[canonicalize_name(match[1])] = match[2]
    return found


def test_every_dependency_has_a_tested_version_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    versions = pinned()
    for requirement in map(Requirement, chain(project["dependencies"], *extras)):
        if requirement.name != project["name"]:
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version, prereleases=True), requirement


def test_what_a_virtual_environment_begins_with_is_left_to_it() -> None:
    assert not pinned().keys() & {"pip", "setuptools", "wheel", "agentkit-graph"}
