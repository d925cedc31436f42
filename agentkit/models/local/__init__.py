"""Language models that run in this process: llama.cpp on a GGUF file."""
