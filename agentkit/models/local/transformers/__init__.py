"""Language models on transformers in this process, from checkpoints of Hugging Face."""
