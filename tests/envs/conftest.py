"""What several test modules of the environments use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from envs.webshop_served import served
from envs.webshop_shelf import write_shop


@pytest.fixture(scope="session")
def shop_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data of twelve lamps."""
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def shop_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for prepared catalogues."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def shop_address(shop_data: Path, shop_cache: Path) -> Iterator[str]:
    """Where the lamps are sold as web pages."""
    with served(shop_data, shop_cache) as address:
        yield address
