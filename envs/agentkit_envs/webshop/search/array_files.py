"""The arrays of a search index on disk: one file each, and a list of them that is written last."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
"""Goes up when the files or the tokens change: older indexes must then be built anew."""
ARRAYS: Mapping[str, tuple[str, ...]] = {
    "documents": ("<i4",),
    "counts": ("|u1", "<u2", "<u4"),
    "starts": ("<i8",),
    "bounds": ("<f4",),
    "lengths": ("|u1",),
    "ranks": ("<i4",),
    "term_bytes": ("|u1",),
    "term_ends": ("<i8",),
    "slots": ("<i4",),
}
"""The arrays and what types their numbers can have; `SearchIndex` says what they hold."""
NUMBERS = ("documents", "documents_with_tokens", "tokens")
LIST = "search.json"


class IndexUnusable(ValueError):
    """A folder that holds no search index of this version, or a damaged one."""


def path_of(folder: Path, name: str) -> Path:
    """The file of an array."""
    return folder / f"search_{name}.bin"


def line_of(dtype: Any, length: int) -> dict[str, Any]:
    """What the list says of an array of `length` numbers."""
    return {"dtype": np.dtype(dtype).newbyteorder("<").str, "length": length}


def save(folder: Path, name: str, array: NDArray[Any]) -> dict[str, Any]:
    """Write one array; gives its line for the list."""
    array.astype(array.dtype.newbyteorder("<"), copy=False).tofile(path_of(folder, name))
    return line_of(array.dtype, len(array))


def finish(folder: Path, numbers: Mapping[str, int], arrays: Mapping[str, Any]) -> None:
    """Write the list, which makes the folder an index."""
    contents = {"format": FORMAT, "numbers": numbers, "arrays": arrays}
    (folder / LIST).write_text(json.dumps(contents, indent=1), encoding="utf-8")


def load(folder: Path) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
    """The numbers and the arrays of an index; arrays stay on disk until they are read.

    Raises:
        IndexUnusable: The folder has no index of this version, or files are missing or damaged.
    """
    contents = _contents(folder)
    problems: list[str] = []
    arrays: dict[str, NDArray[Any]] = {}
    for name in ARRAYS:
        path = path_of(folder, name)
        dtype, length = (
            np.dtype(contents["arrays"][name]["dtype"]),
            contents["arrays"][name]["length"],
        )
        expected = dtype.itemsize * length
        found = path.stat().st_size if path.is_file() else None
        if found == expected:
            arrays[name] = _mapped(path, dtype) if length else np.empty(0, dtype)
        elif found is None:
            problems.append(f"{path.name} is missing")
        else:
            problems.append(f"{path.name} has {found:,} bytes, expected {expected:,}")
    if problems := problems or _disagreements(contents["numbers"]["documents"], arrays):
        raise _unusable(folder, problems)
    return contents["numbers"], arrays


def _disagreements(documents: int, arrays: Mapping[str, NDArray[Any]]) -> list[str]:
    """Arrays whose lengths do not fit each other."""
    terms, postings = len(arrays["bounds"]), len(arrays["documents"])
    expected = {
        "counts": postings,
        "starts": terms + 1,
        "lengths": documents,
        "ranks": documents,
        "term_ends": terms,
        "slots": max(len(arrays["slots"]), terms + 1),
    }
    return [
        f"{path_of(Path(), name)} has {len(arrays[name]):,} numbers, expected {length:,}"
        for name, length in expected.items()
        if len(arrays[name]) != length
    ]


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of a file, as a plain array: slices of a memmap take ten times as long."""
    return np.memmap(path, dtype, "r").view(np.ndarray)


def _contents(folder: Path) -> dict[str, Any]:
    try:
        contents = json.loads((folder / LIST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _unusable(folder, [f"{LIST} is missing: not built, or not to the end"]) from error
    except (OSError, ValueError) as error:
        raise _unusable(folder, [f"{LIST} cannot be read: {error}"]) from error
    found = contents.get("format") if isinstance(contents, dict) else None
    if found != FORMAT:
        raise _unusable(folder, [f"{LIST} has format {found!r}, expected {FORMAT}"])
    if problems := [*_wrong_numbers(contents), *_wrong_lines(contents)]:
        raise _unusable(folder, problems)
    checked: dict[str, Any] = contents
    return checked


def _wrong_numbers(contents: Mapping[str, Any]) -> list[str]:
    numbers = contents.get("numbers")
    if not isinstance(numbers, dict):
        return [f"{LIST} has no numbers"]
    wrong = [name for name in NUMBERS if not _is_count(numbers.get(name))]
    return [f"{LIST} has no number {name!r}" for name in wrong]


def _wrong_lines(contents: Mapping[str, Any]) -> list[str]:
    lines = contents.get("arrays")
    if not isinstance(lines, dict):
        return [f"{LIST} has no arrays"]
    wrong = [
        name
        for name, dtypes in ARRAYS.items()
        if not isinstance(line := lines.get(name), dict)
        or line.get("dtype") not in dtypes
        or not _is_count(line.get("length"))
    ]
    return [f"{LIST} does not say what search_{name}.bin holds" for name in wrong]


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _unusable(folder: Path, problems: list[str]) -> IndexUnusable:
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    lines = "".join(f"\n  {problem}" for problem in problems)
    return IndexUnusable(
        f"{folder}: no usable search index: {count}{lines}\nIt must be built anew."
    )
