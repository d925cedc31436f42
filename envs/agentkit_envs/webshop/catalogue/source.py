"""Which files of a folder are a catalogue."""

from dataclasses import dataclass
from pathlib import Path

from agentkit_envs.webshop.catalogue.problems import Problems

OFFICIAL = "official files"
PROCESSED = "processed form"


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a catalogue."""

    folder: Path
    form: str
    """`OFFICIAL` or `PROCESSED`."""
    products: Path
    attributes: Path
    """items_ins_v2*.json."""
    human: Path | None = None
    """items_human_ins.json, where it is there."""
    reviews: Path | None = None
    """reviews.json, where it is there."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is there."""
        paths = (self.products, self.attributes, self.human, self.reviews)
        return tuple(path for path in paths if path is not None)


def find_source(folder: Path) -> Source:
    """The catalogue in a folder.

    Where there are several files of a kind, the one without a suffix is taken, since that is the
    benchmark's full file: items_shuffle.json rather than items_shuffle_1000.json. The attributes
    are those with the suffix of the products, where they are there.

    Raises:
        ValueError: When there is none, a file of it is missing, or it cannot be read.
    """
    try:
        return _find(folder)
    except OSError as error:
        raise ValueError(
            f"the data folder {folder} cannot be read: {error.strerror or error}"
        ) from error


def _find(folder: Path) -> Source:
    if not folder.is_dir():
        what = "is a file: name its folder" if folder.exists() else "is not there"
        raise ValueError(f"the data folder {folder} {what}")
    problems = Problems()
    official = _one(folder, "items_shuffle", ".json", problems)
    processed = None if official else _one(folder, "products", ".jsonl", problems)
    products = official or processed
    if products is None and not problems.count:
        problems.add(
            "products",
            "expected items_shuffle*.json (official files) or products*.jsonl (processed form); "
            f"the folder has {_listing(folder)}",
        )
    suffix = "" if official is None else official.stem.removeprefix("items_shuffle")
    attributes = _one(folder, "items_ins_v2", ".json", problems, suffix)
    if attributes is None and not problems.count:
        problems.add("attributes", f"expected items_ins_v2*.json; it has {_listing(folder)}")
    problems.check(f"WebShop's data in {folder}")
    if products is None or attributes is None:
        raise ValueError(f"WebShop's data in {folder} is not complete")
    if official is None:
        return _readable(Source(folder, PROCESSED, products, attributes))
    human, reviews = folder / "items_human_ins.json", folder / "reviews.json"
    return _readable(
        Source(
            folder,
            OFFICIAL,
            products,
            attributes,
            human if human.exists() else None,
            reviews if reviews.exists() else None,
        )
    )


def _readable(source: Source) -> Source:
    problems = Problems()
    for path in source.files:
        try:
            path.open("rb").close()
        except OSError as error:
            problems.add(path.name, f"cannot be read: {error.strerror}")
    problems.check(f"WebShop's data in {source.folder}")
    return source


def _one(folder: Path, stem: str, ending: str, problems: Problems, suffix: str = "") -> Path | None:
    found = sorted(folder.glob(f"{stem}*{ending}"))
    full = folder / f"{stem}{ending}"
    for wanted in (folder / f"{stem}{suffix}{ending}", full):
        if wanted in found:
            return wanted
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        problems.add(
            f"{stem}*{ending}", f"several files: {names}. Keep one, or name it {full.name}"
        )
    return found[0] if found else None


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        return "nothing"
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
