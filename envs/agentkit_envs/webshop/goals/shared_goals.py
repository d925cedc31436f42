"""Catalogues and goals that the environments of one process share."""

from functools import lru_cache
from pathlib import Path
from threading import RLock

from agentkit_envs.webshop.catalogue.catalogue import Catalogue, open_catalogue
from agentkit_envs.webshop.goals.goal_list import Goals

_LOCK = RLock()
"""Many environments are made at once, each on its thread: the first one opens, the rest wait."""


def shared_goals(
    data: str | Path | None,
    *,
    products: int | None,
    seed: int,
    kind: str,
    cache: str | Path | None,
) -> tuple[Catalogue, Goals]:
    """A catalogue and its goals; the same arguments give the same objects.

    Raises:
        ValueError: The data have problems, or there are no such goals.
    """
    with _LOCK:
        folders = _place("data", data), _place("cache", cache)
        catalogue = _catalogue(folders[0], products, seed, folders[1])
        try:
            return catalogue, _goals(catalogue, kind, seed)
        except ValueError:
            # Once what was wrong is mended, all of it is opened again.
            _catalogue.cache_clear()
            raise


def _place(name: str, path: str | Path | None) -> Path | None:
    try:
        return None if path is None else Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"{name}: {str(path)!r} is no path of a folder: {error}") from error


@lru_cache(maxsize=4)
def _catalogue(data: Path | None, products: int | None, seed: int, cache: Path | None) -> Catalogue:
    catalogue = open_catalogue(data, products=products, seed=seed, cache=cache)
    # A damaged index is told now, not in the middle of an episode.
    _ = catalogue.index
    return catalogue


@lru_cache(maxsize=8)
def _goals(catalogue: Catalogue, kind: str, seed: int) -> Goals:
    return Goals(catalogue, kind, seed)
