"""Language models that run in this process: llama.cpp on a GGUF file."""

SMOLLM2 = "smollm2"
"""The model that comes in a package of its own, not in a file that the user names."""
