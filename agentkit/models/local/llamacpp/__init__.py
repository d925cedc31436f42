"""Language models on llama.cpp in this process, from GGUF files."""
