"""Where WebShop's small catalogue and the recordings of the original lie, if they are there."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "webshop"

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="WebShop's recordings are not there: ../shared/data/webshop"
)
